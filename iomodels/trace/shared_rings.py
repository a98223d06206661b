"""What the two rings held that an application shares with the kernel.

An engine marks when the application puts an entry into the submission ring, and when it takes one
from the completion ring. When the kernel takes the one and puts the other nobody sees. So there are
bounds: the kernel takes during a call that submits, or, where it looks by itself, at any moment
until the completion is there. It completes after it took, and not before the device was ready.
"""

from __future__ import annotations

import bisect
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from iomodels.engines.calls import calls_of_class, has_cap
from iomodels.trace.part import Part, Span
from iomodels.trace.schema import SHARED_RINGS, Event, Kind, Trace
from iomodels.trace.spans import shown


@dataclass(frozen=True)
class SharedRing:
    """One of the two, `kind` being that of its events.

    There was an entry in it in all of `there_ns`; at some moment of each of `unsure_ns` the kernel
    took one, or put one there. Times count from the flow's begin.
    """

    kind: Kind
    there_ns: tuple[Span, ...]
    unsure_ns: tuple[Span, ...]


@dataclass(frozen=True)
class _Entry:
    """An SQE: put at `put_ns`, and taken by the kernel within `taken_ns`."""

    put_ns: int
    taken_ns: Span


def shared_rings(trace: Trace, part: Part) -> tuple[SharedRing, ...]:
    """The submission ring and the completion ring during this part; none where there are none."""
    puts, takes = (_of_kind(trace, kind) for kind in SHARED_RINGS)
    if not puts and not takes:
        return ()
    entries = _entries(trace, puts, takes)
    every = [entry for of_slot in entries.values() for entry in of_slot]
    return (
        SharedRing(
            "sq_entry",
            there_ns=shown(((entry.put_ns, entry.taken_ns[0]) for entry in every), part),
            unsure_ns=shown((entry.taken_ns for entry in every), part),
        ),
        SharedRing(
            "cq_entry",
            there_ns=(),
            unsure_ns=shown(_arrivals(trace, entries, takes, part), part),
        ),
    )


def submitting_calls(trace: Trace) -> Iterator[Event]:
    """The calls that made the kernel look at the submission ring, and take `result` entries.

    Where it looks by itself there are none: such a call only wakes it.
    """
    if has_cap(trace.engine, "kernel_polls"):
        return
    names = calls_of_class("submit", trace.engine)
    for event in trace.events:
        if event.kind == "call" and event.name in names and (event.end_ns is None or _count(event)):
            yield event


def _of_kind(trace: Trace, kind: Kind) -> list[Event]:
    return [event for event in trace.events if event.kind == kind and event.result is not None]


def _count(event: Event) -> int:
    return max(0, event.result or 0)


def _entries(
    trace: Trace, puts: Sequence[Event], takes: Sequence[Event]
) -> Mapping[int, list[_Entry]]:
    """Those of each slot, in order. The kernel takes them in the order in which they were put."""
    last_ns = max(max(event.start_ns, event.end_ns or 0) for event in trace.events)
    done_ns = _by_slot(takes)
    found: dict[int, list[_Entry]] = defaultdict(list)
    calls, left = deque(submitting_calls(trace)), 0
    for put in puts:
        slot, put_ns = _count(put), put.start_ns
        while calls and (calls[0].start_ns < put_ns or left == _count(calls[0]) > 0):
            calls.popleft()
            left = 0
        after = bisect.bisect_right(done_ns.get(slot, []), put_ns)
        until_ns = done_ns[slot][after] if after < len(done_ns.get(slot, [])) else last_ns
        taken_ns = put_ns, until_ns
        if calls and calls[0].start_ns <= until_ns:
            taken_ns = calls[0].start_ns, min(until_ns, calls[0].end_ns or until_ns)
            left += 1
        found[slot].append(_Entry(put_ns, taken_ns))
    return found


def _arrivals(
    trace: Trace, entries: Mapping[int, Sequence[_Entry]], takes: Sequence[Event], part: Part
) -> Iterator[Span]:
    """Of each CQE the span in which the kernel put it there: at the latest when it was taken."""
    ready_ns = {
        event.start_ns - (event.result or 0): event.start_ns
        for event in trace.events
        if event.kind == "device_ready"
    }
    starts_ns = _by_slot(_of_kind(trace, "device_start"))
    for take in takes:
        slot, at_ns = _count(take), take.start_ns
        own = [entry for entry in entries.get(slot, []) if entry.put_ns <= at_ns]
        begin_ns = own[-1].taken_ns[0] if own else part.begin_ns
        before = bisect.bisect_right(starts_ns.get(slot, []), at_ns)
        if before:
            device_ns = ready_ns.get(starts_ns[slot][before - 1], begin_ns)
            begin_ns = max(begin_ns, device_ns)
        yield min(begin_ns, at_ns), at_ns


def _by_slot(events: Sequence[Event]) -> dict[int, list[int]]:
    """The begin of the events of each slot, in order."""
    found: dict[int, list[int]] = defaultdict(list)
    for event in events:
        found[_count(event)].append(event.start_ns)
    return found
