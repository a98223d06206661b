"""CSV (RFC 4180), one row per cell and quantity: what spreadsheets and pandas read.

A cell that was not measured has one row, with its status and reason and empty numbers. Text that
a spreadsheet would take for a formula is quoted with an apostrophe (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from iomodels.advice.document import Advice, Candidate, PointAdvice
from iomodels.analysis.quantities import QUANTITIES, exported
from iomodels.base.escape import visible
from iomodels.comparison.schema import Change, Comparison
from iomodels.exports.content.cells import NamedCell, named
from iomodels.results.schema import Interval, Run

RUN_COLUMNS = (
    "scenario", "point", "engine", "status", "reason", "metric", "unit", "bigger_is_better",
    "median", "low", "high", "rounds",
)  # fmt: skip
COMPARISON_COLUMNS = (
    "scenario", "point", "engine", "metric", "unit", "bigger_is_better", "verdict", "ratio",
    "ratio_low", "ratio_high", "base", "base_low", "base_high", "new", "new_low", "new_high",
    "rounds", "noise", "detectable", "confirmed", "reason", "interval", "limit", "suspect",
)  # fmt: skip
ADVICE_COLUMNS = (
    "scenario", "point", "engine", "role", "complexity", "rounds", "left_after", "metric", "unit",
    "bigger_is_better", "median", "low", "high", "reason",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Value = str | int | float | bool | None


def of_run(run: Run) -> str:
    """The rows of every cell, the harness's too."""
    return _table(RUN_COLUMNS, (row for each in named(run) for row in _rows(each)))


def of_comparison(comparison: Comparison) -> str:
    """One row per change."""
    rows = (comparison_values(change, comparison) for change in comparison.changes)
    return _table(COMPARISON_COLUMNS, rows)


def of_advice(advice: Advice) -> str:
    """A row for each candidate and quantity: one without numbers for who was not measured."""
    rows = (
        row for point in advice.points for each in point.candidates for row in _of_one(each, point)
    )
    return _table(ADVICE_COLUMNS, rows)


def text(value: str) -> str:
    """`value` as a spreadsheet shows it: no formula, and nothing that acts instead of showing."""
    shown = visible(value)
    return f"'{shown}" if value.lstrip(" ").startswith(_FORMULA) else shown


def _rows(each: NamedCell) -> Iterable[Sequence[Value]]:
    cell = each.cell
    head = (cell.scenario, each.point, cell.engine, cell.status, cell.reason)
    if cell.summary is None or cell.status in ("n/a", "failed"):
        return [(*head, None, None, None, None, None, None, len(cell.trials))]
    return [
        (*head, quantity.key, quantity.unit.name, quantity.bigger_is_better, *_interval(found),
         cell.summary.rounds)
        for quantity, found in exported(cell)
    ]  # fmt: skip


def _of_one(candidate: Candidate, point: PointAdvice) -> Iterable[Sequence[Value]]:
    roles = ("use", candidate.engine == point.use), ("as good", candidate.engine in point.as_good)
    role = next((name for name, is_it in roles if is_it), "")
    head = (
        point.scenario, point.label, candidate.engine, role, candidate.complexity,
        candidate.rounds, candidate.left_after,
    )  # fmt: skip
    rows = [
        (*head, q.key, q.unit.name, q.bigger_is_better, *_interval(found), candidate.reason)
        for q in QUANTITIES
        if (found := candidate.values.get(q.key)) is not None
    ]
    return rows or [(*head, None, None, None, None, None, None, candidate.reason)]


def comparison_values(change: Change, comparison: Comparison) -> Sequence[Value]:
    """What one of its changes has in each of `COMPARISON_COLUMNS`."""
    return (
        change.scenario, change.label, change.engine, change.metric, change.unit,
        change.bigger_is_better, change.verdict, *_interval(change.ratio),
        *_interval(change.base), *_interval(change.new), change.rounds, change.noise,
        change.detectable, change.confirmed, change.reason, comparison.interval,
        change.limit, change.suspect,
    )  # fmt: skip


def _interval(interval: Interval | None) -> tuple[Value, Value, Value]:
    return (interval.median, interval.low, interval.high) if interval else (None, None, None)


def _table(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_shown(value) for value in row])
    return out.getvalue()


def _shown(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(value) if isinstance(value, str) else repr(value)
