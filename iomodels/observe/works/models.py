"""Which I/O model a program uses for a kind of work: evidence from its calls → an engine's text.

The only module here that has names of engines. They are those of `iomodels engines`; the
evidence is a sentence for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from iomodels.observe.counting.habits import Habits, most_at_once
from iomodels.observe.counting.moved import Moved
from iomodels.observe.log.arguments import number

_DEFER_TASKRUN = 1 << 13
"""IORING_SETUP_DEFER_TASKRUN, which strace 6.1 does not name."""
_TAKES_PART = 0.1
"""Of an equal share of the transfers: what a thread must make to be one of those that transfer."""
_MOSTLY = 0.5
"""Of transfers: what holds for more of them holds for the work."""
_ALMOST_ALL = 0.9
"""Of the transfers of threads that have their conversations to themselves: one may change hands."""
_MANY = 16
"""Transfers for each conversation: with fewer, each goes to whichever thread is free."""
_OFTEN = 0.2
"""Of transfers that a call for readiness announced: the others were tried first, and succeeded."""

ONE_DESCRIPTOR = ("blocking",)
"""Models that wait for one descriptor, and so cannot watch idle ones meanwhile."""


@dataclass(frozen=True)
class UsedModel:
    """`engine` as `-e` takes it."""

    engine: str
    evidence: str


@dataclass(frozen=True)
class Evidence:
    """What the calls say, as shares of the transfers."""

    flow: Moved
    waiting: int
    """Threads that waited in a read of such a descriptor, for nothing."""

    def waited(self, call: str) -> float:
        """The share of transfers that `call` announced, or made."""
        return self.flow.waits[call] / max(self.flow.transfers, 1)

    @property
    def threads(self) -> list[Habits]:
        """Those that made more than a tenth of an equal share of the transfers."""
        found = self.flow.threads
        least = _TAKES_PART * found.total() / max(len(found), 1)
        return [thread for thread, count in found.items() if count > least]

    def made_by(self, is_such: Callable[[Habits], bool]) -> float:
        """The share of the transfers that were made by such threads."""
        found = self.flow.threads
        made = sum(count for thread, count in found.items() if is_such(thread))
        return made / max(found.total(), 1)

    def is_announced(self, call: str) -> bool:
        """Whether `call` waits for what is not ready. A program may try first: then it waits only
        after it was turned away."""
        after_a_try = self.nonblocking >= _MOSTLY and self.flow.waits[call] >= max(
            1, _MOSTLY * self.flow.turned_away
        )
        return self.waited(call) >= _OFTEN or after_a_try

    @property
    def are_apart(self) -> bool:
        """Whether each thread has conversations of its own, of many messages: nobody hands it any,
        and a lock that it waits for meanwhile is for something else (an interpreter has one)."""
        owners, flow = self.flow.owners, self.flow
        return (
            flow.is_exchange
            and flow.transfers >= _MANY * len(flow.spans)
            and len(owners) >= len(self.threads) > 1
            and owners.total() >= _ALMOST_ALL * flow.threads.total()
        )

    @property
    def nonblocking(self) -> float:
        return self.flow.nonblocking / max(self.flow.transfers, 1)

    @property
    def turned_away(self) -> float:
        return self.flow.turned_away / max(self.flow.transfers, 1)


_Rule = Callable[[Evidence], UsedModel | None]


def _kaio(seen: Evidence) -> UsedModel | None:
    if seen.waited("kaio") < _MOSTLY:
        return None
    return UsedModel("kaio", "io_submit starts its requests, or waits for its descriptors")


def _aio(seen: Evidence) -> UsedModel | None:
    # A helper that has had no time to be idle looks like any thread.
    is_seldom = seen.made_by(lambda thread: thread.is_aio_helper) < _OFTEN
    if is_seldom or seen.made_by(lambda thread: thread.is_first) > _MOSTLY:
        return None
    helpers = [thread for thread in seen.flow.threads if thread.is_aio_helper]
    transfers = max(sum(thread.transfers for thread in helpers), 1)
    signals = sum(thread.completion_signals for thread in helpers)
    started = sum(thread.started_threads for thread in helpers)
    start = "helper threads of the C library make the transfers (POSIX AIO)"
    if signals > _MOSTLY * transfers:
        return UsedModel("aio:notify=signal", f"{start}, and send a signal for each")
    if started > _OFTEN * transfers:
        return UsedModel("aio:notify=callback", f"{start}, and start a thread for each")
    return UsedModel("aio", start)


def _readiness(call: str, engine: str) -> _Rule:
    def rule(seen: Evidence) -> UsedModel | None:
        if not seen.is_announced(call):
            return None
        share = f"{min(seen.waited(call), 1) * 100:.0f} %"
        return UsedModel(engine, f"{call} announced the descriptor of {share} of the transfers")

    return rule


def _epoll(seen: Evidence) -> UsedModel | None:
    if not seen.is_announced("epoll"):
        return None
    model = UsedModel("epoll", "epoll_wait waits for the descriptors that it transfers on")
    if seen.flow.is_oneshot:
        return UsedModel("epoll:trigger=oneshot", f"{model.evidence} (EPOLLONESHOT)")
    if seen.flow.is_edge:
        return UsedModel("epoll:trigger=edge", f"{model.evidence} (EPOLLET)")
    return model


def _sigio(seen: Evidence) -> UsedModel | None:
    if seen.waited("sigio") < _OFTEN and not seen.flow.is_signalling:
        return None
    return UsedModel("sigio", "its descriptors send signals (O_ASYNC)")


def _threads(seen: Evidence) -> UsedModel | None:
    threads = seen.threads
    at_once = most_at_once([(thread.first_s, thread.last_s) for thread in threads])
    if at_once > 1 and all(thread.is_first for thread in threads):
        return UsedModel("threads:handoff=none", f"{at_once} processes transfer, each for itself")
    if all(thread.is_first for thread in threads):
        return None
    many = f"{at_once} threads transfer" if at_once > 1 else "a thread beside the first transfers"
    if at_once > 1 and seen.are_apart:
        return UsedModel("threads:handoff=none", f"{many}, each on descriptors of its own")
    if seen.made_by(lambda thread: thread.works_for_others) >= _MOSTLY:
        return UsedModel("threads", f"{many}; for each, it waits for others or wakes them (futex)")
    if at_once == 1 and seen.waiting > 1:
        each = f"{seen.waiting} threads wait in a read, each of a descriptor of its own"
        return UsedModel("threads:handoff=none", each)
    if at_once == 1:  # One thread that does all by itself is not many threads, whichever it is.
        return None
    return UsedModel("threads:handoff=none", f"{many}, without waiting for others between requests")


def _nonblocking(seen: Evidence) -> UsedModel | None:
    if seen.nonblocking < _MOSTLY:
        return None
    if seen.turned_away > _OFTEN:
        tries = f"{seen.turned_away:.1f} tries for each transfer were turned away (EAGAIN)"
        return UsedModel("nonblocking", f"{tries}, and no call waits")
    return UsedModel("nonblocking", "its descriptors do not block (O_NONBLOCK), and no call waits")


_BLOCKING = UsedModel("blocking", "one thread reads and writes, and no other call waits before")


_RULES: Iterable[_Rule] = (
    _kaio,
    _aio,
    _sigio,
    _epoll,
    _readiness("poll", "poll"),
    _readiness("select", "select"),
    _threads,
    _nonblocking,
)


def model_of(flow: Moved, waiting: int) -> UsedModel:
    """The first rule that holds: those about a mechanism of its own come first."""
    seen = Evidence(flow, waiting)
    for rule in _RULES:
        if model := rule(seen):
            return model
    return _BLOCKING


def ring_model(flags: frozenset[str], fixed: frozenset[str], entries: int) -> UsedModel:
    """The options of io_uring, from how its ring was set up (with 0 entries where that was not
    seen)."""
    options = {}
    unnamed = sum(number(flag) or 0 for flag in flags if flag.startswith("0x"))
    if fixed:
        options["fixed"] = "both" if len(fixed) == 2 else min(fixed)
    if "IORING_SETUP_SQPOLL" in flags:
        options["sqpoll"] = "on"
    if "IORING_SETUP_DEFER_TASKRUN" in flags or unnamed & _DEFER_TASKRUN:
        options["taskrun"] = "defer"
    elif "IORING_SETUP_COOP_TASKRUN" in flags:
        options["taskrun"] = "coop"
    written = ",".join(f"{name}={value}" for name, value in options.items())
    engine = f"io_uring:{written}" if written else "io_uring"
    room = f"; its ring has {entries} entries" if entries else ""
    return UsedModel(engine, f"io_uring_enter starts its requests{room}")
