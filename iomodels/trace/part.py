"""Which part of a trace is shown: one request, or all of them where they overlap.

The first thing shown is the first that happened: a request may begin long before (a server's does
when it begins to wait for a message), and calls that began before are shown from the edge on.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from iomodels.engines.calls import may_sleep
from iomodels.trace.schema import Event, Trace

Span = tuple[int, int]
WhyAll = Literal["they overlap", "events are missing", "the recording was cut short"]


@dataclass(frozen=True)
class Part:
    """From when to when, in ns of the trace; `requests` have ended in the whole trace.

    One request: its `number` among them, from 1, its latency, and how many it is the median of.
    All of them: None, and why.
    """

    begin_ns: int
    end_ns: int
    requests: int
    number: int | None = None
    latency_ns: int | None = None
    chosen_from: int = 0
    why_all: WhyAll | None = None

    def of(self, trace: Trace) -> list[Event]:
        """The events of this part, by their begin, requests left out.

        A call in which a thread can sleep is of it wherever it began.
        """
        return [event for event in trace.events if self._has(event, trace)]

    def _has(self, event: Event, trace: Trace) -> bool:
        until_ns = max(self.end_ns, self.begin_ns + 1)
        if event.kind == "request" or event.start_ns >= until_ns:
            return False
        if event.start_ns >= self.begin_ns:
            return True
        under_way = event.end_ns is None or event.end_ns > self.begin_ns
        waits = event.kind == "call" and may_sleep(event.name, trace.engine, trace.parameters)
        return under_way and waits


def is_served_singly(trace: Trace) -> bool:
    """Whether it is of a server that gets one message at a time, on whichever connection."""
    known = trace.parameters
    return known.get("channel.role") == "server" and known.get("load.depth") == 1


def first_requests(events: Sequence[Event], count: int) -> list[Event]:
    """The events until the first `count` requests had ended, without what belongs to later ones."""
    ended = sorted(
        (event.end_ns, number)
        for number, event in enumerate(events)
        if event.kind == "request" and event.end_ns is not None
    )
    if len(ended) < count:
        return list(events)
    until_ns = ended[count - 1][0]
    later = {number for _, number in ended[count:]}
    return [
        event
        for number, event in enumerate(events)
        if number not in later and _came_about(event) < until_ns
    ]


def _came_about(event: Event) -> int:
    """When it began; of a device that becomes ready, when it was started."""
    worked_ns = max(0, event.result or 0) if event.kind == "device_ready" else 0
    return event.start_ns - worked_ns


def part_of(trace: Trace) -> Part:
    """The request of median latency among those that overlap no other.

    The first is left aside since it starts from rest. Where all overlap, it is the whole trace
    until the last request has ended; where none has ended, or the application was stopped in a
    call, until the last event.
    """
    begin_ns = _begin_ns(trace)
    requests = _requests(trace, begin_ns)
    stopped = any(e.kind == "call" and not e.thread and e.end_ns is None for e in trace.events)
    unfinished = any(e.kind == "request" and e.end_ns is None for e in trace.events)
    if stopped or unfinished or not requests:
        ended = sum(e.kind == "request" and e.end_ns is not None for e in trace.events)
        lost = trace.events_lost and not requests
        why: WhyAll = "events are missing" if lost else "the recording was cut short"
        return Part(begin_ns, _last_ns(trace.events), ended, why_all=why)
    candidates = _alone(requests)
    if is_served_singly(trace):
        candidates = _answered_within(trace, requests, candidates)
    if not candidates:
        return Part(begin_ns, requests[-1][1], len(requests), why_all="they overlap")
    by_latency = sorted(candidates, key=lambda n: requests[n][1] - requests[n][0])
    chosen = by_latency[(len(by_latency) - 1) // 2]
    start_ns, end_ns = requests[chosen]
    before_ns = requests[chosen - 1][1] if chosen else start_ns
    return Part(
        begin_ns=_with_computation(trace.events, before_ns, start_ns),
        end_ns=end_ns,
        requests=len(requests),
        number=chosen + 1,
        latency_ns=end_ns - start_ns,
        chosen_from=len(candidates),
    )


def _alone(requests: Sequence[Span]) -> list[int]:
    """The places of those that overlap no other: from the second on, or the first if it is alone.

    They are by their end; one may have begun before several others ended. Those that end at the
    same moment overlap: their answers were collected together.
    """
    if len(requests) == 1:
        return [0]
    first_after = list(itertools.accumulate((start for start, _ in reversed(requests)), min))[::-1]
    return [
        n
        for n, (start_ns, end_ns) in enumerate(requests)
        if n > 0
        and start_ns < end_ns
        and requests[n - 1][1] <= start_ns
        and (n + 1 == len(requests) or requests[n + 1][1] > end_ns)
        and (n + 1 == len(requests) or first_after[n + 1] >= end_ns)
    ]


def _answered_within(trace: Trace, requests: Sequence[Span], places: Sequence[int]) -> list[int]:
    """Those of a server's requests in which their answer was begun, as far as calls have names.

    Completions may be collected in another order than they came about: then the next message is
    read, and its answer begun, before the end of the answer before it is known.
    """
    begun_ns = sorted(
        e.start_ns for e in trace.events if e.kind == "call" and e.name.endswith("write")
    )
    if not begun_ns:
        return list(places)

    def begun_before(at_ns: int) -> int:
        return bisect.bisect_left(begun_ns, at_ns)

    return [n for n in places if begun_before(requests[n][0]) < begun_before(requests[n][1])]


def _begin_ns(trace: Trace) -> int:
    """When the first thing happened in the recording that is shown.

    Of a server's requests the begin says nothing: each began when its connection was last used.
    """
    first_ns = _first_event_ns(trace)
    if trace.parameters.get("channel.role") == "server" or trace.events_lost:
        return first_ns
    return min((e.start_ns for e in trace.events if e.kind == "request"), default=first_ns)


def _first_event_ns(trace: Trace) -> int:
    """When something other than a request began, or a call ended that had begun before."""
    moments = (
        event.start_ns if event.start_ns >= trace.begin_ns else event.end_ns
        for event in trace.events
        if event.kind != "request"
    )
    return min((at_ns for at_ns in moments if at_ns is not None), default=trace.begin_ns)


def _requests(trace: Trace, begin_ns: int) -> list[Span]:
    """Start and end of those that have ended, in order.

    Of a server that gets one message at a time each starts where the one before it ended: the
    connection's own wait began when it was last used.
    """
    ended = sorted(
        (event.end_ns, event.start_ns)
        for event in trace.events
        if event.kind == "request" and event.end_ns is not None
    )
    if is_served_singly(trace):
        ends_ns = [begin_ns, *(end_ns for end_ns, _ in ended)]
        ended = [
            (end_ns, max(start_ns, before_ns))
            for (end_ns, start_ns), before_ns in zip(ended, ends_ns, strict=False)
        ]
    # Of a request that began before what is left of the trace, part of the calls are missing.
    from_ns = begin_ns if trace.events_lost else 0
    return [(start_ns, end_ns) for end_ns, start_ns in ended if start_ns >= from_ns]


def _with_computation(events: Iterable[Event], before_ns: int, start_ns: int) -> int:
    """The start, or that of the computation since the request before: where submit blocks, it is
    done before the next request."""
    computed = [
        e.start_ns for e in events if e.kind == "computation" and before_ns <= e.start_ns < start_ns
    ]
    return min(computed, default=start_ns)


def _last_ns(events: Sequence[Event]) -> int:
    return max((max(e.start_ns, e.end_ns or 0) for e in events), default=0)
