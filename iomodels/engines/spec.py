"""The engines as the user knows them: names, options, and what each can do.

What an engine can do is data, and the data comes from the core's own table (`_core.engines()`),
so that there is one truth. Adding an engine: one C file, one line in `core/registry.c`, one
`Descriptor` here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iomodels import _core
from iomodels.base.errors import EngineError
from iomodels.base.toml import did_you_mean

if TYPE_CHECKING:
    from iomodels.workload.scenario import Point

DEFAULT = ("blocking", "nonblocking", "select", "aio")
"""The article's four models: what a scenario runs unless it, or the user, names others."""


@dataclass(frozen=True)
class Option:
    """One engine option. `choices` empty means: a whole number from `low` to `high`.

    `only` holds the values of another option with which this one means anything, best-known first.
    """

    name: str
    meaning: str
    default: str
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    only: tuple[str, tuple[str, ...]] | None = None

    def applies(self, options: Mapping[str, str]) -> bool:
        """Whether it means anything besides these values (defaults included)."""
        return self.only is None or options[self.only[0]] in self.only[1]

    @property
    def how_written(self) -> str:
        """`notify=suspend|poll`, or `threads=0 to 1024`."""
        return f"{self.name}={'|'.join(self.choices) or f'{self.low} to {self.high}'}"

    def written(self, value: str) -> str:
        """As a user writes it, with what it needs: `notify=list,mode=nowait`."""
        needs = f"{self.only[0]}={self.only[1][0]}," if self.only else ""
        return f"{needs}{self.name}={value}"


@dataclass(frozen=True)
class Descriptor:
    """An engine in words. `synchronous` and `blocking` place it in the article's Figure 1."""

    name: str
    title: str
    calls: str
    summary: str
    synchronous: bool
    blocking: bool
    options: tuple[Option, ...] = ()
    in_matrix: bool = True


DESCRIPTORS: Mapping[str, Descriptor] = {
    descriptor.name: descriptor
    for descriptor in (
        Descriptor(
            name="blocking",
            title="Blocking",
            calls="read / write",
            summary="the call returns when the data is there; the thread sleeps meanwhile",
            synchronous=True,
            blocking=True,
        ),
        Descriptor(
            name="nonblocking",
            title="Non-blocking",
            calls="read / write (O_NONBLOCK)",
            summary="the call returns EAGAIN at once; the application tries again and again",
            synchronous=True,
            blocking=False,
        ),
        Descriptor(
            name="select",
            title="I/O multiplexing",
            calls="select, then read / write",
            summary="one call sleeps until any of many descriptors is ready",
            synchronous=False,
            blocking=True,
        ),
        Descriptor(
            name="aio",
            title="POSIX AIO",
            calls="aio_read / aio_write",
            summary="the request is queued; the C library's threads do it and notify",
            synchronous=False,
            blocking=False,
            options=(
                Option(
                    name="notify",
                    meaning="how the application learns of completion",
                    default="suspend",
                    choices=("suspend", "poll", "list", "signal", "callback"),
                ),
                Option(
                    name="mode",
                    meaning="lio_listio returns when all of the list have ended, or at once",
                    default="wait",
                    choices=("wait", "nowait"),
                    only=("notify", ("list",)),
                ),
                Option(
                    name="signal",
                    meaning="a real-time signal, which queues, or SIGIO, which does not",
                    default="rt",
                    choices=("rt", "SIGIO"),
                    only=("notify", ("signal",)),
                ),
                Option(
                    name="chain",
                    meaning="where the next transfer is started: in the main loop, or in the "
                    "signal handler or callback itself",
                    default="loop",
                    choices=("loop", "handler"),
                    only=("notify", ("signal", "callback")),
                ),
                Option(
                    name="threads",
                    meaning="the C library's worker threads; 0: one for each request in flight",
                    default="0",
                    high=1024,
                ),
            ),
        ),
        Descriptor(
            name="threads",
            title="A thread per request",
            calls="read / write, in threads",
            summary="each request in flight blocks a thread of its own: blocking, at depth > 1",
            synchronous=True,
            blocking=True,
            in_matrix=False,
        ),
        Descriptor(
            name="null",
            title="No I/O",
            calls="none",
            summary="completes everything at once without any I/O: what the harness itself costs",
            synchronous=True,
            blocking=False,
            in_matrix=False,
        ),
    )
}


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
    def core_name(self) -> str:
        """The name in the core's table, in which each way of notification is its own engine.

        `aio:notify=signal,signal=SIGIO,chain=handler` is the core's `aio-sigio-handler`.
        """
        notify = self.options.get("notify")
        parts = (
            self.name,
            self.options.get("signal", notify),
            self.options.get("mode"),
            self.options.get("chain"),
        )
        return "-".join(part.lower() for part in parts if part)

    @property
    def caps(self) -> Mapping[str, int]:
        """The capabilities, as the core states them (`core/engine.h`, `struct engine_caps`)."""
        return _core.engines()[self.core_name]


