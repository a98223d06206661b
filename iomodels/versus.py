"""A/B, judged: pairs of all cells, a lenient screen, fresh pairs of the suspects, verdicts.

`ab.py` measures, `pairs.py` has the tests; here they meet the cells. The suite as a whole is one
more line: a small loss in every cell may be too small for any of them to show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from msgspec.structs import replace

from iomodels import ab, counters, metrics, pairs, procedure, verdict
from iomodels.ab import Pair, PairedCell
from iomodels.changes import SCHEMA, Change, Comparison, Verdict
from iomodels.comparison import DEFAULT_THRESHOLD, now_utc
from iomodels.errors import NothingMeasured
from iomodels.metrics import Metric
from iomodels.pairing import Side
from iomodels.pairs import Floats
from iomodels.procedure import Decision
from iomodels.results import Interval, Notice, Tool
from iomodels.statistics import MIN_ROUNDS, median_interval
from iomodels.verdict import exp_interval, finite

SUITE = "all cells"
"""The scenario and engine of the line that is about the suite as a whole."""


@dataclass
class _Row:
    """One cell in one metric, and its pairs, batch by batch. The last batch of a suspect is its
    fresh pairs, which the verdict rests on."""

    cell: PairedCell
    metric: Metric
    batches: list[list[Pair]] = field(default_factory=list)

    @property
    def all(self) -> list[Pair]:
        """Every pair, in the order measured."""
        return [pair for batch in self.batches for pair in batch]

    @property
    def unavailable(self) -> str | None:
        """Why it cannot be had here, as turned out when it was tried."""
        return next((pair.error for pair in self.all if pair.not_applicable), None)

    def gains(self, taken: Sequence[Pair]) -> Floats:
        """The pairs' log ratios, better counted as up; NaN for a pair without trials."""
        d = pairs.log_ratios(self.values("a", taken), self.values("b", taken))
        return d if self.metric.bigger_is_better else -d

    def values(self, side: Side, taken: Sequence[Pair]) -> list[float]:
        """The arm's values."""
        trials = [pair.a if side == "a" else pair.b for pair in taken]
        return [math.nan if t is None else float(self.metric.value(t)) for t in trials]


class Listener(ab.Listener, Protocol):
    """Told what happens while it happens: what a batch of pairs is for, and each pair."""

    def batch_started(self, what: str, cells: int, pairs: int, estimate_s: float) -> None: ...


def run(
    cells: Sequence[PairedCell],
    *,
    base_name: str,
    new_name: str,
    seed: int,
    threshold: float = DEFAULT_THRESHOLD,
    metric_keys: Sequence[str] = (),
    listener: Listener | None = None,
) -> Comparison:
    """Measure both arms in pairs and judge B against A.

    Raises `UsageError` for an unknown metric, and `NothingMeasured` where no cell can run.
    """
    measuring = _Measuring(cells, tuple(metric_keys), seed, listener)
    if not measuring.rows:
        raise NothingMeasured(f"no cell can be measured; {_why_nothing(measuring)}")
    decision = procedure.decide(len(measuring.rows), measuring, threshold=threshold)
    if not any(pair.a for row in measuring.rows for pair in row.all):
        raise NothingMeasured(f"nothing was measured; {_why_nothing(measuring)}")
    changes = _judge(measuring.rows, decision, threshold)
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
        warnings=[*_other_tool(cells), *_left_out(measuring)],
    )


class _Measuring:
    """What `procedure.decide` measures with: rows become cells, each measured once."""

    def __init__(
        self,
        cells: Sequence[PairedCell],
        keys: tuple[str, ...],
        seed: int,
        listener: Listener | None,
    ) -> None:
        self.cells = cells
        self.rows = [
            _Row(cell, metric)
            for cell in cells
            if cell.na_reason is None
            for metric in metrics.of_cell(cell.a.parameters, keys)
        ]
        self._seed = seed
        self._listener = listener
        self._round = 0

    def __call__(self, rows: Sequence[int], count: int) -> list[Floats]:
        chosen = [self.rows[index] for index in rows]
        cells = list({id(row.cell): row.cell for row in chosen}.values())
        if self._listener is not None:
            estimate_s = ab.estimate_s(cells, count)
            self._listener.batch_started(_purpose(chosen), len(cells), count, estimate_s)
        measured = ab.measure(
            cells, count, seed=self._seed, first_round=self._round, listener=self._listener
        )
        by_cell = {id(cell): done for cell, done in zip(cells, measured, strict=True)}
        self._round += count
        for row in chosen:
            row.batches.append(by_cell[id(row.cell)])
        return [row.gains(row.batches[-1]) for row in chosen]


def _purpose(rows: Sequence[_Row]) -> str:
    """In words, by how often the rows were measured already."""
    batches = max(len(row.batches) for row in rows)
    return ("first look", "noisy cells, or suspects", "suspects")[min(batches, 2)]


# Verdicts


def _judge(rows: Sequence[_Row], decision: Decision, threshold: float) -> list[Change]:
    known = [(index, row) for index, row in enumerate(rows) if row.unavailable is None]
    changes = [_change(row, index, decision, threshold) for index, row in known]
    if len(known) > 1:
        changes.append(_suite(decision, threshold))
    cells = {id(row.cell): row for _, row in known}
    return [*changes, *(change for row in cells.values() for change in _counter_changes(row))]


