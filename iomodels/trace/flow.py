"""A trace as a reader follows it: one request's events in order, long repeats folded.

Pure, and the same for the picture and for the text: what is shown, and in which words.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from msgspec import structs

from iomodels.base.units import counted, format_duration
from iomodels.engines.calls import call_class, has_cap, may_sleep
from iomodels.trace.part import Part, Span, WhyAll, is_served_singly, part_of
from iomodels.trace.schema import DEVICE_KINDS, SHARED_RINGS, Event, Trace
from iomodels.trace.shared_rings import SharedRing, shared_rings
from iomodels.trace.spans import at_work, union
from iomodels.trace.steps import LONG_SHARE, Step, folded, is_device, is_long, within

MAX_MOMENTS = 80
LEAST_SLEEP_NS = 10_000
"""A call that moves data and takes less has hardly waited: a copy, and waking the other side, take
that long, too. A call that starts several transfers may take so long for each."""
LEAST_WAIT_NS = 1_000
"""In less no thread falls asleep and is woken: what a call waits for was there already."""

Phase = Literal["before", "enter", "leave", "whole"]


@dataclass(frozen=True)
class Moment:
    """Something to show at one time. A long call has two: `enter` and `leave`.

    `before`: at the begin of what is shown, in a call that had begun already.
    """

    at_ns: int
    phase: Phase
    step: Step


@dataclass(frozen=True)
class Flow:
    """What is shown of a trace: one request, or all where they overlap.

    `duration_ns` is the length of what is shown, `whole_ns` with the `hidden` moments that did not
    fit. `number` counts the requests from 1 (None: all are shown, and `why_all`); `requests` is how
    many were recorded; `latency_ns` is the shown request's, the median of `chosen_from`; `served`
    says that it is a server's, whose request begins with the answer before it.
    """

    duration_ns: int
    steps: tuple[Step, ...]
    moments: tuple[Moment, ...]
    requests: int
    why_all: WhyAll | None
    number: int | None
    latency_ns: int | None
    chosen_from: int
    served: bool
    hidden: int
    at_work_ns: tuple[Span, ...]
    """When the device, or any of several, was at work."""
    unsure_ns: tuple[Span, ...]
    """At some moment of each of these spans it started, or became ready."""
    shared_rings: tuple[SharedRing, ...] = ()
    whole_ns: int = 0
    threads_hidden: int = 0
    """Helper threads that did something meanwhile and are left out, …"""
    threads_drawn: int = 0
    """… and those that are not."""

    @property
    def caption(self) -> str:
        """How many requests were recorded, what is shown of them, and why that."""
        if not self.threads_hidden:
            return self._shown
        threads = self.threads_drawn + self.threads_hidden
        drawn = f"{self.threads_drawn} of {counted(threads, 'helper thread')} drawn"
        return f"{self._shown}; {drawn}, those that did I/O first"

    @property
    def _shown(self) -> str:
        first = f"the first {len(self.moments)} of {len(self.moments) + self.hidden} moments"
        if not self.requests:
            return "no request ended; shown: all events"
        recorded = f"{counted(self.requests, 'request')} recorded"
        if self.number is None or self.latency_ns is None:
            shown = "all of them" if self.why_all == "they overlap" else "all events"
            if self.hidden:
                lengths = map(format_duration, (self.duration_ns, self.whole_ns))
                shown = f"{first} ({' of '.join(lengths)})"
            return f"{recorded}; shown: {shown}, since {self.why_all}"
        between = "answer to answer" if self.served else "start to result"
        took = f"{format_duration(self.latency_ns)} from {between}"
        if self.hidden:
            took += f", of it {first}"
        if self.requests == 1:
            return f"{recorded} and shown, {took}"
        if self.requests == 2:
            return f"{recorded}; shown: the second, {took}"
        return f"{recorded}; shown: number {self.number}, {self._why}, {took}"

    @property
    def _why(self) -> str:
        if self.chosen_from == self.requests - 1:
            return f"the median of numbers 2 to {self.requests}"
        if self.chosen_from == 1:
            return "the only one that overlaps no other"
        return f"the median of the {self.chosen_from} that overlap no other"


def flow_of(trace: Trace) -> Flow:
    """The part of the trace that is shown (`part_of`)."""
    return _flow(trace, part_of(trace))


def pictured(trace: Trace, helpers: int) -> Flow:
    """The same for a picture, where each thread needs a lane of its own.

    Of more than `helpers` helper threads, those that were the first to serve a request are left.
    """
    part = part_of(trace)
    own = [e for e in part.of(trace) if e.thread and e.kind not in DEVICE_KINDS]
    threads = list(dict.fromkeys(e.thread for e in own))
    if len(threads) <= helpers:
        return _flow(trace, part)
    drawn = (_serving(trace, part, own) or threads)[:helpers]
    hidden = set(threads) - set(drawn)
    left = [e for e in trace.events if e.thread not in hidden or e.kind in DEVICE_KINDS]
    flow = _flow(structs.replace(trace, events=left), part)
    return replace(flow, threads_hidden=len(hidden), threads_drawn=len(drawn))


def _serving(trace: Trace, part: Part, own: Sequence[Event]) -> list[int]:
    """The threads that do more than wait and wake others, in the order of their first result.

    One that waits all the time for what it would serve does nothing, either.
    """
    results = [
        (e.end_ns, e.thread)
        for e in own
        if e.end_ns is not None
        and e.end_ns <= part.end_ns
        and call_class(e.name, trace.engine) not in ("wait", "wake")
    ]
    return list(dict.fromkeys(thread for _, thread in sorted(results)))


def _flow(trace: Trace, part: Part) -> Flow:
    whole_ns = duration_ns = part.end_ns - part.begin_ns
    ready_ns = sorted(e.start_ns for e in trace.events if e.kind == "device_ready")
    single = _awake([_step(trace, event, part, ready_ns) for event in part.of(trace)])
    single += _spinning(trace, single, duration_ns)
    steps = folded(single, duration_ns)
    moments = sorted(
        (moment for step in steps for moment in _moments(step, duration_ns)),
        key=lambda moment: (moment.at_ns, moment.step.start_ns),
    )
    shown = moments[:MAX_MOMENTS]
    if len(shown) < len(moments):  # time ends where they do
        duration_ns = min(duration_ns, max(map(_over_ns, shown)))
        steps = [_until(step, duration_ns) for step in steps if step.start_ns <= duration_ns]
        shown = [replace(moment, step=_until(moment.step, duration_ns)) for moment in shown]
    part = replace(part, end_ns=part.begin_ns + duration_ns)
    unsure = (within(step) for step in single if is_device(step) and step.start_ns <= duration_ns)
    return Flow(
        duration_ns=duration_ns,
        steps=tuple(steps),
        moments=tuple(shown),
        requests=part.requests,
        why_all=part.why_all,
        number=part.number,
        latency_ns=part.latency_ns,
        chosen_from=part.chosen_from,
        served=is_served_singly(trace),
        hidden=len(moments) - len(shown),
        at_work_ns=at_work(trace.events, part),
        unsure_ns=union(unsure),
        shared_rings=shared_rings(trace, part),
        whole_ns=whole_ns,
    )


def _over_ns(moment: Moment) -> int:
    """When what is said at this moment is over."""
    step = moment.step
    said_whole = step.kind == "call" and moment.phase == "whole"
    return (step.end_ns or moment.at_ns) if said_whole else moment.at_ns


def _until(step: Step, until_ns: int) -> Step:
    """What there is of it until then: of many devices, those that have started or are ready."""
    if not is_device(step) or step.count == 1:
        return step
    spans_ns = tuple(span for span in step.spans_ns if span[0] <= until_ns)
    ends_ns = [end_ns for _, end_ns in spans_ns if end_ns is not None]
    return replace(step, spans_ns=spans_ns, end_ns=max(ends_ns, default=None))


def _step(trace: Trace, event: Event, part: Part, ready_ns: Sequence[int]) -> Step:
    known = event.end_ns is not None and (
        event.end_ns <= part.end_ns or event.kind == "device_ready"
    )
    start_ns = event.start_ns - part.begin_ns
    end_ns = event.end_ns - part.begin_ns if known and event.end_ns is not None else None
    is_call = event.kind == "call"
    kind = call_class(event.name, trace.engine) if is_call else ""
    sleeps = is_call and may_sleep(event.name, trace.engine, trace.parameters)
    return Step(
        kind=event.kind,
        name=event.name,
        thread=event.thread,
        start_ns=start_ns,
        end_ns=end_ns,
        result=event.result if known else None,
        spans_ns=((start_ns, end_ns),),
        call_class=kind,
        may_sleep=sleeps,
        slept=sleeps and _slept(event, kind, ready_ns),
    )


def _awake(steps: Sequence[Step]) -> list[Step]:
    """The same, where a call that submits has slept only if it was for a completion.

    One call may do both. If it waited, it is over when a completion is there, which is taken next.
    """
    own = [step for step in steps if step.thread == 0 and not is_device(step)]
    after = dict(itertools.pairwise(own))
    in_rings = any(step.kind in SHARED_RINGS for step in own)
    return [
        replace(step, slept=False)
        if in_rings
        and step.call_class == "submit"
        and (step.result or 0) > 0
        and step in after
        and after[step].kind != "cq_entry"
        else step
        for step in steps
    ]


def _spinning(trace: Trace, steps: Sequence[Step], duration_ns: int) -> list[Step]:
    """Where an engine that spins waits for a completion without a call.

    It looks at the ring again and again, so that all it did since its last event until it found a
    completion there was to look. Where its looks are calls, these are shown.
    """
    if not has_cap(trace.engine, "spins"):
        return []
    found, free_ns, looked = [], 0, False
    for step in sorted(steps, key=lambda step: step.start_ns):
        if is_device(step) or step.thread:
            continue
        long = step.start_ns - free_ns >= LONG_SHARE * duration_ns
        if step.kind == "cq_entry" and long and not looked:
            span = (free_ns, step.start_ns)
            found.append(Step("spinning", "", 0, *span, result=None, spans_ns=(span,)))
        looked = step.call_class in ("submit", "wait") and (step.result or 0) <= 0
        free_ns = max(free_ns, duration_ns if step.end_ns is None else step.end_ns)
    return found


def _slept(event: Event, call_class: str, ready_ns: Sequence[int]) -> bool:
    """Whether a call that can sleep did: a device became ready during it, or it was long."""
    started = max(1, event.result or 0) if call_class == "submit" else 1
    least_ns = LEAST_WAIT_NS if call_class == "wait" else started * LEAST_SLEEP_NS
    if event.end_ns is None or event.end_ns - event.start_ns >= least_ns:
        return True
    later = bisect.bisect_right(ready_ns, event.start_ns)
    return later < len(ready_ns) and ready_ns[later] <= event.end_ns


def _moments(step: Step, duration_ns: int) -> Iterator[Moment]:
    if step.kind == "call" and step.began_before:
        if not step.thread and is_long(step, duration_ns):
            yield Moment(0, "before", step)
        if step.end_ns is not None:
            yield Moment(step.end_ns, "leave", step)
    elif step.kind != "call" or step.count > 1:
        yield Moment(step.start_ns, "whole", step)
    elif step.end_ns is None:
        yield Moment(step.start_ns, "enter", step)
    elif is_long(step, duration_ns):
        yield Moment(step.start_ns, "enter", step)
        yield Moment(step.end_ns, "leave", step)
    else:
        yield Moment(step.start_ns, "whole", step)
