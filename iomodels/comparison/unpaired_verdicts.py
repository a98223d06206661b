"""One cell in one metric, from the rounds of runs at different times to a verdict.

The statistics of a history are in `statistics/history.py`, verdicts in `verdict.py`; which cells
belong together is the business of `runs.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from msgspec.structs import replace

from iomodels.analysis.quantity_definition import Quantity
from iomodels.comparison import metrics, verdict
from iomodels.comparison.matching import Key
from iomodels.comparison.schema import Change
from iomodels.comparison.verdict import exp_interval, finite
from iomodels.results.schema import Cell, Interval, Trial
from iomodels.statistics import history, quantiles, sign_flip
from iomodels.statistics.rounds import MIN_ROUNDS, median_interval

SUSPECT_ALPHA = 0.05
"""Family-wise: how often any cell that has not changed is a suspect by what the machine differs
from run to run by itself."""
MOST_LIMIT = 0.13
"""A loss of that share never passes, whatever the history. It is as low as machines that differ by
5 % from run to run allow, if most of their checks are to pass (`benchmarks/gate.py --baseline`)."""
MORE_RUNS = 5
"""Of a history: `Change.detectable_later` is what it would be with so many more."""


@dataclass(frozen=True)
class Judgement:
    """By what to judge: `metric_keys` empty means each cell's own (`metrics.of_cell`)."""

    threshold: float
    metric_keys: tuple[str, ...]
    alpha: float
    """Family-wise, over all timings: of a loss where nothing has changed."""
    fresh: Mapping[Key, Cell] = field(default_factory=dict)
    """Suspects' cells, measured again: they replace the new run's."""
    assumed_spread: float = history.ASSUMED_SPREAD
    remedy: str = verdict.REMEDY
    """What would help where there is too much noise."""


@dataclass(frozen=True)
class NamedTiming:
    """A cell's names, and one of its cells to take parameters from."""

    key: Key
    label: str
    cell: Cell

    def change(self, metric: Quantity) -> Change:
        """A change of this cell, with nothing said yet."""
        return Change(
            scenario=self.key[0],
            parameters=dict(sorted(self.key[1])),
            label=self.label,
            engine=self.key[2],
            metric=metric.metric,
            unit=metric.unit.name,
            bigger_is_better=metric.bigger_is_better,
            verdict="inconclusive",
        )


@dataclass(frozen=True)
class Rounds:
    """A cell's rounds in one metric: the logs of the values, and how many rounds have none."""

    logs: list[float]
    missing: int

    @classmethod
    def of(cls, metric: Quantity, trials: Sequence[Trial]) -> Rounds:
        values = [float(metric.of_trial(trial)) for trial in trials]
        known = [value for value in values if math.isfinite(value) and value > 0]
        return cls([math.log(value) for value in known], len(values) - len(known))


@dataclass(frozen=True)
class Timing:
    """One cell in one metric, before it is known how many others are judged with it."""

    name: NamedTiming
    metric: Quantity
    base: list[list[float]]
    """By base run, the same runs for all cells: the logs of its rounds; empty where it has none."""
    new: list[float]
    confirmed: bool
    refusal: str = ""
    """Why it must not be judged at all; it is then shown, and inconclusive."""
    lost: str = ""
    """What the new rounds lack that the base's have: that fails, whatever the others say."""
    doubt: str = ""
    """Why it must be called neither the same nor faster."""
    note: str = ""
    """What a reader must know of its base runs, whatever the verdict."""

    @property
    def pooled(self) -> list[float]:
        return [value for run in self.base for value in run]

    @property
    def measured(self) -> bool:
        """Whether there is anything to judge."""
        return bool(self.pooled and self.new) and not self.lost


def judge_timings(timings: Sequence[Timing], by: Judgement) -> list[Change]:
    """The verdicts. The family of tests is all timings: one gate has one false-alarm rate."""
    known = [timing for timing in timings if timing.measured and not timing.refusal]
    found, suite, lines = _against_history(known, by)
    every = [*found, *suite]
    refused = [timing for timing in timings if timing.measured and timing.refusal]
    shown = iter(_against_history(refused, by)[0])
    slower = sign_flip.holm([change.p_lower for change in every], alpha=by.alpha)
    faster = sign_flip.holm([1 - change.p_lower for change in every], alpha=by.alpha)
    sure = [a or b for a, b in zip(slower, faster, strict=True)]
    judged = iter(zip(found, sure, strict=False))
    changes = []
    for timing in timings:
        if not timing.measured:
            changes.append(_unmeasured(timing))
        elif timing.refusal:
            changes.append(_timed(timing, next(shown), False, by, max(1, len(every))))
        else:
            changes.append(_timed(timing, *next(judged), by, len(every)))
    whole = zip(lines, suite, sure[len(found) :], strict=True)
    return [
        *changes,
        *(_judged(line, change, by, len(every), sure=is_sure) for line, change, is_sure in whole),
    ]


def _gains(timing: Timing, logs: Sequence[float]) -> history.RunLevel | None:
    """Better counted as up."""
    sign = 1 if timing.metric.bigger_is_better else -1
    return history.level([sign * log for log in logs]) if logs else None


def _levels(
    timings: Sequence[Timing],
) -> tuple[list[list[history.RunLevel | None]], list[history.RunLevel]]:
    base = [[_gains(timing, run) for run in timing.base] for timing in timings]
    new = [level for timing in timings if (level := _gains(timing, timing.new)) is not None]
    assert len(new) == len(base), "only what has been measured is judged"
    return base, new


