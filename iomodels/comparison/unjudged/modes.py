"""A cell whose rounds jump between several levels by themselves (`statistics.rounds.modes`).

Helper threads that share a CPU with the loop, or do not, make cached reads by `aio` several times
faster or slower, with nothing changed. A median of such rounds says which level was met more often.
So that metric is shown and not judged (`varies`), and the cell is judged by one that does not jump.
What no level of the base explains is a loss all the same: rounds below the worst of them, or
between two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from msgspec import structs

from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.units import listed
from iomodels.comparison import unpaired_verdicts
from iomodels.comparison.schema import Change
from iomodels.comparison.unpaired_verdicts import MOST_LIMIT, Judgement, Timing
from iomodels.comparison.verdict import exp_interval
from iomodels.results.schema import Interval
from iomodels.statistics import history
from iomodels.statistics.rounds import (
    LEAST_AT_LEVEL,
    MIN_ROUNDS,
    Mode,
    median_interval,
    modes,
)

REMEDY = "to judge it, record and check on one CPU (taskset -c 0 iomodels …)"


@dataclass(frozen=True)
class Jumping:
    """A timing whose rounds jump between `levels`; `instead` names the metrics that are judged."""

    timing: Timing
    levels: Sequence[Mode]
    instead: Sequence[str]

    @property
    def known(self) -> list[Mode]:
        """The levels that base rounds are at, the worst first, each with the base's median."""
        known = [
            replace(level, median=math.exp(median(logs)))
            for level in self.levels
            if (logs := self._base_at(level))
        ]
        return known if self._up else known[::-1]

    def against_worst(self) -> Timing:
        """The same with the base rounds at the worst level only, to find what lies beyond it."""
        worst = self.known[0]
        base = [[log for log in run if _holds(worst, log)] for run in self.timing.base]
        return replace(self.timing, base=base)

    @property
    def _up(self) -> bool:
        return self.timing.metric.bigger_is_better

    def _base_at(self, level: Mode) -> list[float]:
        return [log for log in self.timing.pooled if _holds(level, log)]

    def said(self, change: Change, threshold: float) -> Change:
        """What became of it: `change` is the verdict against the worst level."""
        levels = [level.median for level in self.levels]
        change = structs.replace(change, levels=levels)
        if change.verdict == "slower" or change.suspect:
            return structs.replace(change, reason=f"{self._beyond()}; {change.reason or REMEDY}")
        lost = self._unexplained(threshold)
        if lost is not None:
            return structs.replace(
                change,
                verdict="inconclusive",
                limit=max(threshold, -math.expm1(-lost.limit)),
                suspect=True,
                detectable=None,
                reason=f"{self._elsewhere(lost)}; {REMEDY}",
                **self._numbers(self._base_at(lost.level), lost.logs),
            )
        return structs.replace(
            change,
            verdict="varies",
            limit=None,
            detectable=None,
            judged=False,
            reason=self._why(),
            **self._numbers(self.timing.pooled, self.timing.new),
        )

    def _unexplained(self, threshold: float) -> _Unexplained | None:
        """New rounds that no level of the base explains, if there are more than strays: below the
        next better level, or far below the base's rounds at their own level.

        A level is as wide as the base's rounds and the new ones together, so the latter can be
        where the new ones widened it. Few base rounds may be there: hence the large limit.
        """
        small = math.log1p(threshold)
        large = max(small, -math.log1p(-MOST_LIMIT))
        between: dict[Mode, list[float]] = {level: [] for level in self.known}
        at: dict[Mode, list[float]] = {level: [] for level in self.known}
        for log in self.timing.new:
            own = next((level for level in self.known if _holds(level, log)), None)
            better = next((level for level in self.known if self._is_better(level, log)), None)
            if own is not None:
                at[own].append(log)
            elif better is not None and self._loss(better, [log]) > small:
                between[better].append(log)
        # Rounds between the levels count together, wherever they are.
        largest = max(self.known, key=lambda level: len(between[level]))
        astray = [log for level in self.known for log in between[level]]
        if len(astray) >= self._least:
            return _Unexplained(largest, between[largest], small, len(astray))
        for level in self.known:
            if len(at[level]) >= self._least and self._loss(level, at[level]) > large:
                return _Unexplained(level, at[level], large, len(at[level]))
        return None

    @property
    def _least(self) -> float:
        """So many of the new rounds are more than strays."""
        return max(LEAST_AT_LEVEL, len(self.timing.new) / 4)

    def _is_better(self, level: Mode, log: float) -> bool:
        return (math.log(level.median) > log) == self._up

    def _loss(self, level: Mode, logs: Sequence[float]) -> float:
        """How much worse the rounds are than the base's at that level: the log of a ratio."""
        loss = math.log(level.median) - median(logs)
        return loss if self._up else -loss

    def _numbers(self, base: Sequence[float], new: Sequence[float]) -> dict[str, object]:
        """The numbers of those rounds, as fields of a change: they are shown."""
        before, now = history.level(base), history.level(new)
        change, margin = now.value - before.value, 1.96 * math.hypot(before.error, now.error)
        return {
            "base": exp_interval(median_interval(base)),
            "ratio": exp_interval(Interval(change, change - margin, change + margin)),
            "rounds": min(len(self.timing.pooled), len(self.timing.new)),
        }

    def _why(self) -> str:
        instead = listed([*self.instead, "calls per operation"])
        none = "" if self.instead else ", since CPU per operation jumps, too"
        levels = names(self.timing.metric, self.levels)
        return (
            f"{self.timing.metric.title} jumps by itself ({levels}), so the cell is judged by "
            f"{instead}{none}; {REMEDY}"
        )

    def _beyond(self) -> str:
        way = "below" if self._up else "above"
        return (
            f"{self.timing.metric.title} jumps by itself, but these rounds are {way} all levels "
            f"that the base has ({names(self.timing.metric, self.known)})"
        )

    def _elsewhere(self, lost: _Unexplained) -> str:
        if lost.level == self.known[0]:
            return self._beyond()
        return (
            f"{self.timing.metric.title} jumps by itself, but {lost.count} of "
            f"{len(self.timing.new)} rounds are between the levels that the base has "
            f"({names(self.timing.metric, self.known)})"
        )


@dataclass(frozen=True)
class _Unexplained:
    """New rounds (logs) that are worse than the base's at `level` by more than `limit` (a log).
    With others like them, between other levels, they are `count`."""

    level: Mode
    logs: Sequence[float]
    limit: float
    count: int


def _holds(level: Mode, log: float) -> bool:
    return level.holds(math.exp(log))


def names(metric: Quantity, levels: Sequence[Mode]) -> str:
    """`20k, 47k or 89k ops/s`."""
    shown = [metric.unit.show(value) for value in sorted(level.median for level in levels)]
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
    a jump is nothing that all cells do together. The family of tests is all of them even so: each
    that is judged apart has one share of `by.alpha`, and the others have the rest."""
    steady = [one for one in timings if not isinstance(one, Jumping)]
    jumping = [one for one in timings if isinstance(one, Jumping)]
    share = by.alpha / max(1, len(timings))
    apart, rest = replace(by, alpha=share), replace(by, alpha=share * len(steady))
    alone = [unpaired_verdicts.judge_timings([one.against_worst()], apart)[0] for one in jumping]
    changes = unpaired_verdicts.judge_timings(steady, rest)
    first, together = iter(changes[: len(steady)]), changes[len(steady) :]
    last = iter(one.said(change, by.threshold) for one, change in zip(jumping, alone, strict=True))
    return [
        *(next(last) if isinstance(one, Jumping) else next(first) for one in timings),
        *together,
    ]
