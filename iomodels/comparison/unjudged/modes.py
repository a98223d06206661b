"""A cell whose rounds jump between several levels by themselves (`statistics.rounds.modes`).

Helper threads that share a CPU with the loop, or do not, make cached reads by `aio` several times
faster or slower, with nothing changed. A median of such rounds says which level was met more often.
So that metric is shown and not judged (`varies`), and the cell is judged by one that does not jump.
What no level explains is a loss all the same: rounds below the worst of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.units import listed
from iomodels.comparison import unpaired_verdicts
from iomodels.comparison.schema import Change
from iomodels.comparison.unpaired_verdicts import Judgement, Timing
from iomodels.comparison.verdict import exp_interval
from iomodels.results.schema import Interval
from iomodels.statistics import history
from iomodels.statistics.rounds import MIN_ROUNDS, Mode, median_interval, modes

NEVER_EXPLAINED = 0.30
"""A loss below the worst level that is a suspect however few rounds there are at that level."""
REMEDY = "to judge it, record and check on one CPU (taskset -c 0 iomodels …)"


@dataclass(frozen=True)
class Jumping:
    """A timing whose rounds jump between `levels`; `instead` names the metrics that are judged."""

    timing: Timing
    levels: Sequence[Mode]
    instead: Sequence[str]

    @property
    def worst(self) -> Mode:
        """The worst level that base rounds are at: what is beyond it is no jump."""
        better_up = self.timing.metric.bigger_is_better
        known = [level for level in self.levels if any(self._base_at(level))]
        return min(known, key=lambda level: level.median if better_up else -level.median)

    def against_worst(self) -> Timing:
        """The same with the base rounds at the worst level only, to find what lies beyond it."""
        return replace(self.timing, base=self._base_at(self.worst))

    def _base_at(self, level: Mode) -> list[list[float]]:
        return [[log for log in run if level.holds(math.exp(log))] for run in self.timing.base]

    def said(self, change: Change) -> Change:
        """What became of it: `change` is the verdict against the worst level."""
        levels = [level.median for level in self.levels]
        change = structs.replace(change, levels=levels)
        if change.verdict == "slower" or change.suspect:
            return structs.replace(change, reason=f"{self._beyond()}; {change.reason or REMEDY}")
        if self._loss() >= NEVER_EXPLAINED:
            return structs.replace(
                change,
                verdict="inconclusive",
                limit=NEVER_EXPLAINED,
                suspect=True,
                reason=f"{self._beyond()}; {REMEDY}",
            )
        return structs.replace(
            change,
            verdict="varies",
            limit=None,
            detectable=None,
            judged=False,
            reason=self._why(),
            **self._all_rounds(),
        )

    def _loss(self) -> float:
        """Of the worse quarter of the new rounds, below the worst level: of a rate at most 1."""
        up = self.timing.metric.bigger_is_better
        ordered = sorted(self.timing.new, reverse=not up)
        shift = ordered[len(ordered) // 4] - math.log(self.worst.median)
        return 1 - math.exp(shift) if up else math.expm1(shift)

    def _all_rounds(self) -> dict[str, object]:
        """The numbers of all rounds, as fields of a change: they are shown."""
        before, now = history.level(self.timing.pooled), history.level(self.timing.new)
        change, margin = now.value - before.value, 1.96 * math.hypot(before.error, now.error)
        return {
            "base": exp_interval(median_interval(self.timing.pooled)),
            "ratio": exp_interval(Interval(change, change - margin, change + margin)),
            "rounds": min(len(self.timing.pooled), len(self.timing.new)),
        }

    def _names(self) -> str:
        return names(self.timing.metric, self.levels)

    def _why(self) -> str:
        instead = listed([*self.instead, "calls per operation"])
        none = "" if self.instead else ", since CPU per operation jumps, too"
        return (
            f"{self.timing.metric.title} jumps by itself ({self._names()}), so the cell is judged "
            f"by {instead}{none}; {REMEDY}"
        )

    def _beyond(self) -> str:
        way = "below" if self.timing.metric.bigger_is_better else "above"
        return (
            f"{self.timing.metric.title} jumps by itself, but these rounds are {way} all levels "
            f"that the base has ({self._names()})"
        )


def names(metric: Quantity, levels: Sequence[Mode]) -> str:
    """`20k, 47k or 89k ops/s`."""
    shown = [metric.unit.show(level.median) for level in levels]
    return f"{listed(shown, 'or')} {metric.unit.name if metric.unit.suffix else ''}".rstrip()


def levels_of(timing: Timing, new: Sequence[float]) -> list[Mode]:
    """The levels that it jumps between; empty where it does not, or is not judged by its rounds
    alone. `new` are the logs of all new rounds, in the order measured."""
    few = len(timing.pooled) < MIN_ROUNDS or len(timing.new) < MIN_ROUNDS
    if few or timing.refusal or timing.lost or timing.doubt:
        return []
    base = [[math.exp(log) for log in run] for run in timing.base]
    levels = modes(base, [math.exp(log) for log in new])
    # Levels of which the base knows none are new: a change.
    known = any(level.holds(value) for level in levels for run in base for value in run)
    return levels if known else []


def judge(timings: Sequence[Timing | Jumping], by: Judgement) -> list[Change]:
    """The verdicts on all of them. Those that jump are judged against their worst level, and apart:
    a jump is nothing that all cells do together."""
    steady = [one for one in timings if not isinstance(one, Jumping)]
    jumping = [one for one in timings if isinstance(one, Jumping)]
    alone = [unpaired_verdicts.judge_timings([one.against_worst()], by)[0] for one in jumping]
    changes = unpaired_verdicts.judge_timings(steady, by)
    first, together = iter(changes[: len(steady)]), changes[len(steady) :]
    last = iter(one.said(change) for one, change in zip(jumping, alone, strict=True))
    return [
        *(next(last) if isinstance(one, Jumping) else next(first) for one in timings),
        *together,
    ]
