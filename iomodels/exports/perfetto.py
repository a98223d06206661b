"""Chrome trace events: what Perfetto (ui.perfetto.dev) and chrome://tracing open.

The format is Google's "Trace Event Format": JSON, times in µs. Each trace is a process of its own;
calls, entries of rings, signals, callbacks and computation lie on its threads, requests and the
device above them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from iomodels.trace.schema import SHARED_RINGS, Event, Trace
from iomodels.trace.words import describe_entry, describe_event_result

Fields = dict[str, Any]


def perfetto(traces: Sequence[Trace]) -> bytes:
    """The bytes of one JSON file with all these traces, each beginning at 0."""
    events = [
        event for pid, trace in enumerate(traces, start=1) for event in _trace_events(trace, pid)
    ]
    return msgspec.json.encode({"displayTimeUnit": "ns", "traceEvents": events}) + b"\n"


def _trace_events(trace: Trace, pid: int) -> Iterator[Fields]:
    yield _meta("process_name", pid, 0, f"{trace.engine} ({trace.scenario})")
    for thread in sorted({event.thread for event in trace.events}):
        name = "application" if thread == 0 else f"thread {thread}"
        yield _meta("thread_name", pid, thread + 1, name)
    last_ns = max((max(e.start_ns, e.end_ns or 0) for e in trace.events), default=0)
    for number, event in enumerate(trace.events):
        if event.kind == "request":
            yield from _span("request", pid, number, event.start_ns, event.end_ns or last_ns)
        elif event.kind == "device_ready":
            start_ns = max(0, event.start_ns - (event.result or 0))
            yield from _span("device at work", pid, number, start_ns, event.start_ns)
            yield _common("device ready", "i", pid, event) | {"s": "p"}
        elif event.kind in SHARED_RINGS:
            slot = {"slot": event.result, "ring": SHARED_RINGS[event.kind]}
            yield _common(describe_entry(event.kind), "i", pid, event) | {"s": "t", "args": slot}
        elif event.kind != "device_start":
            yield _complete(event, pid, last_ns)


def _complete(event: Event, pid: int, last_ns: int) -> Fields:
    end_ns = last_ns if event.end_ns is None else event.end_ns
    name = event.name if event.kind == "call" else event.kind
    args = (
        {"result": event.result, "means": describe_event_result(event)}
        if event.kind == "call"
        else {}
    )
    return _common(name, "X", pid, event) | {
        "dur": (end_ns - event.start_ns) / 1000,
        "args": args | ({"unfinished": True} if event.end_ns is None else {}),
    }


def _common(name: str, phase: str, pid: int, event: Event) -> Fields:
    return {
        "name": name,
        "cat": event.kind,
        "ph": phase,
        "ts": event.start_ns / 1000,
        "pid": pid,
        "tid": event.thread + 1,
    }


def _span(name: str, pid: int, number: int, start_ns: int, end_ns: int) -> Iterator[Fields]:
    """An asynchronous span: several may overlap, which those on one thread may not."""
    for phase, at_ns in (("b", start_ns), ("e", end_ns)):
        yield {
            "name": name,
            "cat": name,
            "ph": phase,
            # An "id" would be one for all processes, and so join the spans of several traces.
            "id2": {"local": hex(number + 1)},
            "ts": at_ns / 1000,
            "pid": pid,
            "tid": 1,
        }


def _meta(kind: str, pid: int, tid: int, name: str) -> Fields:
    return {"name": kind, "ph": "M", "ts": 0, "pid": pid, "tid": tid, "args": {"name": name}}
