"""Two samples that were not measured side by side: their shift, its interval, and its p-value.

For results from different times. All values are logs, so that a shift is a ratio. The shift is
Hodges and Lehmann's (the median of all differences), its interval the one that belongs to the
Mann-Whitney test: distribution-free, and exact for small samples (Hollander, Wolfe and Chicken,
*Nonparametric Statistical Methods*, 3rd ed., sections 4.1 to 4.3).

What rounds of one run cannot show is how the machine differs from one hour to the next. Where
several base runs were kept, `Between` holds that spread, and widens the interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from statistics import NormalDist, median, stdev

import numpy as np

from iomodels.pairs import student_quantile

CONFIDENCE_ALPHA = 0.05
EXACT_UP_TO = 40
"""The largest sample for which the null distribution is counted out; beyond, it is normal."""
MAX_SAMPLE = 2000
"""Of more values than this (a foreign file's), the first so many: all differences fit in memory."""


@dataclass(frozen=True)
class Between:
    """How medians of runs differ by themselves: their standard deviation, and its degrees of
    freedom; `runs` is how many base runs there are."""

    deviation: float
    freedom: int
    runs: int

    def margin(self, alpha: float) -> float:
        """How far the median of another run may lie from these, in all but `alpha` of cases."""
        return (
            student_quantile(1 - alpha / 2, self.freedom)
            * self.deviation
            * math.sqrt(1 + 1 / self.runs)
        )


@dataclass(frozen=True)
class Shift:
    """The new sample against the base one, in logs. `p` is two-sided."""

    estimate: float
    low: float
    high: float
    p: float
    conclusive: bool
    """Whether there are enough values for an interval of 95 %; otherwise it is the range."""


def shift(base: Sequence[float], new: Sequence[float]) -> Shift:
    """The shift from `base` to `new` (logs, finite). Raises `ValueError` if either is empty."""
    if not base or not new:
        raise ValueError("a shift needs a value on either side")
    x, y = np.asarray(base[:MAX_SAMPLE], float), np.asarray(new[:MAX_SAMPLE], float)
    differences = np.sort((y[:, None] - x[None, :]).ravel())
    rank = _interval_rank(x.size, y.size, CONFIDENCE_ALPHA)
    low, high = max(rank, 1) - 1, differences.size - max(rank, 1)
    below = float((differences < 0).sum() + (differences == 0).sum() / 2)
    return Shift(
        estimate=float(np.median(differences)),
        low=float(differences[low]),
        high=float(differences[high]),
        p=_two_sided_p(min(below, differences.size - below), x.size, y.size),
        conclusive=rank >= 1,
    )


def widened(one: Shift, between: Between | None) -> Shift:
    """The same shift with the spread between runs in its interval and in its p-value."""
    if between is None:
        return one
    margin = between.margin(CONFIDENCE_ALPHA)
    return Shift(
        estimate=one.estimate,
        low=one.estimate - math.hypot(one.estimate - one.low, margin),
        high=one.estimate + math.hypot(one.high - one.estimate, margin),
        p=max(one.p, _between_p(one.estimate, between)),
        conclusive=one.conclusive,
    )


def between_runs(medians: Sequence[Sequence[float]]) -> list[Between | None]:
    """Each cell's spread between runs, of the logs of its base runs' medians (cells × runs).

    A spread of two or three values is itself badly known, so it is never taken for smaller than
    the median spread over all cells, and has their degrees of freedom together. None for a cell
    with fewer than two runs.
    """
    own = [stdev(values) if len(values) > 1 else None for values in medians]
    known = [deviation for deviation in own if deviation is not None]
    if not known:
        return [None] * len(medians)
    usual = median(known)
    freedom = sum(len(values) - 1 for values in medians if len(values) > 1)
    return [
        None if deviation is None else Between(max(deviation, usual), freedom, len(values))
        for deviation, values in zip(own, medians, strict=True)
    ]


def _between_p(estimate: float, between: Between) -> float:
    """The alpha at which `estimate` is just beyond the margin, by bisection."""
    low, high = 1e-9, 1.0
    for _ in range(40):
        middle = math.sqrt(low * high)
        if between.margin(middle) < abs(estimate):
            high = middle
        else:
            low = middle
    return high


def _interval_rank(m: int, n: int, alpha: float) -> int:
    """The largest k for which the k-th smallest and k-th largest difference enclose the shift
    with 1 - alpha; 0 where there is none."""
    if max(m, n) <= EXACT_UP_TO:
        tails = _tails(m, n)
        return sum(1 for tail in tails[: m * n // 2] if 2 * tail <= alpha)
    z = NormalDist().inv_cdf(1 - alpha / 2)
    return max(0, math.floor(m * n / 2 - z * math.sqrt(m * n * (m + n + 1) / 12)))


def _two_sided_p(u: float, m: int, n: int) -> float:
    """P(a Mann-Whitney U as far from its middle as `u`, the smaller one), ties against us."""
    if max(m, n) <= EXACT_UP_TO:
        return min(1.0, 2 * _tails(m, n)[math.ceil(u)])
    deviation = math.sqrt(m * n * (m + n + 1) / 12)
    return min(1.0, 2 * NormalDist().cdf((math.ceil(u) + 0.5 - m * n / 2) / deviation))


@lru_cache(maxsize=64)
def _tails(m: int, n: int) -> list[float]:
    """P(U ≤ u) for u from 0 to m·n, from the coefficients of the Gaussian binomial (m+n over m)."""
    counts = [1] + [0] * (m * n)
    for i in range(1, m + 1):
        for u in range(m * n, n + i - 1, -1):
            counts[u] -= counts[u - n - i]
        for u in range(i, m * n + 1):
            counts[u] += counts[u - i]
    total = math.comb(m + n, m)
    return [count / total for count in accumulate(counts)]
