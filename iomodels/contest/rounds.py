"""The trials of several contests, one point after the other, as a run asks for them.

Each point's halving says who is next; here that becomes trials of a duration, and the budget is
shared out. Pure: no process is started here, and no clock is read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from statistics import mean, median

from iomodels.advice.document import GivenLimit
from iomodels.advice.verdict import beyond, log
from iomodels.analysis.quantity_definition import Quantity
from iomodels.contest.halving import Halving
from iomodels.results.schema import Notice, Trial
from iomodels.statistics.ranking import Contender, decide
from iomodels.trials.planned import PlannedCell, PlannedTrial

CHOOSING_SHARE = 0.2
"""How long a trial of choosing is, over one of confirming."""
SHORTEST_S = 0.05


@dataclass(frozen=True)
class Durations:
    """Of the trials of a run, in seconds."""

    confirming_s: float
    warmup_s: float

    @property
    def choosing_s(self) -> float:
        return min(self.confirming_s, max(SHORTEST_S, CHOOSING_SHARE * self.confirming_s))

    def planned(self, round: int, order: int, cell: PlannedCell, confirms: bool) -> PlannedTrial:
        duration_s = self.confirming_s if confirms else self.choosing_s
        warmup_s = self.warmup_s if confirms else CHOOSING_SHARE * self.warmup_s
        return PlannedTrial(round, order, cell, duration_s, warmup_s)


@dataclass
class PointContest:
    """One point: its halving, whose entrants are the indexes of the cells, and what came of it."""

    cells: Sequence[PlannedCell]
    halving: Halving
    quantity: Quantity
    limits: Sequence[GivenLimit]
    trials: dict[int, list[Trial]] = field(default_factory=dict)
    beyond: dict[int, tuple[GivenLimit, ...]] = field(default_factory=dict)
    took_s: list[list[float]] = field(default_factory=list)
    """By round, of each of its trials."""
    confirms_from: int | None = None
    """The number of the first confirming round."""
    ended_by_budget: bool = False

    @property
    def measured_s(self) -> float:
        return sum(map(sum, self.took_s))

    @property
    def full_s(self) -> float:
        """If every candidate had been measured in every round."""
        return sum(mean(each) * len(self.cells) for each in self.took_s if each)

    def estimate_s(self, durations: Durations) -> float:
        """About how long it takes, without further rounds."""
        each_s = {
            confirms: mean(durations.planned(0, 0, c, confirms).takes_s for c in self.cells)
            for confirms in (False, True)
        }
        return sum(count * each_s[confirms] for count, confirms in self.halving.most_rounds())

    def next(self, able: Collection[int]) -> list[int]:
        """Who is measured next, after those beyond a limit have left."""
        for index in self.halving.going:
            found = beyond(self.limits, self.trials.get(index, ()))
            if found and index not in self.beyond:
                self.beyond[index] = found
                self.halving.leave(index)
        number = self.halving.round
        chosen = self.halving.next(able)
        if chosen:
            self.took_s.append([])
            if self.halving.is_confirming and self.confirms_from is None:
                self.confirms_from = number
        return chosen

    @property
    def is_undecided(self) -> bool:
        """Whether its confirming rounds leave open which to use (`statistics/ranking.py`)."""
        known = [self.halving.known[index] for index in self.halving.going]
        able = [
            Contender(str(one.entrant.index), one.entrant.complexity, one.confirming)
            for one in known
            if one.confirming and one.entrant.index not in self.beyond
        ]
        return not able or decide(able).use is None


class ContestTrials:
    """Which trials come next, over all points (`measure.plan.FurtherTrials`).

    Of the budget, `reserve_s` is kept for what comes after. A point that is undecided when its own
    share ends takes an equal part of it, once: so it is judged twice at the most, and a difference
    that is none is shown in 1 % (twice `ALPHA`) at the most.
    """

    def __init__(
        self,
        contests: Sequence[PointContest],
        durations: Durations,
        budget_s: float,
        reserve_s: float = 0.0,
    ) -> None:
        self._contests = list(contests)
        self._durations = durations
        self._budget_s = budget_s + reserve_s
        self._reserve_s = reserve_s
        self._part_s = reserve_s / max(1, len(contests))
        self._has_taken = False
        """Whether the point under way has taken its part of the reserve."""
        self._at = 0
        self._order = 0
        self._until_left_s: float | None = None
        """The point under way ends when so much of the budget is left."""
        self._longer_s: dict[int, list[float]] = {}
        """By cell, how much longer its trials took than planned: some make a large file each time,
        whether they choose or confirm."""

    @property
    def budget_s(self) -> float:
        return self._budget_s

    @property
    def current(self) -> PointContest | None:
        """The point under way; None at the end."""
        return self._contests[self._at] if self._at < len(self._contests) else None

    def next(self, going: Collection[int], left_s: float) -> list[PlannedTrial]:
        while (contest := self.current) is not None:
            if self._until_left_s is None:
                share_s = (left_s - self._reserve_s) / (len(self._contests) - self._at)
                self._until_left_s = left_s - max(0.0, share_s)
                self._has_taken = False
            number = contest.halving.round
            chosen = contest.next([c.index for c in contest.cells if c.index in going])
            by_index = {cell.index: cell for cell in contest.cells}
            trials = [
                self._durations.planned(
                    number, self._order + place, by_index[index], contest.halving.is_confirming
                )
                for place, index in enumerate(chosen)
            ]
            takes_s = sum(map(self.takes_s, trials))
            if trials and takes_s > left_s - self._until_left_s:
                self._take_more(contest)
            if trials and takes_s <= left_s - self._until_left_s:
                self._order += len(trials)
                return trials
            if trials:
                contest.ended_by_budget = True
            self._at += 1
            self._until_left_s = None
        return []

    def _take_more(self, contest: PointContest) -> None:
        if self._until_left_s is None or self._has_taken or not contest.is_undecided:
            return
        self._has_taken = True
        self._until_left_s -= self._part_s
        self._reserve_s -= self._part_s

    def ended(self, cell: PlannedCell, trial: Trial, took_s: float | None = None) -> None:
        contest = self.current
        assert contest is not None, "a trial ends before its point does"
        confirms = contest.halving.is_confirming
        contest.trials.setdefault(cell.index, []).append(trial)
        contest.halving.ended(cell.index, log(trial, contest.quantity))
        if took_s is not None:
            contest.took_s[-1].append(took_s)
            planned_s = self._durations.planned(trial.round, 0, cell, confirms).takes_s
            self._longer_s.setdefault(cell.index, []).append(took_s - planned_s)

    def takes_s(self, trial: PlannedTrial) -> float:
        longer_s = self._longer_s.get(trial.cell.index)
        return trial.takes_s + (max(0.0, median(longer_s)) if longer_s else 0.0)

    def out_of_time(self) -> None:
        for contest in self._contests[self._at :]:
            contest.ended_by_budget = True

    def notice(self, measured: Collection[int]) -> Notice | None:
        """What was not measured is the verdict's to say."""
        return None
