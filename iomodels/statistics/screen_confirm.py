"""How an A/B is decided: a first look at all rows, more where it is noisy, fresh pairs of suspects.

A row is one cell in one metric. What measures is handed in, so that the same steps decide real
cells (`check/a_against_b.py`) and simulated ones (`benchmarks/gate.py`). How many pairs a row gets
depends on what pairs show that the verdict does not use, and on the time that is left; never on the
pairs that it is judged by. So the tests stay honest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from iomodels.statistics import sign_flip
from iomodels.statistics.sign_flip import Floats

FIRST_PAIRS, EXTRA_PAIRS = 20, 20
FRESH_PAIRS = (24, 40, 80, 120)
"""Of a suspect, by its noise and change: a large change is found in the fewest."""
FEW, OPPOSED = 40, 3
"""Below `FEW` pairs, so many more than in the first look may speak for the opposite without hiding
the change: two that something hit, since each of those weighs up to half as much again."""
LEAST_PAIRS = 10
"""The fewest pairs whose exact p-value, 2 / 2^pairs at best, can reach `sign_flip.SUITE_ALPHA`."""
PLANNED_CHANGE, PLANNED_POWER = 1.5, 0.95
"""What pairs are planned for: to see a change of 1.5 thresholds in 95 of 100 cases. That the noise
is known from few pairs only costs some of it: in truth it is a change of two thresholds."""
LARGE_CHANGE_DISCOUNT = 0.6

FIRST = "first pairs"
MORE = "more pairs of noisy cells"
SUITE_AGAIN = "new pairs of all cells, which together look changed"
SUSPECTS = "new pairs of cells that look changed"

Measure = Callable[[Sequence[int], int], Sequence[Floats]]
"""Measures so many pairs of these rows: their log ratios with better counted as up, one array per
row. Where the time is over there are fewer than asked for."""


class TimeLeft(Protocol):
    """What is left of a budget, and what pairs take."""

    def left_s(self) -> float: ...
    def takes_s(self, rows: Sequence[int], pairs: int) -> float: ...


class Unlimited:
    """As much time as it takes."""

    def left_s(self) -> float:
        return math.inf

    def takes_s(self, rows: Sequence[int], pairs: int) -> float:
        return 0.0


@dataclass(frozen=True)
class LeftOut:
    """What there was no time for: `pairs` more of so many rows, which take `takes_s`."""

    purpose: str
    rows: int
    pairs: int
    takes_s: float


@dataclass
class Decision:
    """What was measured, and what it says. Rows are named by their number."""

    first: list[Floats]
    scale: float = 1.0
    """How many pairs there were, over what is usual."""
    suite_p: float = 1.0
    """Of the pairs in `suite`."""
    suite: Floats = field(default_factory=lambda: np.empty(0))
    """The pairs' medians over all rows: of the first look or, where that looked like a change of
    the whole, of fresh pairs."""
    suite_measured_again: bool = False
    fresh: dict[int, Floats] = field(default_factory=dict)
    """The suspects, measured again: what they are judged by. These are their last pairs."""
    confirmed: dict[int, int] = field(default_factory=dict)
    """Of each row in `fresh`: 1 better, -1 worse, 0 not confirmed."""
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def suite_sure(self) -> bool:
        """Whether the suite as a whole has changed, and fresh pairs said so again."""
        return self.suite_measured_again and self.suite_p <= sign_flip.SUITE_ALPHA


def decide(
    rows: int,
    measure: Measure,
    *,
    threshold: float,
    first_pairs: int | None = None,
    announce: Callable[[str], None] = lambda purpose: None,
    time: TimeLeft | None = None,
) -> Decision:
    """Decide `rows` rows. `threshold` is a share: changes below it are not confirmed.

    `first_pairs` is the size of the first look; the other batches grow and shrink with it. By
    default `FIRST_PAIRS`. `announce` is called with what comes next, before it is measured. What
    does not fit into `time` is made smaller or left out, the first look down to `LEAST_PAIRS`.
    """
    scale = 1.0 if first_pairs is None else first_pairs / FIRST_PAIRS
    steps = _Steps(measure, threshold, scale, announce, time or Unlimited())
    every = range(rows)
    look = round(FIRST_PAIRS * scale)
    # Half of the time is for pairs of what then looks changed: without those nothing is decided.
    steps.decision.first = steps.batch(FIRST, every, look, LEAST_PAIRS, keep=0.5, always=True)
    suspects = [row for row in every if steps.is_suspect(row)]
    noisy = [row for row in every if row not in suspects and steps.is_noisy(row)]
    steps.add_to_noisy(noisy, suspects)
    suspects = sorted([*suspects, *(row for row in noisy if steps.is_suspect(row))])
    steps.decide_suite(every, look)
    steps.decide_suspects(suspects)
    return steps.decision


class _Steps:
    """The steps of `decide`, in the order of its calls; each adds to `decision`."""

    def __init__(
        self,
        measure: Measure,
        threshold: float,
        scale: float,
        announce: Callable[[str], None],
        time: TimeLeft,
    ) -> None:
        self._measure = measure
        self._threshold = threshold
        self._announce = announce
        self._time = time
        self._again: list[Floats] = []
        """Fresh pairs that all rows have, since the suite was measured again; by row."""
        self.decision = Decision([], scale)

    def batch(
        self,
        purpose: str,
        rows: Sequence[int],
        pairs: int,
        least: int,
        *,
        keep: float = 0.0,
        keep_s: float = 0.0,
        always: bool = False,
    ) -> list[Floats]:
        """So many pairs of each row or, where time is short, fewer; none below `least`, unless they
        are `always` measured. A share `keep` of the time, and `keep_s`, is left for what follows.
        """
        takes_s = self._time.takes_s(rows, pairs)
        left_s = self._time.left_s() * (1 - keep) - keep_s
        fitting = pairs if takes_s <= left_s else max(0, int(pairs * left_s / takes_s))
        if always:
            fitting = max(fitting, min(pairs, least))
        if fitting < min(pairs, least):
            fitting = 0
        if fitting < pairs:
            missing = pairs - fitting
            self.decision.left_out.append(
                LeftOut(purpose, len(rows), missing, self._time.takes_s(rows, missing))
            )
        if not fitting or not rows:
            return [np.empty(0) for _ in rows]
        self._announce(purpose)
        return list(self._measure(rows, fitting))

    def is_suspect(self, row: int) -> bool:
        """Whether the first pairs look like a change; or like a loss, however unsure that is."""
        d = self.decision.first[row]
        change = sign_flip.screen_change(self._threshold)
        return bool(sign_flip.screen([d], change)) or is_loss(d, self._threshold)

    def is_noisy(self, row: int) -> bool:
        return _is_noisy(self.decision.first[row], self._threshold)

    def add_to_noisy(self, noisy: Sequence[int], suspects: Sequence[int]) -> None:
        """More of the first pairs; what the suspects so far need is not used up for it."""
        if noisy:
            extra = math.ceil(EXTRA_PAIRS * self.decision.scale)
            needed_s = sum(
                self._time.takes_s([row], self._fresh(row, suspects)) for row in suspects
            )
            more = self.batch(MORE, noisy, extra, 1, keep_s=needed_s)
            for row, pairs in zip(noisy, more, strict=True):
                self.decision.first[row] = np.concatenate([self.decision.first[row], pairs])

    def decide_suite(self, rows: Sequence[int], look: int) -> None:
        """All rows together. As with a suspect, only fresh pairs may say that they changed."""
        decision = self.decision
        matrix = filled([row[:look] for row in decision.first])
        medians = sign_flip.column_medians(matrix)
        looks_changed = sign_flip.suite_p(matrix) <= sign_flip.SUITE_ALPHA and sign_flip.exceeds(
            medians, self._threshold
        )
        if len(rows) > 1 and (looks_changed or is_loss(medians, self._threshold)):
            count = max(LEAST_PAIRS, math.ceil(FRESH_PAIRS[0] * decision.scale))
            # All or none: where time is short, whole batches of the worst suspects show more.
            again = self.batch(SUITE_AGAIN, rows, count, count)
            if any(row.size for row in again):
                decision.suite_measured_again = True
                self._again, matrix = again, filled(again)
        decision.suite_p = sign_flip.suite_p(matrix)
        decision.suite = sign_flip.column_medians(matrix)

    def decide_suspects(self, suspects: Sequence[int]) -> None:
        """Fresh pairs of them, as many as their first pairs ask for: losses first, since only they
        may fail, and of those what is soonest done."""
        decision = self.decision
        batches: dict[tuple[bool, int], list[int]] = {}
        for row in sorted(suspects, key=self._median):
            batches.setdefault((self._median(row) > 0, self._fresh(row, suspects)), []).append(row)
        least = _least_pairs(sign_flip.CONFIRM_ALPHA / max(1, len(suspects)))
        for (_, count), rows in sorted(batches.items()):
            has = self._again[rows[0]].size if self._again else 0
            more = self._of_the_first(rows, max(0, count - has), max(0, least - has))
            for row, pairs in zip(rows, more, strict=True):
                had = self._again[row] if self._again else np.empty(0)
                if (fresh := np.concatenate([had, pairs])).size:
                    decision.fresh[row] = fresh
        tested = sorted(decision.fresh)
        if tested:
            matrix = filled([decision.fresh[row] for row in tested])
            said = sign_flip.confirm(matrix, self._threshold)
            decision.confirmed = dict(zip(tested, said, strict=True))

    def _of_the_first(self, rows: Sequence[int], pairs: int, least: int) -> list[Floats]:
        """As `batch`, but of fewer rows where there is no time for all: a loss that is shown in one
        is worth more than too few pairs of each."""
        if not pairs:
            return [np.empty(0) for _ in rows]
        left_s = self._time.left_s()
        sizes = range(2, len(rows) + 1)
        fitting = max(
            (n for n in sizes if self._time.takes_s(rows[:n], pairs) <= left_s), default=1
        )
        first, others = rows[:fitting], rows[fitting:]
        if others:
            takes_s = self._time.takes_s(others, pairs)
            self.decision.left_out.append(LeftOut(SUSPECTS, len(others), pairs, takes_s))
        measured = self.batch(SUSPECTS, first, pairs, max(1, least))
        return [*measured, *(np.empty(0) for _ in others)]

    def _median(self, row: int) -> float:
        return float(np.nanmedian(self.decision.first[row]))

    def _fresh(self, row: int, suspects: Sequence[int]) -> int:
        alpha = sign_flip.CONFIRM_ALPHA / max(1, len(suspects))
        decision = self.decision
        return fresh_pairs(decision.first[row], self._threshold, alpha, decision.scale)


def is_loss(d: Floats, threshold: float) -> bool:
    """Whether the median of `d`, better counted as up, is a loss beyond `threshold`."""
    return sign_flip.exceeds(d, threshold) and float(np.nanmedian(d)) < 0


def _is_noisy(d: Floats, threshold: float) -> bool:
    """Whether a change that is to be found could slip through the screen."""
    screened = sign_flip.screen_change(threshold)
    found = sign_flip.detectable(d, sign_flip.SCREEN_ALPHA, PLANNED_POWER, threshold=screened)
    return bool(np.isfinite(d).any()) and found > PLANNED_CHANGE * threshold


def _least_pairs(alpha: float) -> int:
    """The fewest pairs whose exact p-value can reach `alpha`."""
    return next(n for n in itertools.count(1) if sign_flip.sign_test_p(n, 0) <= alpha)


def fresh_pairs(
    d: Floats, threshold: float, alpha: float = sign_flip.CONFIRM_ALPHA, scale: float = 1.0
) -> int:
    """How many fresh pairs a suspect needs (of `FRESH_PAIRS`, times `scale`), by the noise and
    change in `d`, to be confirmed at `alpha`."""
    goal = PLANNED_CHANGE * threshold
    if d.size and np.isfinite(d).any():
        # A large change needs few pairs. The first look flatters it, hence the discount.
        goal = max(goal, LARGE_CHANGE_DISCOUNT * math.expm1(abs(float(np.nanmedian(d)))))
    counts = [math.ceil(count * scale) for count in FRESH_PAIRS]
    for count in counts:
        found = sign_flip.detectable(d, alpha, PLANNED_POWER, threshold=threshold, pairs=count)
        if found <= goal and (count >= FEW or _are_enough(count, d, alpha)):
            return count
    return counts[-1]


def _are_enough(pairs: int, d: Floats, alpha: float) -> bool:
    """Whether so few pairs show the change in `d` even if some more of them speak against it."""
    known = d[np.isfinite(d)]
    opposed = float(np.mean(np.sign(known) != np.sign(np.median(known)))) if known.size else 1.0
    most = min(pairs, math.ceil(pairs * opposed) + OPPOSED)
    return sign_flip.sign_test_p(pairs, most) <= alpha


def detectable(d: Floats, threshold: float, scale: float = 1.0, first: int | None = None) -> float:
    """The smallest change that the whole procedure detects in a row with the noise of `d`.

    That is what stands beside a row that was no suspect: a change would have had to pass the
    screen, in `first` pairs or as many as are planned, and then be confirmed by as many fresh pairs
    as it would have got.
    """
    if first is None:
        first = math.ceil((FIRST_PAIRS + EXTRA_PAIRS * _is_noisy(d, threshold)) * scale)
    alpha = sign_flip.CONFIRM_ALPHA
    count = fresh_pairs(d - np.nanmedian(d), threshold, alpha, scale)
    screened = sign_flip.screen_change(threshold)
    return max(
        sign_flip.detectable(d, sign_flip.SCREEN_ALPHA, threshold=screened, pairs=first),
        sign_flip.detectable(d, alpha, threshold=threshold, pairs=count),
    )


def filled(rows: Sequence[Floats]) -> Floats:
    """Rows of unequal length as one array, filled up with NaN."""
    matrix: Floats = np.full((len(rows), max((row.size for row in rows), default=0)), np.nan)
    for index, row in enumerate(rows):
        matrix[index, : row.size] = row
    return matrix
