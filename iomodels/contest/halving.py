"""Successive halving on rounds: which candidates get another one, and which are left behind.

All candidates get a few rounds, the worse half is left behind, the others get more, and so on until
a few remain: *choosing*. Most of the time then goes to those between which it is close. The method
is sequential halving (Z. Karnin, T. Koren and O. Somekh, "Almost optimal exploration in multi-armed
bandits", ICML 2013), which needs to know nothing of the noise; K. Jamieson and A. Talwalkar
("Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016) show that
it stays sound where values wander instead of being independent. Three things are ours:

- values are compared in pairs of one round, so that what the machine does to a whole round cancels;
- where two are within noise, some places are kept for the simpler one, since a tie is its;
- one that is far behind in every round leaves at once.

The last few then get *confirming* rounds, and are judged by those alone: who looks best after
choosing owes it to luck in part (the winner's curse). How many there are depends on the width of
intervals, and never on who leads. Pure: no process is started here, and no clock is read.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from statistics import median

from iomodels.statistics.ranking import ALPHA
from iomodels.statistics.rounds import MIN_ROUNDS, median_interval
from iomodels.statistics.sign_flip import sign_test_p

STAGE_ROUNDS = (3, 4, 6)
"""Rounds of each stage of choosing; further stages have as many as the last. About equal shares of
the time go to each, as in sequential halving."""
LAST_BY_VALUE, LAST_BY_SIMPLICITY = 2, 1
"""So many remain after choosing, beside those that always stay."""
SIMPLER_SHARE = 1 / 3
"""Of the places in the next stage, those kept for the simplest of what is within noise."""
FAR = math.log(1.5)
"""A candidate so far behind (a log ratio) in every round of a stage leaves at once."""
CLOSE = math.log(1.03)
CONFIRMING_ROUNDS, MOST_CONFIRMING_ROUNDS = 16, 48
"""16 pairs show a difference even if something hit one of them: their exact p-value is 34 / 2^16
then, small enough for nine comparisons at 0.5 %."""
NARROW = 0.02
"""Half the interval of a pair's log ratio from which on more rounds are not needed."""


@dataclass(frozen=True)
class Entrant:
    """A candidate. `stays` to the end, whatever it does: gains are over it."""

    index: int
    complexity: int
    stays: bool = False


@dataclass
class Known:
    """What is known of an entrant: by round, the logs of its values, better counted as up."""

    entrant: Entrant
    choosing: dict[int, float] = field(default_factory=dict)
    confirming: dict[int, float] = field(default_factory=dict)
    left_after: int | None = None


