"""Engines with their options, as a user writes them: `aio:notify=poll,threads=4`.

What an engine can do is data, and the data comes from the core's own table, so that there is one
truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product

from iomodels import _core
from iomodels.base.errors import EngineError
from iomodels.base.toml import did_you_mean, printable
from iomodels.engines.catalog import DEFAULT, Option
from iomodels.engines.kinds.groups import GROUPS
from iomodels.engines.sources import DESCRIPTORS, SOURCES
from iomodels.python.registry import PREFIX
from iomodels.workload.scenario import Scenario

MAX_DIGITS = 20
"""Of a number: Python refuses to read thousands of them."""


@dataclass(frozen=True)
class EngineSpec:
    """An engine with its options; `options` holds only those that differ from their default."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.canonical)

    @property
    def canonical(self) -> str:
        """`aio`, or `aio:notify=poll,threads=4`: defaults left out, options in table order."""
        if not self.options:
            return self.name
        return self.name + ":" + ",".join(f"{k}={v}" for k, v in self.options.items())

    def option(self, name: str) -> str:
        """The option's value, its default where it was not given."""
        defaults = {option.name: option.default for option in DESCRIPTORS[self.name].options}
        return self.options.get(name, defaults[name])

    @property
    def in_python(self) -> bool:
        """Whether it is measured in Python, and not in C."""
        return SOURCES[self.name].python is not None

    @property
    def settings(self) -> dict[str, int]:
        """The options as the core's settings: `{"option0": 3}`; defaults are left out. None of an
        engine that is not the core's."""
        return SOURCES[self.name].numbers(self.options)

    def answers(self, channel: str, settings: Mapping[str, int]) -> _core.Answers:
        """What the engine says of a trial on the channel, with the core's settings of a point."""
        return SOURCES[self.name].answers(self.options, channel, settings)

    @property
    def caps(self) -> _core.Caps:
        """The capabilities, as the core states them (`core/engine.h`, `struct engine_caps`)."""
        return _facts(self).caps

    @property
    def news(self) -> str:
        """What the application learns of: readiness, completion, or nothing."""
        return _facts(self).news

    @property
    def worker(self) -> str:
        """Who makes the transfer: caller, kernel or helper threads."""
        return _facts(self).worker

    @property
    def threads(self) -> str | None:
        """The threads that the process has for it beside the application's, in words, or None."""
        return _facts(self).threads

    @property
    def calls(self) -> Mapping[str, tuple[str, int]]:
        """Of each call that it may make: its class, and where it can sleep (`core/engine.h`)."""
        return _facts(self).calls

    @property
    def counters(self) -> Mapping[str, str | None]:
        """What it counts by itself, in the core's order, and the warning where that is not 0."""
        return _facts(self).counters


@dataclass(frozen=True)
class _Facts:
    """What follows from an engine's options."""

    caps: _core.Caps
    news: str
    worker: str
    threads: str | None
    calls: Mapping[str, tuple[str, int]]
    counters: Mapping[str, str | None]


@cache
def _facts(spec: EngineSpec) -> _Facts:
    told = SOURCES[spec.name].facts(spec.options)
    return _Facts(
        caps=told["caps"],
        news=told["news"],
        worker=told["worker"],
        threads=told["threads"],
        calls=told["calls"],
        counters=dict(told["counters"]),
    )


def variants(name: str) -> list[EngineSpec]:
    """The engine with every combination of options that are choices, the plain one first."""
    choosing = [option for option in DESCRIPTORS[name].options if option.choices]
    found = []
    for values in product(*(option.choices for option in choosing)):
        given = {option.name: value for option, value in zip(choosing, values, strict=True)}
        if all(o.applies(given) or given[o.name] == o.default for o in choosing):
            found.append(EngineSpec(name, _without_defaults(name, given)))
    return found


