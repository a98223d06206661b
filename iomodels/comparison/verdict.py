"""What a change's numbers mean: the one place where an interval becomes a verdict.

- *faster* or *slower*: a test with family-wise control is sure, the interval leaves out "no
  change", and the change itself is larger than the threshold.
- *same*: the whole interval lies within the threshold.
- *inconclusive*: everything else. Unknown is unknown, never one of the others by default.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from iomodels.base.exit_codes import Exit
from iomodels.comparison.schema import Change, Outcome, Undecided, Verdict
from iomodels.results.schema import Interval
from iomodels.statistics.rounds import MIN_ROUNDS

FAILING: tuple[Verdict, ...] = ("slower", "vanished", "failed")
REMEDY = "use more rounds (bench -r) on both sides, or a quieter machine"
REMEDY_OF_BASELINE = (
    "record more base runs, record and check on one CPU (taskset -c 0 iomodels …), or use a "
    "quieter machine"
)
REMEDY_OF_PAIRS = (
    'use more pairs (-r), pin both arms (prefix="taskset -c 0"), or use a quieter machine'
)


def interval_verdict(
    estimate: float, low: float, high: float, *, sure: bool, threshold: float, better_up: bool
) -> Verdict:
    """The verdict on a log ratio and its interval. `threshold` is a share: 0.05 is 5 %."""
    limit = math.log1p(threshold)
    if sure and abs(estimate) > limit and not low <= 0 <= high:
        return "faster" if (estimate > 0) == better_up else "slower"
    if -limit <= low and high <= limit:
        return "same"
    return "inconclusive"


def why_unsure(
    low: float, high: float, *, threshold: float, sure: bool, remedy: str = REMEDY
) -> str:
    """One sentence for an "inconclusive" that came from the numbers."""
    limit = math.log1p(threshold)
    if sure and (low > 0 or high < 0):
        return f"there is a change, but it may be below {threshold * 100:.2g} %: {remedy}"
    if low > limit or high < -limit:
        return f"there may be a change, but the test over all cells does not confirm it: {remedy}"
    return f"too much noise to show or exclude a change of {threshold * 100:.2g} %: {remedy}"


def outcome(
    changes: Sequence[Change],
    *,
    undecided: Undecided,
    comparable: bool,
    finished: bool = True,
) -> Outcome:
    """What all of it comes to. A failing cell outranks what cannot be compared or is open, and what
    was not measured to its end, or looks like a loss, never passes.

    `undecided` is for the rest: no loss is shown, none is likely, but not every interval excludes
    one.
    """
    if not changes or any(change.verdict in FAILING for change in changes):
        # A gate that looked at nothing must not be green.
        return "regression" if changes else "not comparable"
    if not comparable or all(change.verdict == "new" for change in changes):
        return "not comparable"
    if all(change.verdict in ("new", "varies") for change in changes):
        return "inconclusive"  # one cell with several levels holds up no suite, but alone it does
    open_ones = [change for change in changes if change.verdict == "inconclusive"]
    if not finished or any(never_passes(change) for change in open_ones):
        return "inconclusive"
    return "inconclusive" if undecided == "fail" and open_ones else "passed"


def never_passes(change: Change) -> bool:
    """Whether an inconclusive change holds up the gate whatever was asked of those: it looks like a
    loss, or nothing was compared at all."""
    return change.suspect or change.ratio is None or change.rounds < MIN_ROUNDS or not change.judged


EXIT_CODES: dict[Outcome, int] = {
    "passed": Exit.DONE,
    "regression": Exit.FAILED,
    "not comparable": Exit.NOTHING,
    "inconclusive": Exit.INCONCLUSIVE,
}


def finite(value: float) -> float | None:
    """The number, or None where JSON has none for it."""
    return value if math.isfinite(value) else None


def exp_interval(logs: Interval) -> Interval:
    """The interval of ratios that belongs to one of log ratios."""
    low, middle, high = (
        math.exp(max(-700.0, min(700.0, v))) for v in (logs.low, logs.median, logs.high)
    )
    return Interval(median=middle, low=low, high=high)
