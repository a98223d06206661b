"""Numbers from a histogram: counts, percentiles, mean, merging."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import accumulate

from iomodels.results.schema import Histogram

EXACT_BELOW_NS = 128
"""Below this a histogram keeps every nanosecond apart."""

QUANTILES = (0.5, 0.9, 0.99, 0.999, 1.0)
"""Those that are shown: p50, p90, p99, p99.9 and the largest value."""

_BUCKET_BITS = 7


def bucket_width_ns(lower_ns: int) -> int:
    """The width of the bucket that begins at `lower_ns`: 1 below 256, then 1/128 of the octave."""
    return 1 if lower_ns < EXACT_BELOW_NS else 1 << (lower_ns.bit_length() - 1 - _BUCKET_BITS)


def _midpoint_ns(lower_ns: int) -> float:
    """The middle of the whole numbers in a bucket: the value itself where the width is 1."""
    return lower_ns + (bucket_width_ns(lower_ns) - 1) / 2


def count(histogram: Histogram) -> int:
    """How many values the histogram holds."""
    return sum(n for _, n in histogram)


def percentile_ns(histogram: Histogram, q: float) -> float:
    """The ceil(q·n)-th smallest value in ns (`q` from 0 to 1), as its bucket's midpoint.

    Exact below 256 ns, within 0.4 % above; NaN for an empty histogram. Raises `ValueError` for a
    `q` outside 0 to 1.
    """
    return percentiles_ns(histogram, (q,))[0]


def percentiles_ns(histogram: Histogram, quantiles: Sequence[float]) -> list[float]:
    """`percentile_ns` of several `q` at once."""
    if not all(0 <= q <= 1 for q in quantiles):
        raise ValueError("a quantile lies between 0 and 1")
    totals = list(accumulate(n for _, n in histogram))
    n = totals[-1] if totals else 0
    if not n:
        return [math.nan] * len(quantiles)
    ranks = [rank_of(q, n) for q in quantiles]
    return [_midpoint_ns(histogram[bisect_left(totals, rank)][0]) for rank in ranks]


def rank_of(q: float, n: int) -> int:
    """Which of `n` values in order the quantile is, from 1."""
    # Decimal, as it was written: in floats 0.07 · 100 is above 7 and its ceiling 8.
    return max(1, math.ceil(Fraction(str(float(q))) * n))


def mean_ns(histogram: Histogram) -> float:
    """The mean in ns, every value taken at its bucket's midpoint; NaN for an empty histogram."""
    n = count(histogram)
    if not n:
        return math.nan
    twice = sum((2 * lower + bucket_width_ns(lower) - 1) * times for lower, times in histogram)
    return twice / (2 * n)


def max_ns(histogram: Histogram) -> float:
    """The largest value in ns, as its bucket's midpoint; NaN for an empty histogram."""
    return percentile_ns(histogram, 1.0)


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """All values of all histograms in one."""
    total: Counter[int] = Counter()
    for histogram in histograms:
        for lower, n in histogram:
            total[lower] += n
    return sorted(total.items())