def _without_defaults(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """In the order of the engine's table."""
    return {
        option.name: given[option.name]
        for option in DESCRIPTORS[name].options
        if given.get(option.name, option.default) != option.default
    }


ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(
        ("libaio", "io_submit", "io_getevents", "linux-aio", "linuxaio", "native-aio"),
        "did you mean 'kaio', kernel AIO (io_submit)?",
    ),
    **dict.fromkeys(("uring", "io-uring", "liburing"), "did you mean 'io_uring'?"),
    **dict.fromkeys(("ppoll",), "'poll' calls ppoll"),
    **dict.fromkeys(("kqueue", "epoll_wait", "epoll_pwait2"), "on Linux that is 'epoll'"),
    **dict.fromkeys(("posix-aio", "posixaio", "aio_read", "glibc"), "POSIX AIO is 'aio'"),
    **dict.fromkeys(("sync", "psync", "read", "pread"), "synchronous reads are 'blocking'"),
    **dict.fromkeys(("pselect",), "'select' waits for readiness, 'aio' is POSIX AIO"),
    **dict.fromkeys(
        ("async",),
        "'select' waits for readiness, 'aio' is POSIX AIO, 'python:asyncio' is Python's asyncio",
    ),
    **dict.fromkeys(
        ("thread", "pool", "threadpool", "pthread"),
        "'threads' has one per request, in Python 'python:threads'",
    ),
    **dict.fromkeys(
        ("threading", "threadpoolexecutor", "concurrent.futures", "futures", "executor"),
        "did you mean 'python:threads', threads in Python?",
    ),
    **dict.fromkeys(("asyncio", "aiofiles"), "did you mean 'python:asyncio'?"),
    **dict.fromkeys(("uvloop", "libuv"), "did you mean 'python:uvloop'?"),
    **dict.fromkeys(
        ("selectors", "selector", "defaultselector", "asyncore"),
        "did you mean 'python:selectors', Python's selectors?",
    ),
    **dict.fromkeys(("os.read", "os.pread", "os.preadv"), "did you mean 'python:blocking'?"),
}
"""Names from elsewhere that people try, and what to say of them (only where no engine has one)."""


def parse_list(texts: Iterable[str]) -> list[EngineSpec]:
    """Read the engines of a command line: each text is one, or several with commas between them.

    A comma starts a new engine unless an option follows: `aio:notify=signal,threads=4,select` is
    two engines. A group stands for its members. An engine named twice counts once. What is not ours
    may be a plug-in (`parse_given`). Raises `EngineError`.
    """
    return parse_names(split_list(texts))


def split_list(texts: Iterable[str]) -> list[str]:
    """The engines and groups of a command line, not read yet."""
    return [one for text in texts for one in _split(text)]


def parse_names(names: Iterable[str]) -> list[EngineSpec]:
    """Engines and groups (`groups.py`), one in each text, as the user gives them. Raises
    `EngineError`."""
    return list(dict.fromkeys(parse_given(one) for name in names for one in _members(name)))


def of_scenario(scenario: Scenario, otherwise: Sequence[str] = DEFAULT) -> list[EngineSpec]:
    """The engines that a scenario is about: those that it names. Raises `EngineError`."""
    return parse_names(scenario.engines or otherwise)


def _members(text: str) -> Sequence[str]:
    group = GROUPS.get(text.strip())
    return group.members if group else (text,)


def _split(text: str) -> Iterator[str]:
    engine, *parts = text.split(",")
    for part in parts:
        if _is_option(part, engine):
            engine = f"{engine},{part}"
        else:
            yield engine
            engine = part
    yield engine


def _is_option(part: str, engine: str) -> bool:
    """Whether `part`, after a comma, goes on with the options of `engine`."""
    word = part.partition(":")[0]
    if "=" in word:
        return True
    name = part.strip()
    descriptor = DESCRIPTORS.get(_split_name(engine)[0])
    known = descriptor is not None and any(name == option.name for option in descriptor.options)
    return known and name not in DESCRIPTORS  # an option without its value


