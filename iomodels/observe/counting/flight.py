"""Requests in flight: how long how many were, from the intervals of the calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from iomodels.observe.counting.sizes import USUAL, quantile

_BUFFERED = 8192
_MOST_LEVELS = 4096

Of = TypeVar("Of")


class Levels:
    """For each number in flight, the seconds during which it was that many."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds: defaultdict[int, float] = defaultdict(float)

    def add(self, intervals: list[tuple[float, float]]) -> None:
        """Intervals (start, end) that overlap none of those added before."""
        changes = sorted(
            [(start, 1) for start, _ in intervals] + [(end, -1) for _, end in intervals]
        )
        level, before = 0, 0.0
        for at, change in changes:
            if level:
                self.seconds[min(level, _MOST_LEVELS)] += at - before
            level, before = level + change, at

    def merge(self, other: Levels) -> None:
        for level, seconds in other.seconds.items():
            self.seconds[level] += seconds

    @property
    def busy_s(self) -> float:
        return float(sum(self.seconds.values()))

    def usual(self) -> int:
        """The most in flight in 95 % (`USUAL`) of the time in which any was."""
        return quantile(self.seconds.items(), USUAL)

    def mean(self, duration_s: float) -> float:
        """Over `duration_s`, the times with none in flight included."""
        total = sum(level * seconds for level, seconds in self.seconds.items())
        return total / duration_s if duration_s > 0 else 0.0


class Flight(Generic[Of]):
    """Intervals in about the order of their ends, kept until what they belong to is known better.

    `key_of` says then with which others an interval counts. An interval that began before the last
    `_BUFFERED` ended is counted from there on: it is of a wait, not of a request among others.
    """

    def __init__(self, key_of: Callable[[Of], Hashable]) -> None:
        self._key_of = key_of
        self._waiting: list[tuple[float, float, Of]] = []
        self._begin = 0.0
        self.levels: dict[Hashable, Levels] = {}

    def add(self, start: float, end: float, of: Of) -> None:
        """One request in flight from `start` to `end` (seconds)."""
        if end > start:
            self._waiting.append((end, start, of))
            if len(self._waiting) >= _BUFFERED:
                self._count(_BUFFERED // 2)

    def finish(self) -> dict[Hashable, Levels]:
        """What was in flight, by key, all intervals counted."""
        self._count(len(self._waiting))
        return self.levels

    def _count(self, oldest: int) -> None:
        if not oldest:
            return
        self._waiting.sort(key=lambda interval: interval[0])
        until = self._waiting[oldest - 1][0]
        by_key: dict[Hashable, list[tuple[float, float]]] = {}
        for end, start, of in self._waiting:
            start = max(start, self._begin)
            if start < until and start < end:
                by_key.setdefault(self._key_of(of), []).append((start, min(end, until)))
        for key, intervals in by_key.items():
            self.levels.setdefault(key, Levels()).add(intervals)
        self._begin = until
        del self._waiting[:oldest]
