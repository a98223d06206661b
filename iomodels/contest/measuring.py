"""The door to a contest: scenarios in, what was measured of each of their points out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from iomodels.advice.document import GivenLimit, Goal
from iomodels.advice.measured import MeasuredCandidate, MeasuredPoint, quantity_of
from iomodels.base.errors import UsageError
from iomodels.base.units import counted
from iomodels.contest.candidates import Found, candidates
from iomodels.contest.halving import Entrant, Halving
from iomodels.contest.rounds import ContestTrials, Durations, PointContest
from iomodels.engines.kinds.groups import GROUPS
from iomodels.engines.spec import EngineSpec, parse_given
from iomodels.measure.defaults import BUDGET_S, DURATION_S, WARMUP_S
from iomodels.measure.listening import RunListener
from iomodels.measure.plan import Plan
from iomodels.measure.precision import budget_in_words
from iomodels.measure.run import bench_plan
from iomodels.results.schema import Cell, Notice, Run
from iomodels.trials.planned import PlannedCell
from iomodels.workload.point import Point
from iomodels.workload.scenario import Scenario, points

ESTIMATE = "estimate"
"""The code of the note that says how long it will take."""
LEAST_DURATION_S = 0.1
"""To fit a small budget, trials become shorter; below that they say too little."""


@dataclass(frozen=True)
class Contest:
    """The points, and the run with all trials: its environment, warnings and seed."""

    run: Run
    points: tuple[MeasuredPoint, ...]


@dataclass(frozen=True)
class ContestPlan:
    """What will be measured: of each point the candidates, and about how long it takes."""

    scenarios: tuple[Scenario, ...]
    points: tuple[PlannedPoint, ...]
    durations: Durations
    budget_s: float
    seed: int
    reserve_s: float = 0.0
    """Beside the budget, for points that are undecided when it ends."""

    @property
    def in_words(self) -> str:
        """Who takes part, and how long that takes."""
        counts = [len(planned.contest.cells) for planned in self.points]
        each = "" if len(counts) == 1 else f" at {counted(len(counts), 'point')}"
        return (
            f"{counted(sum(counts), 'candidate')}{each}: about {budget_in_words(self.estimate_s)}, "
            f"and at most {budget_in_words(self.budget_s + self.reserve_s)} where it is close"
        )

    @property
    def estimate_s(self) -> float:
        """Without further rounds."""
        return sum(p.contest.estimate_s(self.durations) for p in self.points if p.contest.cells)


@dataclass(frozen=True)
class PlannedPoint:
    point: Point
    title: str
    today: str | None
    found: tuple[Found, ...]
    contest: PointContest


def plan_contest(
    scenarios: Sequence[Scenario],
    *,
    goal: Goal = "throughput",
    limits: Sequence[GivenLimit] = (),
    today: str | None = None,
    engines: Sequence[EngineSpec] = (),
    among: str = "all",
    budget_s: float = BUDGET_S,
    duration_s: float = DURATION_S,
    warmup_s: float = WARMUP_S,
    seed: int | None = None,
) -> ContestPlan:
    """Who takes part at each point of the scenarios, and how long that takes. Nothing is measured.

    `today` is an engine's text; without it, that of each scenario counts. `engines` are the
    candidates, where they are not to be chosen here, `among` those of a group. `budget_s` is for
    all points together; where it is small, trials become shorter.

    Raises `EngineError`, and `UsageError` for a budget that is too small.
    """
    seed = secrets.randbits(32) if seed is None else seed
    found: list[PlannedPoint] = []
    index = 0
    for scenario in scenarios:
        known = today or scenario.today
        spec = parse_given(known) if known else None
        for point in points(scenario):
            every = candidates(point, spec, engines, GROUPS[among].members)
            able = [one for one in every if one.reason is None]
            cells = [
                PlannedCell(index + place, point, one.spec, note=one.ability.note)
                for place, one in enumerate(able)
            ]
            index += len(cells)
            # The simplest and today's stay to the end, since gains are over them.
            entrants = [
                Entrant(cell.index, one.complexity, one is able[0] or one.spec == spec)
                for cell, one in zip(cells, able, strict=True)
            ]
            contest = PointContest(
                cells,
                Halving(entrants, seed=seed + len(found)),
                quantity_of(goal, point),
                limits,
            )
            name = spec.canonical if spec else None
            found.append(PlannedPoint(point, scenario.title, name, tuple(every), contest))
    durations = Durations(duration_s, warmup_s)
    plan = ContestPlan(tuple(scenarios), tuple(found), durations, budget_s, seed)
    return _fitted(plan)


def _fitted(plan: ContestPlan) -> ContestPlan:
    """With trials as short as the budget needs."""
    whole = plan
    while plan.estimate_s > plan.budget_s:
        duration_s = plan.durations.confirming_s / 1.25
        if duration_s < min(LEAST_DURATION_S, whole.durations.confirming_s):
            raise UsageError(
                f"the candidates of {counted(len(plan.points), 'point')} take about "
                f"{budget_in_words(plan.estimate_s)} at the least, and the budget has "
                f"{budget_in_words(plan.budget_s)} for them: give a larger budget "
                "(--budget), or fewer scenarios or engines (-e)"
            )
        shorter = Durations(duration_s, min(plan.durations.warmup_s, duration_s / 5))
        plan = replace(plan, durations=shorter)
    return plan


def measure_plan(plan: ContestPlan, *, listener: RunListener | None = None) -> Contest:
    """Measure it. A plan is measured once. How long that takes is said beforehand: a note to the
    listener. Raises as `bench` does."""
    if listener is not None:
        listener.notice(Notice(ESTIMATE, plan.in_words))
    contests = [planned.contest for planned in plan.points]
    bare = Plan(
        scenarios=plan.scenarios,
        cells=tuple(cell for contest in contests for cell in contest.cells),
        trials=(),
        rounds=1,
        duration_s=plan.durations.confirming_s,
        warmup_s=plan.durations.warmup_s,
        seed=plan.seed,
    )
    further = ContestTrials(contests, plan.durations, plan.budget_s, plan.reserve_s)
    run = bench_plan(bare, listener=listener, further=further)
    return contest_of(plan, run)


def contest_of(plan: ContestPlan, run: Run) -> Contest:
    """What a run of this plan came to; it may have been interrupted."""
    by_index = dict(enumerate(run.cells))
    return Contest(run, tuple(_measured(planned, by_index) for planned in plan.points))


def _measured(planned: PlannedPoint, cells: Mapping[int, Cell]) -> MeasuredPoint:
    contest = planned.contest
    by_spec = {cell.engine: cell.index for cell in contest.cells}
    return MeasuredPoint(
        point=planned.point,
        title=planned.title,
        today=planned.today,
        candidates=tuple(
            _candidate(one, contest, by_spec.get(one.spec), cells) for one in planned.found
        ),
        measured_s=contest.measured_s,
        full_s=contest.full_s,
        ended_by_budget=contest.ended_by_budget,
    )


def _candidate(
    one: Found, contest: PointContest, index: int | None, cells: Mapping[int, Cell]
) -> MeasuredCandidate:
    if index is None:
        return MeasuredCandidate(one.spec.canonical, one.complexity, reason=one.reason)
    cell = cells[index]
    known = contest.halving.known.get(index)
    first = contest.confirms_from
    return MeasuredCandidate(
        engine=one.spec.canonical,
        complexity=one.complexity,
        choosing=tuple(t for t in cell.trials if first is None or t.round < first),
        confirming=tuple(t for t in cell.trials if first is not None and t.round >= first),
        left_after=known.left_after if known else None,
        reason=cell.reason,
        beyond=contest.beyond.get(index, ()),
    )
