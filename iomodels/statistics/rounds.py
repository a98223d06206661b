"""All statistics of the project: medians and intervals over rounds, percentiles, paired ratios.

The unit of evidence is the round, never the operation: a trial's million operations share one
process, one placement on the CPUs and one moment of the machine, so their spread says nothing of
how the next run will come out. Hence a trial comes down to one value per quantity, and intervals
are taken over the rounds' values.

Plain Python on purpose: the samples have seven values, and a histogram some hundred buckets, kept
as integers of any size. Nothing here prints, reads or writes.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from statistics import NormalDist, median

import msgspec

from iomodels.results.schema import Histogram, Interval, Percentiles, Summary, Switches, Trial

MIN_ROUNDS = 6
"""The fewest values for which the order statistics bound the median with 95 % coverage."""

EXACT_BELOW_NS = 128
"""Below this a histogram keeps every nanosecond apart."""

_BUCKET_BITS = 7
_BIMODAL_GAP = math.log(1.2)
_BIMODAL_GAP_TO_SPREAD = 3.0
_LARGEST_LOG = 700.0


# Over rounds


def median_interval(values: Sequence[float]) -> Interval:
    """The median of `values` and its distribution-free 95 % interval; below `MIN_ROUNDS` the range.

    The interval is the narrowest symmetric pair of order statistics, the k-th smallest and the
    k-th largest, that holds the true median with at least 95 %: its coverage is
    1 - 2·P(Binomial(n, 1/2) < k) for any continuous distribution (David and Nagaraja, *Order
    Statistics*, 3rd ed., section 7.1). 6 to 8 values give their minimum and maximum, 9 to 11 the
    second from either end.

    Raises `ValueError` when there are no values.
    """
    if not values:
        raise ValueError("a median needs at least one value")
    ordered = sorted(values)
    n = len(ordered)
    k = _interval_rank(n)
    middle = ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2
    return Interval(median=float(middle), low=float(ordered[k - 1]), high=float(ordered[n - k]))


def _interval_rank(n: int) -> int:
    """The largest k whose pair of order statistics covers the median with 95 %, at least 1."""
    k, tail = 0, 0
    while True:
        # In whole numbers (tail / 2^n is P(Binomial < k)), so that no rounding can move a rank.
        tail += math.comb(n, k)
        if 2 * tail * 20 > 2**n:
            return max(k, 1)
        k += 1


@dataclass(frozen=True)
class Ratio:
    """A ratio of two cells, paired by round; `rounds` is the number of pairs."""

    interval: Interval
    rounds: int

    @property
    def conclusive(self) -> bool:
        """Whether there are enough pairs for the interval to be one of 95 %."""
        return self.rounds >= MIN_ROUNDS

    @property
    def excludes_one(self) -> bool:
        """Whether 1 lies outside the interval: with `conclusive`, the two cells differ."""
        return self.interval.low > 1.0 or self.interval.high < 1.0


def paired_ratio(
    a: Sequence[Trial], b: Sequence[Trial], value: Callable[[Trial], float]
) -> Ratio | None:
    """The ratio of `value`, a over b, paired by round; None without a pair.

    A round counts where it is in both and both values are finite and above zero. The median and
    interval are those of the log ratios: a machine that slows down for a while slows both trials of
    a round, which cancels in the pair, and logs treat "twice" and "half" alike.
    """
    logs_b = _logs_by_round(b, value)
    logs_a = _logs_by_round(a, value)
    differences = [logs_a[number] - logs_b[number] for number in sorted(logs_a.keys() & logs_b)]
    if not differences:
        return None
    logs = median_interval(differences)
    interval = Interval(median=_exp(logs.median), low=_exp(logs.low), high=_exp(logs.high))
    return Ratio(interval=interval, rounds=len(differences))


def _logs_by_round(trials: Iterable[Trial], value: Callable[[Trial], float]) -> dict[int, float]:
    values = {trial.round: value(trial) for trial in trials}
    return {number: math.log(v) for number, v in values.items() if v > 0 and math.isfinite(v)}


def _exp(log: float) -> float:
    return math.exp(max(-_LARGEST_LOG, min(log, _LARGEST_LOG)))


def is_bimodal(values: Sequence[float]) -> bool:
    """Whether the values fall into two clearly separate clusters, so that a median misleads.

    The test: some gap between neighbours (on a log scale, values in order) is larger than 20 %,
    has at least two values on either side, and is more than three times as wide as the wider of
    the two clusters. Values of zero or less are left out; fewer than four are never bimodal.
    The case it is made for: helper threads that land on the same CPU in some rounds and on
    another in others, with 3 times the throughput.
    """
    logs = sorted(math.log(value) for value in values if value > 0 and math.isfinite(value))
    for split in range(2, len(logs) - 1):
        gap = logs[split] - logs[split - 1]
        spread = max(logs[split - 1] - logs[0], logs[-1] - logs[split])
        if gap > _BIMODAL_GAP and gap > _BIMODAL_GAP_TO_SPREAD * spread:
            return True
    return False


# Of one trial


def cpu_ns_per_op(trial: Trial) -> float:
    """User and system CPU time per operation, in ns, of all threads of the process."""
    return trial.cpu_user_ns_per_op + trial.cpu_system_ns_per_op


def latency_p50_ns(trial: Trial) -> float:
    """The trial's median latency in ns; NaN where nothing completed."""
    return percentile_ns(trial.latency_ns, 0.5)


