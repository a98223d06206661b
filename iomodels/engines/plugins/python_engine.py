"""What a stranger's `PythonEngine` says of itself: found out when it is loaded, in one sentence,
and not when a table, a plan or a page stumbles over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import wraps
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from iomodels import _core
from iomodels.base.errors import EngineError
from iomodels.base.toml import printable
from iomodels.base.units import listed
from iomodels.engines.plugins.strangers import limited, said
from iomodels.engines.sources import CORE_ENGINES, FLAGS
from iomodels.python.contract import PythonEngine

OWN_OPTION = "python"
"""Which every engine in Python has: the interpreter."""
_SENTENCE = ((str, type(None)), "a sentence or None")
_ANSWERS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "vary": (PythonEngine, "a PythonEngine"),
    **dict.fromkeys(("cannot", "degenerate", "missing"), _SENTENCE),
}
"""What its functions must return, for `isinstance` and in words."""
ANSWER_LIMIT_S = 5.0
"""For one of these: they ask the kernel, and wait for nothing."""
_DEFAULTS = {field.name: field.default for field in fields(PythonEngine)}


_LONGEST = 500
_Words = Annotated[str, Meta(min_length=1, max_length=_LONGEST)]
_Word = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}\Z")]
"""What can be typed as an option or its value."""
_Number = Annotated[int, Meta(ge=0, le=1 << 30)]


class _Option(msgspec.Struct):
    """A `PythonOption`."""

    name: _Word
    meaning: _Words
    choices: Annotated[tuple[_Word, ...], Meta(min_length=1)]
    only: tuple[_Word, tuple[_Word, ...]] | None
    untried: tuple[_Word, ...]


class _Engine(msgspec.Struct):
    """What is data in a `PythonEngine`."""

    title: _Words
    calls: _Words
    summary: _Words
    flags: frozenset[str]
    threads: _Words | None
    synchronous: bool
    blocking: bool
    max_depth: _Number
    max_descriptor: _Number
    options: tuple[_Option, ...]
    instead: str | None
    packages: tuple[str, ...]
    keeps: tuple[str, ...]


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
    try:
        data = msgspec.convert(engine, _Engine, from_attributes=True)
    except msgspec.ValidationError as error:
        yield f"something that it says has the wrong form: {printable(str(error))}"
        return
    unknown = sorted(data.flags - set(FLAGS))
    if unknown:
        yield f"it has the flag {printable(unknown[0])}, and the flags are {listed(FLAGS)}"
    yield from _wrong_options(data.options)


def _wrong_options(options: tuple[_Option, ...]) -> Iterator[str]:
    choices = {option.name: option.choices for option in options}
    if OWN_OPTION in choices:
        yield f"its option '{OWN_OPTION}' is one that every engine in Python has"
    if len(choices) < len(options):
        yield "two of its options have the same name"
    for option in options:
        name, values = option.only or (option.name, option.choices)
        if not set(values) <= set(choices.get(name, ())):
            yield f"its option '{option.name}' depends on a choice that is none of {name}'s"


def _guarded(function: Callable[..., object], name: str, who: str) -> Callable[..., object]:
    @wraps(function)
    def ask(*arguments: object) -> object:
        try:
            with limited(ANSWER_LIMIT_S):
                answer = function(*arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a stranger's function raises
            raise EngineError(f"{who}: {name}() raised {said(error)}") from None
        wanted, kind = _ANSWERS[name]
        if not isinstance(answer, wanted):
            raise EngineError(f"{who}: {name}() must return {kind}, not {type(answer).__name__}")
        if isinstance(answer, PythonEngine):
            for wrong in _what_is_wrong(answer):
                raise EngineError(f"{who}: with these options {wrong}")
        return answer[:_LONGEST] if isinstance(answer, str) else answer

    return ask
