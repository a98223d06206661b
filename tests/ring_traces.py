"""Made-up traces of an engine with two rings, the same every time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from iomodels.trace.schema import Event, Trace

from .traces import make_event, make_trace

DEVICE_NS = 100_000
ENVIRONMENT = {"kernel": "6.1.0", "cpu": "A CPU", "cores": 2, "libc": "glibc 2.36"}


QUESTION = "What does each model add to a device that takes 100 µs, and what does it cost?"


def enter(start_ns: int, end_ns: int, result: int) -> Event:
    return make_event("call", start_ns, end_ns, name="io_uring_enter", result=result)


def put(at_ns: int, slot: int = 0) -> Event:
    return make_event("sq_entry", at_ns, at_ns + 20, result=slot)


def taken(at_ns: int, slot: int = 0) -> Event:
    return make_event("cq_entry", at_ns, at_ns + 20, result=slot)


def device(at_ns: int, slot: int = 0, within_ns: int = 5_000) -> list[Event]:
    """One that is started within so many ns."""
    ready_ns = at_ns + DEVICE_NS
    return [
        make_event("device_start", at_ns, at_ns + within_ns, result=slot),
        make_event("device_ready", ready_ns, ready_ns + within_ns, result=DEVICE_NS),
    ]


def ring_trace(engine: str, events: Iterable[Event], **others: Any) -> Trace:
    ordered = sorted(events, key=lambda event: event.start_ns)
    return make_trace(ordered, engine, environment=ENVIRONMENT, question=QUESTION, **others)


def entering() -> Trace:
    """A call submits, the application computes, and a call waits."""
    return ring_trace(
        "io_uring",
        [
            make_event("request", 0, 126_000),
            *device(100),
            put(5_500),
            enter(5_700, 8_700, 1),
            make_event("computation", 8_900, 49_000, result=0),
            enter(49_200, 125_600, 0),
            taken(125_700),
        ],
    )


def polled() -> Trace:
    """No call: the kernel's thread takes, and the application looks."""
    return ring_trace(
        "io_uring:sqpoll=on,wait=spin",
        [
            make_event("request", 0, 131_000),
            *device(100),
            put(5_500),
            make_event("computation", 5_700, 45_700, result=0),
            taken(130_700),
        ],
    )


def several(depth: int = 4) -> Trace:
    """So many in flight at once, submitted with one call."""
    events: list[Event] = []
    for slot in range(depth):
        events += [make_event("request", 0, 130_000 + 20_000 * slot), *device(5_000 * slot, slot)]
        events.append(put(5_000 * depth + 100 * slot, slot))
        events.append(taken(129_500 + 20_000 * slot, slot))
    begin_ns = 5_000 * depth + 100 * depth
    events.append(enter(begin_ns, begin_ns + 6_000, depth))
    waits_ns = begin_ns + 6_200
    for slot in range(depth):
        until_ns = 129_400 + 20_000 * slot
        events.append(enter(waits_ns, until_ns, 0))
        waits_ns = until_ns + 400
    return ring_trace("io_uring", events, parameters={"channel.kind": "timer", "load.depth": depth})


MADE = {
    "rings": entering(),
    "rings polled": polled(),
    "rings of 4": several(),
    "rings of 16": several(16),
}
