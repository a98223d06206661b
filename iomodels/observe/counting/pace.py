"""When requests start, and what a thread does before: computes, or sleeps until a time."""

from __future__ import annotations

import math

from iomodels.observe.counting.call_times import CallTimes


class Pace:
    """Starts of requests, in about the order of time."""

    __slots__ = ("_last_s", "_mean", "_squares", "after_sleep", "between", "gaps", "starts")

    def __init__(self) -> None:
        self.starts = 0
        self.after_sleep = 0
        """Before which the thread had slept until a time."""
        self.gaps = CallTimes()
        """The longest time without a call since the thread's last request."""
        self.between = 0
        self._last_s: float | None = None
        self._mean = 0.0
        self._squares = 0.0

    def start(self, at_s: float, *, slept: bool, gap_s: float) -> None:
        """A request starts."""
        self.starts += 1
        self.after_sleep += slept
        self.gaps.add(gap_s)
        if self._last_s is not None:
            self._between(max(at_s - self._last_s, 0.0))
        self._last_s = at_s

    def merge(self, other: Pace) -> None:
        """Of other descriptors at the same time: the times between their starts are not those
        between all starts, and only the one with more of them stays."""
        self.starts += other.starts
        self.after_sleep += other.after_sleep
        self.gaps.merge(other.gaps)
        if other.between > self.between:
            self.between, self._mean, self._squares = other.between, other._mean, other._squares

    @property
    def variation(self) -> float | None:
        """Standard deviation of the times between starts, over their mean: 0 of a clock, 1 of
        independent arrivals."""
        if self.between < 2 or self._mean <= 0:
            return None
        return math.sqrt(self._squares / (self.between - 1)) / self._mean

    def _between(self, seconds: float) -> None:
        self.between += 1
        difference = seconds - self._mean
        self._mean += difference / self.between
        self._squares += difference * (seconds - self._mean)