# Of one histogram


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
    # Decimal, as it was written: in floats 0.07 · 100 is above 7 and its ceiling 8.
    ranks = [max(1, math.ceil(Fraction(str(float(q))) * n)) for q in quantiles]
    return [_midpoint_ns(histogram[bisect_left(totals, rank)][0]) for rank in ranks]


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


# Of one cell


def summarise(trials: Sequence[Trial]) -> Summary | None:
    """What a cell's trials come to; None where nothing was measured in any of them.

    A rate or share is taken over all rounds, a quantity per operation over those rounds that
    completed any. A call that a round did not make counts as 0 there. An optional quantity that
    is missing in one round is left out altogether: a median over other rounds than its
    neighbours' would invite false comparisons.
    """
    measured = [trial for trial in trials if trial.operations > 0 and count(trial.latency_ns)]
    if not measured:
        return None
    calls = sorted({name for trial in measured for name in trial.calls_per_op})
    return Summary(
        rounds=len(trials),
        throughput_ops=median_interval([t.throughput_ops for t in trials]),
        throughput_bytes=median_interval([t.throughput_bytes for t in trials]),
        latency_ns=_percentiles([t.latency_ns for t in measured]),
        cpu_ns_per_op=median_interval([cpu_ns_per_op(t) for t in measured]),
        cpu_user_ns_per_op=median_interval([t.cpu_user_ns_per_op for t in measured]),
        cpu_system_ns_per_op=median_interval([t.cpu_system_ns_per_op for t in measured]),
        cpu_share=median_interval([t.cpu_share for t in trials]),
        calls_per_op={
            name: median_interval([t.calls_per_op.get(name, 0.0) for t in measured])
            for name in calls
        },
        eagain_per_op=median_interval([t.eagain_per_op for t in measured]),
        voluntary_switches_per_op=median_interval(
            [t.context_switches_per_op.voluntary for t in measured]
        ),
        involuntary_switches_per_op=median_interval(
            [t.context_switches_per_op.involuntary for t in measured]
        ),
        depth_mean=median_interval([t.depth_mean for t in trials]),
        submit_ns=_optional_percentiles([t.submit_ns for t in measured]),
        service_ns=_optional_percentiles([t.service_ns for t in measured]),
        added_ns=_optional_percentiles([t.added_ns for t in measured]),
        cancel_ns=_optional_percentiles([t.cancel_ns for t in measured]),
        cancel_late_ns=_optional_percentiles([t.cancel_late_ns for t in measured]),
        overlap=_optional_interval([t.overlap for t in measured]),
        harness_ns_per_op=_optional_interval([t.harness_ns_per_op for t in measured]),
    )


CANCEL_OUTCOMES = (
    *("cancels_done", "cancels_too_late", "cancels_already_complete"),
    "cancels_withheld",
)
"""What the engine answers when it is to cancel; the first is that it will. By the last it says that
it did not try, for the sake of requests behind this one."""


def cancelled_share(trials: Sequence[Trial]) -> Interval | None:
    """The share of the overdue requests that cancelling ended, by round; None where none was."""
    shares = []
    for trial in trials:
        asked = [trial.counters.get(name, 0.0) for name in CANCEL_OUTCOMES]
        if sum(asked):
            shares.append(asked[0] / sum(asked))
    return median_interval(shares) if shares else None


