"""Synthetic trials, cells and runs for tests: sound by default, and exact where a test says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from msgspec.structs import replace

from iomodels.results.schema import SCHEMA, Cell, Histogram, Notice, Run, Switches, Tool, Trial
from iomodels.statistics.summary import summarise

ENVIRONMENT = {
    "kernel": "6.1.0",
    "cpu": "A CPU",
    "cores_online": 2,
    "cores_allowed": 2,
    "governor": None,
}


@cache
def bucket_lower_ns(value: int) -> int:
    """The lower bound of the bucket that holds `value` (128 buckets per power of two)."""
    shift = max(0, value.bit_length() - 8)
    return value >> shift << shift


def histogram_of(values: Iterable[int]) -> Histogram:
    """The histogram that the core would record of these values."""
    return sorted(Counter(map(bucket_lower_ns, values)).items())


def make_trial(
    round: int = 0,
    *,
    latency_ns: int | Sequence[int] = 100_000,
    submit_ns: int | Sequence[int] = 500,
    throughput_ops: float = 10_000.0,
    cpu_ns_per_op: float = 2_000.0,
    calls: Mapping[str, float] | None = None,
    **others: Any,
) -> Trial:
    """A trial. A latency is one value, which all operations took, or the values themselves."""
    operations = 1000 if isinstance(latency_ns, int) else len(latency_ns)
    fields: dict[str, Any] = {
        "round": round,
        "order": round,
        "started_utc": f"2026-01-01T00:00:{round % 60:02}Z",
        "duration_ns": 100_000_000,
        "operations": operations,
        "throughput_ops": throughput_ops,
        "throughput_bytes": throughput_ops * 8,
        "latency_ns": _recorded(latency_ns, operations),
        "submit_ns": _recorded(submit_ns, operations),
        "cpu_user_ns_per_op": cpu_ns_per_op / 4,
        "cpu_system_ns_per_op": cpu_ns_per_op * 3 / 4,
        "cpu_share": min(1.0, cpu_ns_per_op * throughput_ops / 1e9),
        "calls_per_op": dict(calls or {"read": 1.0}),
        "eagain_per_op": 0.0,
        "context_switches_per_op": Switches(voluntary=1.0, involuntary=0.01),
        "depth_mean": 1.0,
        "depth_max": 1,
        "counters": {},
    }
    return Trial(**(fields | others))


def _recorded(values: int | Sequence[int], operations: int) -> Histogram:
    if isinstance(values, int):  # hundreds of tests want many trials
        return [(bucket_lower_ns(values), operations)] if operations else []
    return histogram_of(values)


def make_python_trial(round: int = 0, **values: Any) -> Trial:
    """As `make_trial`, of an engine in Python: no call is counted, no submission timed."""
    return replace(make_trial(round, **values), calls_per_op={}, submit_ns=[])


def make_cell(
    engine: str = "blocking",
    trials: Sequence[Trial] | None = None,
    *,
    scenario: str = "slow-device",
    parameters: Mapping[str, str | int | float | bool] | None = None,
    **others: Any,
) -> Cell:
    """An ok cell with its summary; seven like trials where none are given."""
    if trials is None:
        trials = [make_trial(number) for number in range(7)]
    fields: dict[str, Any] = {
        "scenario": scenario,
        "parameters": {"channel.kind": "timer", "load.depth": 1, **(parameters or {})},
        "engine": engine,
        "status": "ok",
        "trials": list(trials),
        "summary": summarise(trials),
    }
    return Cell(**(fields | others))


def make_run(cells: Sequence[Cell] | None = None, **others: Any) -> Run:
    """A run; of two like cells where none are given."""
    if cells is None:
        cells = [make_cell("blocking"), make_cell("select")]
    fields: dict[str, Any] = {
        "schema": SCHEMA,
        "tool": Tool(version="0.1.0", core_hash="0123456789abcdef"),
        "created_utc": "2026-01-01T00:00:00Z",
        "seed": 1,
        "settings": {"rounds": 7, "duration_s": 0.3, "warmup_s": 0.1},
        "environment": ENVIRONMENT,
        "warnings": [Notice(code="busy", message="Another process keeps a CPU busy.")],
        "cells": list(cells),
        "questions": {"slow-device": "What does the waiting cost?"},
    }
    return Run(**(fields | others))
