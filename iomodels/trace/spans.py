"""Spans of time that lie behind events, as far as a part of a trace shows them."""

from __future__ import annotations

from collections.abc import Iterable

from iomodels.trace.part import Part, Span
from iomodels.trace.schema import Event


def union(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same moments, in spans that do not meet."""
    found: list[Span] = []
    for start_ns, end_ns in sorted(spans):
        if found and start_ns <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end_ns))
        else:
            found.append((start_ns, end_ns))
    return tuple(found)


def shown(spans: Iterable[Span], part: Part) -> tuple[Span, ...]:
    """What of the trace's spans is in the part, from its begin, in spans that do not meet."""
    cut = ((max(part.begin_ns, begin), min(part.end_ns, end)) for begin, end in spans)
    return union((b - part.begin_ns, e - part.begin_ns) for b, e in cut if b < e)


def at_work(events: Iterable[Event], part: Part) -> tuple[Span, ...]:
    """When a device was at work, whether or not it became ready while all this is shown."""
    ready = (event for event in events if event.kind == "device_ready")
    return shown(((e.start_ns - max(0, e.result or 0), e.start_ns) for e in ready), part)
