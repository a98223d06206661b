"""Exact counters: calls per operation, compared without statistics where they are constant.

A counter that is the same in every round of the base is a property of the code, not of the
machine: one more call per operation shows in the first round, on any machine. One that varies by
itself (spinning, helper threads, batches) is no evidence and is left to the timing metrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from iomodels import metrics
from iomodels.changes import Change, Verdict
from iomodels.metrics import Metric
from iomodels.results import Interval, Trial
from iomodels.statistics import median_interval

MIN_CONSTANT_ROUNDS = 3
"""Fewer rounds cannot show that a counter is constant."""
CONSTANT_WITHIN = 0.001
"""Calls per operation: the first and last operations of a trial may have one call more or less."""
CHANGE_BEYOND = 0.01


@dataclass(frozen=True)
class Counted:
    """One counter that is constant in the base, and what became of it."""

    metric: Metric
    verdict: Verdict
    base: Interval
    new: Interval
    rounds: int

    def on(self, change: Change) -> Change:
        """`change`, with this said in it."""
        more = "more" if self.verdict == "slower" else "fewer"
        reason = f"every round makes {more} of these calls: exact, whatever the machine"
        return replace(
            change,
            verdict=self.verdict,
            base=self.base,
            new=self.new,
            rounds=self.rounds,
            reason=None if self.verdict == "same" else reason,
        )


def compare(base: Sequence[Trial], new: Sequence[Trial]) -> Iterator[Counted]:
    """Each call's counter that can be judged."""
    for name in sorted({name for trial in (*base, *new) for name in trial.calls_per_op}):
        metric = metrics.counter(name)
        before, after = [metric.value(t) for t in base], [metric.value(t) for t in new]
        found = verdict(before, after)
        if found is not None:
            yield Counted(
                metric, found, median_interval(before), median_interval(after), len(after)
            )


def verdict(base: Sequence[float], new: Sequence[float]) -> Verdict | None:
    """The verdict on one counter, or None where it is none: too few base rounds, or not constant.

    It changed when every new round lies beyond all of the base. More calls are `slower`.
    """
    if len(base) < MIN_CONSTANT_ROUNDS or not new:
        return None
    if max(base) - min(base) > CONSTANT_WITHIN:
        return None
    if min(new) > max(base) + CHANGE_BEYOND:
        return "slower"
    if max(new) < min(base) - CHANGE_BEYOND:
        return "faster"
    steady = max(new) - min(new) <= CONSTANT_WITHIN
    return "same" if steady and abs(new[0] - base[0]) <= CHANGE_BEYOND else None
