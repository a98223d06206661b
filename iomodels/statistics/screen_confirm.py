"""How an A/B is decided: a first look at all rows, more where it is noisy, fresh pairs of suspects.

A row is one cell in one metric. What measures is handed in, so that the same steps decide real
cells (`check/a_against_b.py`) and simulated ones (`benchmarks/gate.py`). How many pairs a row gets
depends on its noise in pairs that the verdict does not use, so the tests stay honest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from iomodels.statistics import sign_flip
from iomodels.statistics.sign_flip import Floats

FIRST_PAIRS, EXTRA_PAIRS = 20, 20
FRESH_PAIRS = (40, 80, 120)
PLANNED_CHANGE, PLANNED_POWER = 1.5, 0.95
"""What pairs are planned for: to see a change of 1.5 thresholds in 95 of 100 cases. That the noise
is known from few pairs only costs some of it: in truth it is a change of two thresholds."""
LARGE_CHANGE_DISCOUNT = 0.6

Measure = Callable[[Sequence[int], int], Sequence[Floats]]
"""Measures so many pairs of these rows: their log ratios, one array per row."""


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
    """The suspects, measured again: what they are judged by."""
    confirmed: dict[int, int] = field(default_factory=dict)
    """Of each suspect: 1 B is larger, -1 smaller, 0 not confirmed."""

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
) -> Decision:
    """Decide `rows` rows. `threshold` is a share: changes below it are not confirmed.

    `first_pairs` is the size of the first look; the other batches grow and shrink with it.
    By default `FIRST_PAIRS`. `announce` is called with what comes next, before it is measured.
    """
    scale = 1.0 if first_pairs is None else first_pairs / FIRST_PAIRS
    look = round(FIRST_PAIRS * scale)
    announce("first pairs")
    decision = Decision(list(measure(range(rows), look)), scale)
    announce("new pairs of all cells, which together look changed")
    _decide_suite(decision, rows, measure, threshold, look)
    noisy = [i for i, d in enumerate(decision.first) if _is_noisy(d, threshold)]
    extra = math.ceil(EXTRA_PAIRS * scale)
    announce("more pairs of noisy cells")
    for row, more in zip(noisy, measure(noisy, extra) if noisy else (), strict=True):
        decision.first[row] = np.concatenate([decision.first[row], more])
    suspects = sign_flip.screen(filled(decision.first), sign_flip.screen_change(threshold))
    counts = {row: fresh_pairs(decision.first[row], threshold, len(suspects)) for row in suspects}
    announce("new pairs of cells that look changed")
    for count in sorted(set(counts.values())):
        alike = [row for row in suspects if counts[row] == count]
        fresh = measure(alike, math.ceil(count * scale))
        decision.fresh |= zip(alike, fresh, strict=True)
    if suspects:
        said = sign_flip.confirm(filled([decision.fresh[row] for row in suspects]), threshold)
        decision.confirmed = dict(zip(suspects, said, strict=True))
    return decision


def _decide_suite(
    decision: Decision, rows: int, measure: Measure, threshold: float, count: int
) -> None:
    """All rows together. As with a suspect, only fresh pairs may say that they changed."""
    matrix = filled(decision.first)
    looks_changed = (
        sign_flip.suite_p(matrix) <= sign_flip.SUITE_ALPHA
        and sign_flip.exceeds(sign_flip.column_medians(matrix), threshold)
        and rows > 1
    )
    if looks_changed:
        matrix = filled(measure(range(rows), count))
        decision.suite_measured_again = True
    decision.suite_p = sign_flip.suite_p(matrix)
    decision.suite = sign_flip.column_medians(matrix)


def _is_noisy(d: Floats, threshold: float) -> bool:
    """Whether a change that is to be found could slip through the screen."""
    screened = sign_flip.screen_change(threshold)
    seen = sign_flip.detectable(d, sign_flip.SCREEN_ALPHA, PLANNED_POWER, threshold=screened)
    return bool(np.isfinite(d).any()) and seen > PLANNED_CHANGE * threshold


def fresh_pairs(d: Floats, threshold: float, suspects: int) -> int:
    """How many fresh pairs a suspect needs (of `FRESH_PAIRS`), by the noise and change in `d`."""
    alpha = sign_flip.CONFIRM_ALPHA / max(1, suspects)
    goal = PLANNED_CHANGE * threshold
    if d.size and np.isfinite(d).any():
        # A large change needs few pairs. The first look flatters it, hence the discount.
        goal = max(goal, LARGE_CHANGE_DISCOUNT * math.expm1(abs(float(np.nanmedian(d)))))
    for count in FRESH_PAIRS:
        seen = sign_flip.detectable(d, alpha, PLANNED_POWER, threshold=threshold, pairs=count)
        if seen <= goal:
            return count
    return FRESH_PAIRS[-1]


def detectable(d: Floats, threshold: float, scale: float = 1.0) -> float:
    """The minimum detectable effect of the whole procedure in a row with the noise of `d`.

    That is what stands beside a row that was no suspect: a change would have had to pass the
    screen, and then be confirmed by as many fresh pairs as it would have got.
    """
    first = math.ceil((FIRST_PAIRS + EXTRA_PAIRS * _is_noisy(d, threshold)) * scale)
    count = math.ceil(fresh_pairs(d - np.nanmedian(d), threshold, 1) * scale)
    screened = sign_flip.screen_change(threshold)
    return max(
        sign_flip.detectable(d, sign_flip.SCREEN_ALPHA, threshold=screened, pairs=first),
        sign_flip.detectable(d, threshold=threshold, pairs=count),
    )


def filled(rows: Sequence[Floats]) -> Floats:
    """Rows of unequal length as one array, filled up with NaN."""
    matrix: Floats = np.full((len(rows), max((row.size for row in rows), default=0)), np.nan)
    for index, row in enumerate(rows):
        matrix[index, : row.size] = row
    return matrix
