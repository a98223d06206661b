"""A/B, judged: pairs of all cells, a lenient screen, fresh pairs of the suspects, verdicts.

`ab.py` measures, `pairs.py` has the tests; here they meet the cells. The suite as a whole is one
more line: a small loss in every cell may be too small for any of them to show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from iomodels import ab, counters, metrics, pairs, verdict
from iomodels.ab import Pair, PairedCell
from iomodels.changes import SCHEMA, Change, Comparison
from iomodels.comparison import DEFAULT_THRESHOLD, now_utc
from iomodels.errors import NothingMeasured
from iomodels.metrics import Metric
from iomodels.pairs import Floats
from iomodels.results import Interval, Notice, Tool, Trial
from iomodels.statistics import MIN_ROUNDS, median_interval

FIRST_PAIRS, FRESH_PAIRS = 20, 40
SUITE = "all cells"
"""The scenario and engine of the line that is about the suite as a whole."""


@dataclass(frozen=True)
class _Row:
    """One cell in one metric: the paired log ratios of the first look, and of the fresh pairs."""

    cell: PairedCell
    metric: Metric
    first: Sequence[Pair]
    fresh: Sequence[Pair] = ()
    suspect: bool = False

    @property
    def used(self) -> Sequence[Pair]:
        """The pairs that the verdict rests on."""
        return self.fresh if self.suspect else self.first

    def values(self, side: ab.Side, taken: Sequence[Pair]) -> list[float]:
        """The arm's values; NaN for a pair without trials."""
        trials = [pair.a if side == "a" else pair.b for pair in taken]
        return [math.nan if t is None else float(self.metric.value(t)) for t in trials]

    def ratios(self, taken: Sequence[Pair]) -> Floats:
        return pairs.log_ratios(self.values("a", taken), self.values("b", taken))


def run(
    cells: Sequence[PairedCell],
    *,
    base_name: str,
    new_name: str,
    seed: int,
    threshold: float = DEFAULT_THRESHOLD,
    metric_keys: Sequence[str] = (),
    first_pairs: int = FIRST_PAIRS,
    fresh_pairs: int = FRESH_PAIRS,
    listener: ab.Listener | None = None,
) -> Comparison:
    """Measure both arms in pairs and judge B against A.

    Raises `UsageError` for an unknown metric, and `NothingMeasured` where no cell can run.
    """
    for key in metric_keys:
        metrics.named(key)
    first = ab.measure(cells, first_pairs, seed=seed, listener=listener)
    rows = _rows(cells, first, tuple(metric_keys))
    if not rows:
        raise NothingMeasured(f"no cell could be measured; {_why_nothing(cells, first)}")
    suspects = _suspects(rows)
    again = [cell for cell in cells if any(rows[index].cell is cell for index in suspects)]
    fresh = ab.measure(again, fresh_pairs, seed=seed, first_round=first_pairs, listener=listener)
    by_cell = {id(cell): measured for cell, measured in zip(again, fresh, strict=True)}
    changes = judge(rows, suspects, by_cell, threshold, fresh_pairs)
    here, there = cells[0].a.launch.installation, cells[0].b.launch.installation
    return Comparison(
        schema=SCHEMA,
        created_utc=now_utc(),
        base_name=base_name,
        new_name=new_name,
        base_tool=Tool(here.version, here.core_hash),
        new_tool=Tool(there.version, there.core_hash),
        threshold=threshold,
        outcome=verdict.outcome(changes, threshold=threshold, comparable=True),
        changes=changes,
        differences=[],
        warnings=[*_other_tool(cells), *_left_out(cells, first)],
    )


def judge(
    rows: Sequence[_Row],
    suspects: Sequence[int],
    fresh: Mapping[int, Sequence[Pair]],
    threshold: float,
    fresh_pairs: int,
) -> list[Change]:
    """All verdicts. `fresh` has the suspects' new pairs, by the identity of their cell."""
    again = {
        index: _Row(r.cell, r.metric, r.first, fresh[id(r.cell)], suspect=True)
        for index, r in ((index, rows[index]) for index in suspects)
    }
    said = pairs.confirm(
        _matrix([row.ratios(row.fresh) for row in again.values()]), threshold
    ) if again else []
    confirmed = dict(zip(again, said, strict=True))
    changes = [
        _change(again.get(index, row), confirmed.get(index, 0), threshold, fresh_pairs)
        for index, row in enumerate(rows)
    ]
    if len(rows) > 1:
        changes.append(_suite(rows, threshold))
    measured = {id(row.cell): row for row in rows}
    return [*changes, *(c for row in measured.values() for c in _counter_changes(row))]


def _rows(
    cells: Sequence[PairedCell], first: Sequence[Sequence[Pair]], keys: tuple[str, ...]
) -> list[_Row]:
    return [
        _Row(cell, metric, measured)
        for cell, measured in zip(cells, first, strict=True)
        if measured and not any(pair.not_applicable for pair in measured)
        for metric in metrics.of_cell(cell.a.parameters, keys)
    ]


