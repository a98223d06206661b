"""A/B, judged: what the pairs of a row, and the procedure's decision on them, say.

A row is one cell in one metric. `statistics/sign_flip.py` has the tests,
`statistics/screen_confirm.py` the steps; which pairs a row's verdict rests on, and what then stands
beside it, is said here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

from iomodels.analysis.quantities import CPU
from iomodels.analysis.quantity_definition import Quantity
from iomodels.check.pair_plan import SIDES, Side
from iomodels.check.pair_runs import Pair, PairedCell
from iomodels.comparison import exact_counters, metrics, verdict
from iomodels.comparison.schema import Change, Verdict
from iomodels.comparison.unjudged import modes
from iomodels.comparison.verdict import exp_interval, finite
from iomodels.results.schema import Interval, Trial
from iomodels.statistics import screen_confirm, sign_flip
from iomodels.statistics.rounds import MIN_ROUNDS, Mode, at_one_level, median_interval
from iomodels.statistics.screen_confirm import Decision
from iomodels.statistics.sign_flip import Floats

INTERRUPTED = "interrupted: no verdict, since not all was measured"


@dataclass
class PairedRow:
    """One cell in one metric, and its pairs, batch by batch. The last pairs of a suspect are its
    fresh ones, which the verdict rests on."""

    cell: PairedCell
    metric: Quantity
    batches: list[list[Pair]] = field(default_factory=list)

    @property
    def all(self) -> list[Pair]:
        """Every pair, in the order measured."""
        return [pair for batch in self.batches for pair in batch]

    @property
    def unavailable(self) -> str | None:
        """Why it cannot be had here, as turned out when it was tried. What arm A has, or what both
        had in an earlier pair, is no n/a but lost."""
        if any(pair.a for pair in self.all):
            return None
        return next((p.error for p in self.all if p.not_applicable and not p.lost), None)

    @property
    def failure(self) -> str | None:
        """Why a pair of it failed."""
        return next((pair.error for pair in self.all if pair.error), None)

    def gains(self, taken: Sequence[Pair]) -> Floats:
        """The pairs' log ratios, better counted as up; NaN for a pair without trials, and for one
        whose arms were at different levels of a metric that jumps between several."""
        a, b = self.values("a", taken), self.values("b", taken)
        _, counts = at_one_level(a, b)
        d = np.where(counts, sign_flip.log_ratios(a, b), np.nan)
        return d if self.metric.bigger_is_better else -d

    def levels(self, taken: Sequence[Pair]) -> list[Mode]:
        """The levels that the metric jumps between, where pairs are left out for it."""
        return at_one_level(self.values("a", taken), self.values("b", taken))[0]

    def values(self, side: Side, taken: Sequence[Pair]) -> list[float]:
        """The arm's values."""
        trials = [pair.a if side == "a" else pair.b for pair in taken]
        return [math.nan if t is None else float(self.metric.of_trial(t)) for t in trials]

    def without_value(self, side: Side, taken: Sequence[Pair]) -> int:
        """How many of the pairs have no value in that arm."""
        return sum(not (math.isfinite(v) and v > 0) for v in self.values(side, taken))


def judge_rows(rows: Sequence[PairedRow], decision: Decision, threshold: float) -> list[Change]:
    """Every row's change, that of the suite as a whole, and exact counters."""
    known = [(index, row) for index, row in enumerate(rows) if row.unavailable is None]
    changes = [_change(row, index, decision, threshold) for index, row in known]
    changes = list(_by_what_is_steady([row for _, row in known], changes, threshold))
    cells = {row.cell.index: row for _, row in known}
    if len(cells) > 1 and decision.suite.size:
        changes.append(suite(decision, threshold))
    return [*changes, *(change for row in cells.values() for change in _counter_changes(row))]


def lost(cells: Sequence[PairedCell]) -> list[Change]:
    """The cells that only arm B cannot measure, as was known before any was measured."""
    return [
        _without_b(cell, metrics.of_cell(cell.a.parameters, ())[0], cell.na_reason or "")
        for cell in cells
        if cell.lost
    ]


def _without_b(cell: PairedCell, metric: Quantity, reason: str) -> Change:
    """It fails, unless the arms ask for different things: then nothing can be said of it."""
    found: Verdict = "failed" if cell.asks_alike else "inconclusive"
    return replace(_line(cell, metric), verdict=found, reason=reason)


def unfinished(rows: Sequence[PairedRow]) -> list[Change]:
    """The ratios of what was measured until it was interrupted: only what failed has a verdict."""
    return [_unfinished(row) for row in rows if row.unavailable is None]


