"""Who gets further rounds: by the width of intervals, in fair turns, within the budget."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from iomodels.analysis.metrics import named
from iomodels.base.errors import ResultError, UsageError
from iomodels.engines import spec
from iomodels.measure.defaults import MAX_ROUNDS
from iomodels.measure.plan import Plan, make_plan
from iomodels.measure.precision import (
    FurtherRounds,
    Precision,
    most_trials,
    parameters_of,
    precision_of,
    share_in_words,
    width,
)
from iomodels.results.schema import Notice, Trial
from iomodels.statistics.rounds import MIN_ROUNDS, median_interval
from iomodels.statistics.thinning import MOST_TRIALS, buckets_each
from iomodels.trials.planned import PlannedTrial
from iomodels.workload.scenario import resolve

from ..factory import make_run, make_trial

THROUGHPUT = named("throughput_ops")
A_TRIAL = make_trial()
OPEN_LOOP = {"load__rate": "1k/s", "load__arrivals": "poisson"}
ENGINES = ("blocking", "select", "aio", "threads")
Noise = Callable[[random.Random], float]


def gauss(share: float) -> Noise:
    return lambda rng: max(0.01, rng.gauss(1, share))


def two_modes(rng: random.Random) -> float:
    return rng.choice([1.0, 3.0])


@dataclass
class Simulated:
    """What a run of a plan would do, on a clock of its own."""

    plan: Plan
    trials: dict[str, list[Trial]] = field(default_factory=dict)
    rounds: list[list[PlannedTrial]] = field(default_factory=list)
    """The further ones."""
    elapsed_s: float = 0.0
    notice: Notice | None = None

    def counts(self) -> Counter[str]:
        return Counter({engine: len(trials) for engine, trials in self.trials.items()})

    def half_width(self, engine: str) -> float:
        found = median_interval([trial.throughput_ops for trial in self.trials[engine]])
        return (found.high - found.low) / 2 / found.median


def simulate(
    noise: Mapping[str, Noise],
    precision: Precision,
    *,
    rounds: int = 7,
    slowness: float = 1.0,
    seed: int = 1,
    failing: str = "",
) -> Simulated:
    """A run in which each engine's throughput has that noise, and trials take `slowness` times
    what is expected."""
    plan = make_plan(
        resolve(["slow-device"], {}),
        [spec.parse(engine) for engine in noise],
        rounds=rounds,
        duration_s=0.5,
        warmup_s=0.1,
        seed=seed,
    )
    rng = random.Random(seed)
    further = FurtherRounds(
        precision,
        plan.cells,
        duration_s=plan.duration_s,
        warmup_s=plan.warmup_s,
        seed=seed,
        round=plan.rounds,
        order=len(plan.trials),
    )
    run = Simulated(plan)

    def measure(planned: PlannedTrial) -> None:
        engine = planned.cell.engine.canonical
        took_s = planned.takes_s * slowness
        run.elapsed_s += took_s
        if planned.cell.is_harness:
            return
        trial = replace(
            A_TRIAL,
            round=planned.round,
            order=planned.order,
            throughput_ops=1e4 * noise[engine](rng),
        )
        run.trials.setdefault(engine, []).append(trial)
        further.ended(planned.cell, trial, took_s)

    for planned in plan.trials:
        measure(planned)
    cells = {cell.engine.canonical: cell.index for cell in plan.cells}
    going = {index for engine, index in cells.items() if engine != failing}
    while trials := further.next(going, precision.budget_s - run.elapsed_s):
        run.rounds.append(trials)
        for planned in trials:
            measure(planned)
    run.notice = further.notice(going)
    return run


def test_only_the_cells_that_need_them_get_further_rounds() -> None:
    run = simulate({"blocking": gauss(0.001), "select": gauss(0.04)}, Precision(0.02, 300))
    assert run.counts()["blocking"] == 7
    assert run.counts()["select"] > 7
    assert run.half_width("select") <= 0.02
    assert run.notice is None


def test_they_end_with_the_round_that_made_the_interval_narrow() -> None:
    run = simulate({"select": gauss(0.05)}, Precision(0.02, 600))
    values = [trial.throughput_ops for trial in run.trials["select"]]
    assert width(THROUGHPUT, values).share <= 0.02
    assert all(width(THROUGHPUT, values[:n]).share > 0.02 for n in range(7, len(values)))


def test_numbers_of_rounds_and_trials_go_on() -> None:
    run = simulate({"select": gauss(0.05), "aio": gauss(0.05)}, Precision(0.02, 60))
    assert [{t.round for t in trials} for trials in run.rounds] == [
        {7 + number} for number in range(len(run.rounds))
    ]
    orders = [trial.order for trials in run.rounds for trial in trials]
    assert orders == list(range(len(run.plan.trials), len(run.plan.trials) + len(orders)))


def test_the_order_in_a_round_is_random_and_follows_from_the_seed() -> None:
    noise = dict.fromkeys(ENGINES, gauss(0.2))

    def orders(seed: int) -> list[list[str]]:
        run = simulate(noise, Precision(0.01, 60), seed=seed)
        return [[t.cell.engine.canonical for t in trials] for trials in run.rounds]

    assert orders(1) == orders(1) != orders(2)
    assert len(set(map(tuple, orders(1)))) > 3


def test_a_cell_that_never_gets_there_takes_no_turn_of_another() -> None:
    with_it = simulate({"aio": two_modes, "select": gauss(0.05)}, Precision(0.02, 300))
    assert with_it.half_width("select") <= 0.02
    turns = [[t.cell.engine.canonical for t in trials] for trials in with_it.rounds]
    both = [sorted(turn) for turn in turns if "select" in turn]
    assert all(turn == ["aio", "select"] for turn in both)
    assert turns[len(both) :] == [["aio"]] * (len(turns) - len(both))
    assert with_it.notice is not None
    aio = with_it.counts()["aio"]
    assert with_it.notice.message == (
        "not within ±2 % when the budget of 5 min ended: slow-device, aio: "
        f"±{share_in_words(with_it.half_width('aio'))} after {aio} rounds"
    )


def test_a_budget_that_planned_rounds_used_up_leaves_them_alone() -> None:
    run = simulate({"select": gauss(0.2)}, Precision(0.01, 5))
    assert run.counts() == {"select": 7}
    assert run.notice is not None
    assert "after 7 rounds" in run.notice.message


def test_what_trials_really_took_counts_not_what_was_expected() -> None:
    quick = simulate({"select": gauss(0.5)}, Precision(0.01, 60))
    slow = simulate({"select": gauss(0.5)}, Precision(0.01, 60), slowness=4)
    assert quick.elapsed_s <= 60
    assert slow.elapsed_s <= 60
    assert slow.counts()["select"] < quick.counts()["select"] / 3


def test_a_cell_that_failed_has_no_further_rounds_and_is_not_named() -> None:
    noise = {"select": gauss(0.5), "aio": gauss(0.5)}
    run = simulate(noise, Precision(0.01, 30), failing="aio")
    assert {t.cell.engine.canonical for trials in run.rounds for t in trials} == {"select"}
    assert run.notice is not None
    assert "aio" not in run.notice.message


def test_of_too_few_rounds_no_range_is_narrow_enough() -> None:
    run = simulate({"select": lambda rng: 1.0}, Precision(0.02, 60), rounds=1)
    assert run.counts() == {"select": MIN_ROUNDS}
    assert run.notice is None


def test_no_cell_has_more_rounds_than_there_can_be() -> None:
    asked = Precision(0.001, 24 * 3600)
    run = simulate({"aio": two_modes}, asked, rounds=MAX_ROUNDS - 3)
    assert run.counts() == {"aio": MAX_ROUNDS}
    assert run.notice is not None
    assert f"after {MAX_ROUNDS} rounds, the most there are" in run.notice.message


@settings(max_examples=60, deadline=None)
@given(
    shares=st.lists(st.sampled_from([0.0, 0.01, 0.05, 0.3]), min_size=4, max_size=4),
    asked=st.sampled_from([0.005, 0.02, 0.1]),
    budget_s=st.floats(1, 200),
    slowness=st.floats(0.5, 3),
    seed=st.integers(0, 1000),
)
def test_whatever_the_noise(
    shares: list[float], asked: float, budget_s: float, slowness: float, seed: int
) -> None:
    """The budget is kept, turns are fair, and rounds end by width or with the budget."""
    run = simulate(
        {engine: gauss(share) for engine, share in zip(ENGINES, shares, strict=True)},
        Precision(asked, budget_s),
        slowness=slowness,
        seed=seed,
    )
    planned_s = run.plan.estimate_s * slowness
    assert run.elapsed_s <= max(budget_s, planned_s) + 1e-6
    turns = [Counter(t.cell.engine.canonical for t in trials) for trials in run.rounds]
    assert all(set(after) <= set(before) for before, after in itertools.pairwise(turns))
    assert all(set(turn.values()) == {1} for turn in turns)
    wide = {engine for engine in ENGINES if run.half_width(engine) > asked}
    for engine in ENGINES:
        assert (run.notice is not None and f" {engine}: ±" in run.notice.message) == (
            engine in wide
        )
    if wide:
        most_s = len(wide) * max(0.66, 0.66 * slowness)
        assert run.elapsed_s + most_s > budget_s - 1e-6, "there was time for another round"


def test_an_interval_that_ended_so_is_unbiased_and_nearly_as_sure() -> None:
    """The end depends on the width, so that an interval is of 95 % no longer exactly."""
    rng = random.Random(1)
    medians, covered, tries = [], 0, 400
    for _ in range(tries):
        values = [rng.gauss(1, 0.04) for _ in range(7)]
        while width(THROUGHPUT, values).share > 0.02:
            values.append(rng.gauss(1, 0.04))
        found = median_interval(values)
        covered += found.low <= 1 <= found.high
        medians.append(found.median)
    assert covered / tries > 0.88
    assert abs(sum(medians) / tries - 1) < 0.003


# ------------------------------------------------------------------ what is judged


def test_the_width_is_half_the_interval_over_the_median() -> None:
    values = [90, 95, 100, 105, 110, 100, 100]
    assert width(THROUGHPUT, values).share == pytest.approx(0.10)
    assert width(THROUGHPUT, [0.0] * 7).share == 0
    assert math.isinf(width(THROUGHPUT, [0.0] * 5 + [1.0] * 2).share)
    assert math.isinf(width(THROUGHPUT, values[:5]).share)


def further(precision: Precision, scenario: str = "slow-device", **keys: str) -> FurtherRounds:
    by_key = {key.replace("__", "."): [value] for key, value in keys.items()}
    plan = make_plan(
        resolve([scenario], by_key),
        [spec.parse("select")],
        rounds=7,
        duration_s=0.5,
        warmup_s=0.1,
        seed=1,
    )
    rounds = FurtherRounds(
        precision, plan.cells, duration_s=0.5, warmup_s=0.1, seed=1, round=7, order=14
    )
    for number in range(7):
        trial = make_trial(
            number,
            throughput_ops=1e4 * (1 + number % 3),
            latency_ns=100_000,
            cpu_ns_per_op=1000.0 * (1 + number % 2),
        )
        rounds.ended(plan.cells[0], trial, 0.66)
    return rounds


@pytest.mark.parametrize(
    ("keys", "chosen", "needs"),
    [
        ({}, (), True),
        ({}, ("latency_p50_ns",), False),
        ({}, ("latency_p50_ns", "cpu_ns_per_op"), True),
        (OPEN_LOOP, (), False),
        (OPEN_LOOP, ("throughput_ops",), True),
    ],
)
def test_the_judged_metrics_decide(
    keys: dict[str, str], chosen: tuple[str, ...], needs: bool
) -> None:
    rounds = further(Precision(0.02, 60, chosen), **keys)
    assert bool(rounds.next({0, 1}, 30)) == needs


def test_a_percentile_of_too_few_operations_gets_no_rounds_and_is_named() -> None:
    rounds = further(Precision(0.02, 60, ("latency_p99_ns",)))
    few = make_trial(9, latency_ns=[100_000] * 10)
    (cell,) = {trial.cell for trial in further(Precision(0.02, 60)).next({0}, 30)}
    for _ in range(20):
        rounds.ended(cell, few, 0.66)
    assert rounds.next({0}, 30) == []
    notice = rounds.notice({0})
    assert notice is not None
    assert notice.message.endswith("needs 100 operations per trial (measure longer: -d)")


def test_many_cells_are_not_all_named() -> None:
    plan = make_plan(
        resolve(["slow-devices"], {"load.depth": [str(n) for n in range(1, 13)]}),
        [spec.parse("select")],
        rounds=7,
        duration_s=0.5,
        warmup_s=0.1,
        seed=1,
    )
    rounds = FurtherRounds(
        Precision(0.01, 60), plan.cells, duration_s=1, warmup_s=0, seed=1, round=7, order=1
    )
    notice = rounds.notice(range(len(plan.cells)))
    assert notice is not None
    assert notice.message.count("has no interval after 0 rounds, 6 are needed") == 10
    assert notice.message.endswith("; and 2 cells more")


# ------------------------------------------------------------------ limits


def test_an_unknown_metric_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no metric 'speed': they are throughput_ops"):
        Precision(0.02, 60, ("speed",))


def test_what_was_asked_survives_the_result_file() -> None:
    for asked in (None, Precision(0.02, 60.0), Precision(0.5, 1.5, ("latency_p50_ns",))):
        assert precision_of(make_run(settings=dict(parameters_of(asked)))) == asked


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("precision", "2 %"),
        ("precision", 0),
        ("budget_s", 1e9),
        ("budget_s", "x"),
        ("metrics", "y"),
    ],
)
def test_settings_of_a_strangers_file_are_checked(name: str, value: object) -> None:
    kept = {**parameters_of(Precision(0.02, 60, ("latency_p50_ns",))), name: value}
    with pytest.raises(ResultError, match=f"setting {name}"):
        precision_of(make_run(settings=kept))


def test_what_is_kept_of_a_trial_allows_for_all_that_the_budget_does() -> None:
    plan = make_plan(
        resolve(["slow-device"], {}),
        [spec.parse("select")],
        rounds=7,
        duration_s=0.1,
        warmup_s=0,
        seed=1,
    )

    def most(budget_s: float) -> int:
        return most_trials(14, Precision(0.01, budget_s), plan.cells, plan.duration_s)

    assert most_trials(14, None, plan.cells, 0.1) == 14
    assert 14 < most(60) < most(600) < most(24 * 3600) == MOST_TRIALS
    assert buckets_each(MOST_TRIALS) >= 64
    with pytest.raises(UsageError):
        buckets_each(MOST_TRIALS + 500)
