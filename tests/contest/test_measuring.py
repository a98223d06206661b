"""Contests of real engines, as short as they can be: who is measured, and how long that takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from iomodels.advice.document import GivenLimit
from iomodels.advice.verdict import judge
from iomodels.base.errors import NothingMeasured, UsageError
from iomodels.contest import halving
from iomodels.contest.halving import CONFIRMING_ROUNDS, STAGE_ROUNDS
from iomodels.contest.measuring import ESTIMATE, Contest, measure_plan, plan_contest
from iomodels.engines.spec import parse
from iomodels.measure.listening import Listener
from iomodels.results.schema import Notice, Trial
from iomodels.trials.planned import PlannedTrial
from iomodels.workload.scenario import load

QUICK = {"duration_s": 0.004, "warmup_s": 0.001, "seed": 1}
ENGINES = [
    parse(name)
    for name in ("blocking", "select", "poll", "epoll", "threads", "aio", "aio:notify=poll")
]


class Heard(Listener):
    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.rounds: list[list[PlannedTrial]] = []
        self.ended: list[int] = []

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def trial_started(self, trial: PlannedTrial) -> None:
        if not self.rounds or self.rounds[-1][0].round != trial.round:
            self.rounds.append([])
        self.rounds[-1].append(trial)

    def trial_ended(self, trial: PlannedTrial, result: Trial | None, reason: str | None) -> None:
        self.ended.append(trial.order)


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module", autouse=True)
def _no_further_rounds() -> Iterator[None]:
    """However busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(halving, "NARROW", math.inf)
        yield


@pytest.fixture(scope="module")
def contest(heard: Heard) -> Contest:
    plan = plan_contest([load("slow-device")], engines=ENGINES, today="select", **QUICK)
    return measure_plan(plan, listener=heard)


def test_the_few_that_remain_have_confirming_rounds_of_their_own(contest: Contest) -> None:
    (point,) = contest.points
    assert next(c.engine for c in point.candidates) == "blocking", "the simplest first"
    stayed = {c.engine for c in point.candidates if c.confirming}
    assert {"blocking", "select"} <= stayed
    assert len(stayed) < len(ENGINES)
    for one in point.candidates:
        assert bool(one.confirming) == (one.left_after is None)
        assert len(one.choosing) >= STAGE_ROUNDS[0]
        if one.confirming:
            assert len(one.confirming) >= CONFIRMING_ROUNDS
            assert max(t.round for t in one.choosing) < min(t.round for t in one.confirming)


def test_trials_of_choosing_are_shorter(contest: Contest, heard: Heard) -> None:
    durations = {trial.duration_s for each in heard.rounds for trial in each}
    assert max(durations) == QUICK["duration_s"]
    (point,) = contest.points
    assert 0 < point.measured_s < point.full_s


def test_each_round_has_an_order_of_its_own(contest: Contest, heard: Heard) -> None:
    first = [[t.cell.engine.canonical for t in each] for each in heard.rounds[: STAGE_ROUNDS[0]]]
    assert all(sorted(each) == sorted(first[0]) for each in first)
    assert len({tuple(each) for each in first}) > 1
    assert heard.ended == list(range(len(heard.ended)))


def test_how_long_it_takes_is_said_before(contest: Contest, heard: Heard) -> None:
    (said,) = [notice for notice in heard.notices if notice.code == ESTIMATE]
    assert said.message.startswith("7 candidates: about ")
    assert not said.is_warning
    assert contest.run.warnings == [n for n in contest.run.warnings if n.code != ESTIMATE]


def test_the_verdict_is_of_those_that_stayed(contest: Contest) -> None:
    (point,) = contest.points
    found = judge(point, "throughput")
    stayed = {c.engine for c in point.candidates if c.confirming}
    assert found.use is None or found.use in stayed
    assert {over for over, _ in found.gains} <= stayed


def test_who_is_beyond_a_limit_leaves_early() -> None:
    """All are beyond this one; only the simplest stays, as it always does, and is not used."""
    limits = [GivenLimit("latency_ns.p50", 1_000.0)]
    contest = measure_plan(
        plan_contest([load("slow-device")], engines=ENGINES[:5], limits=limits, **QUICK)
    )
    (point,) = contest.points
    for one in point.candidates:
        assert one.beyond == tuple(limits), one.engine
        assert bool(one.confirming) == (one.engine == "blocking")
        assert one.left_after == (None if one.engine == "blocking" else 1)
    assert judge(point, "throughput", limits).use is None


def test_points_are_measured_one_after_the_other_each_with_its_candidates() -> None:
    scenarios = [load("slow-devices", {"load.depth": ["1", "2"]})]
    contest = measure_plan(plan_contest(scenarios, engines=ENGINES[:2], **QUICK))
    one, two = contest.points
    assert (one.point.load.depth, two.point.load.depth) == (1, 2)
    assert {c.engine: bool(c.confirming) for c in two.candidates} == {
        "blocking": False,
        "select": True,
    }
    assert "one request in flight" in str(two.candidates[0].reason)
    assert judge(two, "throughput").use == "select"
    last = max(t.started_utc for c in one.candidates for t in c.confirming)
    assert last <= min(t.started_utc for c in two.candidates for t in c.confirming)


def test_the_budget_makes_trials_shorter_and_then_is_too_small() -> None:
    scenarios = [load("slow-device")]
    whole = plan_contest(scenarios, budget_s=1000, duration_s=1.0)
    less = plan_contest(scenarios, budget_s=whole.estimate_s / 2, duration_s=1.0)
    assert less.estimate_s <= whole.estimate_s / 2
    assert less.durations.confirming_s < whole.durations.confirming_s
    with pytest.raises(UsageError, match="larger budget"):
        plan_contest(scenarios, budget_s=1, duration_s=1.0)


def test_a_contest_ends_with_its_budget() -> None:
    """What is left out is said, and judged by what there is."""
    plan = plan_contest([load("slow-device")], engines=ENGINES[:3], **QUICK)
    contest = measure_plan(replace(plan, budget_s=plan.estimate_s / 3))
    (point,) = contest.points
    assert point.ended_by_budget
    assert point.measured_s <= plan.estimate_s
    assert len(point.candidates[0].confirming) < CONFIRMING_ROUNDS


def test_without_a_candidate_nothing_is_measured() -> None:
    plan = plan_contest([load("cached-read")], engines=[parse("epoll")], **QUICK)
    with pytest.raises(NothingMeasured):
        measure_plan(plan)
