"""A cell that jumps between levels by itself: judged by what does not jump."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from iomodels.comparison import verdict
from iomodels.comparison.runs import Judgement, judge_runs
from iomodels.comparison.schema import Change, Outcome, Undecided
from iomodels.results.schema import Run
from iomodels.statistics import sign_flip

from ..factory import make_cell, make_run, make_trial
from .samples import noisy

SLOW, MIDDLE, FAST = (noisy(ops, seed, 7) for seed, ops in enumerate((20e3, 47e3, 89e3)))
HISTORY = [SLOW, FAST, MIDDLE, SLOW, FAST, MIDDLE]
CPU_NS = 9_000.0
BY = Judgement(0.05, (), sign_flip.CONFIRM_ALPHA)


def run_of(speeds: Sequence[float], cpu_ns: Sequence[float] | None = None) -> Run:
    """One cell, with those throughputs; its CPU per operation is nearly the same in every round."""
    cpu_ns = cpu_ns or noisy(CPU_NS, int(speeds[0]), len(speeds))
    trials = [
        make_trial(n, throughput_ops=speed, cpu_user_ns_per_op=cpu, cpu_system_ns_per_op=0.0)
        for n, (speed, cpu) in enumerate(zip(speeds, cpu_ns, strict=True))
    ]
    return make_run([make_cell(trials=trials)], seed=int(speeds[0]))


def judged(history: Sequence[Run], new: Run, by: Judgement = BY) -> dict[str, Change]:
    changes = judge_runs(history, new, by)
    return {change.metric: change for change in changes}


def outcome(found: dict[str, Change], undecided: Undecided = "fail") -> Outcome:
    return verdict.outcome(list(found.values()), undecided=undecided, comparable=True)


@pytest.mark.parametrize("level", [SLOW, MIDDLE, FAST])
def test_any_level_is_shown_and_the_cell_is_judged_by_its_cpu(level: list[float]) -> None:
    found = judged([run_of(speeds) for speeds in HISTORY], run_of(level))
    change = found["throughput_ops"]
    assert change.verdict == "varies"
    assert not change.judged
    assert change.levels == pytest.approx([20e3, 47e3, 89e3], rel=0.03)
    assert "jumps by itself (20" in (change.reason or "")
    assert "judged by CPU per operation and calls per operation" in (change.reason or "")
    assert found["cpu_ns_per_op"].verdict in ("same", "inconclusive")
    assert outcome(found, "pass") == "passed"


def test_a_loss_of_cpu_fails_it() -> None:
    slower = run_of(FAST, noisy(CPU_NS * 2, 5, 7))
    found = judged([run_of(speeds) for speeds in HISTORY], slower)
    assert found["throughput_ops"].verdict == "varies"
    assert found["cpu_ns_per_op"].verdict == "slower"


@pytest.mark.parametrize("rounds", [7, 20])
@pytest.mark.parametrize("runs", [1, 2, 6])
def test_a_loss_below_all_levels_never_passes(runs: int, rounds: int) -> None:
    jumping = [SLOW[0], FAST[0], SLOW[1], FAST[1], SLOW[2], FAST[2], SLOW[3]]
    history = [run_of(speeds) for speeds in [jumping, *HISTORY][:runs]]
    found = judged(history, run_of(noisy(20e3 * 0.68, 3, rounds)))
    change = found["throughput_ops"]
    assert change.levels
    assert change.verdict == "slower" or change.suspect
    assert outcome(found, "pass") != "passed"
    assert "below all levels" in (change.reason or "")


@pytest.mark.parametrize("speed", [74e3, 70e3, 62e3, 50e3, 40e3, 30e3])
def test_a_new_run_at_a_level_that_no_base_run_had_never_passes(speed: float) -> None:
    history = [run_of(speeds) for speeds in [SLOW, FAST] * 3]
    found = judged(history, run_of(noisy(speed, 3, 10)))
    change = found["throughput_ops"]
    assert len(change.levels) == 2
    assert change.verdict == "inconclusive"
    assert change.suspect
    assert change.ratio is not None
    assert change.ratio.median == pytest.approx(speed / 89e3, rel=0.03)
    assert change.judged
    assert (
        "jumps by itself, but 10 of 10 rounds are between the levels that the base has (20"
    ) in (change.reason or "")
    assert outcome(found, "pass") == "inconclusive"


@pytest.mark.parametrize(
    ("cpu_ns", "reason"),
    [
        (2e3, ""),
        (9e3, ""),
        (4e3, "10 of 10 rounds are between the levels that the base has (1.99 µs or 8.9"),
        (12e3, "these rounds are above all levels that the base has (1.99 µs or 8.9"),
    ],
)
def test_the_same_where_less_is_better(cpu_ns: float, reason: str) -> None:
    def run(cpu_ns: float, count: int) -> Run:
        return run_of([1e3] * count, noisy(cpu_ns, int(cpu_ns) % 7, count))

    by = Judgement(0.05, ("cpu_ns_per_op",), sign_flip.CONFIRM_ALPHA)
    found = judged([run(level, 7) for level in [2e3, 9e3] * 3], run(cpu_ns, 10), by)
    change = found["cpu_ns_per_op"]
    assert (change.verdict == "slower" or change.suspect) == bool(reason)
    assert reason in (change.reason or "")


@pytest.mark.parametrize(("astray", "passes"), [(2, True), (3, False)])
def test_a_few_rounds_between_the_levels_are_strays(astray: int, passes: bool) -> None:
    history = [run_of(speeds) for speeds in [SLOW, FAST] * 3]
    new = [*noisy(50e3, 3, astray), *noisy(89e3, 4, 12 - astray)]
    found = judged(history, run_of(new))
    assert (outcome(found, "pass") == "passed") == passes


def test_rounds_between_the_levels_are_no_loss_where_the_threshold_allows_them() -> None:
    history = [run_of(speeds) for speeds in [SLOW, FAST] * 3]
    by = replace(BY, threshold=1.0)
    found = judged(history, run_of(noisy(60e3, 3, 10)), by)
    assert found["throughput_ops"].verdict == "varies"


@pytest.mark.parametrize(("share", "passes"), [(0.97, True), (0.84, False), (0.72, False)])
def test_a_loss_below_a_worst_level_with_few_rounds_never_passes(
    share: float, passes: bool
) -> None:
    """3 of 10 base rounds are there: too few for an interval."""
    few = noisy(20e3, 1, 3)
    base = [FAST[0], few[0], *FAST[1:4], few[1], *FAST[4:6], few[2], FAST[6]]
    found = judged([run_of(base)], run_of(noisy(20e3 * share, 3, 10)))
    change = found["throughput_ops"]
    assert change.levels
    assert change.verdict == ("varies" if passes else "inconclusive")
    assert (outcome(found, "pass") == "passed") == passes
    assert ("below all levels that the base has (20" in (change.reason or "")) != passes


def test_a_new_level_below_those_known_never_passes_where_it_is_met_often() -> None:
    new = [FAST[0], SLOW[0], FAST[1], SLOW[1], FAST[2], SLOW[2], FAST[3]]
    found = judged([run_of(FAST), run_of(FAST)], run_of(new))
    assert found["throughput_ops"].verdict == "slower" or found["throughput_ops"].suspect


def test_a_new_run_at_another_level_than_all_before_is_a_change() -> None:
    found = judged([run_of(speeds) for speeds in (FAST, FAST, FAST)], run_of(SLOW))
    assert found["throughput_ops"].verdict in ("slower", "inconclusive")
    assert not found["throughput_ops"].levels
    assert "cpu_ns_per_op" not in found


def test_where_cpu_jumps_too_only_calls_are_judged() -> None:
    def both(speeds: list[float]) -> Run:
        return run_of(speeds, [CPU_NS if speed > 50e3 else 4 * CPU_NS for speed in speeds])

    found = judged([both(speeds) for speeds in HISTORY], both(SLOW))
    assert "cpu_ns_per_op" not in found
    assert "judged by calls per operation, since CPU per operation jumps" in (
        found["throughput_ops"].reason or ""
    )
    assert outcome(found, "pass") == "passed"
    assert outcome({"throughput_ops": found["throughput_ops"]}, "pass") == "inconclusive"


def test_a_metric_that_was_asked_for_and_does_not_jump_is_enough() -> None:
    by = Judgement(0.05, ("throughput_ops", "cpu_ns_per_op"), sign_flip.CONFIRM_ALPHA)
    found = judged([run_of(speeds) for speeds in HISTORY], run_of(SLOW), by)
    assert found["throughput_ops"].verdict == "varies"
    assert found["cpu_ns_per_op"].verdict in ("same", "inconclusive")


def test_a_jump_says_nothing_of_the_other_cells() -> None:
    """Three cells, of which one jumps: the others and all together are judged without it."""

    def suite(jumping: Sequence[float]) -> Run:
        steady = [
            make_cell(engine, [make_trial(n, throughput_ops=v) for n, v in enumerate(values)])
            for engine, values in (("blocking", noisy(1e3, 1, 7)), ("select", noisy(2e3, 2, 7)))
        ]
        trials = [make_trial(n, throughput_ops=v) for n, v in enumerate(jumping)]
        return make_run([*steady, make_cell("aio", trials)], seed=int(jumping[0]))

    changes = judge_runs([suite(speeds) for speeds in HISTORY], suite(FAST), BY)
    found = {(c.engine, c.metric): c for c in changes if not c.metric.startswith("calls")}
    assert list(found) == [
        ("blocking", "throughput_ops"),
        ("select", "throughput_ops"),
        ("aio", "throughput_ops"),
        ("aio", "cpu_ns_per_op"),
        ("all cells", "suite"),
    ]
    for (engine, metric), change in found.items():
        assert (change.verdict == "varies") == ((engine, metric) == ("aio", "throughput_ops"))
        if change.verdict != "varies":
            assert change.ratio is not None
            assert change.ratio.median == pytest.approx(1, abs=0.03)


def test_cells_that_jump_are_judged_together_at_one_level_of_false_alarms() -> None:
    """A loss below all levels that is sure of one cell by itself is not yet sure of six."""
    engines = ("aio", "select", "blocking", "threads", "poll", "epoll")

    def run(speeds: Sequence[float], count: int) -> Run:
        cells = [
            make_cell(engine, [make_trial(n, throughput_ops=v) for n, v in enumerate(speeds)])
            for engine in engines[:count]
        ]
        return make_run(cells, seed=int(speeds[0]))

    def found(count: int) -> list[Change]:
        new = run(noisy(20e3 * 0.85, 3, 10), count)
        changes = judge_runs([run(speeds, count) for speeds in HISTORY], new, BY)
        return [change for change in changes if change.metric == "throughput_ops"]

    assert [change.verdict for change in found(1)] == ["slower"]
    several = found(6)
    assert [(c.verdict, c.suspect) for c in several] == [("inconclusive", True)] * 6
    assert (several[0].detectable or 0) > (found(1)[0].detectable or 0)
