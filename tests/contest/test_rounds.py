"""How the budget is shared out over the points of a contest; the trials are made up."""

from __future__ import annotations

import math
import random

import pytest

from iomodels.contest.measuring import plan_contest
from iomodels.contest.rounds import ContestTrials
from iomodels.engines.spec import parse
from iomodels.workload.scenario import load
from tests.factory import make_trial

ENGINES = [parse("blocking"), parse("select")]
TAKES_S = 1.0
BUDGET_S, RESERVE_S = 30.0, 12.0


def spent_s(gains: list[float], noise: float) -> list[float]:
    """By point, how long it was measured: `gains` is what select has over blocking."""
    scenarios = [load("slow-device")] * len(gains)
    planned = plan_contest(scenarios, engines=ENGINES, budget_s=1000, duration_s=0.5, seed=1)
    contests = [point.contest for point in planned.points]
    further = ContestTrials(contests, planned.durations, BUDGET_S, RESERVE_S)
    rng = random.Random(1)
    left_s = further.budget_s
    going = {cell.index for contest in contests for cell in contest.cells}
    while trials := further.next(going, left_s):
        for trial in trials:
            point, engine = divmod(trial.cell.index, len(ENGINES))
            ops = 1000 * gains[point] ** engine * math.exp(noise * rng.gauss(0, 1))
            left_s -= TAKES_S
            further.ended(trial.cell, make_trial(trial.round, throughput_ops=ops), TAKES_S)
    return [contest.measured_s for contest in contests]


def test_a_point_that_is_undecided_takes_what_is_kept_for_its_turning_point() -> None:
    (spent,) = spent_s([1.0], noise=0.5)
    assert spent == pytest.approx(BUDGET_S + RESERVE_S, abs=2 * TAKES_S)


def test_one_that_is_decided_leaves_it() -> None:
    (spent,) = spent_s([3.0], noise=0.1)
    assert spent <= BUDGET_S


def test_each_takes_no_more_than_its_own_part() -> None:
    one, other = spent_s([1.0, 1.0], noise=0.5)
    assert one == pytest.approx((BUDGET_S + RESERVE_S) / 2, abs=2 * TAKES_S)
    assert other == pytest.approx((BUDGET_S + RESERVE_S) / 2, abs=2 * TAKES_S)


def test_what_trials_of_choosing_took_longer_counts_for_those_that_confirm() -> None:
    """A large file is made for each of them."""
    planned = plan_contest([load("slow-device")], budget_s=1000, duration_s=0.5, seed=1)
    contests = [point.contest for point in planned.points]
    further = ContestTrials(contests, planned.durations, 1000.0)
    (first, *_) = further.next({cell.index for cell in contests[0].cells}, 1000.0)
    further.ended(first.cell, make_trial(first.round), first.takes_s + 7.0)
    confirming = planned.durations.planned(9, 99, first.cell, confirms=True)
    assert further.takes_s(confirming) == pytest.approx(confirming.takes_s + 7.0)