def _by_metric(timings: Sequence[Timing]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, timing in enumerate(timings):
        found.setdefault(timing.metric.metric, []).append(index)
    return found


def _against_history(
    timings: Sequence[Timing], by: Judgement
) -> tuple[list[history.Shift], list[history.Shift], list[Change]]:
    """Each timing against its history, metric by metric; and all cells together in each metric,
    with their lines: what is taken off the cells of a metric must be judged in it."""
    found: dict[int, history.Shift] = {}
    together, lines = [], []
    groups = _by_metric(timings)
    for indices in groups.values():
        chosen = [timings[index] for index in indices]
        levels = _levels(chosen)
        found |= zip(indices, history.changes(*levels, by.assumed_spread), strict=True)
        whole = history.together(*levels, by.assumed_spread)
        if whole is not None:
            together.append(whole)
            lines.append(_line_together(chosen, named=len(groups) > 1))
    return [found[index] for index in range(len(timings))], together, lines


def _line_together(timings: Sequence[Timing], *, named: bool) -> Change:
    """Better counted as up; `named` by the metric, where there are several."""
    return Change(
        scenario=metrics.ALL_CELLS,
        parameters={},
        label=timings[0].metric.title if named else "",
        engine=metrics.ALL_CELLS,
        metric=metrics.SUITE.metric,
        unit=metrics.SUITE.unit.name,
        bigger_is_better=True,
        verdict="inconclusive",
        rounds=min(len(timing.new) for timing in timings),
    )


def _timed(timing: Timing, change: history.Shift, sure: bool, by: Judgement, family: int) -> Change:
    line = replace(
        timing.name.change(timing.metric),
        base=_side([run for run in timing.base if run]),
        new=_side([timing.new]),
        rounds=min(len(timing.pooled), len(timing.new)),
        noise=_noise(timing),
        confirmed=timing.confirmed,
        judged=not timing.refusal,
        reason=timing.refusal or None,
    )
    line = _judged(line, change, by, family, sure=sure)
    if timing.note:
        line = replace(line, reason="; ".join(filter(None, [line.reason, timing.note])))
    if timing.doubt and line.verdict != "slower" and not timing.refusal:
        return replace(
            line, verdict="inconclusive", reason=timing.doubt, judged=False, suspect=False
        )
    return line


def _judged(
    line: Change, change: history.Shift, by: Judgement, family: int, *, sure: bool
) -> Change:
    """`line` with its numbers and, unless it may not be judged, its verdict. `family` is how many
    lines are judged together: Holm asks the first for alpha / family."""
    sign = 1 if line.bigger_is_better else -1
    margin = change.margin(0.025)
    low, high = change.estimate - margin, change.estimate + margin
    shown = (low, high) if sign > 0 else (-high, -low)
    limit = _limit(change, by.threshold, family)
    more = MORE_RUNS + change.runs
    line = replace(
        line,
        detectable_later=finite(_detectable(change.with_runs(more), by, family)),
        ratio=exp_interval(Interval(sign * change.estimate, *shown)),
        detectable=finite(_detectable(change, by, family)),
        limit=max(by.threshold, -math.expm1(-limit)),
    )
    if not line.judged:
        return line
    if line.rounds < MIN_ROUNDS:
        reason = (
            f"an interval needs {MIN_ROUNDS} rounds on each side, and one side has {line.rounds}: "
            "measure more rounds"
        )
        return replace(line, reason=reason)
    found = verdict.interval_verdict(
        change.estimate, low, high, sure=sure, threshold=by.threshold, better_up=True
    )
    if found != "inconclusive":
        return replace(line, verdict=found)
    suspect = change.estimate < -limit
    return replace(line, suspect=suspect, reason=_why_unsure(change, low, high, by, sure=sure))


def _limit(change: history.Shift, threshold: float, family: int) -> float:
    """The loss (a log) from which on an undecided cell is a suspect."""
    by_itself = change.margin(SUSPECT_ALPHA / family)
    return max(math.log1p(threshold), min(by_itself, -math.log1p(-MOST_LIMIT)))


def _why_unsure(
    change: history.Shift, low: float, high: float, by: Judgement, *, sure: bool
) -> str:
    if (low > 0 or high < 0) and not sure:
        share = f"{math.expm1(change.spread) * 100:.2g} %"
        return (
            f"runs on this machine may differ that much without any change ({share} from run to "
            "run): record more base runs at other times, or use A/B (check --a … --b …)"
        )
    return verdict.why_unsure(low, high, threshold=by.threshold, sure=sure, remedy=by.remedy)


def _unmeasured(timing: Timing) -> Change:
    """Both sides ran, but rounds of one of them have no value of this metric."""
    reason = timing.lost or "the base has no value of this metric: record it again"
    return replace(
        timing.name.change(timing.metric),
        verdict="failed" if timing.lost else "inconclusive",
        confirmed=timing.confirmed,
        reason=reason,
    )


# Numbers


def _side(runs: Sequence[Sequence[float]]) -> Interval:
    """One side's value, the mean of its runs' levels, with the interval of all its rounds."""
    rounds = median_interval([value for run in runs for value in run])
    middle = sum(history.level(run).value for run in runs) / len(runs)
    return exp_interval(Interval(middle, min(rounds.low, middle), max(rounds.high, middle)))


def _noise(timing: Timing) -> float | None:
    """Of one round: each side around its own median, so that a change is no noise."""
    middles = [(median(run), run) for run in (*timing.base, timing.new) if run]
    centred = [value - middle for middle, run in middles for value in run]
    return finite(sign_flip.noise(centred))


def _detectable(change: history.Shift, by: Judgement, family: int) -> float:
    """What loss is shown with 80 % power: what passes the first of Holm's steps and the threshold
    in half of the cases, and 0.84 standard errors more."""
    needed = max(change.margin(by.alpha / family), math.log1p(by.threshold))
    power = quantiles.normal_quantile(sign_flip.POWER) * change.scale
    return math.expm1(min(needed + power, 700.0))