def parse_given(text: str) -> EngineSpec:
    """Read what the user gives, on the command line, in a scenario file or in a program: only there
    a plug-in is looked up and loaded. Raises `EngineError`."""
    if text.strip() not in GROUPS and _split_name(text)[0] not in DESCRIPTORS:
        # Here, since every command imports this module, and hardly any is given such a name.
        from iomodels.engines.plugins.finding import named

        named(text)
    return parse(text)


def parse(text: str) -> EngineSpec:
    """Read `NAME[:option=value,…]`, wherever it stands: in a result, too. So a plug-in is known
    here only if the user has named it. Raises `EngineError` with what would have been allowed."""
    name, rest = _split_name(text)
    if "=" in name:
        raise EngineError(f"'{text}': options follow a colon, as in 'aio:threads=4'")
    if name in GROUPS:
        members = ", ".join(GROUPS[name].members)
        raise EngineError(f"'{text}' names a group ({members}): here it must be one engine")
    if name not in DESCRIPTORS:
        raise EngineError(
            f"unknown engine '{name}'{_meant(name)}: the engines are {', '.join(DESCRIPTORS)}; the "
            f"groups are {', '.join(GROUPS)}"
        )
    given = _parse_options(name, rest) if rest else {}
    _check_together(name, given)
    return EngineSpec(name, _without_defaults(name, given))


def _split_name(text: str) -> tuple[str, str]:
    """The name, as long as there is one, and what follows its colon."""
    whole = text.strip()
    known = [name for name in DESCRIPTORS if whole == name or whole.startswith(name + ":")]
    if not known:
        name, _, rest = text.partition(":")
        return (whole, "") if whole.startswith(PREFIX) else (name.strip(), rest)
    name = max(known, key=len)
    return name, whole[len(name) + 1 :]


def _meant(name: str) -> str:
    known = ELSEWHERE.get(name.casefold())
    return f" ({known})" if known else did_you_mean(name, (*DESCRIPTORS, *GROUPS))


def _parse_options(engine: str, text: str) -> dict[str, str]:
    known = {option.name: option for option in DESCRIPTORS[engine].options}
    given: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals and key in known:
            raise EngineError(f"engine '{engine}': {key} needs a value: {known[key].how_written}")
        if key not in known:
            allowed = f"its options are {', '.join(known)}" if known else "it has no options"
            raise EngineError(
                f"engine '{engine}' has no option '{key}'{did_you_mean(key, known)}: {allowed}"
            )
        if key in given:
            raise EngineError(f"engine '{engine}': option '{key}' is given twice")
        given[key] = _checked_value(engine, known[key], value)
    return given


def _check_together(engine: str, given: Mapping[str, str]) -> None:
    """Refuse an option that means nothing beside the others, at any value."""
    options = DESCRIPTORS[engine].options
    values = {option.name: option.default for option in options} | dict(given)
    for option in options:
        if option.only is not None and option.name in given and not option.applies(values):
            other, wanted = option.only
            raise EngineError(
                f"engine '{engine}': {option.name}={given[option.name]} has no effect with "
                f"{other}={values[other]}: leave it out, or use "
                f"{' or '.join(f'{other}={value}' for value in wanted)}"
            )


def _checked_value(engine: str, option: Option, value: str) -> str:
    if option.choices:
        if value not in option.choices:
            raise EngineError(
                f"engine '{engine}': {option.name}='{value}'{did_you_mean(value, option.choices)}"
                f" is not one of {', '.join(option.choices)}"
            )
        return value
    if option.text is not None:
        if not re.fullmatch(option.text.pattern, value):
            raise EngineError(
                f"engine '{engine}': {option.name}='{printable(value)}' is not {option.text.wanted}"
            )
        return value
    is_number = value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS
    if not (is_number and option.low <= int(value) <= option.high):
        raise EngineError(
            f"engine '{engine}': {option.name}='{value[:MAX_DIGITS]}' is not a whole number "
            f"from {option.low} to {option.high}"
        )
    return str(int(value))
