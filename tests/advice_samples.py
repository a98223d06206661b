"""Answers to show and to draw: each kind of what can be said, and strings that a stranger wrote."""

from __future__ import annotations

from typing import Any

from iomodels.advice.document import (
    Advice,
    Candidate,
    Gain,
    GivenLimit,
    PointAdvice,
    Turning,
)
from iomodels.results.schema import Interval, Tool


def around(median: float, part: float = 0.03) -> Interval:
    return Interval(median=median, low=median * (1 - part), high=median * (1 + part))


def candidate(
    engine: str, ops: float = 50_000.0, *, complexity: int = 10, **others: Any
) -> Candidate:
    fields: dict[str, Any] = {
        "engine": engine,
        "complexity": complexity,
        "rounds": 12,
        "left_after": None,
        "values": {
            "throughput_ops": around(ops),
            "latency_ns.p50": around(1e9 / ops),
            "cpu_share": around(0.62),
            "cpu_ns_per_op": around(4_100.0),
            "threads": Interval(1.0, 1.0, 1.0),
        },
    }
    return Candidate(**(fields | others))


SELECT = candidate("select", 50_000.0, complexity=20)
EPOLL = candidate("epoll", 71_000.0, complexity=30)
IO_URING = candidate("io_uring", 72_000.0, complexity=50)
AIO = candidate("aio", 9_000.0, complexity=60, rounds=2, left_after=1)
KAIO = candidate(
    "kaio", complexity=40, rounds=0, values={}, reason="kaio supports one request in flight"
)

TURNING = Turning(
    key="load.descriptors",
    values=(1, 8, 64, 128, 256, 4096),
    best=("select", "select", "select", "epoll", "epoll", "epoll"),
    measured={
        "select": tuple(around(v) for v in (80e3, 78e3, 71e3, 55e3, 30e3)) + (None,),
        "epoll": tuple(around(v) for v in (70e3, 70e3, 70e3, 70e3, 69e3, 66e3)),
        "io_uring": tuple(around(v, 0.1) for v in (68e3, 69e3, 70e3, 70e3, 70e3, 68e3)),
    },
    low=64,
    high=128,
    below="select",
    above="epoll",
)
NOT_TURNING = Turning(
    key="load.depth",
    values=(1, 16, 256),
    best=("epoll",) * 3,
    measured={"epoll": (around(7e4), around(7e4), around(7e4))},
)


def point(**others: Any) -> PointAdvice:
    """An answer with everything that can be known."""
    fields: dict[str, Any] = {
        "scenario": "many-descriptors",
        "title": "One active connection among many idle ones",
        "parameters": {"channel.kind": "socket", "load.depth": 1, "load.descriptors": 256},
        "label": "",
        "quantity": "throughput_ops",
        "use": "epoll",
        "why_none": None,
        "today": "select",
        "candidates": (SELECT, EPOLL, KAIO, IO_URING, AIO),
        "gain": Gain("select", Interval(1.42, 1.38, 1.47), 12, is_shown=True),
        "as_good": ("epoll", "io_uring"),
        "turnings": (TURNING,),
        "caveats": ("The connections are on loopback.", "Ask with `-s load.depth=4`."),
    }
    return PointAdvice(**(fields | others))


def advice(*points: PointAdvice, **others: Any) -> Advice:
    """The document of these points; of one with everything where none are given."""
    fields: dict[str, Any] = {
        "tool": Tool(version="0.1.0", core_hash="0123456789abcdef"),
        "created_utc": "2026-11-27T14:00:00+00:00",
        "seed": 1,
        "goal": "throughput",
        "limits": (),
        "environment": {"kernel": "6.18.0", "cores_allowed": 2, "hypervisor": None},
        "points": points or (point(),),
        "warnings": [],
        "measured_s": 40.0,
        "full_s": 150.0,
    }
    return Advice(**(fields | others))


INCONCLUSIVE: dict[str, Any] = {
    "use": None,
    "why_none": "the rounds vary too much: a larger --budget would help",
    "gain": None,
}
P99 = GivenLimit("latency_ns.p99", 1e6)