def _change(row: _Row, index: int, decision: Decision, threshold: float) -> Change:
    line = _line(row.cell, row.metric)
    suspect = index in decision.confirmed
    taken = row.batches[-1] if suspect else row.all
    gains = row.gains(taken)
    failure = next((pair.error for pair in row.all if pair.error), None)
    if failure is not None or not np.isfinite(gains).any():
        reason = failure or "no pair has a value of this metric"
        return replace(line, verdict="failed", confirmed=suspect, reason=reason)
    sure = decision.confirmed.get(index, 0) != 0
    up = row.metric.bigger_is_better
    return replace(
        _judged(
            line,
            gains if up else -gains,
            threshold,
            sure=sure,
            up=up,
            screened=decision.first[index],
        ),
        base=_interval(row.values("a", taken)),
        new=_interval(row.values("b", taken)),
        confirmed=suspect,
    )


def _suite(decision: Decision, threshold: float) -> Change:
    """The suite as a whole: each pair's median over all cells, better counted as up."""
    if not decision.suite.size:
        return replace(_line(None, metrics.SUITE), verdict="failed", reason="no pair was measured")
    sure = decision.suite_p <= pairs.SUITE_ALPHA
    return _judged(_line(None, metrics.SUITE), decision.suite, threshold, sure=sure, up=True)


def _judged(
    line: Change,
    d: Floats,
    threshold: float,
    *,
    sure: bool,
    up: bool,
    screened: Floats | None = None,
) -> Change:
    """`line` with the verdict on `d`, log ratios of B over A. `screened` is a cell's first look."""
    logs = median_interval([float(value) for value in d[np.isfinite(d)]])
    rounds = int(np.isfinite(d).sum())
    if screened is not None:
        smallest = procedure.detectable(screened, threshold)
    else:
        smallest = pairs.detectable(d, pairs.SUITE_ALPHA, threshold=threshold)
    found: Verdict = "cannot tell"
    if rounds >= MIN_ROUNDS:
        found = verdict.judge(
            logs.median, logs.low, logs.high, sure=sure, threshold=threshold, better_up=up
        )
    reason = None
    if found == "cannot tell":
        reason = verdict.why_unsure(logs.low, logs.high, threshold=threshold, sure=sure)
    return replace(
        line,
        verdict=found,
        ratio=exp_interval(logs),
        rounds=rounds,
        noise=finite(pairs.noise(d)),
        detectable=finite(smallest),
        reason=reason,
    )


def _counter_changes(row: _Row) -> list[Change]:
    """Exact counters, where both arms ask for the same: another depth or engine is no fault."""
    a, b = row.cell.a, row.cell.b
    if a.parameters != b.parameters or a.engine != b.engine:
        return []
    done = [(pair.a, pair.b) for pair in row.all if pair.a is not None and pair.b is not None]
    found = counters.compare([a for a, _ in done], [b for _, b in done])
    return [counted.on(_line(row.cell, counted.metric)) for counted in found]


def _line(cell: PairedCell | None, metric: Metric) -> Change:
    """A change of this cell (None: of all together), with nothing said yet."""
    a, b = (cell.a.engine, cell.b.engine) if cell else (SUITE, SUITE)
    return Change(
        scenario=cell.scenario if cell else SUITE,
        parameters=dict(cell.a.parameters) if cell else {},
        label=cell.label if cell else "",
        engine=a if a == b else f"{a} → {b}",
        metric=metric.key,
        unit=metric.unit,
        bigger_is_better=metric.bigger_is_better,
        verdict="cannot tell",
    )


def _interval(values: Sequence[float]) -> Interval | None:
    known = [value for value in values if math.isfinite(value)]
    return median_interval(known) if known else None


# What a reader must know


def _other_tool(cells: Sequence[PairedCell]) -> list[Notice]:
    a, b = cells[0].a.launch.installation, cells[0].b.launch.installation
    if (a.version, a.core_hash) == (b.version, b.core_hash):
        return []
    return [
        Notice(
            "core",
            f"the arms have different cores: iomodels {a.version} ({a.core_hash}) "
            f"and {b.version} ({b.core_hash})",
        )
    ]


def _left_out(measuring: _Measuring) -> list[Notice]:
    """Every cell that is n/a, and why: none is left out without a word."""
    turned_out = {id(row.cell): row.unavailable for row in measuring.rows}
    reasons = [(cell, cell.na_reason or turned_out.get(id(cell))) for cell in measuring.cells]
    return [
        Notice("n/a", f"{' '.join((cell.scenario, cell.label)).strip()}, {cell.a.engine}: {reason}")
        for cell, reason in reasons
        if reason
    ]


def _why_nothing(measuring: _Measuring) -> str:
    reasons = [notice.message for notice in _left_out(measuring)]
    reasons += [pair.error for row in measuring.rows for pair in row.all if pair.error]
    return reasons[0] if reasons else "the scenarios have no cells"
