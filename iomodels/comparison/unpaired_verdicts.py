"""One cell in one metric, from the rounds of runs at different times to a verdict.

The statistics of unpaired rounds are in `statistics/rank_sum.py`, verdicts in `verdict.py`; which
cells belong together is the business of `runs.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from msgspec.structs import replace

from iomodels.analysis.quantity_definition import Quantity
from iomodels.comparison import verdict
from iomodels.comparison.matching import Key
from iomodels.comparison.schema import Change
from iomodels.comparison.verdict import exp_interval, finite
from iomodels.results.schema import Cell, Interval, Trial
from iomodels.statistics import quantiles, rank_sum, sign_flip
from iomodels.statistics.rank_sum import Between, Shift
from iomodels.statistics.rounds import MIN_ROUNDS, median_interval


@dataclass(frozen=True)
class Judgement:
    """By what to judge: `metric_keys` empty means each cell's own (`metrics.of_cell`)."""

    threshold: float
    metric_keys: tuple[str, ...]
    alpha: float
    """Family-wise, over all timings."""
    fresh: Mapping[Key, Cell] = field(default_factory=dict)
    """Suspects' cells, measured again: they replace the new run's."""
    assumed_spread: float = rank_sum.ASSUMED_SPREAD
    measured_again: bool = False
    """Whether what looks worse is measured again, by as many rounds as a verdict takes: then the
    first look's may be few."""
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
    """By base run: the logs of its rounds."""
    new: list[float]
    confirmed: bool
    refusal: str = ""
    """Why it must not be judged at all; it is then shown, and inconclusive."""
    lost: str = ""
    """What the new rounds lack that the base's have: that fails, whatever the others say."""
    doubt: str = ""
    """Why it must be called neither the same nor faster."""

    @property
    def pooled(self) -> list[float]:
        return [value for run in self.base for value in run]

    @property
    def measured(self) -> bool:
        """Whether there is anything to judge."""
        return bool(self.base and self.new) and not self.lost


def judge_timings(timings: Sequence[Timing], by: Judgement) -> list[Change]:
    """The verdicts. The family of tests is all timings: one gate has one false-alarm rate."""
    known = [timing for timing in timings if timing.measured]
    spreads = _between(known, by)
    shifts = [
        rank_sum.widened(rank_sum.shift(timing.pooled, timing.new), between)
        for timing, between in zip(known, spreads, strict=True)
    ]
    sure = sign_flip.holm([shift.p for shift in shifts], alpha=by.alpha)
    judged = iter(zip(shifts, spreads, sure, strict=True))
    return [
        _timed(timing, *next(judged), by, len(known)) if timing.measured else _unmeasured(timing)
        for timing in timings
    ]


def _between(timings: Sequence[Timing], by: Judgement) -> list[Between]:
    """Each timing's spread between base runs; what is usual is taken per metric."""
    found: dict[int, Between] = {}
    for key in {timing.metric.metric for timing in timings}:
        same = [index for index, timing in enumerate(timings) if timing.metric.metric == key]
        medians = [[median(run) for run in timings[index].base] for index in same]
        found |= zip(same, rank_sum.between_runs(medians, by.assumed_spread), strict=True)
    return [found[index] for index in range(len(timings))]


def _timed(
    timing: Timing, shift: Shift, between: Between, sure: bool, by: Judgement, family: int
) -> Change:
    """`family` is how many timings are judged together: Holm asks the first for alpha / family."""
    rounds = min(len(timing.pooled), len(timing.new))
    noise = _noise(timing)
    detectable = _detectable(timing, shift, between, noise, by, by.alpha / family)
    found, reason = "inconclusive", timing.refusal or None
    if not timing.refusal and (rounds < MIN_ROUNDS or not shift.conclusive):
        reason = (
            f"an interval needs {MIN_ROUNDS} rounds on each side, and one side has {rounds}: "
            "measure more rounds"
        )
    elif not timing.refusal:
        found = verdict.interval_verdict(
            shift.estimate,
            shift.low,
            shift.high,
            sure=sure,
            threshold=by.threshold,
            better_up=timing.metric.bigger_is_better,
        )
        if found == "inconclusive":
            reason = _why_unsure(timing, shift, between, by, sure=sure, family=family)
        if timing.doubt and found != "slower":
            found, reason = "inconclusive", timing.doubt
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
        judged=not timing.refusal and not (timing.doubt and found == "inconclusive"),
    )


def _why_unsure(
    timing: Timing, shift: Shift, between: Between, by: Judgement, *, sure: bool, family: int
) -> str:
    changed = shift.low > 0 or shift.high < 0
    base, new = len(timing.pooled), len(timing.new)
    if changed and not rank_sum.can_show(base, new, by.alpha / family):
        return (
            f"no change in one of {family} timings is detectable with {base} and {new} rounds: "
            "use more rounds (-r)"
        )
    if changed and not sure and abs(shift.estimate) <= between.margin(by.alpha):
        share = f"{math.expm1(between.believed) * 100:.2g} %"
        return (
            f"runs on this machine may differ that much without any change ({share} from run to "
            "run): record more base runs at other times, or use A/B (check --a … --b …)"
        )
    return verdict.why_unsure(
        shift.low, shift.high, threshold=by.threshold, sure=sure, remedy=by.remedy
    )


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


def _noise(timing: Timing) -> float | None:
    """Of one round: each side around its own median, so that a change is no noise."""
    middles = [(median(run), run) for run in (*timing.base, timing.new) if run]
    centred = [value - middle for middle, run in middles for value in run]
    return finite(sign_flip.noise(centred))


def _detectable(
    timing: Timing,
    shift: Shift,
    between: Between,
    noise: float | None,
    by: Judgement,
    alpha: float,
) -> float:
    """About what shift these rounds show with 80 % power: what in half of the cases passes the
    test, is beyond the threshold and beyond what runs differ by, and 0.84 standard errors more
    (the interval's half-width is 1.96). `alpha` is that of Holm's first step, which a single change
    among many cells has to pass.
    """
    base, new = len(timing.pooled), len(timing.new)
    if by.measured_again and not timing.confirmed:
        new = max(new, rank_sum.rounds_needed(base, alpha))
    if noise is None or not shift.conclusive or not rank_sum.can_show(base, new, alpha):
        return math.inf
    error = (shift.high - shift.low) / 2 / 1.96
    needed = max(
        rank_sum.shift_needed(base, new, alpha) * noise,
        math.log1p(by.threshold),
        between.margin(alpha),
    )
    return math.expm1(min(needed + quantiles.normal_quantile(sign_flip.POWER) * error, 700.0))
