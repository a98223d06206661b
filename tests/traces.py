"""Recordings of real runs, and synthetic traces, for the tests of traces."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from iomodels.engines.spec import parse, variants
from iomodels.measure import recording
from iomodels.results.schema import Tool
from iomodels.trace.schema import SCHEMA, Event, Trace

from .some_engines import CAPS, SMALL, WITH_DATA, plain, works_on

DEVICE, PEER = "slow-device", "echo"
"""Scenarios: each engine with data can do one or the other."""
SAME = {"aio:notify=signal,signal=SIGIO,chain=handler"}
"""What differs from another in a signal's number only."""
ALL = tuple(name for name in WITH_DATA if name not in SAME)
ON_DEVICES = tuple(name for name in ALL if works_on(name, "timer"))
WAITING = (
    *("blocking", "aio:notify=signal", "aio:notify=callback"),
    *(name for name in ON_DEVICES if name.isidentifier() and CAPS[name]["waits"]),
)
"""Those whose reap waits, in their plain form, two of aio's, and the one that waits in submit."""


def _look(engine: str) -> tuple[object, ...]:
    """What its flow looks like: of an engine with many options, that which most do not change."""
    few = len(variants(plain(engine))) <= SMALL
    return (engine,) if few else (plain(engine), *parse(engine).calls, *CAPS[engine].values())


DRAWN = tuple({_look(name): name for name in reversed(ALL)}.values())[::-1]
"""Of those that look alike, the first."""
ROOM = 1 << 20
"""Events, of an engine that polls while somebody else has the CPU."""


def record(engine: str, *, scenario: str = DEVICE, **options: Any) -> Trace:
    """One recording that has to succeed. Options: `settings` by key, `requests`, `capacity`."""
    settings = {key: [value] for key, value in options.pop("settings", {}).items()}
    if parse(engine).caps["spins"]:
        options = {"capacity": ROOM} | options
    (recorded,) = recording.record([engine], scenario, settings, **options)
    assert recorded.reason is None, recorded.reason
    assert recorded.trace is not None
    return recorded.trace


@cache
def recorded(engine: str) -> Trace:
    """A recording of the slow device, or of a peer where the engine cannot wait for a device."""
    return record(engine, scenario=DEVICE if engine in ON_DEVICES else PEER)


@cache
def waited(engine: str) -> Trace:
    """Of a device so slow that whatever comes first is over long before it is ready."""
    return record(engine, settings={"channel.service": "50 ms"}, requests=2)


def calls(trace: Trace, name: str) -> list[Event]:
    return [event for event in trace.events if event.kind == "call" and event.name == name]


def of_kind(trace: Trace, kind: str) -> list[Event]:
    return [event for event in trace.events if event.kind == kind]


def end_of(event: Event) -> int:
    assert event.end_ns is not None
    return event.end_ns


def make_event(
    kind: str = "call", start_ns: int = 0, end_ns: int | None = 10, **others: Any
) -> Event:
    fields: dict[str, Any] = {"name": "read" if kind == "call" else "", "thread": 0, "result": 8}
    return Event(kind=kind, start_ns=start_ns, end_ns=end_ns, **(fields | others))


def make_trace(events: Sequence[Event] = (), engine: str = "blocking", **others: Any) -> Trace:
    fields: dict[str, Any] = {
        "schema": SCHEMA,
        "tool": Tool(version="0.1.0", core_hash="0123456789abcdef"),
        "created_utc": "2026-01-01T00:00:00+00:00",
        "scenario": "slow-device",
        "parameters": {"channel.kind": "timer", "load.depth": 1},
        "events_lost": 0,
        "calls": {"read": 1},
        "eagain": {},
        "notes": [],
        "environment": {"kernel": "6.1.0", "cpu": "A CPU", "libc": None},
    }
    return Trace(engine=engine, events=list(events), **(fields | others))


def tries(count: int, *, start_ns: int = 0, result: int = -11) -> list[Event]:
    """So many calls of 100 ns, one every 200 ns."""
    return [
        make_event(start_ns=start_ns + 200 * n, end_ns=start_ns + 200 * n + 100, result=result)
        for n in range(count)
    ]
