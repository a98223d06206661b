"""Keeps what a run writes within what can be read: the more trials, the fewer buckets each has.

Percentiles that are shown stay exactly what they were, and so does every count in total.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

import msgspec

from iomodels.base.errors import UsageError
from iomodels.results.read import HISTOGRAMS, MAX_BYTES
from iomodels.results.schema import Histogram, Trial
from iomodels.statistics.histogram import (
    QUANTILES,
    bucket_width_ns,
    count,
    mean_ns,
    rank_of,
)

FEWEST = 64
"""Buckets of a histogram: with fewer its shape would be lost."""
_BUCKET_BYTES = 28
"""At most, as JSON: a time of hours in ns, a count of seconds in ns, and what is around them."""
_OTHER_BYTES = 6000
"""Of a trial without its histograms, at most: the timeline, counters, calls."""
_FULL = 0.9
"""How much of the largest file is for trials."""
MOST_TRIALS = int(MAX_BYTES * _FULL / (_OTHER_BYTES + FEWEST * _BUCKET_BYTES * len(HISTOGRAMS)))
"""Of a run, so that its file can be read."""


def buckets_each(trials: int) -> int:
    """How many buckets a histogram may have in a run of so many trials.

    Raises `UsageError` where that would be too few to be a histogram: the run is refused.
    """
    each = MAX_BYTES * _FULL / max(1, trials) - _OTHER_BYTES
    buckets = int(each / _BUCKET_BYTES / len(HISTOGRAMS))
    if buckets < FEWEST:
        least = _OTHER_BYTES + FEWEST * _BUCKET_BYTES * len(HISTOGRAMS)
        needed = int(trials * least / _FULL)
        raise UsageError(
            f"{trials} trials can need {needed >> 20} MiB, and results of more than "
            f"{MAX_BYTES >> 20} MiB are not read: use fewer rounds, or fewer scenarios at a time"
        )
    return buckets


def thinned_trial(trial: Trial, most: int) -> Trial:
    """The trial with at most so many buckets in each of its histograms."""
    given: Mapping[str, Histogram | None] = {name: getattr(trial, name) for name in HISTOGRAMS}
    changed = {
        name: thinned(histogram, most)
        for name, histogram in given.items()
        if histogram is not None and len(histogram) > most
    }
    return msgspec.structs.replace(trial, **changed) if changed else trial


def thinned(histogram: Histogram, most: int) -> Histogram:
    """At most `most` buckets (20 or more): neighbours are added up, in the place of the middle one
    of their values. Those that hold a percentile that is shown stay alone."""
    if len(histogram) <= most:
        return histogram
    size = math.ceil(len(histogram) / (most - 2 * len(QUANTILES) - 1))
    return _grouped(histogram, QUANTILES, size, _middle)


def only_quantiles(histogram: Histogram, quantiles: Sequence[float]) -> Histogram:
    """The fewest buckets that keep these percentiles, the count and the mean: one for each
    percentile, and one for all values between two, in the place of their mean."""
    return _grouped(histogram, quantiles, max(1, len(histogram)), _mean)


def _grouped(
    histogram: Histogram,
    quantiles: Sequence[float],
    size: int,
    one_of: Callable[[Histogram], tuple[int, int]],
) -> Histogram:
    """The buckets of these percentiles as they are, and of the others `size` neighbours in one."""
    totals = list(accumulate(n for _, n in histogram))
    if not totals or not totals[-1]:
        return []
    alone = sorted({bisect_left(totals, rank_of(q, totals[-1])) for q in quantiles})
    found: Histogram = []
    begin = 0
    for end in (*alone, len(histogram)):
        for first in range(begin, end, size):
            found.append(one_of(histogram[first : min(first + size, end)]))
        found += histogram[end : end + 1]
        begin = end + 1
    return [bucket for bucket in found if bucket[1]]


def _middle(group: Histogram) -> tuple[int, int]:
    totals = list(accumulate(n for _, n in group))
    lower, _ = group[bisect_left(totals, (totals[-1] + 1) // 2)]
    return lower, totals[-1]


def _mean(group: Histogram) -> tuple[int, int]:
    values = count(group)
    if not values:
        return group[0]
    at = int(mean_ns(group))
    lower = at - at % bucket_width_ns(at)
    return min(max(lower, group[0][0]), group[-1][0]), values
