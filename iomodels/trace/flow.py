"""A trace as a reader follows it: one request's events in order, long repeats folded.

Pure, and the same for the picture and for the text: what is shown, and in which words.
"""

from __future__ import annotations

import errno
import itertools
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from msgspec import structs

from iomodels.base.units import counted, format_duration
from iomodels.engines.calls import call_class, may_sleep
from iomodels.trace.schema import Event, Kind, Trace

FOLD_FROM = 3
"""So many like calls in a row are shown as one, with their number."""
LONG_SHARE = 0.04
"""A call that takes at least this share of the whole is shown with its two ends."""
MAX_MOMENTS = 80
_DEVICE = frozenset({"device_start", "device_ready"})

Span = tuple[int, int]


@dataclass(frozen=True)
class Step:
    """An event, or `count` like ones in a row. Times count from the flow's begin.

    `end_ns` is None where it goes on beyond the flow's end; `spans_ns` has both times of each.
    `call_class`: what kind of call it is ("" for none); `may_sleep`: whether it can block its
    thread.
    """

    kind: Kind
    name: str
    thread: int
    start_ns: int
    end_ns: int | None
    result: int | None
    spans_ns: tuple[tuple[int, int | None], ...]
    call_class: str = ""
    may_sleep: bool = False

    @property
    def count(self) -> int:
        return len(self.spans_ns)


Phase = Literal["enter", "leave", "whole"]


@dataclass(frozen=True)
class Moment:
    """Something to show at one time. A long call has two: `enter` and `leave`."""

    at_ns: int
    phase: Phase
    step: Step


@dataclass(frozen=True)
class Flow:
    """What is shown of a trace: one request, or all where they overlap.

    `number` counts the requests from 1 (None: all of them are shown); `requests` is how many were
    recorded; `latency_ns` is the shown request's. `hidden` moments did not fit.
    """

    duration_ns: int
    steps: tuple[Step, ...]
    moments: tuple[Moment, ...]
    requests: int
    number: int | None
    latency_ns: int | None
    hidden: int
    at_work_ns: tuple[Span, ...]
    """When the device, or any of several, was at work."""
    unsure_ns: tuple[Span, ...]
    """At some moment of each of these spans it started, or became ready."""
    threads_hidden: int = 0
    """Helper threads that did something meanwhile and are left out."""
    cut_ns: int = 0
    """How much of the recording after the last result is left out."""

    @property
    def caption(self) -> str:
        """Which request it is, and why that one."""
        if self.number is None or self.latency_ns is None:
            part = "all events"
            if self.cut_ns:
                part = "until the last result"
            elif self.threads_hidden:
                part = "the events of the threads shown"
            return f"{counted(self.requests, 'request')}, {part}" if self.requests else part
        took = f"{format_duration(self.latency_ns)} from start to result"
        if self.requests == 1:
            return f"one request, {took}"
        last = f"median of the last {self.requests - 1}" if self.requests > 2 else "the second"
        return f"request {self.number} of {self.requests} recorded ({last}), {took}"


def flow_of(trace: Trace) -> Flow:
    """The request of median latency, the first left aside since it starts from rest.

    It begins where the one before it ended, so that computation in between is seen. Where requests
    overlap, none has ended, or the application was stopped in a call, the flow is the whole trace.
    """
    return _flow(trace, _part_of(trace))


def pictured(trace: Trace, helpers: int) -> Flow:
    """The same for a picture, where time is height and each thread needs a lane of its own.

    Of more than `helpers` helper threads, those that were the first to serve a request are left.
    A flow that is the whole trace ends with what the application and the device did, unless the
    helpers' coming to rest after that is too short to matter.
    """
    part = _part_of(trace)
    last_ns = _last_ns(trace.events)
    end_ns = _settled_ns(trace.events) if part.number is None else None
    cut_ns = 0
    if end_ns is not None and last_ns - end_ns >= LONG_SHARE * last_ns:
        part, cut_ns = replace(part, end_ns=end_ns), last_ns - end_ns
    threads = _first_to_serve(part.of(trace.events), trace.engine)
    hidden = set(threads[helpers:])
    left = [e for e in trace.events if e.thread not in hidden or e.kind in _DEVICE]
    flow = _flow(structs.replace(trace, events=left), part)
    return replace(flow, threads_hidden=len(hidden), cut_ns=cut_ns)


