"""How often each number came (sizes in bytes, times in ns): exact for few, rounded for many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

MOST_DISTINCT = 64
_KEPT_EXACT = 16
USUAL = 0.95
"""The share of the time, or of the calls, in which there are no more than usual: without peaks."""


class Sizes:
    """Counts of numbers > 0. Beyond 64 different ones, the rare ones count as the next power of
    two."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}

    def add(self, size: int, times: int = 1) -> None:
        self.counts[size] = self.counts.get(size, 0) + times
        if len(self.counts) > MOST_DISTINCT:
            self._round()

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

    def _round(self) -> None:
        kept = set(sorted(self.counts, key=lambda size: -self.counts[size])[:_KEPT_EXACT])
        rounded: Counter[int] = Counter()
        for size, count in self.counts.items():
            rounded[size if size in kept else 1 << (size - 1).bit_length()] += count
        self.counts = dict(rounded)


def quantile(weights: Iterable[tuple[int, float]], share: float) -> int:
    """The smallest number below or at which `share` of the weight lies; 0 of no weight."""
    ordered = sorted(weights)
    left = share * sum(weight for _, weight in ordered)
    for number, weight in ordered:
        left -= weight
        if left <= 1e-12:
            return number
    return ordered[-1][0] if ordered else 0
