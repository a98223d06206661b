"""pyperf's JSON (version 1.0): `python -m pyperf compare_to`, `stats` and `hist` read it.

pyperf knows only times, of which less is better, and no bounds: it takes the spread from the
values. So a cell becomes two benchmarks, its median latency and its CPU time per operation, with
one run per round. A value of 0 is left out: pyperf refuses it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from iomodels.analysis.quantities import CPU, LATENCY_P50
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.escape import visible
from iomodels.exports.content.cells import Measured, measured
from iomodels.results.schema import Run, Trial

TIMES = (LATENCY_P50, CPU)
METADATA = ("kernel", "cpu", "cores", "governor", "clocksource", "hypervisor")
"""What is told of the machine, where it is known; pyperf shows it with `metadata`."""


def of_run(run: Run) -> str:
    """All measured cells as one suite."""
    benchmarks = [
        benchmark
        for cell in measured(run)
        for quantity in TIMES
        if (benchmark := _benchmark(cell, quantity))
    ]
    suite = {"version": "1.0", "metadata": _metadata(run), "benchmarks": benchmarks}
    return msgspec.json.format(msgspec.json.encode(suite)).decode() + "\n"


def _benchmark(measured_cell: Measured, quantity: Quantity) -> dict[str, Any] | None:
    cell = measured_cell.cell
    values = [(trial, quantity.of_trial(trial)) for trial in cell.trials]
    runs = [_run(trial, value) for trial, value in values if value > 0]
    if not runs or quantity.interval(cell) is None:
        return None
    name = f"{measured_cell.name} {quantity.title}"
    return {"metadata": {"name": name, "unit": "second"}, "runs": runs}


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
