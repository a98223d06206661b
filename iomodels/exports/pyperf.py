"""pyperf's JSON (version 1.0): `python -m pyperf compare_to`, `stats` and `hist` read it.

pyperf knows only times, of which less is better, and no bounds: it takes the spread from the
values. So a cell becomes two benchmarks, its median latency and its CPU time per operation, with
one run per round. A value of 0 is left out: pyperf refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from iomodels.base.escape import visible
from iomodels.exports.content.cells import Measured, measured
from iomodels.results.schema import Run, Trial
from iomodels.statistics.summary import cpu_ns_per_op, latency_p50_ns

TIMES: tuple[tuple[str, Callable[[Trial], float]], ...] = (
    ("latency p50", latency_p50_ns),
    ("CPU per operation", cpu_ns_per_op),
)
METADATA = ("kernel", "cpu", "cores", "governor", "clocksource", "hypervisor")
"""What is told of the machine, where it is known; pyperf shows it with `metadata`."""


def of_run(run: Run) -> str:
    """All measured cells as one suite."""
    benchmarks = [
        benchmark
        for cell in measured(run)
        for title, value in TIMES
        if (benchmark := _benchmark(cell, title, value))
    ]
    suite = {"version": "1.0", "metadata": _metadata(run), "benchmarks": benchmarks}
    return msgspec.json.format(msgspec.json.encode(suite)).decode() + "\n"


def _benchmark(
    cell: Measured, title: str, value: Callable[[Trial], float]
) -> dict[str, Any] | None:
    runs = [_run(trial, value(trial)) for trial in cell.cell.trials if value(trial) > 0]
    if not runs:
        return None
    return {"metadata": {"name": f"{cell.name} {title}", "unit": "second"}, "runs": runs}


def _run(trial: Trial, ns: float) -> dict[str, Any]:
    metadata: dict[str, str | int | float] = {"operations": trial.operations}
    if date := _date(trial.started_utc):
        metadata["date"] = date
    return {"metadata": metadata, "values": [ns / 1e9]}


def _date(started_utc: str) -> str | None:
    """As pyperf writes it; None for what is no date, which it could not read."""
    try:
        return datetime.fromisoformat(started_utc).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    except (ValueError, OverflowError):
        return None


def _metadata(run: Run) -> dict[str, str | int | float]:
    known = {key: run.environment.get(key) for key in METADATA}
    told = {"iomodels_version": run.tool.version, "core_hash": run.tool.core_hash, **known}
    return {
        key: visible(value).strip() if isinstance(value, str) else value
        for key, value in told.items()
        if value is not None and str(value).strip()
    }
