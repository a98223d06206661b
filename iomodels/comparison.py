"""Two recorded runs, cell by cell: what changed, by how much, and how sure that is.

The statistics of unpaired rounds are in `unpaired.py`, verdicts in `verdict.py`; here they meet
the cells. `judge_runs` also serves the gate, which has several base runs and fresh rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median

from msgspec.structs import replace

from iomodels import counters, matching, metrics, pairs, unpaired, verdict
from iomodels.changes import SCHEMA, Change, Comparison
from iomodels.matching import Key
from iomodels.metrics import Metric
from iomodels.results import Cell, Interval, Notice, Run, Trial
from iomodels.statistics import MIN_ROUNDS, median_interval
from iomodels.unpaired import Between, Shift

COMPARE_ALPHA = 0.05
"""Family-wise, over all timings of one comparison: `compare` re-measures nothing."""
DEFAULT_THRESHOLD = 0.05


def compare(
    base: Run,
    new: Run,
    *,
    base_name: str,
    new_name: str,
    threshold: float = DEFAULT_THRESHOLD,
    metric_keys: Sequence[str] = (),
    anyway: bool = False,
) -> Comparison:
    """Compare two runs. `anyway` judges times although machine or tool differ; it still warns.

    Raises `UsageError` for an unknown metric.
    """
    why_not = matching.incomparable(base, new)
    found = Judgement(threshold, tuple(metric_keys), COMPARE_ALPHA)
    changes = judge_runs([base], new, found, "" if anyway else _refusal(why_not))
    one = Notice(
        "one-run",
        "one run on either side cannot show how this machine differs from one hour to the next: "
        "an A/B (iomodels check --a … --b …) can",
    )
    return Comparison(
        schema=SCHEMA,
        created_utc=now_utc(),
        base_name=base_name,
        new_name=new_name,
        base_tool=base.tool,
        new_tool=new.tool,
        threshold=threshold,
        outcome=verdict.outcome(changes, threshold=threshold, comparable=anyway or not why_not),
        changes=changes,
        differences=matching.differences(base, new),
        warnings=[*why_not, *matching.settings_notices(base, new), one],
    )


def now_utc() -> str:
    """The time of a comparison, as it is stored."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _refusal(why_not: Sequence[Notice]) -> str:
    return "; ".join(notice.message for notice in why_not)


@dataclass(frozen=True)
class Judgement:
    """By what to judge: `metric_keys` empty means each cell's own (`metrics.of_cell`)."""

    threshold: float
    metric_keys: tuple[str, ...]
    alpha: float
    """Family-wise, over all timings."""
    fresh: Mapping[Key, Cell] = field(default_factory=dict)
    """Suspects' cells, measured again: they stand for the new run's."""


def judge_runs(bases: Sequence[Run], new: Run, by: Judgement, refusal: str = "") -> list[Change]:
    """All changes from the base runs to the new one: timings, exact counters, and lost cells.

    `refusal` says why timings must not be judged; they are then shown and cannot be told.
    """
    base_cells = [matching.cells_by_key(run) for run in bases]
    new_cells = matching.cells_by_key(new)
    # In the order of the base, then what is new.
    everything: dict[Key, Cell] = {}
    for cells in (new_cells, *base_cells):
        everything = cells | everything
    label = matching.labels(everything)
    timings: list[_Timing] = []
    others: list[Change] = []
    for key, one in everything.items():
        base = [cells[key] for cells in base_cells if key in cells and cells[key].trials]
        cell = new_cells.get(key)
        name = _Named(key, label[key], one)
        lost = _lost(name, base, cell)
        if lost is not None:
            others.append(lost)
        elif base and cell is not None:
            again = by.fresh.get(key)
            timings += _timings(name, base, again or cell, by, confirmed=again is not None)
            others += _counter_changes(name, base, cell)
    return [*_judge(timings, by, refusal), *others]


@dataclass(frozen=True)
class _Named:
    """A cell's names, and one of its cells to take parameters from."""

    key: Key
    label: str
    cell: Cell

    def change(self, metric: Metric) -> Change:
        """A change of this cell, with nothing said yet."""
        return Change(
            scenario=self.key[0],
            parameters=dict(sorted(self.key[1])),
            label=self.label,
            engine=self.key[2],
            metric=metric.key,
            unit=metric.unit,
            bigger_is_better=metric.bigger_is_better,
            verdict="cannot tell",
        )


def _lost(name: _Named, base: Sequence[Cell], new: Cell | None) -> Change | None:
    """What became of a cell that only one side has measured; None where both have."""
    metric = metrics.of_cell(name.cell.parameters, ())[0]
    if new is not None and new.trials and not base:
        return replace(name.change(metric), verdict="new", new=_interval(metric, [new]))
    if not base:
        # It was not measured then either: n/a or failed on both sides is no change.
        return None
    gone = replace(name.change(metric), base=_interval(metric, base))
    if new is None:
        return replace(gone, verdict="vanished", reason="the new run does not have this cell")
    if not new.trials:
        reason = f"{new.status}: {new.reason or 'measured nothing'}"
        return replace(gone, verdict="failed", reason=reason)
    return None


@dataclass(frozen=True)
class _Timing:
    """One cell in one metric, before it is known how many others are judged with it."""

    name: _Named
    metric: Metric
    base: list[list[float]]
    """By base run: the logs of its rounds."""
    new: list[float]
    confirmed: bool

    @property
    def pooled(self) -> list[float]:
        return [value for run in self.base for value in run]


