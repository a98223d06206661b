"""Further rounds, for the cells that need them: until each interval is as narrow as asked.

What decides is the width of an interval over the rounds, and never a verdict: to measure until a
difference shows would find one where there is none. Pure: no process is started here, and no clock
is read.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from iomodels.analysis import metrics
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.errors import ResultError, UsageError
from iomodels.base.units import counted, format_duration
from iomodels.measure.defaults import MAX_BUDGET_S, MAX_ROUNDS, MIN_BUDGET_S, MIN_SHARE
from iomodels.results.schema import Notice, Parameter, Run, Trial
from iomodels.statistics.rounds import MIN_ROUNDS, median_interval
from iomodels.statistics.thinning import MOST_TRIALS
from iomodels.trials.planned import PlannedCell, PlannedTrial

NOT_PRECISE = "precision"
"""The code of the notice that names the cells whose interval is wider than asked."""
_MOST_NAMED = 10
PATIENT_ROUNDS = 12
"""Before so many, a width says little of what more would give."""


@dataclass(frozen=True)
class Precision:
    """How narrow each interval is to be, and how long that may take.

    `share` is half the width of the interval of a metric over its median (0.02 is ±2 %). `budget_s`
    counts from the start of the run; the planned rounds are measured whatever they take. Without
    `metric_keys` it is the throughput, of an open loop the median latency.

    Raises `UsageError` for an unknown metric.
    """

    share: float
    budget_s: float
    metric_keys: tuple[str, ...] = ()
    patience: float = math.inf
    """A cell that would need so many times the rounds that it has gets no more of them: a width
    goes with the root of their number."""

    def __post_init__(self) -> None:
        for key in self.metric_keys:
            metrics.named(key)


@dataclass(frozen=True)
class Width:
    """Half the interval of a metric over its median: infinite where there is no interval of 95 %
    (of fewer than `MIN_ROUNDS` rounds, or of a median of 0)."""

    metric: Quantity
    share: float
    rounds: int
    has_too_few: bool = False
    """Whether it has too few operations per trial: more rounds do not help."""


def width(metric: Quantity, values: Sequence[float]) -> Width:
    """Of the metric's `values`, one for each round."""
    rounds = len(values)
    if rounds < MIN_ROUNDS:
        return Width(metric, math.inf, rounds)
    found = median_interval(values)
    half = (found.high - found.low) / 2
    if not half:
        return Width(metric, 0.0, rounds)
    return Width(metric, half / found.median if found.median > 0 else math.inf, rounds)


@dataclass
class _Cell:
    """What the rounds of one cell have come to so far."""

    planned: PlannedCell
    judged: Sequence[Quantity]
    trials: list[Trial] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)

    def add(self, trial: Trial, took_s: float | None) -> None:
        self.trials.append(trial)
        if took_s is not None:
            self.took_s.append(took_s)
        for metric in self.judged:
            value = metric.of_trial(trial)
            if math.isfinite(value):
                self.values.setdefault(metric.key, []).append(value)

    def widths(self) -> list[Width]:
        found = []
        for metric in self.judged:
            each = width(metric, self.values.get(metric.key, ()))
            too_few = metric.has_too_few(self.trials)
            found.append(Width(metric, math.inf, each.rounds, True) if too_few else each)
        return found