def _unfinished(row: PairedRow) -> Change:
    if row.failure is not None:
        return _failed(row, row.failure)
    line = replace(_line(row.cell, row.metric), reason=INTERRUPTED)
    d = sign_flip.log_ratios(row.values("a", row.all), row.values("b", row.all))
    if not np.isfinite(d).any():
        return line
    return replace(line, **_numbers(d), **_values(row, row.all))


def _failed(row: PairedRow, reason: str) -> Change:
    if any(pair.lost for pair in row.all):
        return _without_b(row.cell, row.metric, reason)
    return replace(_line(row.cell, row.metric), verdict="failed", reason=reason)


def _change(row: PairedRow, index: int, decision: Decision, threshold: float) -> Change:
    again = index in decision.confirmed
    taken = row.all[-decision.fresh[index].size :] if again else row.all
    line = replace(_line(row.cell, row.metric), confirmed=again)
    failure = row.failure or _lost(row, taken)
    if failure is not None:
        return replace(_failed(row, failure), confirmed=again)
    gains = row.gains(taken)
    if again:
        # What these very pairs show: Holm asks the first of so many suspects for that much.
        alpha = sign_flip.CONFIRM_ALPHA / len(decision.confirmed)
        detectable = sign_flip.detectable(gains, alpha, threshold=threshold)
    else:
        first = decision.first[index]
        known = int(np.isfinite(first).sum())
        detectable = screen_confirm.detectable(first, threshold, decision.scale, known)
    up = row.metric.bigger_is_better
    sure = decision.confirmed.get(index, 0) != 0
    ratios = gains if up else -gains
    change = judged(line, ratios, threshold, sure=sure, up=up, detectable=detectable)
    change = _with_missing(change, row, taken)
    trials = [trial for pair in taken for trial in (pair.a, pair.b) if trial]
    too_few = metrics.too_few_operations(row.metric, trials)
    if too_few:
        change = replace(change, verdict="inconclusive", reason=too_few, judged=False)
    return replace(_with_levels(change, row, taken), **_values(row, taken))


def _by_what_is_steady(
    rows: Sequence[PairedRow], changes: Sequence[Change], threshold: float
) -> Iterator[Change]:
    """The changes; where one jumps between levels, is inconclusive, and looks like no loss, it is
    shown only, and followed by CPU per operation of the same pairs, unless that jumps, too."""
    judged_by = {(row.cell.index, row.metric.metric) for row in rows}
    for row, change in zip(rows, changes, strict=True):
        is_open = change.verdict == "inconclusive" and change.judged
        if not change.levels or not is_open or _loss(change) > threshold:
            yield change
            continue
        yield replace(change, verdict="varies", judged=False, detectable=None)
        cpu = PairedRow(row.cell, CPU, row.batches)
        if (row.cell.index, CPU.metric) not in judged_by and not cpu.levels(cpu.all):
            judged_by.add((row.cell.index, CPU.metric))
            yield _of_all_pairs(cpu, threshold)


def _loss(change: Change) -> float:
    if change.ratio is None:
        return math.inf
    ratio = change.ratio.median
    return (1 / ratio if change.bigger_is_better else ratio) - 1


def _of_all_pairs(row: PairedRow, threshold: float) -> Change:
    """The verdict of a test over all pairs there are: no fresh ones were planned for it."""
    gains = row.gains(row.all)
    detectable = sign_flip.detectable(gains, threshold=threshold)
    sure = sign_flip.sign_flip_p(gains) <= sign_flip.CONFIRM_ALPHA
    up = row.metric.bigger_is_better
    line = _line(row.cell, row.metric)
    ratios = gains if up else -gains
    change = judged(line, ratios, threshold, sure=sure, up=up, detectable=detectable)
    return replace(_with_missing(change, row, row.all), **_values(row, row.all))


def _with_missing(change: Change, row: PairedRow, taken: Sequence[Pair]) -> Change:
    """Where pairs have no value in an arm, only a loss is shown by the others: what is missing may
    be the slowest."""
    missing = {side: row.without_value(side, taken) for side in SIDES}
    if change.verdict == "slower" or not any(missing.values()):
        return change
    each = [f"{count} in arm {side.upper()}" for side, count in missing.items() if count]
    reason = f"of {len(taken)} pairs, there is no value of {' and '.join(each)}"
    return replace(change, verdict="inconclusive", reason=reason, judged=False)


