"""Exact counters: calls per operation, compared without statistics where they are constant.

A counter that is the same in every round of the base is a property of the code, not of the
machine: one more call per operation shows in the first round, on any machine. One that varies by
itself (spinning, helper threads, batches) is no evidence and is left to the timing metrics.
"""

from __future__ import annotations

from collections.abc import Sequence

from iomodels.changes import Verdict
from iomodels.results import Trial

MIN_CONSTANT_ROUNDS = 3
"""Fewer rounds cannot show that a counter is constant."""
CONSTANT_WITHIN = 0.001
"""Calls per operation: the first and last operations of a trial may have one call more or less."""
CHANGE_BEYOND = 0.01


def names(*samples: Sequence[Trial]) -> list[str]:
    """The calls that any of the trials made."""
    return sorted({name for trials in samples for trial in trials for name in trial.calls_per_op})


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
