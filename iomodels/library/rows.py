"""A run as flat dictionaries, for pandas, polars or `csv.DictWriter`. Pure functions.

Every number is from the one table of quantities (`analysis/quantities.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from iomodels.analysis.quantities import CALLS, QUANTITIES, calls_of
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.errors import UsageError
from iomodels.base.units import Duration, Size
from iomodels.comparison.schema import Comparison
from iomodels.exports.csv_rows import COMPARISON_COLUMNS, comparison_values
from iomodels.results.schema import Cell, Interval, Run, Trial
from iomodels.workload.key import all_keys

Value = str | int | float | bool | None
Row = dict[str, Value]

_UNITS = ("_ns_per_op", "_per_op", "_ops", "_bytes", "_ns")
"""The ends of names that are units, the longest first."""
_UNIT_OF_KEY = {Duration: "_ns", Size: "_bytes"}


def of_run(run: Run, of: Literal["cells", "trials"]) -> list[Row]:
    """One row per cell or per trial. Raises `UsageError` for another `of`."""
    if of not in ("cells", "trials"):
        raise UsageError(f'of is {of!r}: it must be "cells" or "trials"')
    cells = [cell for cell in run.cells if not cell.is_harness] or run.cells
    quantities = _quantities(cells)
    named = zip(cells, _parameters(cells), strict=True)
    if of == "cells":
        return [_cell(_who(run, cell, own), cell, quantities) for cell, own in named]
    return [row for cell, own in named for row in _trials(_who(run, cell, own), cell, quantities)]


def of_comparison(comparison: Comparison) -> list[Row]:
    """One row per change."""
    return [
        dict(zip(COMPARISON_COLUMNS, comparison_values(change, comparison), strict=True))
        for change in comparison.changes
    ]


def column(quantity: Quantity, end: Literal["", "low", "high"] = "") -> str:
    """What a quantity's column is called, its unit last: `latency_p50_low_ns`."""
    name = quantity.metric
    if name.startswith(CALLS):
        name = f"{name.removeprefix(CALLS)}_{CALLS.removesuffix('.')}"
    if not end:
        return name
    unit = next((unit for unit in _UNITS if name.endswith(unit)), "")
    return f"{name.removesuffix(unit)}_{end}{unit}"


def _quantities(cells: Sequence[Cell]) -> list[Quantity]:
    """All of the table, and the calls that any of these cells makes."""
    calls = {name for cell in cells for trial in cell.trials for name in trial.calls_per_op}
    return [*QUANTITIES, *map(calls_of, sorted(calls))]


def _parameters(cells: Sequence[Cell]) -> list[Row]:
    """Those of each cell, all with the same keys. A column has one type: one in which a text and a
    number meet (`channel.opens`: per-request, or 1) has texts."""
    found: list[Row] = [{} for _ in cells]
    for key in dict.fromkeys(key for cell in cells for key in cell.parameters):
        values = [cell.parameters.get(key) for cell in cells]
        has_texts = any(isinstance(value, str) for value in values)
        name = key if has_texts else _name(key)  # the unit is that of numbers
        for row, value in zip(found, values, strict=True):
            row[name] = str(value) if has_texts and value is not None else value
    return found


def _name(key: str) -> str:
    known = all_keys().get(key)
    return key + _UNIT_OF_KEY.get(known.type, "") if known else key


def _who(run: Run, cell: Cell, parameters: Row) -> Row:
    return {
        "created_utc": run.created_utc,
        "scenario": cell.scenario,
        **parameters,
        "engine": cell.engine,
        "status": cell.status,
        "reason": cell.reason,
        "note": cell.note,
    }


def _cell(who: Row, cell: Cell, quantities: Sequence[Quantity]) -> Row:
    row = who | {"rounds": len(cell.trials)}
    for quantity in quantities:
        found = _interval(quantity, cell)
        row[column(quantity)] = found.median if found else None
        row[column(quantity, "low")] = found.low if found else None
        row[column(quantity, "high")] = found.high if found else None
    harness = cell.summary.harness_ns_per_op if cell.summary else None
    row["harness_ns_per_op"] = harness.median if harness else None
    return row


def _trials(who: Row, cell: Cell, quantities: Sequence[Quantity]) -> Iterator[Row]:
    shown = [_interval(quantity, cell) is not None for quantity in quantities]
    for trial in cell.trials:
        values = {
            column(quantity): _of_trial(quantity, trial) if is_shown else None
            for quantity, is_shown in zip(quantities, shown, strict=True)
        }
        yield {
            **who,
            "round": trial.round,
            "order": trial.order,
            "started_utc": trial.started_utc,
            "duration_ns": trial.duration_ns,
            "operations": trial.operations,
            **values,
            "harness_ns_per_op": trial.harness_ns_per_op,
        }


def _interval(quantity: Quantity, cell: Cell) -> Interval | None:
    """None for a cell that is no result, whatever trials it has: as in the exports."""
    return None if cell.status in ("n/a", "failed") else quantity.interval(cell)


def _of_trial(quantity: Quantity, trial: Trial) -> float | None:
    value = quantity.of_trial(trial)
    return value if math.isfinite(value) and not quantity.has_too_few([trial]) else None
