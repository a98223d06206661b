"""What looks worse is measured again: which cells, how many rounds, and for how long at most.

Fresh rounds have fresh processes and fresh data files: where the pages of a file lie in memory
changes cached reads by several per cent from run to run, and is no change of the machine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence

import msgspec

from iomodels.base.units import format_duration
from iomodels.comparison import matching
from iomodels.comparison.matching import Key
from iomodels.comparison.metrics import COUNTER_PREFIX, SUITE
from iomodels.comparison.schema import Change
from iomodels.engines.spec import EngineSpec
from iomodels.measure.defaults import BUDGET_S
from iomodels.measure.listening import RunListener
from iomodels.measure.plan import Plan, of_pairs
from iomodels.measure.precision import Precision
from iomodels.measure.run import bench_plan
from iomodels.results.schema import Notice, Run
from iomodels.statistics import sign_flip
from iomodels.statistics.rounds import MIN_ROUNDS
from iomodels.workload.point import Point

LEAST_ROUNDS, MOST_ROUNDS = MIN_ROUNDS + 1, 60
PER_LOOK = 2.0
"""The longest time of all is at least so many first looks, and `BUDGET_S`."""
PRECISION = 0.03
"""What the intervals of the first look are narrowed to: about 1.3 % of standard error."""
LOOK_SHARE, LOOKS = 0.5, 2.5
"""Of the budget, and in times of the planned rounds, at most, for that; the rest is to measure
again what looks worse."""
PATIENCE = 9.0
"""A cell that needs so many times more rounds for that, as one with several levels does, has none
of them."""
FINE = 0.006
"""The standard error that fresh rounds are to have (a log): runs differ by more than that."""
OF_THE_LOSS = 0.125
"""The same in parts of the loss: a large one needs few rounds."""


NO_TIME = Notice(
    "no-time",
    "the budget has no time to measure what looks worse again: the verdicts are those of the first "
    "look; give a larger --budget",
)


class Clock:
    """How much of the budget is left, in the plan's own estimates of time."""

    def __init__(self, budget_s: float, first_s: float) -> None:
        self.budget_s = budget_s
        self._first_s = max(first_s, 1.0)
        self._started_s = time.monotonic()
        self._slowness = 1.0

    def precision(self, metric_keys: tuple[str, ...]) -> Precision:
        """How narrow the first look's intervals are to be, in its part of the budget."""
        part_s = min(LOOK_SHARE * self.budget_s, LOOKS * self._first_s)
        return Precision(PRECISION, max(self._first_s, part_s), metric_keys, patience=PATIENCE)

    @property
    def notice(self) -> Notice:
        """Said before anything is measured."""
        usual, longest = (format_duration(1e9 * round(s)) for s in (self._first_s, self.budget_s))
        return Notice(
            "time",
            f"this takes about {usual}, and at most {longest} where cells are measured again "
            "(--budget)",
        )

    def first_look_ended(self, run: Run, plan: Plan) -> None:
        """From now on it is known by how much estimates are too small here. `run` may have more
        rounds than `plan`."""
        trials = sum(len(cell.trials) for cell in run.cells)
        planned_s = plan.estimate_s * max(1.0, trials / max(1, len(plan.trials)))
        elapsed_s = time.monotonic() - self._started_s
        self._slowness = max(1.0, elapsed_s / max(planned_s, 1.0))

    @property
    def left_s(self) -> float:
        """What may still be planned."""
        return (self.budget_s - (time.monotonic() - self._started_s)) / self._slowness


def longest_s(plan: Plan) -> float:
    """The longest time of a check, where no budget was given."""
    return max(BUDGET_S, PER_LOOK * plan.estimate_s)


def suspects(
    changes: Sequence[Change],
    judged: Collection[Key],
    cells: Mapping[Key, object],
    threshold: float,
) -> list[Key]:
    """The cells of which any timing looks worse by more than a screen lets pass; of those `judged`:
    where there is no verdict whatever is measured, nothing is measured again."""
    limit = 1 + sign_flip.screen_change(threshold)
    found = {
        _key(change)
        for change in changes
        if change.verdict in ("slower", "inconclusive") and _worse(change) > limit
    }
    if any(_is_suite(c) and (c.verdict == "slower" or c.suspect) for c in changes):
        found = set(cells)  # all cells together: only all of them can say it again
    return [key for key in cells if key in found and key in judged]


def measure(
    cells: Mapping[Key, tuple[Point, EngineSpec]],
    changes: Sequence[Change],
    first: Plan,
    clock: Clock,
    listener: RunListener | None,
) -> Run | None:
    """Fresh rounds of these cells: as many as their noise and their losses ask for, if the budget
    has room for them; None where it has none for as many as a verdict takes."""

    def plan(rounds: int) -> Plan:
        return of_pairs(
            list(cells.values()),
            rounds=rounds,
            duration_s=first.duration_s,
            warmup_s=first.warmup_s,
            seed=first.seed + 1,
        )

    fitting = int(clock.left_s / plan(1).estimate_s)
    rounds = min(max(LEAST_ROUNDS, _wanted(cells, changes)), fitting)
    if rounds < LEAST_ROUNDS:
        return None
    if listener is not None:
        many = f"{len(cells)} cells look worse: measuring them again"
        one = "1 cell looks worse: measuring it again"
        again = one if len(cells) == 1 else many
        seconds = format_duration(1e9 * round(plan(rounds).estimate_s))
        listener.notice(Notice("confirming", f"{again}, {rounds} rounds, about {seconds}"))
    return bench_plan(plan(rounds), listener=listener, nothing_is_a_result=True)


def with_fresh(run: Run, again: Run) -> Run:
    """The run with those cells replaced that were measured again: what the verdicts are about. The
    rounds that made them suspects count no more, nor for later checks."""
    fresh = matching.cells_by_key(again)
    cells = [c if c.is_harness else fresh.get(matching.key_of(c), c) for c in run.cells]
    return msgspec.structs.replace(run, cells=cells)


def _wanted(cells: Collection[Key], changes: Sequence[Change]) -> int:
    """As many rounds as the cell takes that needs most."""
    wanted = [
        (change.noise / max(FINE, OF_THE_LOSS * math.log(_worse(change)))) ** 2
        for change in changes
        if change.noise is not None and _worse(change) > 1 and _key(change) in cells
    ]
    return min(MOST_ROUNDS, math.ceil(max(wanted, default=0.0)))


def _worse(change: Change) -> float:
    """By what factor it looks worse; 0 where nothing is known of it."""
    if change.ratio is None or change.metric.startswith(COUNTER_PREFIX):
        return 0.0
    return 1 / change.ratio.median if change.bigger_is_better else change.ratio.median


def _key(change: Change) -> Key:
    return change.scenario, frozenset(change.parameters.items()), change.engine


def _is_suite(change: Change) -> bool:
    return change.metric == SUITE.metric
