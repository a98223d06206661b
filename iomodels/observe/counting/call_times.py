"""Times in a histogram of constant size: 8 steps for each doubling, so within 9 %."""

from __future__ import annotations

import math

_STEPS = 8


class CallTimes:
    """Times in seconds, of 1 ns and more; shorter ones count as 1 ns."""

    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        step = int(math.log2(max(seconds, 1e-9) * 1e9) * _STEPS)
        self._steps[step] = self._steps.get(step, 0) + 1

    def merge(self, other: CallTimes) -> None:
        for step, count in other._steps.items():
            self._steps[step] = self._steps.get(step, 0) + count

    @property
    def total(self) -> int:
        return sum(self._steps.values())

    def at(self, share: float) -> float | None:
        """The quantile in seconds; None of nothing."""
        left = share * self.total
        for step in sorted(self._steps):
            left -= self._steps[step]
            if left <= 0:
                return _seconds(step)
        return None

    def share_below(self, seconds: float) -> float:
        """Of all, those shorter than `seconds` (0 to 1); 0 of nothing."""
        below = sum(count for step, count in self._steps.items() if _seconds(step) < seconds)
        return below / self.total if self._steps else 0.0


def _seconds(step: int) -> float:
    return float(2 ** ((step + 0.5) / _STEPS)) * 1e-9
