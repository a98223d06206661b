"""What a stranger's `PythonEngine` says of itself: found out when it is loaded, in one sentence,
and not when a table, a plan or a page stumbles over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import wraps
from typing import Any

from iomodels import _core
from iomodels.base.errors import EngineError
from iomodels.base.toml import printable
from iomodels.base.units import listed
from iomodels.engines.sources import CORE_ENGINES, FLAGS
from iomodels.python.contract import PythonEngine, PythonOption

OWN_OPTION = "python"
"""Which every engine in Python has: the interpreter."""
_SENTENCE = ((str, type(None)), "a sentence or None")
_ANSWERS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "vary": (PythonEngine, "a PythonEngine"),
    **dict.fromkeys(("cannot", "degenerate", "missing"), _SENTENCE),
}
"""What its functions must return, for `isinstance` and in words."""
_DEFAULTS = {field.name: field.default for field in fields(PythonEngine)}


def checked(engine: PythonEngine, who: str) -> PythonEngine:
    """The engine, of which `who` names the package; what it is asked raises `EngineError` where it
    fails. Raises that, too, where something is wrong with what it says."""
    for wrong in _what_is_wrong(engine):
        raise EngineError(f"{who} cannot be used: {wrong}")
    functions: dict[str, Any] = {
        name: _guarded(getattr(engine, name), name, who)
        for name in _ANSWERS
        if getattr(engine, name) is not _DEFAULTS[name]  # what it has written itself
    }
    return replace(engine, **functions)


def _what_is_wrong(engine: PythonEngine) -> Iterator[str]:
    for name in ("name", "title", "calls", "summary"):
        if not isinstance(getattr(engine, name), str):
            yield f"its {name} is no text"
    for name in ("drive", *_ANSWERS):
        if not callable(getattr(engine, name)):
            yield f"its {name} is no function"
    choices: dict[str, list[str | None]] = {
        "complexity": [level for level, _ in _core.complexities()],
        "news": ["readiness", "completion", "nothing"],
        "worker": ["caller", "kernel", "helper threads"],
        "twin": [None, *CORE_ENGINES],
        "twin_on_files": [None, *CORE_ENGINES],
    }
    for name, allowed in choices.items():
        value = getattr(engine, name)
        if value not in allowed:
            words = listed([choice for choice in allowed if choice is not None])
            yield f"its {name} is {printable(repr(value))}, not one of {words}"
    unknown = sorted(str(flag) for flag in set(engine.flags) - set(FLAGS))
    if unknown:
        yield f"it has the flag {printable(unknown[0])}, and the flags are {listed(FLAGS)}"
    yield from _wrong_options(engine.options)


def _wrong_options(options: tuple[PythonOption, ...]) -> Iterator[str]:
    for option in options:
        if not isinstance(option, PythonOption) or not option.choices:
            yield "each of its options must be a PythonOption with choices"
        elif option.name == OWN_OPTION:
            yield f"its option '{OWN_OPTION}' is one that every engine in Python has"


def _guarded(function: Callable[..., object], name: str, who: str) -> Callable[..., object]:
    @wraps(function)
    def ask(*arguments: object) -> object:
        try:
            answer = function(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's function raises
            why = printable(f"{type(error).__name__}: {error}".splitlines()[0])
            raise EngineError(f"{who}: {name}() raised {why}") from None
        wanted, kind = _ANSWERS[name]
        if not isinstance(answer, wanted):
            raise EngineError(f"{who}: {name}() must return {kind}, not {type(answer).__name__}")
        return answer

    return ask