class Halving:
    """Says what comes next; is told each value. Rounds are numbered through, from 0."""

    def __init__(
        self,
        entrants: Sequence[Entrant],
        *,
        seed: int,
        stage_rounds: Sequence[int] = STAGE_ROUNDS,
        confirming_rounds: int = CONFIRMING_ROUNDS,
        most_confirming_rounds: int = MOST_CONFIRMING_ROUNDS,
    ) -> None:
        self.known = {one.index: Known(one) for one in entrants}
        self._seed = seed
        self._stage_rounds = tuple(stage_rounds)
        self._confirming_rounds = confirming_rounds
        self._most_confirming_rounds = most_confirming_rounds
        self._gaps: dict[int, tuple[float, float]] | None = None
        """How far behind the best by the choosing rounds those are that remain."""
        self.stage = 1
        """Of choosing, from 1."""
        self.round = 0
        """The number of the next round."""
        self._rounds_of_stage = 0
        self.is_confirming = len(entrants) <= LAST_BY_VALUE + LAST_BY_SIMPLICITY

    @property
    def going(self) -> list[int]:
        return [i for i, known in self.known.items() if known.left_after is None]

    def next(self, able: Collection[int]) -> list[int]:
        """Who is measured in the next round, in a random order; empty when all is measured.

        `able` are those that can be measured at all.
        """
        for index in [index for index in self.going if index not in able]:
            del self.known[index]
        if not self.is_confirming and self._rounds_of_stage >= self._rounds_in(self.stage):
            self._halve()
        chosen = self._to_confirm() if self.is_confirming else self.going
        if not chosen:
            return []
        rng = random.Random(f"{self._seed} {self.round}")
        self.round += 1
        self._rounds_of_stage += 1
        return rng.sample(chosen, len(chosen))

    def ended(self, index: int, value: float) -> None:
        """A value of the round under way: its log, better counted as up; NaN for none."""
        known = self.known.get(index)
        if known is not None and math.isfinite(value):
            (known.confirming if self.is_confirming else known.choosing)[self.round - 1] = value

    def leave(self, index: int) -> None:
        """It is left behind for another reason: a limit."""
        known = self.known.get(index)
        if known is not None and known.left_after is None and not known.entrant.stays:
            known.left_after = self.stage

    def most_rounds(self) -> list[tuple[int, bool]]:
        """How many are measured in each round, and whether that confirms, if nobody leaves early:
        for an estimate."""
        found, going = [], len(self.known)
        stay = sum(known.entrant.stays for known in self.known.values())
        stage = 1
        while going > LAST_BY_VALUE + LAST_BY_SIMPLICITY and stage <= len(self._stage_rounds):
            found += [(going + (stay if stage > 1 else 0), False)] * self._rounds_in(stage)
            going, stage = _half(going, stage, len(self._stage_rounds)), stage + 1
        last = min(len(self.known), going + stay)
        return found + [(last, True)] * self._confirming_rounds

    def _rounds_in(self, stage: int) -> int:
        return self._stage_rounds[min(stage, len(self._stage_rounds)) - 1]

    # -------------------------------------------------------------- choosing

    def _halve(self) -> None:
        """At the end of a stage: the worse half is left behind."""
        free = [i for i in self.going if not self.known[i].entrant.stays]
        behind = self._behind()
        near = [i for i in free if not self._is_far(i)]
        wanted = _half(len(free), self.stage, len(self._stage_rounds))
        ranked = sorted(near, key=lambda i: (behind[i][0], self.known[i].entrant.complexity))
        if len(near) > wanted:
            simple = min(max(LAST_BY_SIMPLICITY, int(wanted * SIMPLER_SHARE)), wanted - 1)
            kept = ranked[: wanted - simple]
            simpler = self._simpler(kept, ranked, behind)[:simple]
            kept += simpler
            if self.stage < len(self._stage_rounds):
                kept += [i for i in ranked if i not in kept][: wanted - len(kept)]
        else:
            kept = ranked
        for index in free:
            if index not in kept:
                self.known[index].left_after = self.stage
        is_last = self.stage >= len(self._stage_rounds)
        if is_last or len(kept) <= LAST_BY_VALUE + LAST_BY_SIMPLICITY:
            self.is_confirming = True
        self.stage += 1
        self._rounds_of_stage = 0

    def _simpler(
        self, kept: Sequence[int], ranked: Sequence[int], behind: Mapping[int, tuple[float, float]]
    ) -> list[int]:
        """Those within noise of the best and simpler than all `kept`, and than those that stay
        anyway and are within noise themselves: only they can win a tie."""

        def is_within(index: int) -> bool:
            return behind[index][0] <= CLOSE + behind[index][1]

        stay = [i for i in self.going if self.known[i].entrant.stays and is_within(i)]
        least = min(self.known[i].entrant.complexity for i in (*kept, *stay))
        found = [i for i in ranked if is_within(i) and self.known[i].entrant.complexity < least]
        return sorted(found, key=lambda i: (self.known[i].entrant.complexity, behind[i][0]))

    def _behind(self) -> dict[int, tuple[float, float]]:
        """How far each is behind the best, and the standard error of that: by the medians of all
        choosing rounds, each taken within its round."""
        going = self.going
        rounds = {r for i in going for r in self.known[i].choosing}
        middle = {
            r: median([v for i in going if (v := self.known[i].choosing.get(r)) is not None])
            for r in rounds
        }
        score = {
            i: median([v - middle[r] for r, v in self.known[i].choosing.items()])
            if self.known[i].choosing
            else -math.inf
            for i in going
        }
        best = max(going, key=lambda i: score[i])
        found = {}
        for i in going:
            pairs = self._pairs(best, i)
            gap = median(pairs) if pairs else math.inf
            found[i] = gap, _standard_error(pairs)
        return found

    def _pairs(self, one: int, other: int) -> list[float]:
        a, b = self.known[one].choosing, self.known[other].choosing
        return [a[r] - b[r] for r in sorted(a.keys() & b.keys())]

    def _is_far(self, index: int) -> bool:
        """Whether somebody was far ahead of it in every round."""
        return any(
            min(pairs) > FAR
            for other in self.going
            if other != index and len(pairs := self._pairs(other, index)) >= self._stage_rounds[0]
        )

    # -------------------------------------------------------------- confirming

    def _to_confirm(self) -> list[int]:
        """All that remain, for the first rounds; then those whose pairs are wide."""
        going = self.going
        done = max((len(self.known[i].confirming) for i in going), default=0)
        if done < self._confirming_rounds:
            return going
        if self._gaps is None:
            has_chosen = any(self.known[i].choosing for i in going)
            self._gaps = self._behind() if has_chosen else dict.fromkeys(going, (0.0, 0.0))
        gaps = self._gaps
        wide = {
            i
            for one, other in combinations(going, 2)
            if min(gaps[one][0], gaps[other][0]) <= FAR / 2 and self._is_wide(one, other, gaps)
            for i in (one, other)
        }
        return [i for i in going if i in wide] if done < self._most_confirming_rounds else []

    def _is_wide(self, one: int, other: int, gaps: Mapping[int, tuple[float, float]]) -> bool:
        """Whether a pair needs more rounds. Where it is close by the choosing rounds, its interval
        has to be narrow; where not, only so narrow that such a gap shows, but in an interval as
        strict as the test, which a round that something hit makes wide."""
        a, b = self.known[one].confirming, self.known[other].confirming
        pairs = sorted(a[r] - b[r] for r in a.keys() & b.keys())
        if len(pairs) < MIN_ROUNDS:
            return True
        gap = abs(gaps[one][0] - gaps[other][0])
        if gap <= FAR / 2 + max(gaps[one][1], gaps[other][1]):
            found = median_interval(pairs)
            return (found.high - found.low) / 2 > NARROW
        rank = _strict_rank(len(pairs))
        return rank == 0 or pairs[-rank] - pairs[rank - 1] > gap


@cache
def _strict_rank(pairs: int) -> int:
    """From either end, the value that ends an interval at the level of the first of ten tests."""
    return sum(sign_test_p(pairs, opposed) <= ALPHA / 10 for opposed in range(pairs // 2))


def _half(count: int, stage: int, stages: int) -> int:
    least = LAST_BY_VALUE + LAST_BY_SIMPLICITY
    return least if stage >= stages else min(count, max(least, math.ceil(count / 2)))


def _standard_error(pairs: Sequence[float]) -> float:
    """Of their median: robust, for a normal distribution."""
    if len(pairs) < 2:
        return 0.0
    middle = median(pairs)
    spread = 1.4826 * median(abs(each - middle) for each in pairs)
    return 1.2533 * spread / math.sqrt(len(pairs))
