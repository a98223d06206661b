"""The door of `advise`: scenarios, or a result, in; the document of the answer out."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from iomodels.advice import assembling, from_result
from iomodels.advice.assembling import AnswerFrame
from iomodels.advice.document import Advice, GivenLimit, Goal, Turning
from iomodels.advice.measured import MeasuredPoint
from iomodels.advice.verdict import PointVerdict, judge
from iomodels.base import signals
from iomodels.base.errors import UsageError
from iomodels.base.signals import Interrupted
from iomodels.base.units import capital
from iomodels.contest import sweeping
from iomodels.contest.measuring import (
    Contest,
    ContestPlan,
    contest_of,
    measure_plan,
    plan_contest,
)
from iomodels.contest.sweeping import Search
from iomodels.engines.spec import EngineSpec
from iomodels.measure.listening import RunListener
from iomodels.measure.run import RunInterrupted
from iomodels.results.schema import Notice, Run
from iomodels.workload.scenario import Scenario
from iomodels.workload.writing import NOT_AT_ONCE

FOR_THE_CONTEST = 0.7
"""Of the budget, where the turning point is looked for with the rest. A point whose answer is open
then takes its part of the rest, since it has no turning point to look for."""
AS_IT_IS = (
    "It was judged by a result as it is: no round was measured for this answer, and only the "
    "engines in it were candidates."
)
INTERRUPTED = "It was interrupted: fewer rounds than planned were measured."


@dataclass(frozen=True)
class Question:
    """What is asked of the points."""

    goal: Goal = "throughput"
    limits: tuple[GivenLimit, ...] = ()
    today: str | None = None
    """An engine's text."""
    remarks: tuple[str, ...] = ()
    """Caveats of all points."""
    among: str = "all"
    """The group of engines of which the candidates are, where none are named."""
    turn: str | None = None
    """The key over which the turning point is looked for; None: what suits each point."""


class AdviceInterrupted(Interrupted):
    """Ctrl-C, SIGTERM or SIGHUP came. `advice` follows from what was measured until then; None
    where that is nothing."""

    def __init__(self, number: int, advice: Advice | None) -> None:
        super().__init__(number)
        self.advice = advice


def advise(
    scenarios: Sequence[Scenario],
    question: Question,
    *,
    engines: Sequence[EngineSpec] = (),
    budget_s: float,
    duration_s: float,
    warmup_s: float,
    seed: int | None = None,
    listener: RunListener | None = None,
) -> Advice:
    """Measure the candidates of each point, and answer.

    Raises as `bench` does, and `AdviceInterrupted`.
    """
    started_s = time.monotonic()
    if len({scenario.path for scenario in scenarios}) < len(scenarios):  # kinds of one program
        question = replace(question, remarks=(*question.remarks, f"{capital(NOT_AT_ONCE)}."))
    searched = [bool(question.turn) or not scenario.sweep for scenario in scenarios]

    def plan_within(share_s: float) -> ContestPlan:
        return plan_contest(
            scenarios,
            goal=question.goal,
            limits=question.limits,
            today=question.today,
            engines=engines,
            among=question.among,
            budget_s=share_s,
            duration_s=duration_s,
            warmup_s=warmup_s,
            seed=seed,
        )

    contest_s = budget_s * (FOR_THE_CONTEST if any(searched) else 1)
    try:
        plan = replace(plan_within(contest_s), reserve_s=budget_s - contest_s)
    except UsageError:  # too little for the contest: then it has all of it
        plan = plan_within(budget_s)
    try:
        contest = measure_plan(plan, listener=listener)
    except RunInterrupted as interruption:
        part = contest_of(plan, interruption.run)
        known = any(c.confirming for point in part.points for c in point.candidates)
        remarked = replace(question, remarks=(INTERRUPTED, *question.remarks))
        raise AdviceInterrupted(
            interruption.number, _Answered(part, remarked, started_s).advice() if known else None
        ) from None
    answered = _Answered(contest, question, started_s)
    names = {s.name for s, is_searched in zip(scenarios, searched, strict=True) if is_searched}
    search = Search(
        question.goal,
        question.limits,
        duration_s=duration_s,
        warmup_s=warmup_s,
        seed=contest.run.seed,
        until_s=started_s + budget_s,
        key=question.turn,
    )
    try:
        answered.turn(names, search, listener)
    except KeyboardInterrupt as interruption:  # a run's own, or one between two runs
        number = signals.number_of(interruption)
        raise AdviceInterrupted(number, answered.advice()) from None
    return answered.advice()