class FurtherRounds:
    """Which trials come after the planned rounds.

    A round visits every cell that still needs one, each once: they have fair turns, and one that
    never gets there takes none from the others. Their order is random, by seed and round. The
    harness has no further rounds.
    """

    def __init__(
        self,
        precision: Precision,
        cells: Iterable[PlannedCell],
        *,
        duration_s: float,
        warmup_s: float,
        seed: int,
        round: int,
        order: int,
        fixed: Collection[int] = (),
    ) -> None:
        """`round` and `order` are the numbers of the first of them. The cells whose indexes are
        `fixed` have none, but are looked at."""
        self._precision = precision
        self._duration_s, self._warmup_s = duration_s, warmup_s
        self._seed = seed
        self._round, self._order = round, order
        self._fixed = fixed
        self._cells = {
            cell.index: _Cell(cell, metrics.of_cell(cell.point.parameters, precision.metric_keys))
            for cell in cells
            if not cell.is_harness
        }
        self._end = "when it was interrupted"

    @property
    def budget_s(self) -> float:
        return self._precision.budget_s

    def ended(self, cell: PlannedCell, trial: Trial, took_s: float | None = None) -> None:
        """A trial of the cell has ended, within `took_s` (None: in an earlier run)."""
        known = self._cells.get(cell.index)
        if known is not None:
            known.add(trial, took_s)

    def takes_s(self, trial: PlannedTrial) -> float:
        """How long a trial is expected to take, by those of its cell until now."""
        took_s = self._cells[trial.cell.index].took_s
        return max(trial.takes_s, median(took_s) if took_s else 0.0)

    def next(self, going: Collection[int], left_s: float) -> list[PlannedTrial]:
        """The next round; empty when all are narrow, or it would take longer than `left_s`.

        `going` has the indexes of the cells that can be measured.
        """
        needed = [
            known.planned
            for index, known in self._cells.items()
            if index in going and index not in self._fixed and self._needs(known)
        ]
        rng = random.Random(f"{self._seed} {self._round}")
        trials = [
            PlannedTrial(self._round, self._order + place, cell, self._duration_s, self._warmup_s)
            for place, cell in enumerate(rng.sample(needed, len(needed)))
        ]
        if self._round >= MAX_ROUNDS:
            self._end = f"after {MAX_ROUNDS} rounds, the most there are"
        elif self._order + len(trials) > MOST_TRIALS:
            self._end = "with as many trials as a result file can hold"
        elif sum(map(self.takes_s, trials)) > left_s:
            self.out_of_time()
        elif not trials:
            self._end = "since that would take too many rounds"
        else:
            self._round += 1
            self._order += len(trials)
            return trials
        return []

    def out_of_time(self) -> None:
        self._end = f"when the budget of {budget_in_words(self._precision.budget_s)} ended"

    def _needs(self, cell: _Cell) -> bool:
        limit = self._precision.share
        hopeless = limit * math.sqrt(self._precision.patience)
        return any(
            each.share > limit
            and not each.has_too_few
            and (each.rounds < PATIENT_ROUNDS or each.share <= hopeless)
            for each in cell.widths()
        )

    def notice(self, measured: Collection[int]) -> Notice | None:
        """Which of the cells with these indexes did not get there; None where all did."""
        widest_of = {
            index: max(known.widths(), key=lambda each: each.share)
            for index, known in self._cells.items()
            if index in measured
        }
        wide = {i: each for i, each in widest_of.items() if each.share > self._precision.share}
        if not wide:
            return None
        widest = sorted(wide, key=lambda index: -wide[index].share)
        named = [self._in_words(self._cells[index].planned, wide[index]) for index in widest]
        if len(named) > _MOST_NAMED:
            named[_MOST_NAMED:] = [f"and {counted(len(named) - _MOST_NAMED, 'cell')} more"]
        return Notice(
            NOT_PRECISE,
            f"not within ±{share_in_words(self._precision.share)} {self._end}: {'; '.join(named)}",
        )

    def _in_words(self, cell: PlannedCell, width: Width) -> str:
        point = cell.point
        name = ", ".join(filter(None, [point.scenario, point.label, cell.engine.canonical]))
        metric = f"{width.metric.title} " if self._precision.metric_keys else ""
        rounds = counted(width.rounds, "round")
        if width.has_too_few:
            fewest = width.metric.fewest_operations
            return f"{name}: {metric}needs {fewest} operations per trial (measure longer: -d)"
        if width.rounds < MIN_ROUNDS:
            return f"{name}: {metric}has no interval after {rounds}, {MIN_ROUNDS} are needed"
        if math.isinf(width.share):
            return f"{name}: {metric}has a median of 0 after {rounds}"
        return f"{name}: {metric}±{share_in_words(width.share)} after {rounds}"


def share_in_words(share: float) -> str:
    """`2 %`, `4.1 %`, `0.25 %`."""
    return f"{float(f'{share * 100:.2g}'):g} %"


def budget_in_words(budget_s: float) -> str:
    return format_duration(budget_s * 1e9)


def most_trials(
    planned: int, precision: Precision | None, cells: Iterable[PlannedCell], duration_s: float
) -> int:
    """How many trials a run can have at the most: the more, the less is kept of each."""
    each_s = [PlannedTrial(0, 0, c, duration_s, 0.0).takes_s for c in cells if not c.is_harness]
    if precision is None or not each_s:
        return planned
    return max(planned, min(MOST_TRIALS, planned + int(precision.budget_s / min(each_s))))


def parameters_of(precision: Precision | None) -> Mapping[str, Parameter]:
    """What of it the settings of a run keep."""
    if precision is None:
        return {}
    kept: dict[str, Parameter] = {"precision": precision.share, "budget_s": precision.budget_s}
    if precision.metric_keys:
        kept["metrics"] = ",".join(precision.metric_keys)
    return kept


def precision_of(run: Run) -> Precision | None:
    """What the settings of a run keep of it. Raises `ResultError`: its file may be a stranger's."""
    share, budget_s = run.settings.get("precision"), run.settings.get("budget_s")
    if share is None:
        return None
    keys = run.settings.get("metrics", "")
    if not isinstance(share, int | float) or not MIN_SHARE <= share <= 1:
        raise ResultError(f"setting precision is {share!r}, and must be {MIN_SHARE} to 1")
    if not isinstance(budget_s, int | float) or not MIN_BUDGET_S <= budget_s <= MAX_BUDGET_S:
        raise ResultError(
            f"setting budget_s is {budget_s!r}, and must be {MIN_BUDGET_S} to {MAX_BUDGET_S}"
        )
    try:
        return Precision(share, budget_s, tuple(filter(None, str(keys).split(","))))
    except UsageError as error:
        raise ResultError(f"setting metrics: {error}") from None
