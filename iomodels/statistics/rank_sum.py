"""Two samples that were not measured side by side: their shift, its interval, and its p-value.

For results from different times. All values are logs, so that a shift is a ratio. The shift is
Hodges and Lehmann's (the median of all differences), its interval the one that belongs to the
Mann-Whitney test: distribution-free, and exact for small samples (Hollander, Wolfe and Chicken,
*Nonparametric Statistical Methods*, 3rd ed., sections 4.1 to 4.3).

What rounds of one run cannot show is how the machine differs from one hour to the next, and what
differs so is common to all cells of a run. `Between` holds that spread. A run or two know it badly,
so what no measurement has shown is assumed (`ASSUMED_SPREAD`): a change must be beyond it to be
believed. The interval has the spread that was measured, by Student's distribution, and no more: of
a single base run it is about these rounds, and whoever shows it says so (`schema.OF_ROUNDS`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from statistics import NormalDist, stdev

import numpy as np

from iomodels.statistics.quantiles import student_cdf, student_quantile

CONFIDENCE_ALPHA = 0.05
EXACT_UP_TO = 40
"""The largest sample for which the null distribution is counted out; beyond, it is normal."""
ASSUMED_SPREAD = 0.05
"""The standard deviation between runs of one machine (a log), where nothing is known of it; with
simulated suites of such machines `benchmarks/gate.py` shows how often a check then fails."""
BUSY_SPREAD = 0.20
"""The same where others' work was on the CPUs in most trials."""
ASSUMED_RUNS = 10
"""The assumption weighs as much as so many runs: of two that are alike by chance it stays."""
LEAST_P = 1e-9
"""Below it, a p-value of the spread between runs is rounding."""
MAX_NEEDED = 200
"""Of rounds: more are not asked for."""
MAX_SAMPLE = 2000
"""Of more values than this (a foreign file's), the first so many: all differences fit in memory."""


@dataclass(frozen=True)
class Between:
    """How one cell's medians differ from run to run, of themselves: a standard deviation of logs.

    `measured` is 0 for a single base run. `runs` is how many there are.
    """

    measured: float
    runs: int
    assumed: float = ASSUMED_SPREAD

    @property
    def believed(self) -> float:
        """What was measured and what is assumed, weighed by their degrees of freedom."""
        seen = self.runs - 1
        total = ASSUMED_RUNS * self.assumed**2 + seen * self.measured**2
        return math.sqrt(total / (ASSUMED_RUNS + seen))

    def interval_margin(self) -> float:
        """What the spread measured adds to either side of an interval of 95 %: nothing where it was
        not, as of one run. Two runs know it so badly that not even twice the time would be seen
        (Student's quantile is 12.7): there what is believed is the most."""
        if self.runs < 2:
            return 0.0
        t = student_quantile(1 - CONFIDENCE_ALPHA / 2, self.runs - 1)
        margin = t * self.measured * self.of_a_difference
        return min(margin, self.margin(CONFIDENCE_ALPHA)) if self.runs == 2 else margin

    def margin(self, alpha: float) -> float:
        """How far the median of another run may lie from these, in all but `alpha` of cases."""
        t = student_quantile(1 - alpha / 2, self.freedom)
        return t * self.believed * self.of_a_difference

    @property
    def freedom(self) -> int:
        """Degrees of freedom of what is believed."""
        return ASSUMED_RUNS + self.runs - 1

    @property
    def of_a_difference(self) -> float:
        """The deviation of another run's median from the mean of these, in those of one run."""
        return math.sqrt(1 + 1 / self.runs)


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


def widened(one: Shift, between: Between) -> Shift:
    """The same shift with the spread between runs in its interval and in its p-value."""
    margin = between.interval_margin()
    return Shift(
        estimate=one.estimate,
        low=one.estimate - math.hypot(one.estimate - one.low, margin),
        high=one.estimate + math.hypot(one.high - one.estimate, margin),
        p=max(one.p, _between_p(one.estimate, between)),
        conclusive=one.conclusive,
    )


def can_show(base: int, new: int, alpha: float) -> bool:
    """Whether any outcome of so many values has a p-value of `alpha` or less: all of one side
    beyond all of the other have 2 / (base + new over base)."""
    return _interval_rank(base, new, alpha) >= 1


def rounds_needed(base: int, alpha: float) -> int:
    """The fewest new values that can show a change from so many base ones; at most `MAX_NEEDED`."""
    return next((n for n in range(1, MAX_NEEDED) if can_show(base, n, alpha)), MAX_NEEDED)


def shift_needed(base: int, new: int, alpha: float) -> float:
    """The shift whose p-value is `alpha` in half of the cases, in standard deviations of a value.

    U is then as a rule what `alpha` allows, and U / (base · new) is the share of pairs in which
    the smaller sample's value is the larger one: Φ(-shift / √2) of normal values.
    """
    allowed = max(0.5, _interval_rank(base, new, alpha) - 1)
    return -math.sqrt(2) * NormalDist().inv_cdf(allowed / (base * new))


def between_runs(
    medians: Sequence[Sequence[float]], assumed: float = ASSUMED_SPREAD
) -> list[Between]:
    """Each cell's spread between runs, of the logs of its base runs' medians (cells × runs).

    The usual spread of all cells stands for that of one whose own few runs are alike by chance. As
    a rule it is one spread and not many: the machine is faster or slower in all cells at once, so
    more cells are no more evidence of it, and only runs are counted.
    """
    own = [stdev(values) if len(values) > 1 else 0.0 for values in medians]
    known = [spread for spread, values in zip(own, medians, strict=True) if len(values) > 1]
    usual = math.sqrt(sum(spread**2 for spread in known) / len(known)) if known else 0.0
    return [
        Between(max(spread, usual) if len(values) > 1 else 0.0, max(1, len(values)), assumed)
        for spread, values in zip(own, medians, strict=True)
    ]


def _between_p(estimate: float, between: Between) -> float:
    """The alpha at which `estimate` is just beyond the margin."""
    t = abs(estimate) / (between.believed * between.of_a_difference)
    return max(LEAST_P, 2 * (1 - student_cdf(t, between.freedom)))


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