class _Answered:
    """A contest that is judged; turning points are added one by one."""

    def __init__(self, contest: Contest, question: Question, started_s: float) -> None:
        self._contest, self._question, self._started_s = contest, question, started_s
        self._verdicts = _judged(contest.points, question)
        self._turnings: list[tuple[Turning, ...]] = [() for _ in contest.points]

    def turn(self, names: Collection[str], search: Search, listener: RunListener | None) -> None:
        """Look for the turning points of the scenarios with these names: each point has an equal
        share of the time that is left. Raises `RunInterrupted`."""
        chosen = [
            (number, point)
            for number, point in enumerate(self._contest.points)
            if point.point.scenario in names
        ]
        for done, (number, point) in enumerate(chosen):
            now_s = time.monotonic()
            share_s = max(0.0, search.until_s - now_s) / (len(chosen) - done)
            own = replace(search, until_s=now_s + share_s)
            found = sweeping.look(point, self._verdicts[number], own, listener)
            if found is not None:
                self._turnings[number] = (found,)

    def advice(self) -> Advice:
        return _advice(
            self._contest.run,
            self._contest.points,
            self._question,
            time.monotonic() - self._started_s,
            verdicts=self._verdicts,
            turnings=self._turnings,
        )


def of_run(run: Run, question: Question) -> Advice:
    """Judge a result as it is (`from_result.py`). Raises `NothingMeasured`."""
    points = from_result.measured_points(run, question.today)
    verdicts = [
        replace(verdict, why_none=from_result.why_none(point, verdict.why_none))
        if verdict.why_none is not None and verdict.has_able
        else verdict
        for point, verdict in zip(points, _judged(points, question), strict=True)
    ]
    turnings: list[tuple[Turning, ...]] = [() for _ in points]
    return _advice(
        run, points, question, 0.0, verdicts=verdicts, turnings=turnings, remarks=(AS_IT_IS,)
    )


def _advice(
    run: Run,
    points: Sequence[MeasuredPoint],
    question: Question,
    measured_s: float,
    *,
    verdicts: Sequence[PointVerdict],
    turnings: Sequence[Sequence[Turning]],
    remarks: tuple[str, ...] = (),
) -> Advice:
    """`verdicts` and `turnings` are those of the points, in their order."""
    asked = AnswerFrame(
        goal=question.goal,
        limits=question.limits,
        seed=run.seed,
        tool=run.tool,
        environment=run.environment,
        warnings=_worth_saying(run.warnings),
        remarks=(*remarks, *question.remarks),
    )
    return assembling.advice(
        [
            assembling.point_advice(point, verdict, asked, turns)
            for point, verdict, turns in zip(points, verdicts, turnings, strict=True)
        ],
        asked,
        measured_s=measured_s,
        # What the search for turning points took is in both.
        full_s=measured_s + sum(point.full_s - point.measured_s for point in points),
    )


def _judged(points: Sequence[MeasuredPoint], question: Question) -> list[PointVerdict]:
    return [judge(point, question.goal, question.limits) for point in points]


def _worth_saying(notices: Sequence[Notice]) -> list[Notice]:
    """Each once: a contest is many runs on one machine."""
    return list({notice.message: notice for notice in notices}.values())