def _settled_ns(events: Sequence[Event]) -> int | None:
    """When the last request had its result and the application and the device had ended.

    None where one of them has not.
    """
    known = [e.end_ns for e in events if e.thread == 0 or e.kind in _DEVICE]
    ends_ns = [end_ns for end_ns in known if end_ns is not None]
    asked = any(e.kind == "request" for e in events)
    return max(ends_ns) if asked and len(ends_ns) == len(known) else None


def _first_to_serve(events: Sequence[Event], engine: str) -> list[int]:
    """The helper threads, those first that were the first to do more than wait and wake others."""
    helpers = [e for e in events if e.thread and e.kind not in _DEVICE]
    resting = ("wait", "wake")
    serving = [e.thread for e in helpers if call_class(e.name, engine) not in resting]
    return list(dict.fromkeys([*serving, *(e.thread for e in helpers)]))


@dataclass(frozen=True)
class _Part:
    """From when to when a trace is shown; the rest as in `Flow`."""

    begin_ns: int
    end_ns: int
    requests: int
    number: int | None = None
    latency_ns: int | None = None

    def of(self, events: Iterable[Event]) -> list[Event]:
        until_ns = max(self.end_ns, self.begin_ns + 1)
        return [
            event
            for event in events
            if event.kind != "request" and self.begin_ns <= event.start_ns < until_ns
        ]


def _part_of(trace: Trace) -> _Part:
    # Of a request that began before what is left of the trace, part of the calls are missing.
    first_ns = min((e.start_ns for e in trace.events if e.kind != "request"), default=0)
    from_ns = first_ns if trace.events_lost else 0
    requests = [
        event
        for event in trace.events
        if event.kind == "request" and event.end_ns is not None and event.start_ns >= from_ns
    ]
    stopped = any(e.kind == "call" and not e.thread and e.end_ns is None for e in trace.events)
    chosen = _median(requests) if not (stopped or _overlap(requests)) else None
    if chosen is None:
        return _Part(0, _last_ns(trace.events), len(requests))
    request = requests[chosen]
    assert request.end_ns is not None
    begin_ns = requests[chosen - 1].end_ns if chosen else request.start_ns
    assert begin_ns is not None
    latency_ns = request.end_ns - request.start_ns
    return _Part(begin_ns, request.end_ns, len(requests), chosen + 1, latency_ns)


def _overlap(requests: Sequence[Event]) -> bool:
    return any(
        one.end_ns is not None and other.start_ns < one.end_ns
        for one, other in itertools.pairwise(requests)
    )