def _timings(
    name: _Named, base: Sequence[Cell], new: Cell, by: Judgement, *, confirmed: bool
) -> list[_Timing]:
    return [
        _Timing(
            name,
            metric,
            [logs for cell in base if (logs := _logs(metric.value, cell.trials))],
            _logs(metric.value, new.trials),
            confirmed,
        )
        for metric in metrics.of_cell(name.cell.parameters, by.metric_keys)
    ]


def _judge(timings: Sequence[_Timing], by: Judgement, refusal: str) -> list[Change]:
    """The verdicts. The family of tests is all timings: one gate has one false-alarm rate."""
    known = [timing for timing in timings if timing.base and timing.new]
    shifts = [
        unpaired.widened(unpaired.shift(timing.pooled, timing.new), between)
        for timing, between in zip(known, _between(known), strict=True)
    ]
    sure = pairs.holm([shift.p for shift in shifts], alpha=by.alpha)
    judged = iter(zip(shifts, sure, strict=True))
    return [
        _timed(timing, *next(judged), by, refusal)
        if timing.base and timing.new
        else _unmeasured(timing)
        for timing in timings
    ]


def _between(timings: Sequence[_Timing]) -> list[Between | None]:
    """Each timing's spread between base runs; what is usual is taken per metric."""
    found: list[Between | None] = [None] * len(timings)
    for key in {timing.metric.key for timing in timings}:
        same = [index for index, timing in enumerate(timings) if timing.metric.key == key]
        medians = [[median(run) for run in timings[index].base] for index in same]
        for index, between in zip(same, unpaired.between_runs(medians), strict=True):
            found[index] = between
    return found


def _timed(timing: _Timing, shift: Shift, sure: bool, by: Judgement, refusal: str) -> Change:
    rounds = min(len(timing.pooled), len(timing.new))
    noise = _noise(timing)
    detectable = _detectable(timing, shift, noise, by)
    found, reason = "cannot tell", refusal or None
    if not refusal and (rounds < MIN_ROUNDS or not shift.conclusive):
        reason = f"{rounds} rounds give no interval: measure at least {MIN_ROUNDS} on either side"
    elif not refusal:
        found = verdict.judge(
            shift.estimate,
            shift.low,
            shift.high,
            sure=sure,
            threshold=by.threshold,
            better_up=timing.metric.bigger_is_better,
        )
        if found == "cannot tell":
            reason = verdict.why_unsure(shift.low, shift.high, threshold=by.threshold, sure=sure)
    return replace(
        timing.name.change(timing.metric),
        verdict=found,
        base=exp_interval(median_interval(timing.pooled)),
        new=exp_interval(median_interval(timing.new)),
        ratio=exp_interval(Interval(shift.estimate, shift.low, shift.high)),
        rounds=rounds,
        noise=noise,
        detectable=finite(detectable),
        confirmed=timing.confirmed,
        reason=reason,
    )


def _unmeasured(timing: _Timing) -> Change:
    """Both sides ran, but this metric is zero or missing in all trials of one of them."""
    gone = bool(timing.base) and not timing.new
    return replace(
        timing.name.change(timing.metric),
        verdict="failed" if gone else "cannot tell",
        confirmed=timing.confirmed,
        reason="the new run has no value of this metric"
        if gone
        else "the base has no value of this metric: record it again",
    )


def _counter_changes(name: _Named, base: Sequence[Cell], new: Cell) -> list[Change]:
    before = [trial for cell in base for trial in cell.trials]
    return [
        counted.on(name.change(counted.metric)) for counted in counters.compare(before, new.trials)
    ]


# Numbers


def _logs(value: Callable[[Trial], float], trials: Sequence[Trial]) -> list[float]:
    values = [float(value(trial)) for trial in trials]
    return [math.log(v) for v in values if math.isfinite(v) and v > 0]


def _interval(metric: Metric, cells: Sequence[Cell]) -> Interval | None:
    values = [float(metric.value(trial)) for cell in cells for trial in cell.trials]
    finite = [value for value in values if math.isfinite(value)]
    return median_interval(finite) if finite else None


def _noise(timing: _Timing) -> float | None:
    """Of one round: each side around its own median, so that a change is no noise."""
    centred = [v - median(run) for run in (*timing.base, timing.new) for v in run]
    return finite(pairs.noise(centred))


def _detectable(timing: _Timing, shift: Shift, noise: float | None, by: Judgement) -> float:
    """About what shift these rounds show with 80 % power: from the interval's own width.

    The half-width is 1.96 standard errors; the test asks for z(1 - alpha/2), its power for 0.84
    more. The number of cells is left out: Holm spends little where most are unchanged.
    """
    if noise is None or not shift.conclusive:
        return math.inf
    error = (shift.high - shift.low) / 2 / 1.96
    z = pairs.normal_quantile(1 - by.alpha / 2)
    power = pairs.normal_quantile(pairs.POWER)
    return math.expm1(
        min(max((z + power) * error, math.log1p(by.threshold) + power * error), 700.0)
    )


def finite(value: float) -> float | None:
    """The number, or None where JSON has none for it."""
    return value if math.isfinite(value) else None


def exp_interval(logs: Interval) -> Interval:
    """The interval of ratios that belongs to one of log ratios."""
    low, middle, high = (
        math.exp(max(-700.0, min(700.0, v))) for v in (logs.low, logs.median, logs.high)
    )
    return Interval(median=middle, low=low, high=high)