def _suspects(rows: Sequence[_Row]) -> list[int]:
    return pairs.screen(_matrix([row.ratios(row.first) for row in rows]))


def _matrix(rows: Sequence[Floats]) -> Floats:
    """Rows of unequal length as one array, filled up with NaN (a cell that failed half-way)."""
    filled = np.full((len(rows), max((row.size for row in rows), default=0)), np.nan)
    for index, row in enumerate(rows):
        filled[index, : row.size] = row
    return filled


# Verdicts


def _change(row: _Row, confirmed: int, threshold: float, fresh_pairs: int) -> Change:
    failure = next((pair.error for pair in (*row.first, *row.fresh) if pair.error), None)
    d = row.ratios(row.used)
    known = d[np.isfinite(d)]
    if failure is not None or not known.size:
        reason = failure or "no pair has a value of this metric"
        return _named(row, verdict="failed", confirmed=row.suspect, reason=reason)
    logs = median_interval([float(value) for value in known])
    detectable = _detectable(row, threshold, fresh_pairs)
    found, reason = _verdict(row, logs, confirmed, len(known), threshold, detectable)
    return _named(
        row,
        verdict=found,
        base=_interval(row, "a"),
        new=_interval(row, "b"),
        ratio=_exp(logs),
        rounds=int(known.size),
        noise=_finite(pairs.noise(d)),
        detectable=_finite(detectable),
        confirmed=row.suspect,
        reason=reason,
    )


def _verdict(
    row: _Row, logs: Interval, confirmed: int, n: int, threshold: float, detectable: float
) -> tuple[verdict.Verdict, str | None]:
    if n < MIN_ROUNDS:
        return "cannot tell", f"{n} pairs give no interval: measure at least {MIN_ROUNDS}"
    found = verdict.judge(
        logs.median,
        logs.low,
        logs.high,
        sure=confirmed != 0,
        threshold=threshold,
        better_up=row.metric.bigger_is_better,
    )
    if found != "cannot tell":
        return found, None
    return found, verdict.why_unsure(
        logs.low, logs.high, threshold=threshold, detectable=detectable, sure=confirmed != 0
    )


def _detectable(row: _Row, threshold: float, fresh_pairs: int) -> float:
    """A change must pass the screen on the first pairs, and be confirmed by the fresh ones."""
    first, d = row.ratios(row.first), row.ratios(row.used)
    screen = pairs.detectable(first, pairs.SCREEN_ALPHA, threshold=pairs.SCREEN_CHANGE)
    return max(screen, pairs.detectable(d, threshold=threshold, pairs=fresh_pairs))


def _suite(rows: Sequence[_Row], threshold: float) -> Change:
    """The suite as a whole: each pair's median over all cells, better counted as up."""
    matrix = _matrix(
        [r.ratios(r.first) * (1 if r.metric.bigger_is_better else -1) for r in rows]
    )
    d = [float(np.nanmedian(column)) for column in matrix.T if np.isfinite(column).any()]
    metric = metrics.SUITE
    if not d:
        return _suite_change(metric, verdict="failed", reason="no pair was measured")
    logs = median_interval(d)
    sure = pairs.suite_p(matrix) <= pairs.SUITE_ALPHA
    detectable = pairs.detectable(d, pairs.SUITE_ALPHA, threshold=threshold)
    found = verdict.judge(
        logs.median, logs.low, logs.high, sure=sure, threshold=threshold, better_up=True
    )
    reason = None
    if found == "cannot tell":
        reason = verdict.why_unsure(
            logs.low, logs.high, threshold=threshold, detectable=detectable, sure=sure
        )
    return _suite_change(
        metric,
        verdict=found,
        ratio=_exp(logs),
        rounds=len(d),
        noise=_finite(pairs.noise(d)),
        detectable=_finite(detectable),
        reason=reason,
    )


def _suite_change(metric: Metric, **others: object) -> Change:
    return Change(
        scenario=SUITE,
        parameters={},
        label="",
        engine=SUITE,
        metric=metric.key,
        unit=metric.unit,
        bigger_is_better=metric.bigger_is_better,
        **others,  # type: ignore[arg-type]
    )


def _counter_changes(row: _Row) -> list[Change]:
    """Exact counters, where both arms ask for the same: another depth or engine is no fault."""
    a, b = row.cell.a, row.cell.b
    if a.parameters != b.parameters or a.engine != b.engine:
        return []
    done = [(p.a, p.b) for p in row.first if p.a is not None and p.b is not None]
    return counter_changes([a for a, _ in done], [b for _, b in done], lambda **k: _named(row, **k))


def _named(row: _Row, **others: object) -> Change:
    a, b = row.cell.a, row.cell.b
    metric = others.pop("metric", row.metric)
    assert isinstance(metric, Metric)
    return Change(
        scenario=row.cell.scenario,
        parameters=dict(a.parameters),
        label=row.cell.label,
        engine=a.engine if a.engine == b.engine else f"{a.engine} → {b.engine}",
        metric=metric.key,
        unit=metric.unit,
        bigger_is_better=metric.bigger_is_better,
        **others,  # type: ignore[arg-type]
    )
