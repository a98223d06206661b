"""A baseline that was recorded at another load: what that explains is no change."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from iomodels.comparison.runs import Judgement, judge_runs
from iomodels.comparison.schema import Change, Comparison
from iomodels.comparison.unjudged import load
from iomodels.comparison.verdict import never_passes
from iomodels.machine import noise
from iomodels.results.schema import Notice, Run
from iomodels.statistics import sign_flip

from ..factory import make_cell, make_run, make_trial
from .samples import compared, noisy, run_of, timings


def busy(run: Run, cores: float = 1.2) -> Run:
    return replace(run, others_cores=cores)


def cpu_run(cpu_ns: float) -> Run:
    values = noisy(cpu_ns, int(cpu_ns))
    return make_run(
        [make_cell(trials=[make_trial(n, cpu_ns_per_op=v) for n, v in enumerate(values)])]
    )


def cpu(comparison: Comparison) -> Change:
    (change,) = [each for each in comparison.changes if each.metric == "cpu_ns_per_op"]
    return change


FAST, SLOW = run_of(noisy(1000, 1)), run_of(noisy(350, 2))


def test_a_loss_beside_a_quiet_baseline_is_neither_a_regression_nor_a_pass() -> None:
    quiet = busy(FAST, 0.01)
    assert timings(compared(quiet, SLOW))[0].verdict == "slower"
    found = compared(quiet, busy(SLOW))
    assert found.outcome == "inconclusive"
    (change,) = timings(found)
    assert change.suspect
    assert change.reason == (
        "other processes used 1.2 of 2 cores now, and 0.0 in the baseline: run it again when the "
        "machine is quiet, or judge -m cpu_ns_per_op"
    )
    assert load.DIFFERS in [notice.code for notice in found.warnings]


def test_beside_a_busy_baseline_nothing_passes_and_nothing_fails() -> None:
    for now in (run_of(noisy(1000, 4)), SLOW, run_of(noisy(3000, 3))):
        found = compared(busy(FAST), busy(now, 0.0))
        (change,) = timings(found)
        assert change.verdict == "inconclusive"
        assert never_passes(change)
        assert "record the baseline again" in (change.reason or "")
        assert found.outcome == "inconclusive"


def test_what_is_the_same_in_spite_of_the_load_is() -> None:
    (change,) = timings(compared(FAST, busy(run_of(noisy(1000, 4))), threshold=0.2))
    assert change.verdict == "same"


def test_at_a_like_load_a_loss_fails() -> None:
    for cores in (0.0, 0.2, 1.2):
        (change,) = timings(compared(busy(FAST, cores), busy(SLOW, cores + 0.1)))
        assert change.verdict == "slower"


@pytest.mark.parametrize(
    ("bases", "now", "differ"),
    [
        ([0.0, 0.1], 0.34, False),
        ([0.0, 0.1], 0.36, True),
        ([0.8, 1.4, 1.9], 1.0, False),
        ([0.8, 1.4, 1.9], 0.6, False),
        ([0.8, 1.4, 1.9], 0.5, True),
    ],
)
def test_loads_differ_where_no_base_run_had_one_like_it(
    bases: list[float], now: float, differ: bool
) -> None:
    assert load.Loads(bases, now, 2).differ is differ


@pytest.mark.parametrize(
    ("now", "verdict"), [(1.15, "inconclusive"), (2.0, "slower"), (0.6, "inconclusive")]
)
def test_cpu_is_judged_with_a_margin(now: float, verdict: str) -> None:
    found = compared(cpu_run(10e3), busy(cpu_run(now * 10e3)), metric_keys=["cpu_ns_per_op"])
    assert cpu(found).verdict == verdict
    back = compared(busy(cpu_run(10e3)), cpu_run(now * 10e3), metric_keys=["cpu_ns_per_op"])
    assert cpu(back).verdict == "inconclusive"


def test_counters_are_judged_all_the_same() -> None:
    more = make_run([make_cell(trials=[make_trial(n, calls={"read": 2.0}) for n in range(7)])])
    found = compared(make_run([make_cell()]), busy(more))
    assert [c.verdict for c in found.changes if c.metric == "calls_per_op.read"] == ["slower"]
    assert found.outcome == "regression"


def test_a_file_without_the_number_says_it_by_its_notices() -> None:
    assert load.of_run(FAST) == 0.0
    noted = replace(FAST, warnings=[Notice(noise.BUSY_THROUGHOUT, "")])
    assert load.is_busy(noted)
    assert not load.is_busy(replace(FAST, warnings=[Notice("busy", "")]))


def test_busy_base_runs_are_left_out_where_quiet_ones_have_their_cells() -> None:
    other = make_cell(scenario="echo")
    more = busy(replace(SLOW, cells=[*SLOW.cells, other]))
    kept, (notice,) = load.quiet([busy(SLOW), FAST, more])
    assert [[cell.scenario for cell in run.cells] for run in kept] == [
        [cell.scenario for cell in FAST.cells],
        ["echo"],
    ]
    assert notice.message.startswith("2 of 3 base runs")
    assert load.quiet([busy(SLOW), busy(FAST)]) == ([busy(SLOW), busy(FAST)], [])
    assert load.quiet([SLOW, FAST]) == ([SLOW, FAST], [])


def test_a_refusal_stays_the_reason() -> None:
    by = Judgement(0.05, (), sign_flip.CONFIRM_ALPHA)
    (change, *_) = judge_runs([FAST], busy(SLOW), by, "another machine")
    assert change.reason == "another machine"


def depths(changes: list[Change]) -> dict[object, Change]:
    """Each cell's change, by its depth; None for all cells together."""
    timed = [change for change in changes if change.metric in ("throughput_ops", "suite")]
    return {change.parameters.get("load.depth"): change for change in timed}


def cells_of(run: Run, *which: int) -> Run:
    return replace(run, cells=[run.cells[index] for index in which])


def test_each_cell_is_weighed_by_the_load_of_the_base_runs_that_have_it() -> None:
    """One cell is in a quiet base run, the other in a busy one only."""
    by = Judgement(0.05, (), sign_flip.CONFIRM_ALPHA)
    both = run_of(noisy(1000, 1), noisy(1000, 2))
    bases, _ = load.quiet([cells_of(both, 0), busy(run_of(noisy(800, 3), noisy(1000, 4)), 1.5)])
    assert [len(run.cells) for run in bases] == [1, 1]

    found = depths(judge_runs(bases, both, by))
    for unlike in (found[2], found[None]):
        assert unlike.verdict == "inconclusive"
        assert never_passes(unlike)
        assert "and 1.5 in the baseline: record the baseline again" in (unlike.reason or "")
    assert not never_passes(found[1])
    assert "other processes" not in (found[1].reason or "")


def test_a_loss_of_a_cell_that_only_quiet_base_runs_have_is_no_regression_on_a_busy_machine() -> (
    None
):
    by = Judgement(0.05, (), sign_flip.CONFIRM_ALPHA)
    bases, _ = load.quiet([cells_of(run_of(noisy(1000, 1)), 0), busy(both_at(1000), 1.5)])
    found = depths(judge_runs(bases, busy(both_at(350), 1.5), by))
    assert found[1].verdict == "inconclusive"
    assert found[1].suspect
    assert found[2].verdict == "slower"


def both_at(speed: float) -> Run:
    return run_of(noisy(speed, 5), noisy(speed, 6))
