"""A new run against a history of runs: what change it shows, and how sure that is.

All values are logs, so that a change is a ratio. Rounds of one run say how precisely that run knows
its own level; how levels differ from run to run, of themselves, only several runs can show. A few
runs show it badly for one cell, so the cells of a suite are taken together: each cell's variance is
its own and that of all cells, weighed by degrees of freedom (the moderated variance of G. K. Smyth
2004, doi:10.2202/1544-6115.1027). What no run has shown is assumed (`ASSUMED_SPREAD`), and the
assumption weighs less with every run. A new run's level is then predicted with Student's
distribution: the mean of the history, and a variance of 1 + 1/n runs.

What a machine does to all cells alike is no change of one of them. From `COMMON_FROM` runs on, each
cell's own dependence on the others (the median of the other cells) is estimated by ridge regression
and taken off, no further than the history has seen the others differ.

`benchmarks/gate.py --baseline` calibrates all of it with simulated machines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from iomodels.statistics import sign_flip
from iomodels.statistics.change_points import change_points
from iomodels.statistics.quantiles import student_cdf, student_quantile
from iomodels.statistics.sign_flip import Floats

ASSUMED_SPREAD = 0.04
"""The standard deviation between runs of one machine (a log), where nothing is known of it."""
ASSUMED_RUNS = 1
"""The assumption weighs as much as so many runs of all cells together."""
FEW_RUNS = 10
"""The same below `COMMON_FROM` runs, where what all cells do together cannot be told apart."""
PRIOR_RUNS = 3, 20
"""All cells together weigh as much, for one of them, as so many runs of its own: few where cells
differ much from each other, many where they are alike."""
SUITE_RUNS = 4
"""The assumption's weight for all cells together, in runs."""
ASSUMED_NOISE = 0.05
"""The standard deviation of a round, where a run has one only."""
COMMON_FROM, COMMON_CELLS = 4, 5
"""Runs, and other cells, from which on what the others do is taken off."""
WILD = 6.0
"""A cell's variance counts, in that of all cells, for at most so many times the median one."""
RIDGE = 2 * 0.01**2
COMMON_MOST = 2.5
"""How far the others are followed, in standard deviations of their history."""
STEP, STEP_RUNS = math.log(1.05), 3
_EFFICIENCY = 1.0233
"""Standard error of the Hodges-Lehmann estimate over that of a mean, for a normal distribution."""
MAX_ROUNDS = 400
"""Of more rounds of a run (a foreign file's), the first so many: all pairs fit in memory."""


@dataclass(frozen=True)
class RunLevel:
    """What one run says of one cell: the level of its rounds, and the standard error of that."""

    value: float
    error: float
    rounds: int


@dataclass(frozen=True)
class Shift:
    """A new run against the history. `estimate` ± `scale` times Student's quantile of `freedom`."""

    estimate: float
    scale: float
    freedom: int
    runs: int
    spread: float
    """The standard deviation between runs that is believed."""

    def margin(self, p: float) -> float:
        """How far the estimate of a cell that has not changed lies from 0, with probability `p` on
        one side."""
        return student_quantile(1 - p, self.freedom) * self.scale

    def with_runs(self, runs: int) -> Shift:
        """About what the same change would be against a history of so many runs."""
        narrower = math.sqrt((1 + 1 / runs) / (1 + 1 / self.runs))
        freedom = self.freedom + runs - self.runs
        return replace(self, scale=self.scale * narrower, freedom=freedom, runs=runs)

    @property
    def p_lower(self) -> float:
        """The probability of an estimate as low as this, or lower, where nothing has changed."""
        t = self.estimate / self.scale
        return 1 - student_cdf(-t, self.freedom) if t < 0 else student_cdf(t, self.freedom)


def level(logs: Sequence[float]) -> RunLevel:
    """The level of a run's rounds: the Hodges-Lehmann estimate, the median of all means of two.

    Raises `ValueError` without values.
    """
    if not logs:
        raise ValueError("a level needs at least one round")
    values = np.asarray(logs[:MAX_ROUNDS], float)
    first, second = np.triu_indices(values.size)
    noise = sign_flip.noise(values) if values.size > 1 else ASSUMED_NOISE
    return RunLevel(
        value=float(np.median((values[first] + values[second]) / 2)),
        error=_EFFICIENCY * noise / math.sqrt(values.size),
        rounds=values.size,
    )


