"""Where the level of a short series changed for good: the runs of a history, 2 to 200 of them.

Optimal partitioning: of all ways to cut the series into levels, each at the median of its values,
that with the least sum of absolute deviations plus a penalty for each change (B. Jackson et al.
2005, doi:10.1109/LSP.2001.838216). Absolute deviations, since one run in ten is disturbed, and
squares would follow it; and the noise is unknown, so what is compared is `n·log(deviations)`, the
likelihood of Laplace noise of any size. asv, the history of benchmarks that many Python projects
keep, finds its steps so (`asv/step_detect.py`). Three things are our own:

- A level has two values or more. One disturbed run is then never a change, however far off it is,
  and a change is reported with its second run at the earliest.
- The penalty is calibrated on series without a change, not taken from the theory of long series
  (BIC's, `2·log(n)` for a level and its beginning, reports one in every eighth of eight values).
- A straight line competes with the levels. A machine that gets slower bit by bit did not change at
  any one run, and would else be cut into a staircase.

numpy alone: `ruptures` has this method, with scipy, which costs 1 s to import and 143 MB, and
PELT's pruning (R. Killick et al. 2012) saves nothing at this length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST_VALUES = 2
"""In a level."""
PENALTY, PENALTY_GROWTH, SHORT = 7.2, 0.8, 20
"""For each change, in units of twice the log-likelihood; of more than `SHORT` values there are more
ways to cut, and it grows with the logarithm of their number. `benchmarks/trends.py` has what it
gives: with normal or heavy-tailed noise, a change in 1 to 2 % of the series without one."""
LINE_PENALTY = 2.0
"""For a slope, above that of a change: of a short series with one step, a line explains much."""
MOST_CHANGES = 10

_VALUES_PER_LEVEL = 4
"""On average: so many values cannot follow every one of them."""
_DEVIATION = math.sqrt(2 / math.pi)
"""The mean absolute deviation over the standard deviation, for normal noise."""
_EXACT = 1e-9
"""The least deviation, as a share of the range: of values that repeat exactly there is none."""


@dataclass(frozen=True)
class Slope:
    """What values come to that drift: `start` at the first of them, and `by` more at each."""

    start: float
    by: float


def change_points(values: Sequence[float], errors: Sequence[float] | None = None) -> list[int]:
    """The indices at which a new level begins, in order; empty where the level never changed, and
    where it drifts.

    `values` are in time order, logarithms where changes are ratios. `errors` are their standard
    errors, in the same unit: all deviations together are not taken for smaller than these. Fewer
    than four values have no change.

    Raises `ValueError` for values or errors that are no finite numbers, for negative errors, and
    where there are not as many errors as values.
    """
    v, least = _checked(values, errors)
    n = len(v)
    if n < 2 * LEAST_VALUES or np.ptp(v) == 0:
        return []
    costs, starts = _partitions(_deviations(v), min(MOST_CHANGES, n // _VALUES_PER_LEVEL))
    scores = [_score(n, cost, least, changes) for changes, cost in enumerate(costs)]
    best = int(np.argmin(scores))
    return [] if _score_of_line(v, _line(v), least) < scores[best] else starts[best]


def drift(values: Sequence[float], errors: Sequence[float] | None = None) -> Slope | None:
    """The line that explains values better than one level does; of values without a change points
    only, and None where it does not. The rest is as above."""
    v, least = _checked(values, errors)
    if len(v) < 2 * LEAST_VALUES or np.ptp(v) == 0:
        return None
    line, one_level = _line(v), float(np.abs(v - np.median(v)).sum())
    is_better = _score_of_line(v, line, least) < _score(len(v), one_level, least)
    return line if is_better else None


def _checked(values: Sequence[float], errors: Sequence[float] | None) -> tuple[Floats, float]:
    """The values, and what the sum of their deviations is at the least."""
    v = np.asarray(values, dtype=np.float64)
    e = np.zeros(len(v)) if errors is None else np.asarray(errors, dtype=np.float64)
    if len(e) != len(v):
        raise ValueError(f"{len(v)} values with {len(e)} errors")
    if not (np.isfinite(v).all() and np.isfinite(e).all() and (e >= 0).all()):
        raise ValueError("values and errors must be finite numbers, and errors 0 or more")
    spread = float(np.ptp(v)) if len(v) else 0.0
    return v, max(float(e.sum()) * _DEVIATION, _EXACT * len(v) * spread)


def _score(n: int, deviations: float, least: float, changes: int = 0) -> float:
    """Twice the log-likelihood, and what the changes cost: the less, the better."""
    penalty = PENALTY + PENALTY_GROWTH * math.log(max(n, SHORT) / SHORT)
    return n * math.log(max(deviations, least)) + changes * penalty


def _score_of_line(values: Floats, line: Slope, least: float) -> float:
    n = len(values)
    beside = float(np.abs(values - line.start - line.by * np.arange(n)).sum())
    return _score(n, beside, least, changes=1) + LINE_PENALTY


def _deviations(values: Floats) -> Floats:
    """The sum of the absolute deviations of `values[i:j]` from their median, at [i, j].

    Infinite where that is no level. All ends of one start are found at once: with the values in
    order of size, those of each span are marked, and running sums over them find its median.
    """
    n = len(values)
    found = np.full((n, n + 1), np.inf)
    order = np.argsort(values, kind="stable")
    place = np.argsort(order, kind="stable")
    for i in range(n - LEAST_VALUES + 1):
        spans = np.arange(n - i)
        marked = np.zeros((n - i, n))
        marked[spans, place[i:]] = 1
        marked = np.cumsum(marked, axis=0)
        count, sums = np.cumsum(marked, axis=1), np.cumsum(marked * values[order], axis=1)
        middle = np.argmax(count >= count[:, -1:] / 2, axis=1)
        below, sum_below = count[spans, middle], sums[spans, middle]
        above, sum_above = count[:, -1] - below, sums[:, -1] - sum_below
        spread = values[order][middle] * (below - above) - sum_below + sum_above
        found[i, i + LEAST_VALUES :] = spread[LEAST_VALUES - 1 :]
    return found.clip(min=0)


def _partitions(deviations: Floats, most: int) -> tuple[Floats, list[list[int]]]:
    """For 0, 1, 2 … changes: the least sum of deviations, and where the levels then begin."""
    n = len(deviations)
    reached = [deviations[0]]
    """By number of changes: the least sum of the first j values, at [j]."""
    last: list[npt.NDArray[np.intp]] = []
    for _ in range(most):
        sums = reached[-1][:n, None] + deviations
        last.append(sums.argmin(axis=0))
        reached.append(sums.min(axis=0))
    starts: list[list[int]] = []
    for changes in range(most + 1):
        end, found = n, []
        for its in last[:changes][::-1]:
            end = int(its[end])
            found.append(end)
        starts.append(found[::-1])
    return np.array([sums[n] for sums in reached]), starts


def _line(values: Floats) -> Slope:
    """Its slope is the median of those between all pairs (H. Theil 1950; P. K. Sen 1968)."""
    at = np.arange(len(values), dtype=np.float64)
    first, second = np.triu_indices(len(values), 1)
    slope = float(np.median((values[second] - values[first]) / (at[second] - at[first])))
    return Slope(float(np.median(values - slope * at)), slope)
