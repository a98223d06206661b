"""Statistics over rounds: medians with their intervals, and paired ratios.

The unit of evidence is the round, never the operation: a trial's million operations share one
process, one placement on the CPUs and one moment of the machine, so their spread says nothing of
how the next run will come out. Hence a trial comes down to one value per quantity, and intervals
are taken over the rounds' values.

Plain Python on purpose: the samples have seven values, and a histogram some hundred buckets, kept
as integers of any size. Nothing here prints, reads or writes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import groupby
from statistics import NormalDist, median

from iomodels.results.schema import Interval, Trial

MIN_ROUNDS = 6
"""The fewest values for which the order statistics bound the median with 95 % coverage."""

RELEVANT = 0.05
"""The share from which a difference matters. Two cells are called the same only where the whole
interval of their ratio excludes a larger one; where it does not, no difference is shown."""

LEAST_AT_LEVEL, LEAST_SHARE_AT_LEVEL = 3, 1 / 12
"""A level has so many of all rounds; what is fewer are strays, as heavy tails have them."""
LEAST_VISITS, LEAST_BESIDE_STEP = 2, 2
"""How often a level must have been reached, since once is an incident or a change; and how many
rounds a single step to it or from it must leave unexplained: fewer are strays beside a change."""
LEAST_PAIRS, LOPSIDED = 10, 0.002
"""Of the pairs of an A/B: how many have to remain, and the level of the sign test of the others (by
which false alarms can become more frequent, and no more)."""

_BIMODAL_GAP = math.log(1.2)
_BIMODAL_GAP_TO_SPREAD = 3.0
_LARGEST_LOG = 700.0
_ROUNDING = 1e-9


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


@cache
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

    @property
    def within_relevant(self) -> bool:
        """Whether the interval excludes a difference of `RELEVANT`: with `conclusive`, the two
        cells are the same for all practical purposes."""
        most = 1.0 + RELEVANT
        return self.interval.low >= 1.0 / most and self.interval.high <= most


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


def interval_kind(rounds: int) -> str:
    """What low and high of an interval over this many rounds are."""
    return "95 % interval" if rounds >= MIN_ROUNDS else "range"


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


@dataclass(frozen=True)
class Mode:
    """One of several levels that a cell's rounds jump between: its least, middle and largest."""

    low: float
    median: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether the value is at this level. Logs may have changed the last digit of its ends."""
        return self.low * (1 - _ROUNDING) <= value <= self.high * (1 + _ROUNDING)


def modes(runs: Sequence[Sequence[float]], new: Sequence[float] = ()) -> list[Mode]:
    """The levels that rounds jump between by themselves, the lowest first; none, or two or more.

    `runs` are the rounds of earlier runs and `new` those of the run that is compared with them, in
    the order measured; what is not above zero is left out. Rounds are at different levels where,
    on a log scale, a gap wider than 20 %, and wider than what holds 80 % of either side, lies
    between them.

    A level counts only if it was left and reached again: `LEAST_VISITS` separate times within
    `runs`, or within `new`, and not by a few strays (`LEAST_BESIDE_STEP`). So neither a machine
    that changed for good nor a new run at another level than all before it is one: those are
    changes. `benchmarks/levels.py` says how often cells with one level are said to have several (1
    in 500 at most, with heavy tails, drift, or a change for good), and how often those with three
    are found.
    """
    sequences = [_logs(value for run in runs for value in run), _logs(new)]
    parts = _apart(sorted(value for sequence in sequences for value in sequence))
    least = max(LEAST_AT_LEVEL, LEAST_SHARE_AT_LEVEL * sum(map(len, sequences)))
    levels = [
        Mode(*(math.exp(value) for value in (part[0], median(part), part[-1])))
        for part in parts
        if len(part) >= least and any(_is_met_again(part, logs) for logs in sequences)
    ]
    return levels if len(levels) > 1 else []


def at_one_level(a: Sequence[float], b: Sequence[float]) -> tuple[list[Mode], list[bool]]:
    """The levels that pairs jump between, and which pairs have both arms at one of them; no level
    where there are not several, or nothing may be left out.

    Pairs of two levels compare those and not the arms. Which they are does not depend on which arm
    is which, so a sign-flip test of the others stays exact. Nothing is left out where
    - not both arms were together at two levels at least, `LEAST_AT_LEVEL` times each: what only
      one arm does is a change;
    - one arm is the lower one of such pairs more often than chance explains (`LOPSIDED`): it meets
      the levels more or less often, and that is a change, too;
    - fewer than `LEAST_PAIRS` or a quarter of the pairs would remain.
    """
    known = [i for i, pair in enumerate(zip(a, b, strict=True)) if all(map(_is_positive, pair))]
    levels = modes([[value for i in known for value in sorted((a[i], b[i]))]])
    where = [[next((m for m in levels if m.holds(v)), None) for v in (a[i], b[i])] for i in known]
    together = {i: x for i, (x, y) in zip(known, where, strict=True) if x is not None and x is y}
    times = [sum(level is one for one in together.values()) for level in levels]
    apart = [i for i in known if i not in together]
    lower = sum(a[i] < b[i] for i in apart)
    may = (
        sum(count >= LEAST_AT_LEVEL for count in times) > 1
        and len(together) >= max(LEAST_PAIRS, len(known) / 4)
        and _sign_p(lower, len(apart)) > LOPSIDED
    )
    return (levels, [i in together for i in range(len(a))]) if may else ([], [True] * len(a))


def _is_positive(value: float) -> bool:
    return value > 0 and math.isfinite(value)


def _sign_p(hits: int, tries: int) -> float:
    """The two-sided p-value of so many heads of a fair coin."""
    tail = sum(math.comb(tries, k) for k in range(min(hits, tries - hits) + 1))
    return float(min(Fraction(1), Fraction(2 * tail, 2**tries)))


def _logs(values: Iterable[float]) -> list[float]:
    return [math.log(value) for value in values if _is_positive(value)]


def _apart(ordered: Sequence[float]) -> list[list[float]]:
    """Split at every wide gap, then joined again where a gap is not wider than its two sides."""
    parts: list[list[float]] = []
    for value in ordered:
        if not parts or value - parts[-1][-1] > _BIMODAL_GAP:
            parts.append([])
        parts[-1].append(value)
    while True:
        gaps = [(parts[i + 1][0] - parts[i][-1], i) for i in range(len(parts) - 1)]
        narrow = [(gap, i) for gap, i in gaps if gap <= max(_most(parts[i]), _most(parts[i + 1]))]
        if not narrow:
            return parts
        _, i = min(narrow)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def _most(ordered: Sequence[float]) -> float:
    """How far apart the values are, without the tenth at either end."""
    tenth = len(ordered) // 10
    return ordered[-1 - tenth] - ordered[tenth]


def _is_met_again(part: Sequence[float], logs: Sequence[float]) -> bool:
    """Whether a sequence comes to that part several times, and not just once and for good."""
    inside = [part[0] <= value <= part[-1] for value in logs]
    visits = sum(there for there, _ in groupby(inside))
    least = max(LEAST_BESIDE_STEP, LEAST_SHARE_AT_LEVEL * len(logs))
    return visits >= LEAST_VISITS and _beside_step(inside) >= least


def _beside_step(inside: Sequence[bool]) -> int:
    """How many of a sequence differ from the single step, up or down, that explains most of it."""
    before, after = 0, sum(inside)
    fewest = after  # never inside
    for index, there in enumerate(inside):
        before, after = before + there, after - there
        left = len(inside) - index - 1
        # Inside until here and not after; or the other way round.
        fewest = min(fewest, index + 1 - before + after, before + left - after)
    return fewest


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