@dataclass(frozen=True)
class Ability:
    """Whether an engine can run a point: `na_reason` if not; `note` if a reader must know more."""

    na_reason: str | None = None
    note: str | None = None


def parse(text: str) -> EngineSpec:
    """Read `NAME[:option=value,…]`. Raises `EngineError` with what would have been allowed."""
    name, _, rest = text.partition(":")
    name = name.strip()
    if "," in name:
        raise EngineError(f"'{name}' is not one engine: give several as -e NAME -e NAME")
    if name not in DESCRIPTORS:
        raise EngineError(
            f"unknown engine '{name}'{did_you_mean(name, DESCRIPTORS)}: "
            f"the engines are {', '.join(DESCRIPTORS)}"
        )
    given = _parse_options(name, rest) if rest else {}
    _check_together(name, given)
    ordered = {
        option.name: given[option.name]
        for option in DESCRIPTORS[name].options
        if given.get(option.name, option.default) != option.default
    }
    return EngineSpec(name, ordered)


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
                f"engine '{engine}': {option.name}={given[option.name]} means nothing with "
                f"{other}={values[other]}: leave it out, or choose "
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
    if not (value.isascii() and value.isdigit() and option.low <= int(value) <= option.high):
        raise EngineError(
            f"engine '{engine}': {option.name}='{value}' is not a whole number "
            f"from {option.low} to {option.high}"
        )
    return str(int(value))


def _too_many(engine: str, point: Point) -> str:
    if point.serves:
        return (
            f"one thread that blocks in a read cannot serve {point.core_depth} connections, since "
            "it does not know which will bring the next message"
        )
    if point.core_idle:
        return f"{engine} waits for one descriptor and cannot watch {point.core_idle} idle ones too"
    instead = "; a blocking thread for each: -e threads" if engine == "blocking" else ""
    return (
        f"{engine} does one transfer at a time (depth 1), "
        f"and this asks for {point.core_depth} in flight{instead}"
    )


def _cannot_load(caps: Mapping[str, int], spec: EngineSpec, point: Point) -> str | None:
    """Why the engine cannot make such requests at all, or None."""
    if caps["max_depth"] and point.core_depth + point.core_idle > caps["max_depth"]:
        return _too_many(spec.canonical, point)
    if caps["waits_for_all"] and (point.serves or point.core_idle):
        return (
            "lio_listio with LIO_WAIT returns when all have ended, so idle or slow ones would keep "
            "the others waiting"
        )
    if caps["chains"] and point.load.is_open_loop:
        return (
            "a request of an open loop starts when it is due, not when another one has ended: "
            "there is nothing to chain"
        )
    if caps["chains"] and point.load.batch > 1:
        return "a chain starts one request where one has ended, so there are no batches"
    if point.load.deadline and caps["moves_data"] and not caps["cancels"]:
        return f"{spec.canonical} cannot cancel what it has begun, as load.deadline asks"
    return None


def ability(spec: EngineSpec, point: Point) -> Ability:
    """Whether `spec` can run `point`, from the core's capabilities alone."""
    caps = spec.caps
    in_flight = point.core_depth + point.core_idle
    reason = _cannot_load(caps, spec, point)
    if reason is not None:
        return Ability(reason)
    threads = int(spec.options.get("threads", 0))
    if 0 < threads < in_flight and point.channel.kind in ("pipe", "socket"):
        return Ability(
            f"it keeps a read on each of {in_flight} connections, and with {threads} threads those "
            "that wait would keep all others waiting for ever"
        )
    if point.channel.kind == "file":
        if not caps["files"]:
            return Ability(f"{spec.canonical} cannot work on regular files")
        if caps["degenerate_on_files"] and not (point.channel.nowait and caps["nowait"]):
            return Ability(
                note="degenerate: same as blocking, since a regular file is always ready"
            )
    elif not caps["streams"]:
        return Ability(f"{spec.canonical} works on regular files only")
    return Ability()
