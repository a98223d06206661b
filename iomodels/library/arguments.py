"""What a program may pass to the library's functions, checked before anything is done.

Every function returns the value in its one form, or raises `UsageError` with one sentence: the
argument's name, what it is, and what it must be.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from numbers import Integral, Real
from typing import NoReturn, TypeVar

from iomodels.base.errors import UsageError
from iomodels.base.toml import printable

Setting = str | int | float | bool | os.PathLike[str]
"""One value of a scenario key: `4`, `0.5`, `True`, `"64 KiB"`, a path."""
Settings = Mapping[str, Setting | Iterable[Setting]]
"""Scenario keys with one value each, or with several, which are a sweep."""

Kind = TypeVar("Kind")
_EXAMPLE = '{"load.depth": 4} or {"load.depth": [1, 4, 16]}'


def names(argument: str, value: object, example: str) -> list[str]:
    """One name or several, as a list of texts that is not empty. Paths are names, too."""
    several = optional_names(argument, value, example)
    if not several:
        raise UsageError(f"{argument} is empty: give at least one, for example {example}")
    return several


def optional_names(argument: str, value: object, example: str) -> list[str]:
    """The same where nothing means "the usual ones"."""
    if _is_text(value):
        return [_text(argument, value)]
    return [_text(f"{argument}[{n}]", v) for n, v in enumerate(_items(argument, value, example))]


def engines(value: object) -> list[str]:
    """Engines as `-e` has them; None and nothing are those that the scenario names."""
    example = '"aio" or ["blocking", "aio"]'
    return optional_names("engines", () if value is None else value, example)


def settings(value: object) -> dict[str, list[str]]:
    """The values of each key as texts, as `--set` has them."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        _refuse("settings", value, f"a dictionary of keys and values, such as {_EXAMPLE}")
    return {_key(key): _values(f'settings["{key}"]', key, given) for key, given in value.items()}


def _key(key: object) -> str:
    if not isinstance(key, str):
        _refuse("a key of settings", key, f"a text, such as {_EXAMPLE}")
    return key


def _values(argument: str, key: object, given: object) -> list[str]:
    if isinstance(given, Mapping):
        raise UsageError(
            f'{argument} is a table: give each key by itself, such as {{"{key}.mean": "100 us"}}'
        )
    if _is_text(given) or isinstance(given, Real) or given is None:
        return [_setting(argument, key, given)]
    several = _items(argument, given, _EXAMPLE)
    if not several:
        raise UsageError(f"{argument} has no values: give at least one, or leave the key out")
    return [_setting(f"{argument}[{n}]", key, each) for n, each in enumerate(several)]


def _setting(argument: str, key: object, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return repr(float(value))
    if not _is_text(value):
        _refuse(argument, value, "a number, a text, True or False, or a list of these")
    text = _text(argument, value)
    if "," in text and key != "channel.folder":
        raise UsageError(f"{argument} is {_shown(text)}: write several as a list, {_list(text)}")
    return text


def whole(argument: str, value: object, low: int, high: int) -> int:
    """A whole number within limits."""
    must = f"a whole number from {low} to {high}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        _refuse(argument, value, must)
    if not low <= int(value) <= high:
        _refuse(argument, int(value), must)
    return int(value)


def number(argument: str, value: object, low: float, high: float, unit: str = "") -> float:
    """A finite number within limits."""
    must = f"a number from {low:g} to {high:g}{unit and ', in '}{unit}"
    if isinstance(value, bool) or not isinstance(value, Real):
        _refuse(argument, value, must)
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not low <= found <= high:  # nan is neither below nor above
        _refuse(argument, value, must)
    return found


def flag(argument: str, value: object) -> bool:
    """True or False, and nothing that is only like it: the text "no" would be true."""
    if not isinstance(value, bool):
        _refuse(argument, value, "True or False")
    return value


def path(argument: str, value: object) -> str:
    """The path of a file, as a text."""
    if not _is_text(value):
        _refuse(argument, value, "the path of a file, a text or a pathlib.Path")
    return _text(argument, value)


def instance(argument: str, value: object, kind: type[Kind], must: str) -> Kind:
    """A value of this class."""
    if not isinstance(value, kind):
        _refuse(argument, value, must)
    return value


def having(argument: str, value: object, methods: Iterable[str], remedy: str) -> None:
    """An object that has all these methods."""
    lacking = [name for name in methods if not callable(getattr(value, name, None))]
    if lacking or isinstance(value, type):
        what = "is a class, not an object" if isinstance(value, type) else f"lacks {lacking[0]}()"
        raise UsageError(f"{argument} {what}: {remedy}")


def _is_text(value: object) -> bool:
    return isinstance(value, str | os.PathLike | bytes)


def _text(argument: str, value: object) -> str:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str):
        _refuse(argument, value, "a text")
    if not text.strip():
        _refuse(argument, text, "a text that is not empty")
    return text


def _items(argument: str, value: object, example: str) -> list[object]:
    """The items of a list, a tuple, a range, a generator, in their order."""
    if isinstance(value, AbstractSet | Mapping) or not isinstance(value, Iterable):
        _refuse(argument, value, f"a text or a list, for example {example}")
    return list(value)


def _list(text: str) -> str:
    return printable(str([part.strip() for part in text.split(",")]))


def _refuse(argument: str, value: object, must: str) -> NoReturn:
    raise UsageError(f"{argument} is {_shown(value)}: it must be {must}")


def _shown(value: object) -> str:
    """A value as a few words: itself where it is short, and its kind where that says more."""
    if value is None or isinstance(value, bool | str | bytes) or type(value) in (int, float):
        return printable(repr(value))
    return f"of type {type(value).__name__}"
