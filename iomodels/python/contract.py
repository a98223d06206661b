"""What an engine is that is measured in Python: it says what it is, and drives a trial's transfers.

A trial's channel, clock, stamps, histograms and checks are the core's, as they are for an engine in
C. The engine gets a `TrialWork`. Each slot of it is one request at a time: the engine takes its
first transfer (`take`), makes it, hands its end over and gets the slot's next transfer (`next`),
until there is none; then the slot is at rest until it can be taken again. Slots are independent of
each other: each may have a thread or a coroutine of its own.

The rules, each with a conformance test (`iomodels conform python:NAME`):
- Every transfer that was taken, or came from `next`, ends exactly once: with the bytes that were
  read, with the number of bytes that were transferred, or with -errno. A short one is no error:
  `next` then gives the rest.
- `drive` returns when the work is over (`wait` says False, `fileno` is readable), and not before.
  The descriptors stay open until it has.
- Between two calls of `next` for a slot nothing else happens than its transfer. The engine reads no
  clock, and prints nothing.
- A wait burns no CPU unless the engine says that it `spins`.
- Nothing is left behind: no thread, no descriptor, no process.
- Where a deadline is set (`deadline_s`), an engine that says `cancels` ends a transfer that takes
  longer with -ECANCELED, and nothing of that transfer has been or will be moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

READ, WRITE, DATA_SYNC, SYNC = range(4)
"""`SlotTransfer.operation`."""

Options = Mapping[str, str]
"""An engine's options as a user writes them, defaults included."""


class SlotTransfer(Protocol):
    """What a slot is to transfer now (`core/python/work_object.c`)."""

    @property
    def slot(self) -> int:
        """From 0 to depth - 1, and from there on the reads of idle descriptors."""

    @property
    def fd(self) -> int: ...

    @property
    def operation(self) -> int: ...

    @property
    def offset(self) -> int:
        """The position in a file; -1 where the descriptor has none."""

    @property
    def length(self) -> int:
        """Bytes that are left; never 0, and of no meaning for a sync."""

    @property
    def buffer(self) -> memoryview:
        """Those bytes, or room for them, aligned for direct I/O. Valid until `next`, and lent: the
        slot's next transfer may have the same object, so it must not be released (`with`)."""

    @property
    def poll_first(self) -> bool:
        """Nothing is there yet to read: the peer sends it when it has got a message."""


class TrialWork(Protocol):
    """A trial's transfers (`core/python/work_object.c`)."""

    def take(self) -> SlotTransfer | None:
        """The first transfer of a slot, or None where there is none to take now. Never waits."""

    def next(
        self, transfer: SlotTransfer, result: int | bytes | bytearray | memoryview
    ) -> SlotTransfer | None:
        """A transfer's end, and the slot's next transfer: the same object, or None. `result`: the
        bytes that were read, or how many are in the buffer or were written (of a sync: 0), or
        -errno."""

    def wait(self) -> bool:
        """Until there is something to take: True; or until the work is over: False."""

    def fileno(self) -> int:
        """A descriptor for poll: readable while there is something to take, or the work is over."""

    def is_over(self) -> bool: ...


@dataclass(frozen=True)
class Setup:
    """What an engine gets for a trial."""

    work: TrialWork
    options: Options
    depth: int
    """How many slots may be under way at once, those of idle descriptors included."""
    block: int
    """The most bytes that a transfer has."""
    on_files: bool
    on_sockets: bool
    on_devices: bool
    """Streams that end each request by themselves (the timer)."""
    serves: bool
    """Whether each operation reads a message, and then writes the answer."""
    deadline_s: float | None
    """How long a transfer may take, where the engine `cancels`."""

    @classmethod
    def of(
        cls, work: TrialWork, options: Options, channel: str, settings: Mapping[str, int]
    ) -> Setup:
        """For a channel, with the core's settings."""
        deadline_ns = settings.get("deadline_ns", 0)
        return cls(
            work=work,
            options=options,
            depth=settings.get("depth", 1) + settings.get("idle", 0),
            block=settings.get("block", 1),
            on_files=channel == "file",
            on_sockets=channel == "socket",
            on_devices=channel == "timer",
            serves=bool(settings.get("server", 0)),
            deadline_s=deadline_ns / 1e9 if deadline_ns else None,
        )


@dataclass(frozen=True)
class PythonOption:
    """One option: a choice. The first one is the default."""

    name: str
    meaning: str
    choices: tuple[str, ...]
    only: tuple[str, tuple[str, ...]] | None = None
    """Another option, and the values of it with which this one means anything."""
    untried: tuple[str, ...] = ()
    """Choices that `advise` does not try, since they only lose beside another one."""


@dataclass(frozen=True)
class EngineQuestion:
    """What an engine is asked about: a trial."""

    options: Options
    on_files: bool
    on_sockets: bool
    on_devices: bool
    """Streams that end each request by themselves (the timer)."""
    cache: str
    """`warm`, `direct` or `cold`: the file's."""
    depth: int
    idle: int
    serves: bool
    deadline_s: float | None


def _nothing(question: EngineQuestion) -> str | None:
    return None


def _always(options: Options) -> str | None:
    return None


def _as_it_is(engine: PythonEngine, options: Options) -> PythonEngine:
    return engine


@dataclass(frozen=True)
class PythonEngine:
    """An engine in Python, whole: its words for people, what it can do, and how it runs.

    `flags` holds the names of the core's capabilities that it has (`ENGINE_FLAGS`,
    `core/engine.h`): `files`, `streams`, `waits`, `spins`, `nonblocking_descriptors`,
    `moves_data`, `cancels`. `complexity` is the name of its level there
    (`ENGINE_COMPLEXITIES`), and `news` and `worker` its place among all models.
    """

    name: str
    """As users write it, and without `python:`."""
    title: str
    calls: str
    summary: str
    drive: Callable[[Options], Callable[[Setup], None]]
    """Imports what the engine needs, and returns what drives a trial's transfers until the work is
    over. What was imported then is no part of the engine's memory."""
    flags: frozenset[str]
    news: str
    worker: str
    complexity: str
    twin: str | None = None
    """The engine in C that makes the same calls."""
    twin_on_files: str | None = None
    """Another one that does so on files, where these are read and written in another way."""
    threads: str | None = None
    """The threads that it has beside the application's, in words."""
    synchronous: bool = False
    blocking: bool = False
    max_depth: int = 0
    """Requests under way, those on idle descriptors included; 0: any number."""
    max_descriptor: int = 0
    options: tuple[PythonOption, ...] = ()
    instead: str | None = None
    """The engine for what this one cannot do."""
    vary: Callable[[PythonEngine, Options], PythonEngine] = _as_it_is
    """What follows from options, by `dataclasses.replace`."""
    cannot: Callable[[EngineQuestion], str | None] = _nothing
    """Why it cannot do that at all, a sentence; or None."""
    degenerate: Callable[[EngineQuestion], str | None] = _nothing
    """Why it does what `blocking` does there."""
    missing: Callable[[Options], str | None] = _always
    """Asked in the interpreter that would measure: what it lacks for that, with the remedy."""
    packages: tuple[str, ...] = ()
    """What it needs besides the standard library, by the names under which it is installed: their
    versions are in a result."""
    keeps: tuple[str, ...] = ()
    """The descriptors, by kind, that its library makes once in a process and keeps until the end of
    that: they are not left behind."""

    @property
    def needs_something(self) -> bool:
        """Whether `missing` is worth asking."""
        return self.missing is not _always or bool(self.packages)

    def with_options(self, options: Options) -> PythonEngine:
        """As these options (all of them) make it."""
        return self.vary(self, options)
