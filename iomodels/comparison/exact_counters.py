"""Exact counters: calls per operation, compared without statistics where they are constant.

A counter that is the same in every round of the base is a property of the code, not of the
machine: one more call per operation shows in the first round, on any machine. One that varies by
itself (spinning, helper threads, batches) is no evidence and is left to the timing metrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from msgspec.structs import replace

from iomodels.analysis.quantities import calls_of
from iomodels.analysis.quantity_definition import Quantity
from iomodels.comparison.schema import Change, Verdict
from iomodels.results.schema import Interval, Trial
from iomodels.statistics.rounds import MIN_ROUNDS, median_interval

MIN_CONSTANT_ROUNDS = 3
"""Fewer rounds cannot show that a counter is constant."""
CONSTANT_WITHIN = 0.001
"""Calls per operation: the first and last operations of a trial may have one call more or less."""
CHANGE_BEYOND = 0.01
"""Calls per operation that are surely none of those; where both sides are constant
`CHANGE_SHARE` of the base is enough, be it less: a list of 16 makes a sixteenth of a call."""
CHANGE_SHARE = 0.05


@dataclass(frozen=True)
class Counted:
    """One counter that is constant in the base, and what became of it."""

    metric: Quantity
    verdict: Verdict
    base: Interval
    new: Interval
    rounds: int
    spread: tuple[float, float]
    """The new side's least and largest."""

    def on(self, change: Change) -> Change:
        """`change`, with this said in it."""
        return replace(
            change,
            verdict=self.verdict,
            base=self.base,
            new=self.new,
            rounds=self.rounds,
            reason=self._reason(),
        )

    def _reason(self) -> str | None:
        low, high = self.spread
        if self.verdict == "same":
            return None
        if high - low > CONSTANT_WITHIN:
            return f"was constant, now varies from {low:.3g} to {high:.3g} calls per operation"
        more = "more" if self.verdict == "slower" else "fewer"
        return f"every round makes {more} of these calls; call counts do not depend on the machine"


def compare(base: Sequence[Trial], new: Sequence[Trial]) -> Iterator[Counted]:
    """Each call's counter that can be judged."""
    for metric, before, after in _values(base, new):
        found = verdict(before, after)
        if found is not None:
            intervals = median_interval(before), median_interval(after)
            yield Counted(metric, found, *intervals, len(after), (min(after), max(after)))


def unjudged(base: Sequence[Trial], new: Sequence[Trial]) -> int:
    """How many counters there are of which nothing can be said."""
    return sum(verdict(before, after) is None for _, before, after in _values(base, new))


def _values(
    base: Sequence[Trial], new: Sequence[Trial]
) -> Iterator[tuple[Quantity, list[float], list[float]]]:
    if not all(trial.counts_calls for trial in (*base, *new)):
        return  # of an engine in Python, of another kind on one side at the most
    for name in sorted({name for trial in (*base, *new) for name in trial.calls_per_op}):
        metric = calls_of(name)
        yield metric, [metric.of_trial(t) for t in base], [metric.of_trial(t) for t in new]


def verdict(base: Sequence[float], new: Sequence[float]) -> Verdict | None:
    """The verdict on one counter, or None where it is none: too few base rounds, or not constant.

    It changed when every new round lies beyond all of the base. More calls are `slower`, and fewer
    are no loss, be it in some rounds only. One that was constant and now varies is no longer exact,
    and has to rise by more: `slower` if most rounds make more calls than the base ever did, and
    nothing sure otherwise.
    """
    if len(base) < MIN_CONSTANT_ROUNDS or not new:
        return None
    if max(base) - min(base) > CONSTANT_WITHIN:
        return None
    least, most = min(base), max(base)
    beyond = _beyond(most, constant=max(new) - min(new) <= CONSTANT_WITHIN)
    if min(new) > most + beyond:
        return "slower"
    if max(new) < least - beyond:
        return "faster"
    if max(new) <= most + beyond:
        return "same"
    # Few rounds may have been constant by chance: those that take the median take more of them.
    more = len(base) >= MIN_ROUNDS and median(new) > most + beyond
    return "slower" if more else "inconclusive"


def _beyond(base: float, *, constant: bool) -> float:
    """The calls per operation that a counter must rise or fall by."""
    share = CHANGE_SHARE * base
    if constant:
        return min(CHANGE_BEYOND, max(2 * CONSTANT_WITHIN, share))
    return max(CHANGE_BEYOND, share)