def _median(requests: Sequence[Event]) -> int | None:
    candidates = list(range(1, len(requests))) or list(range(len(requests)))
    by_latency = sorted(candidates, key=lambda n: (requests[n].end_ns or 0) - requests[n].start_ns)
    return by_latency[(len(by_latency) - 1) // 2] if by_latency else None


def _last_ns(events: Sequence[Event]) -> int:
    return max((max(e.start_ns, e.end_ns or 0) for e in events), default=0)


def _flow(trace: Trace, part: _Part) -> Flow:
    duration_ns = part.end_ns - part.begin_ns
    inside = part.of(trace.events)
    single = [_step(trace, event, part.begin_ns, part.end_ns) for event in inside]
    steps = _folded(single, duration_ns)
    moments = sorted(
        (moment for step in steps for moment in _moments(step, duration_ns)),
        key=lambda moment: (moment.at_ns, moment.step.start_ns),
    )
    return Flow(
        duration_ns=duration_ns,
        steps=tuple(steps),
        moments=tuple(moments[:MAX_MOMENTS]),
        requests=part.requests,
        number=part.number,
        latency_ns=part.latency_ns,
        hidden=max(0, len(moments) - MAX_MOMENTS),
        at_work_ns=_union(_work(step) for step in single if step.kind == "device_ready"),
        unsure_ns=_union(within(step) for step in single if is_device(step)),
    )


def _work(ready: Step) -> Span:
    """From when to when the device has worked, of a `device_ready`."""
    return max(0, ready.start_ns - max(0, ready.result or 0)), ready.start_ns


def within(step: Step) -> Span:
    """The bounds between which it was."""
    return step.start_ns, step.start_ns if step.end_ns is None else step.end_ns


def _union(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same moments, in spans that do not meet."""
    found: list[Span] = []
    for start_ns, end_ns in sorted(spans):
        if found and start_ns <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end_ns))
        else:
            found.append((start_ns, end_ns))
    return tuple(found)


def _step(trace: Trace, event: Event, begin_ns: int, until_ns: int) -> Step:
    known = event.end_ns is not None and (event.end_ns <= until_ns or event.kind == "device_ready")
    start_ns = event.start_ns - begin_ns
    end_ns = event.end_ns - begin_ns if known and event.end_ns is not None else None
    is_call = event.kind == "call"
    return Step(
        kind=event.kind,
        name=event.name,
        thread=event.thread,
        start_ns=start_ns,
        end_ns=end_ns,
        result=event.result if known else None,
        spans_ns=((start_ns, end_ns),),
        call_class=call_class(event.name, trace.engine) if is_call else "",
        may_sleep=is_call and may_sleep(event.name, trace.engine, trace.parameters),
    )


def _folded(steps: Sequence[Step], duration_ns: int) -> list[Step]:
    """Rows of like steps, of one thread or of the device, become one each."""
    found: list[Step] = []
    for who in dict.fromkeys(map(_who, steps)):
        own = [step for step in steps if _who(step) == who]
        for (*_, alone), group in itertools.groupby(own, key=partial(_likeness, duration_ns)):
            row = list(group)
            found += row if alone or len(row) < FOLD_FROM else [_as_one(row)]
    return sorted(found, key=lambda step: step.start_ns)


def is_device(step: Step) -> bool:
    return step.kind in _DEVICE


def _who(step: Step) -> Hashable:
    return "device" if is_device(step) else step.thread


def _likeness(duration_ns: int, step: Step) -> tuple[str, str, int | None, bool, bool]:
    """What the steps of a row have in common; the last says that each of them is to be seen."""
    if is_device(step):
        return step.kind, step.name, None, step.end_ns is None, False
    alone = step.kind != "call" or (is_long(step, duration_ns) and not is_try(step))
    return step.kind, step.name, step.result, step.end_ns is None, alone


def _as_one(row: Sequence[Step]) -> Step:
    ends_ns = [step.end_ns for step in row if step.end_ns is not None]
    spans_ns = tuple(span for step in row for span in step.spans_ns)
    return replace(row[0], end_ns=max(ends_ns, default=None), spans_ns=spans_ns)


def _moments(step: Step, duration_ns: int) -> Iterator[Moment]:
    if step.kind != "call" or step.count > 1:
        yield Moment(step.start_ns, "whole", step)
    elif step.end_ns is None:
        yield Moment(step.start_ns, "enter", step)
    elif is_long(step, duration_ns):
        yield Moment(step.start_ns, "enter", step)
        yield Moment(step.end_ns, "leave", step)
    else:
        yield Moment(step.start_ns, "whole", step)


def is_try(step: Step) -> bool:
    """Whether the call said: not yet, try again."""
    return step.kind == "call" and step.result in (-errno.EAGAIN, errno.EINPROGRESS)


def is_long(step: Step, duration_ns: int) -> bool:
    """Whether the span is to be seen."""
    return step.end_ns is None or step.end_ns - step.start_ns >= LONG_SHARE * duration_ns


def in_call(step: Step, duration_ns: int) -> str:
    """What a thread is in a call long enough to be seen: "blocked", or just "in the call"."""
    if step.kind != "call" or step.count > 1 or not is_long(step, duration_ns):
        return ""
    return "blocked" if step.may_sleep else "in the call"
