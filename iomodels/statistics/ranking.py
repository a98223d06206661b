"""What rounds say of those that were measured to the end: who is behind whom, and which to use.

Numbers from numbers, for trials (`verdict.py`) and simulated ones (`benchmarks/advise.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from iomodels.results.schema import Interval
from iomodels.statistics import sign_flip
from iomodels.statistics.rounds import MIN_ROUNDS, median_interval

SAME = 0.02
"""A difference that is shown and is up to this share is none that matters: the simpler one is used.
With the error of the median, what is lost is then rarely more than 3 % (benchmarks/README.md)."""
TIE, MOST_HIDDEN = 0.03, 0.08
"""A difference that is not shown is a tie, and the simpler one is used, where its median is up to
`TIE` and its interval ends below `MOST_HIDDEN`. Beyond that, and below `MIN_ROUNDS`, where there is
no interval, the rounds say nothing of the two."""
ALPHA = 0.005
"""Of all comparisons at a point together (Holm): how often any difference is shown where there is
none."""


@dataclass(frozen=True)
class Contender:
    """`values`: by round, the log of the goal's value, better counted as up."""

    name: str
    complexity: int
    values: Mapping[int, float]


@dataclass(frozen=True)
class Pairing:
    """One over another, paired by round: the log ratio, better counted as up."""

    log: Interval
    rounds: int
    is_shown: bool
    """Whether the interval excludes 0, and the exact test does, among all of the point."""

    def reversed(self) -> Pairing:
        turned = Interval(-self.log.median, -self.log.high, -self.log.low)
        return Pairing(turned, self.rounds, self.is_shown)

    @property
    def is_relevant(self) -> bool:
        return self.is_shown and self.log.median > math.log1p(SAME)


@dataclass(frozen=True)
class Outcome:
    """`use` is None where the rounds do not say which; `contenders` are those not shown to be
    behind, simplest first."""

    use: str | None
    contenders: tuple[str, ...]
    pairings: Mapping[tuple[str, str], Pairing]

    def over(self, one: str, other: str) -> Pairing | None:
        return self.pairings.get((one, other))


def decide(contenders: Sequence[Contender]) -> Outcome:
    """Which to use. Each difference is judged over all rounds that both have; there is at least
    one contender."""
    pairings = _pairings(contenders)
    in_order = sorted(contenders, key=lambda one: (one.complexity, one.name))

    def is_behind(one: Contender) -> bool:
        return any(
            (found := pairings.get((other.name, one.name))) is not None and found.is_relevant
            for other in contenders
        )

    ahead = [one for one in in_order if not is_behind(one)] or in_order
    simplest = ahead[0]
    is_safe = all(
        (found := pairings.get((other.name, simplest.name))) is not None
        and found.rounds >= MIN_ROUNDS
        and found.log.median <= math.log1p(TIE)
        and found.log.high <= math.log1p(MOST_HIDDEN)
        for other in ahead[1:]
    )
    return Outcome(simplest.name if is_safe else None, tuple(one.name for one in ahead), pairings)


def _pairings(contenders: Sequence[Contender]) -> dict[tuple[str, str], Pairing]:
    logs = {}
    for one, other in combinations(contenders, 2):
        both = sorted(one.values.keys() & other.values.keys())
        if both:
            logs[one.name, other.name] = [one.values[r] - other.values[r] for r in both]
    shown = sign_flip.holm([sign_flip.sign_flip_p(d) for d in logs.values()], alpha=ALPHA)
    found = {}
    for ((one_name, other_name), d), is_rejected in zip(logs.items(), shown, strict=True):
        log = median_interval(d)
        excludes = len(d) >= MIN_ROUNDS and (log.low > 0 or log.high < 0)
        pairing = Pairing(log, len(d), excludes and is_rejected)
        found[one_name, other_name] = pairing
        found[other_name, one_name] = pairing.reversed()
    return found