@dataclass(frozen=True)
class Since:
    """The runs' rounds, empty before the last change, which was a `step` (a log; 0: none)."""

    runs: list[list[float]]
    step: float = 0.0


def since_last_change(runs: Sequence[list[float]]) -> Since:
    """The runs' rounds (logs), oldest first, without those before the level last changed for good:
    they are empty. What the machine was before that says nothing of what it is now.

    Of many cells that never changed, one or the other shows a small step by chance: only one that
    is larger than `STEP`, and `STEP_RUNS` old, begins the history anew.
    """
    having = [index for index, logs in enumerate(runs) if logs]
    levels = [level(runs[index]) for index in having]
    points = change_points([one.value for one in levels], [one.error for one in levels])
    if not points:
        return Since(list(runs))
    bounds = [0, *points, len(levels)]
    parts = [levels[a:b] for a, b in pairwise(bounds)]
    means = [sum(one.value for one in part) / len(part) for part in parts]
    for at in range(len(parts) - 1, 0, -1):
        step = means[at] - means[at - 1]
        if abs(step) > STEP and len(levels) - bounds[at] >= STEP_RUNS:
            first = having[bounds[at]]
            return Since([logs if i >= first else [] for i, logs in enumerate(runs)], step)
    return Since(list(runs))


def changes(
    base: Sequence[Sequence[RunLevel | None]],
    new: Sequence[RunLevel],
    assumed: float = ASSUMED_SPREAD,
) -> list[Shift]:
    """Each cell's change: `base` has a row for each cell with a level for each run (or None), `new`
    the levels now. Each row needs at least one level."""
    values = np.array([[np.nan if each is None else each.value for each in row] for row in base])
    errors = np.array([[np.nan if each is None else each.error for each in row] for row in base])
    if not len(new):
        return []
    means = np.nanmean(values, axis=1)
    history = values - means[:, None]
    now = np.array([each.value for each in new]) - means
    known = [np.isfinite(row) for row in values]
    noise = np.nanmean(errors**2, axis=1)
    residuals, estimates, lost = zip(
        *(_without_common(index, history, now, known[index]) for index in range(len(new))),
        strict=True,
    )
    freedom = [max(0.0, len(own) - 1 - h) for own, h in zip(residuals, lost, strict=True)]
    own = [
        float(np.sum(own**2)) / df if df > 0 else 0.0
        for own, df in zip(residuals, freedom, strict=True)
    ]
    # Where what all cells do together is still in them, all cells say no more than one of them.
    apart = any(cost > 0 for cost in lost)
    weights = (ASSUMED_RUNS, COMMON_CELLS) if apart else (FEW_RUNS, 1)
    usual = _usual(own, freedom, noise, assumed, *weights)
    ratios = [own[i] / (usual + noise[i]) for i in range(len(new))]
    alike = _alike(ratios, freedom) if apart else FEW_RUNS
    found = []
    for index, one in enumerate(new):
        runs, df = len(residuals[index]), freedom[index]
        prior = usual + noise[index]
        run = (alike * prior + df * own[index]) / (alike + df)
        here = max(run - noise[index] + one.error**2, one.error**2)
        found.append(
            Shift(
                estimate=float(estimates[index]),
                scale=math.sqrt(run / runs + here),
                freedom=round(alike + df),
                runs=runs,
                spread=math.sqrt(max(0.0, run - noise[index])),
            )
        )
    return found