def _with_levels(change: Change, row: PairedRow, taken: Sequence[Pair]) -> Change:
    """With the levels that it jumps between, and how many pairs count for that."""
    levels = row.levels(taken)
    if not levels:
        return change
    told = (
        f"{row.metric.title} jumps by itself ({modes.names(row.metric, levels)}): "
        f"{change.rounds} of {len(taken)} pairs count, in which both arms were at one level"
    )
    reason = f"{told}; {change.reason}" if change.reason else told
    return replace(change, levels=[level.median for level in levels], reason=reason)


def _lost(row: PairedRow, taken: Sequence[Pair]) -> str | None:
    """What arm B lacks that arm A has; or that nothing can be compared."""
    a, b = row.without_value("a", taken), row.without_value("b", taken)
    if b and not a:
        return f"{b} of {len(taken)} pairs have no value in arm B"
    if not np.isfinite(row.gains(taken)).any():
        return "no pair has a value of this metric"
    return None


def suite(decision: Decision, threshold: float) -> Change:
    """The suite as a whole: each pair's median over all cells, better counted as up."""
    line = replace(_line(None, metrics.SUITE), confirmed=decision.suite_measured_again)
    detectable = sign_flip.detectable(decision.suite, sign_flip.SUITE_ALPHA, threshold=threshold)
    sure = decision.suite_sure
    return judged(line, decision.suite, threshold, sure=sure, up=True, detectable=detectable)


def judged(
    line: Change, d: Floats, threshold: float, *, sure: bool, up: bool, detectable: float
) -> Change:
    """`line` with the verdict on `d`, log ratios of B over A, and `detectable` beside it."""
    logs = _logs(d)
    change = replace(line, **_numbers(d), detectable=finite(detectable))
    found: Verdict = "inconclusive"
    if change.rounds >= MIN_ROUNDS:
        found = verdict.interval_verdict(
            logs.median, logs.low, logs.high, sure=sure, threshold=threshold, better_up=up
        )
    if found != "inconclusive":
        return replace(change, verdict=found)
    suspect = screen_confirm.is_loss(d if up else -d, threshold)
    why = verdict.why_unsure(
        logs.low, logs.high, threshold=threshold, sure=sure, remedy=verdict.REMEDY_OF_PAIRS
    )
    return replace(change, verdict=found, reason=why, suspect=suspect, limit=threshold)


def _numbers(d: Floats) -> dict[str, object]:
    """What `d` comes to, as fields of a change."""
    rounds = int(np.isfinite(d).sum())
    return {
        "ratio": exp_interval(_logs(d)),
        "rounds": rounds,
        "noise": finite(sign_flip.noise(d)),
    }


def _logs(d: Floats) -> Interval:
    return median_interval([float(value) for value in d[np.isfinite(d)]])


def _values(row: PairedRow, taken: Sequence[Pair]) -> dict[str, object]:
    """Both arms' own values, as fields of a change."""
    return {
        "base": _interval(row.values("a", taken)),
        "new": _interval(row.values("b", taken)),
    }


def _counter_changes(row: PairedRow) -> list[Change]:
    """Exact counters, where both arms ask for the same: another depth or engine is no fault."""
    base, new = _counted_trials(row)
    found = exact_counters.compare(base, new)
    return [counted.on(_line(row.cell, counted.metric)) for counted in found]


def counters_unjudged(rows: Sequence[PairedRow]) -> int:
    """How many counters nothing can be said of; of arms that ask for different things, none."""
    cells = {row.cell.index: row for row in rows if row.unavailable is None}
    return sum(exact_counters.unjudged(*_counted_trials(row)) for row in cells.values())


def _counted_trials(row: PairedRow) -> tuple[list[Trial], list[Trial]]:
    """Both arms' trials, to compare exact counters in; none where that makes no sense."""
    if not row.cell.asks_alike:
        return [], []
    done = [(pair.a, pair.b) for pair in row.all if pair.a is not None and pair.b is not None]
    return [a for a, _ in done], [b for _, b in done]


def _line(cell: PairedCell | None, metric: Quantity) -> Change:
    """A change of this cell (None: of all together), with nothing said yet."""
    a, b = (cell.a.engine, cell.b.engine) if cell else (metrics.ALL_CELLS, metrics.ALL_CELLS)
    return Change(
        scenario=cell.scenario if cell else metrics.ALL_CELLS,
        parameters=dict(cell.a.parameters) if cell else {},
        label=cell.label if cell else "",
        engine=a if a == b else f"{a} → {b}",
        metric=metric.metric,
        unit=metric.unit.name,
        bigger_is_better=metric.bigger_is_better,
        verdict="inconclusive",
    )


def _interval(values: Sequence[float]) -> Interval | None:
    known = [value for value in values if math.isfinite(value)]
    return median_interval(known) if known else None