def calls_per_op(trials: Sequence[Trial]) -> Interval | None:
    """Calls of any name per operation; None where no round completed an operation.

    The sum is taken in each round: a sum of medians is the median of no round.
    """
    sums = [sum(trial.calls_per_op.values()) for trial in trials if trial.operations > 0]
    return median_interval(sums) if sums else None


def _percentiles(histograms: Sequence[Histogram]) -> Percentiles:
    """Each percentile's median and interval. None of the histograms may be empty."""
    rows = [
        [*percentiles_ns(histogram, (0.5, 0.9, 0.99, 0.999, 1.0)), mean_ns(histogram)]
        for histogram in histograms
    ]
    p50, p90, p99, p999, largest, mean = (
        median_interval(column) for column in zip(*rows, strict=True)
    )
    return Percentiles(p50=p50, p90=p90, p99=p99, p999=p999, max=largest, mean=mean)


def _optional_percentiles(histograms: Sequence[Histogram | None]) -> Percentiles | None:
    present = [histogram for histogram in histograms if histogram is not None and count(histogram)]
    return _percentiles(present) if len(present) == len(histograms) else None


def _optional_interval(values: Sequence[float | None]) -> Interval | None:
    present = [value for value in values if value is not None]
    return median_interval(present) if len(present) == len(values) else None


# Of one trial's slices


def combine_slices(slices: Sequence[Trial]) -> Trial:
    """One trial from several slices of it: of each rate its median over slices.

    A slice that something disturbed so loses its weight. Histograms are added up, and so are
    operations and durations; of a largest value it is the largest. Raises `ValueError` for none.
    """
    if not slices:
        raise ValueError("a trial needs at least one slice")
    calls = {name for each in slices for name in each.calls_per_op}
    counters = {name for each in slices for name in each.counters}
    return msgspec.structs.replace(
        slices[0],
        duration_ns=sum(each.duration_ns for each in slices),
        operations=sum(each.operations for each in slices),
        depth_max=max(each.depth_max for each in slices),
        timeline=None,
        calls_per_op={
            name: median(each.calls_per_op.get(name, 0.0) for each in slices)
            for name in sorted(calls)
        },
        context_switches_per_op=Switches(
            voluntary=median(each.context_switches_per_op.voluntary for each in slices),
            involuntary=median(each.context_switches_per_op.involuntary for each in slices),
        ),
        counters={
            name: (max if name in _LARGEST else sum)(each.counters.get(name, 0) for each in slices)
            for name in sorted(counters)
        },
        **{name: median(getattr(each, name) for each in slices) for name in _RATES},
        **{name: _added_up([getattr(each, name) for each in slices]) for name in _HISTOGRAMS},
    )


_RATES = (
    "throughput_ops",
    "throughput_bytes",
    "cpu_user_ns_per_op",
    "cpu_system_ns_per_op",
    "cpu_share",
    "eagain_per_op",
    "depth_mean",
)
_HISTOGRAMS = (
    *("latency_ns", "service_ns", "submit_ns"),
    *("added_ns", "cancel_ns", "cancel_late_ns"),
)
_LARGEST = ("lateness_max_ns", "backlog", "pages_before", "pages_after")
"""The counters that are no counts of events."""


def _added_up(histograms: Sequence[Histogram | None]) -> Histogram | None:
    present = [histogram for histogram in histograms if histogram is not None]
    return merge(present) if present else None


# Of counts


def wilson_interval(hits: int, tries: int) -> Interval:
    """A rate and its 95 % interval: E. B. Wilson 1927, doi:10.2307/2276774.

    Unlike the usual ± it stays within 0 and 1, and is not empty where all or none hit. Raises
    `ValueError` without tries.
    """
    if not 0 <= hits <= tries or tries == 0:
        raise ValueError("a rate needs tries, and no more hits than those")
    z = NormalDist().inv_cdf(0.975)
    rate, weight = hits / tries, z * z / tries
    middle = (rate + weight / 2) / (1 + weight)
    half = z * math.sqrt(rate * (1 - rate) / tries + weight / tries / 4) / (1 + weight)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    # At the ends the bounds are exactly 0 and 1; rounding must not leave the rate outside.
    return Interval(median=rate, low=min(low, rate), high=max(high, rate))