def together(
    base: Sequence[Sequence[RunLevel | None]],
    new: Sequence[RunLevel],
    assumed: float = ASSUMED_SPREAD,
) -> Shift | None:
    """The change of all cells together: of the median over cells. None below two cells."""
    if len(new) < 2:
        return None
    values = np.array([[np.nan if each is None else each.value for each in row] for row in base])
    means = np.nanmean(values, axis=1)
    with_any = np.isfinite(values).any(axis=0)
    past = np.nanmedian((values - means[:, None])[:, with_any], axis=0)
    now = float(np.median(np.array([each.value for each in new]) - means))
    freedom = past.size - 1
    measured = float(np.sum((past - past.mean()) ** 2)) if freedom else 0.0
    run = (SUITE_RUNS * assumed**2 + measured) / (SUITE_RUNS + freedom)
    return Shift(
        estimate=now - float(past.mean()),
        scale=math.sqrt(run * (1 + 1 / past.size)),
        freedom=FEW_RUNS if not freedom else SUITE_RUNS + freedom,
        runs=past.size,
        spread=math.sqrt(run),
    )


def _usual(
    own: Sequence[float],
    freedom: Sequence[float],
    noise: Floats,
    assumed: float,
    assumed_runs: int,
    most: int,
) -> float:
    """The variance between runs that is usual in all cells, apart from their rounds' noise. They
    count as at most so many cells that know nothing of each other."""
    known = [index for index, df in enumerate(freedom) if df > 0]
    weight = sum(freedom[index] for index in known)
    between = {i: max(0.0, own[i] - float(noise[i])) for i in known}
    # One wild cell must not make all others blind.
    most_each = (
        WILD * float(np.median(list(between.values()))) if len(known) >= COMMON_CELLS else math.inf
    )
    total = sum(freedom[i] * min(between[i], most_each) for i in known)
    count = weight / max(1, len(known)) * min(len(known), most)
    mean = total / weight if weight else 0.0
    return (assumed_runs * assumed**2 + count * mean) / (assumed_runs + count)


def _alike(ratios: Sequence[float], freedom: Sequence[float]) -> float:
    """The weight of all cells together, by how much their variances differ: the prior's degrees of
    freedom (Smyth 2004, section 6.2) from the variance of log variances, within `PRIOR_RUNS`."""
    low, high = map(float, PRIOR_RUNS)
    known = [(r, df) for r, df in zip(ratios, freedom, strict=True) if df > 0 and r > 0]
    if len(known) < COMMON_CELLS:
        return low
    logs = [math.log(r) for r, _ in known]
    middle = sum(logs) / len(logs)
    spread = sum((each - middle) ** 2 for each in logs) / (len(logs) - 1)
    by_chance = sum(_trigamma(df / 2) for _, df in known) / len(known)
    excess = spread - by_chance
    if excess <= _trigamma(high / 2):
        return high
    while high - low > 0.1:
        middle = (low + high) / 2
        low, high = (middle, high) if _trigamma(middle / 2) > excess else (low, middle)
    return low


def _trigamma(x: float) -> float:
    """The second derivative of the log of the gamma function, by recurrence and its asymptotic
    series (Abramowitz and Stegun, 6.4.6 and 6.4.12)."""
    total = 0.0
    while x < 6:
        total += 1 / x**2
        x += 1
    return total + 1 / x + 1 / (2 * x**2) + 1 / (6 * x**3) - 1 / (30 * x**5)


def _without_common(
    index: int, history: Floats, now: Floats, known: Floats
) -> tuple[Floats, float, float]:
    """The cell's deviations in the history and now without what the others did, and the degrees of
    freedom that this cost."""
    own = history[index][known]
    others = np.delete(history, index, axis=0)[:, known]
    if own.size < COMMON_FROM or len(others) < COMMON_CELLS:
        return own, float(now[index]), 0.0
    full = others[np.isfinite(others).all(axis=1)]
    if len(full) < COMMON_CELLS:
        return own, float(now[index]), 0.0
    rows = np.isfinite(np.delete(history, index, axis=0)[:, known]).all(axis=1)
    common = np.median(full, axis=0)
    common = common - common.mean()
    total = float(np.sum(common**2))
    slope = float(np.sum(own * common)) / (total + RIDGE)
    believed = (SUITE_RUNS * ASSUMED_SPREAD**2 + total) / (SUITE_RUNS + own.size - 1)
    most = COMMON_MOST * math.sqrt(believed * (1 + 1 / own.size))
    here = float(np.clip(np.median(np.delete(now, index)[rows]), -most, most))
    return own - slope * common, float(now[index]) - slope * here, total / (total + RIDGE)
