"""How often each number came (sizes in bytes, times in ns): exact for few, grouped for many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MOST_DISTINCT = 64
_KEPT_EXACT = 16
USUAL = 0.95
"""The share of the time, or of the calls, in which there are no more than usual: without peaks."""


class Sizes:
    """Counts of numbers > 0. Beyond 64 different ones, the rare ones from each power of two to the
    next count as their mean: the mean of all stays what it was."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}

    def add(self, size: int, times: int = 1) -> None:
        self.counts[size] = self.counts.get(size, 0) + times
        if len(self.counts) > MOST_DISTINCT:
            self._group()

    def merge(self, other: Sizes) -> None:
        for size, times in other.counts.items():
            self.add(size, times)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def common(self) -> int:
        """The most frequent; of several the largest; 0 if there is none."""
        return max(self.counts, key=lambda size: (self.counts[size], size), default=0)

    def at(self, share: float) -> int:
        """The smallest number that is at least as large as `share` of all; 0 if there is none."""
        return quantile(self.counts.items(), share)

    def _group(self) -> None:
        ordered = sorted(self.counts.items(), key=lambda entry: -entry[1])
        self.counts = dict(ordered[:_KEPT_EXACT])
        for size, times in by_powers_of_two(dict(ordered[_KEPT_EXACT:])).items():
            self.counts[size] = self.counts.get(size, 0) + times


def by_powers_of_two(counts: Mapping[int, int]) -> dict[int, int]:
    """The numbers from each power of two to the next together, as their mean."""
    groups: dict[int, dict[int, int]] = {}
    for number, times in counts.items():
        groups.setdefault(number.bit_length(), {})[number] = times
    return {round(mean(group)): sum(group.values()) for group in groups.values()}


def mean(counts: Mapping[int, int]) -> float:
    """0 of nothing."""
    total = sum(number * times for number, times in counts.items())
    return total / max(sum(counts.values()), 1)


def quantile(weights: Iterable[tuple[int, float]], share: float) -> int:
    """The smallest number below or at which `share` of the weight lies; 0 of no weight."""
    ordered = sorted(weights)
    left = share * sum(weight for _, weight in ordered)
    for number, weight in ordered:
        left -= weight
        if left <= 1e-12:
            return number
    return ordered[-1][0] if ordered else 0
