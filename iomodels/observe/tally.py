"""From calls to an `Observation`: what each call changes and counts, and at the end the works.

Memory grows with the descriptors that are open at a time and with the kinds of work, not with the
calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from iomodels.observe.calls import hidden, opening, processes, queues, transfers, waiting
from iomodels.observe.calls.state import Handler, State
from iomodels.observe.counting.moved import Moved
from iomodels.observe.log.arguments import split
from iomodels.observe.log.call import Call, ThreadEnded
from iomodels.observe.seen import DEVICE_S, FEW_OPERATIONS, Observation, Unseen, Work
from iomodels.observe.works.choosing import chosen
from iomodels.observe.works.describing import Around, described
from iomodels.observe.works.grouping import grouped
from iomodels.observe.works.key import WorkKey
from iomodels.observe.works.rings import ring_work

_HANDLERS: dict[str, Handler] = {
    **opening.HANDLERS,
    **transfers.HANDLERS,
    **waiting.HANDLERS,
    **queues.HANDLERS,
    **processes.HANDLERS,
    **hidden.HANDLERS,
}
CALLS = tuple(_HANDLERS)
"""The system calls that count: a log of these alone shows as much."""

_QUICK = 0.75
"""The quantile of the calls below that is what a call takes: the slowest ones were preempted."""
_NO_DEVICE = frozenset(
    {"close", "fcntl", "lseek", "dup", "dup2", "timerfd_settime", "epoll_ctl", "epoll_create1"}
    | {"pipe2", "socket", "timerfd_create"}
)


class Tally:
    """Takes in the events of one log, in their order."""

    def __init__(self, processes: Mapping[int, int] | None = None) -> None:
        """`processes` has the process of each thread that ran before the log began: it cannot be
        told from the log that they are of one process."""
        self._state = State(processes or {})
        self._calls = 0
        self._first_s: float | None = None
        self._last_s = 0.0

    def add(self, event: Call | ThreadEnded) -> None:
        """One event. Arguments that are not as expected count for nothing."""
        if isinstance(event, ThreadEnded):
            self._state.end_thread(event.thread)
            return
        state = self._state
        ended_s = event.started_s + (event.took_s or 0.0)
        self._calls += 1
        if self._first_s is None:
            self._first_s = event.started_s
        self._last_s = max(self._last_s, ended_s)
        thread = state.thread(event.thread)
        if thread.ended_s is not None:
            gap_s = event.started_s - thread.ended_s
            if gap_s > 0:
                state.gaps.add(gap_s)
                thread.longest_gap_s = max(thread.longest_gap_s, gap_s)
        if event.name in _NO_DEVICE and event.took_s is not None:
            state.quick.add(event.took_s)
        handler = _HANDLERS.get(event.name)
        if handler is not None:
            handler(state, thread, event, split(event.arguments))
        thread.ended_s = ended_s

    def observation(self) -> Observation:
        """What was seen; to be called once, after the last event."""
        state = self._state
        for thread in list(state.threads):
            state.end_thread(thread)
        flows, levels = grouped(state.finished, state.flight.finish())
        around = self._around()
        askers = {
            connection: key
            for key, flow in flows.items()
            if key.does == "exchange" and key.role == "client"
            for connection in flow.connections
        }
        keys = chosen(flows)
        works = []
        for key in keys:
            peer = _asker(flows[key], askers) if key.role == "server" else None
            work = described(
                key,
                flows[key],
                levels[key],
                levels[peer] if peer else None,
                around,
            )
            works.append((frozenset(flows[key].connections), work))
        found = [work for _, work in works]
        rings = [ring_work(ring, works) for ring in state.rings.values()]
        found += [work for work in rings if work is not None]
        left = [state.rest, *(flow for key, flow in flows.items() if key not in keys)]
        return Observation(
            works=tuple(_hottest_first(found)),
            unseen=self._unseen(),
            calls=self._calls,
            duration_s=max(self._last_s - (self._first_s or 0.0), 0.0),
            left_out_operations=sum(flow.operations for flow in left),
            left_out_bytes=sum(flow.bytes_moved for flow in left),
            lacks=self._lacks(),
        )

    def _lacks(self) -> tuple[str, ...]:
        unheard = len(self._state.unheard)
        if unheard < 2:  # the first one begins before the log does
            return ()
        return (
            f"the log does not show how {unheard} of its threads began (clone): each counts as a "
            "program of its own",
        )

    def _around(self) -> Around:
        state = self._state
        usual_s = state.quick.at(_QUICK)
        return Around(
            quick_s=None if usual_s is None else usual_s + DEVICE_S,
            gap_s=state.gaps.at(0.5) or 0.0,
            waiting=state.waiting,
            ready=state.ready,
        )

    def _unseen(self) -> tuple[Unseen, ...]:
        state = self._state
        submitted = sum(ring.submitted for ring in state.rings.values())
        counts = state.unseen + Counter({"io_uring": submitted} if submitted else {})
        return tuple(
            Unseen(what, count, hidden.REASONS[what], state.unseen_bytes[what])
            for what, count in counts.most_common()
        )


def _asker(server: Moved, askers: dict[tuple[int, int], WorkKey]) -> WorkKey | None:
    """The work of those at the other ends of a server's connections."""
    found = Counter(
        askers[other, own] for own, other in server.connections if (other, own) in askers
    )
    return found.most_common(1)[0][0] if found else None


def _hottest_first(works: list[Work]) -> list[Work]:
    marked = [work if work.operations >= FEW_OPERATIONS else _few(work) for work in works]
    return sorted(marked, key=lambda work: -work.operations)


def _few(work: Work) -> Work:
    return replace(work, is_few=True)
