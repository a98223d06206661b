"""The trace file: its types, and reading and writing it (`measure/recording.py` records one).

A trace is what one engine did for a few requests, event by event, as the core recorded it. Times
count from the first event, which may have begun before the recording. Like a result, a trace may
come from anywhere and is checked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

import msgspec

from iomodels.results import read
from iomodels.results.schema import Parameter, Tool

SCHEMA = "iomodels.trace/1"
MAX_EVENTS = 1_000_000
MAX_NAME = 60
MAX_NS = 2**62

Kind = Literal[
    "call",
    "device_start",
    "device_ready",
    "signal",
    "callback",
    "computation",
    "request",
    "sq_entry",
    "cq_entry",
]
"""As in the core's table (`core/record/recorder.h`)."""
DEVICE_KINDS = frozenset({"device_start", "device_ready"})
SHARED_RINGS: Mapping[Kind, str] = {"sq_entry": "submission ring", "cq_entry": "completion ring"}
"""The rings that an application and the kernel share, by the kind of their events, in the order in
which a request passes them."""


class Event(msgspec.Struct, frozen=True):
    """Something that happened, from `start_ns` to `end_ns` (None: it had not ended).

    A call has its `name`, and as `result` its value or -errno; a signal its number; a request its
    bytes; a device that is ready the ns that it took; one that starts, and an entry of a ring, the
    slot of the request. The two times of `device_start` and `device_ready` are the bounds between
    which it was.
    """

    kind: Kind
    name: str
    thread: int
    """0: the application's own; others are numbered as they appear."""
    start_ns: int
    end_ns: int | None
    result: int | None


class Trace(msgspec.Struct, frozen=True):
    """A few requests of one engine at one point of a scenario."""

    schema: str
    tool: Tool
    created_utc: str
    scenario: str
    parameters: dict[str, Parameter]
    engine: str
    """Canonical, as in a result."""
    events: list[Event]
    """By `start_ns`."""
    events_lost: int
    """The oldest ones, for which the core's ring had no room."""
    calls: dict[str, int]
    """What the engine itself counted, by name of the call, until all that was begun had ended; …"""
    eagain: dict[str, int]
    """… and how many of them said EAGAIN."""
    notes: list[str]
    """What a reader must know: what disturbed the recording, what was left out."""
    environment: dict[str, Parameter | None]
    question: str = ""
    """The scenario's; files of the first versions do not have it."""
    begin_ns: int = 0
    """When the recording began. What began before was under way then: calls in which a thread
    waited, and a server's requests."""


def load(path: str | os.PathLike[str]) -> Trace:
    """Read a trace file. Raises `ResultError` for whatever is not a sound one, with a remedy."""
    return read.load_document(path, read.Document(Trace, SCHEMA, check, "trace", "iomodels trace"))


def encode(trace: Trace) -> bytes:
    """The bytes of a trace file: JSON, one line per event."""
    check(trace)
    encoder = msgspec.json.Encoder()
    lines = [msgspec.Raw(b"\n" + encoder.encode(event)) for event in trace.events]
    return encoder.encode({**msgspec.structs.asdict(trace), "events": lines}) + b"\n"


def check(trace: Trace) -> None:
    """Raise `ValueError`, which says where, for what the types leave open."""
    if len(trace.events) > MAX_EVENTS:
        raise ValueError(f"{len(trace.events)} events, and at most {MAX_EVENTS} are read")
    if not 0 <= trace.events_lost < MAX_NS:
        raise ValueError("events_lost is out of range")
    if not 0 <= trace.begin_ns < MAX_NS:
        raise ValueError("begin_ns is out of range")
    for counts in (trace.calls, trace.eagain):
        if not all(0 <= count < MAX_NS for count in counts.values()):
            raise ValueError("a count of calls is out of range")
    before_ns = 0
    for number, event in enumerate(trace.events):
        _check_event(event, f"events[{number}]")
        if event.start_ns < before_ns:
            raise ValueError(f"events[{number}] begins before the one before it")
        before_ns = event.start_ns


def _check_event(event: Event, where: str) -> None:
    if len(event.name) > MAX_NAME:
        raise ValueError(f"{where} has a name of {len(event.name)} characters")
    if not 0 <= event.thread < MAX_EVENTS:
        raise ValueError(f"{where} has an impossible thread")
    if not 0 <= event.start_ns < MAX_NS:
        raise ValueError(f"{where} begins at an impossible time")
    if event.end_ns is not None and not event.start_ns <= event.end_ns < MAX_NS:
        raise ValueError(f"{where} ends at an impossible time")
    if event.result is not None and abs(event.result) >= MAX_NS:
        raise ValueError(f"{where} has an impossible result")
