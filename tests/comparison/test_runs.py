"""Two results, cell by cell: the rules of a verdict, whatever the numbers.

And what changes them: the spread of several base runs, and fresh rounds.
"""

from __future__ import annotations

import math
from dataclasses import replace as with_changes

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from iomodels.base.errors import UsageError
from iomodels.comparison import matching, verdict
from iomodels.comparison import runs as of_runs
from iomodels.comparison.runs import Judgement, judge_runs
from iomodels.comparison.schema import Change
from iomodels.machine import noise
from iomodels.results.schema import Cell, Notice, Run

from ..factory import ENVIRONMENT, make_cell, make_run, make_trial
from .samples import compared, noisy, rounds, run_of, speeds, timings, timings_of

OTHER_WAY = {"slower": "faster", "faster": "slower"}


@given(rounds, rounds)
def test_the_other_way_round_the_verdict_is_the_opposite(a: list[float], b: list[float]) -> None:
    (there,), (back,) = (
        timings(compared(run_of(a), run_of(b))),
        timings(compared(run_of(b), run_of(a))),
    )
    assume(not there.levels and not back.levels)  # judged by the levels that the base has
    assert back.verdict == OTHER_WAY.get(there.verdict, there.verdict)
    assert there.ratio is not None
    assert back.ratio is not None
    assert back.ratio.median == pytest.approx(1 / there.ratio.median)
    assert back.ratio.low == pytest.approx(1 / there.ratio.high)


@given(st.lists(speeds, min_size=1, max_size=5), rounds)
def test_too_few_rounds_never_give_a_verdict(few: list[float], many: list[float]) -> None:
    for base, new in ((few, many), (many, few)):
        (change,) = timings(compared(run_of(base), run_of(new)))
        assert change.verdict == "inconclusive"
        assert "an interval needs 6 rounds on each side" in (change.reason or "")


def test_five_rounds_are_too_few_however_far_apart() -> None:
    (change,) = timings(compared(run_of(noisy(1000, 1, 5)), run_of(noisy(10, 2, 20))))
    assert change.verdict == "inconclusive"
    assert "one side has 5" in (change.reason or "")


@given(rounds, rounds, st.sampled_from([0.01, 0.05, 0.3]))
def test_a_verdict_follows_from_its_interval(
    a: list[float], b: list[float], threshold: float
) -> None:
    (change,) = timings(compared(run_of(a), run_of(b), threshold=threshold))
    ratio = change.ratio
    assert ratio is not None
    assert ratio.low <= ratio.median <= ratio.high
    if change.verdict == "slower":
        assert ratio.high < 1
        assert 1 / ratio.median > 1 + threshold
    if change.verdict == "faster":
        assert ratio.low > 1
        assert ratio.median > 1 + threshold
    if change.verdict == "same":
        assert 1 / (1 + threshold) - 1e-9 <= ratio.low <= ratio.high <= 1 + threshold + 1e-9
    if change.verdict == "inconclusive":
        assert change.reason


@given(rounds)
def test_a_run_is_no_regression_against_itself(sample: list[float]) -> None:
    assert compared(run_of(sample), run_of(sample)).outcome != "regression"


def test_a_clear_loss_is_slower_and_states_what_it_rests_on() -> None:
    comparison = compared(run_of(noisy(1000), noisy(50)), run_of(noisy(1010, 2), noisy(40, 3)))
    same, slower = timings(comparison)
    assert (same.verdict, slower.verdict) == ("inconclusive", "slower")
    assert comparison.outcome == "regression"
    for change in (same, slower):
        assert change.rounds == 12
        assert change.noise == pytest.approx(0.02, abs=0.015)
        assert change.detectable is not None
        assert 0.2 < change.detectable < 0.3  # beyond what runs may differ by


def test_more_cpu_is_slower_too() -> None:
    def run(cpu: list[float]) -> Run:
        return make_run(
            [make_cell(trials=[make_trial(i, cpu_ns_per_op=v) for i, v in enumerate(cpu)])]
        )

    comparison = compared(run(noisy(100)), run(noisy(150)), metric_keys=["cpu_ns_per_op"])
    assert [c.verdict for c in comparison.changes if c.metric == "cpu_ns_per_op"] == ["slower"]
    with pytest.raises(UsageError, match="there is no metric 'speed'"):
        compared(run(noisy(100)), run(noisy(100)), metric_keys=["speed"])


def test_an_open_loop_is_judged_by_its_latency() -> None:
    cell = make_cell(parameters={"load.arrivals": "poisson"})
    (change, *_) = compared(make_run([cell]), make_run([cell])).changes
    assert change.metric == "latency_p50_ns"


def test_lost_cells_fail_and_new_ones_do_not() -> None:
    base = run_of(noisy(1000), noisy(2000))
    ended = replace(base.cells[1], status="failed", reason="hung", trials=[], summary=None)
    failed = compared(base, replace(base, cells=[base.cells[0], ended]))
    assert [c.verdict for c in timings(failed)] == ["inconclusive", "failed"]
    assert "hung" in (timings(failed)[1].reason or "")
    vanished = compared(base, replace(base, cells=base.cells[:1]))
    assert [c.verdict for c in timings(vanished)] == ["inconclusive", "vanished"]
    assert failed.outcome == vanished.outcome == "regression"
    new = compared(replace(base, cells=base.cells[:1]), base)
    assert [c.verdict for c in timings(new)] == ["inconclusive", "new"]
    assert new.outcome == "passed"


@pytest.mark.parametrize("status", ["failed", "n/a"])
def test_a_cell_of_which_one_round_died_fails_whatever_trials_it_has(status: str) -> None:
    base = run_of(noisy(1000))
    dead = replace(base.cells[0], status=status, reason="killed by signal 9")
    (change,) = timings(compared(base, replace(base, cells=[dead])))
    assert change.verdict == "failed"
    assert "killed by signal 9" in (change.reason or "")
    fresh = {matching.key_of(dead): dead}
    (again,) = timings_of(judge_runs([base], base, Judgement(0.05, (), 0.008, fresh)))
    assert (again.verdict, again.confirmed) == ("failed", True)


def test_a_partial_cell_is_never_the_same_and_a_notice_says_so() -> None:
    base = run_of(noisy(1000))
    ended = replace(base.cells[0], status="partial", reason="interrupted after 12 of 14 rounds")
    for sides in ((base, replace(base, cells=[ended])), (replace(base, cells=[ended]), base)):
        comparison = compared(*sides)
        (change,) = timings(comparison)
        assert change.verdict == "inconclusive"
        assert "interrupted after 12" in (change.reason or "")
        assert comparison.outcome == "inconclusive"
        assert "partial" in [notice.code for notice in comparison.warnings]


def test_rounds_that_measured_nothing_are_not_dropped_in_silence() -> None:
    base, gaps = run_of(noisy(1000, count=14)), run_of([1000.0, 0.0] * 7)
    (lost,) = timings(compared(base, gaps))
    assert (lost.verdict, lost.reason) == ("failed", "7 of 14 rounds have no value")
    (before,) = timings(compared(gaps, base))
    assert before.verdict == "inconclusive"
    assert "7 of 28 rounds have no value" in (before.reason or "")


def test_what_was_never_measured_is_no_change_and_nothing_at_all_is_no_pass() -> None:
    nothing = make_run([make_cell(status="n/a", reason="cannot", trials=[], summary=None)])
    assert compared(nothing, nothing).changes == []
    assert compared(nothing, nothing).outcome == "not comparable"


def test_new_cells_alone_are_no_pass() -> None:
    good = run_of(noisy(1000))
    bad = replace(good.cells[0], status="failed", reason="hung", trials=[], summary=None)
    comparison = compared(replace(good, cells=[bad]), good)
    assert [c.verdict for c in comparison.changes] == ["new"]
    assert comparison.outcome == "not comparable"


@pytest.mark.parametrize(
    ("before", "outcome"), [(None, "regression"), ("n/a", "regression"), ("failed", "passed")]
)
def test_a_cell_that_fails_now_fails_the_gate_unless_it_did_before(
    before: str | None, outcome: str
) -> None:
    good = run_of(noisy(1000), noisy(2000))

    def dead(status: str) -> Cell:
        return replace(good.cells[1], status=status, reason="hung", trials=[], summary=None)

    base = replace(good, cells=[good.cells[0], *([dead(before)] if before else [])])
    new = replace(good, cells=[good.cells[0], dead("failed")])
    assert compared(base, new).outcome == outcome


def test_survivors_alone_show_no_gain() -> None:
    """Both sides lack rounds, the new one most of them: those that are left look faster."""
    base, new = [0.0, *noisy(1000, count=6)], [*[0.0] * 13, *noisy(2000, count=7)]
    comparison = compared(run_of(base), run_of(new))
    (change,) = timings(comparison)
    assert (change.verdict, change.judged) == ("inconclusive", False)
    assert "14 of 27 rounds have no value" in (change.reason or "")
    assert comparison.outcome == "inconclusive"


def test_a_gain_on_another_file_system_lets_nothing_pass() -> None:
    def run(device: str, speed: float, scenario: str = "cached-read") -> Run:
        trials = [make_trial(n, throughput_ops=v) for n, v in enumerate(noisy(speed))]
        cell = make_cell(trials=trials, parameters={"channel.kind": "file"}, scenario=scenario)
        place = {"file_system": "ext4", "file_system_device": device}
        return make_run([cell], environment=ENVIRONMENT | place)

    bases = [run("elsewhere", 1000), run("here", 1000, "direct-read")]
    new = run("here", 2000)
    new = replace(new, cells=[*new.cells, *run("here", 1000, "direct-read").cells])
    changes = judge_runs(bases, new, Judgement(0.05, (), 0.008))
    judged = {c.scenario: c.judged for c in timings_of(changes)}
    assert judged == {"cached-read": False, "direct-read": True}
    assert verdict.outcome(changes, undecided="pass", comparable=True) == "inconclusive"


def test_under_a_deadline_an_open_loop_is_judged_by_what_it_completes_as_well() -> None:
    parameters = {"load.arrivals": "poisson", "load.deadline": 1_000_000}

    def run(speed: float) -> Run:
        trials = [make_trial(n, throughput_ops=v) for n, v in enumerate(noisy(speed))]
        return make_run([make_cell(trials=trials, parameters=parameters)])

    comparison = compared(run(1000), run(600))
    judged = {c.metric: c.verdict for c in comparison.changes if "calls" not in c.metric}
    assert judged == {"latency_p50_ns": "inconclusive", "throughput_ops": "slower"}
    assert comparison.outcome == "regression"


def test_cells_are_the_same_by_meaning_and_not_by_spelling() -> None:
    base = make_run([make_cell("aio")])
    sparse = {"channel.kind": "timer", "channel.service": 100_000}
    full = {**sparse, "load.depth": 1, "load.batch": 0}
    a = replace(base.cells[0], engine="aio:notify=suspend", parameters=sparse)
    b = replace(base.cells[0], parameters=full)
    assert matching.key_of(a) == matching.key_of(b)


@pytest.mark.parametrize("sample", [noisy(1000, count=3), [1000.0, 2000.0, 500.0] * 3])
def test_a_run_against_itself_is_said_and_never_inconclusive(sample: list[float]) -> None:
    run = run_of(sample)
    comparison = compared(run, run)
    assert comparison.outcome == "passed"
    assert "both are the same run" in comparison.warnings[0].message
    later = replace(run, created_utc="2026-01-02T00:00:00Z")
    assert "same-run" not in [notice.code for notice in compared(run, later).warnings]
    edited = compared(run, run_of([speed / 3 for speed in sample]))
    assert edited.outcome != "passed"
    assert "both have the seed and the start time of one run" in edited.warnings[0].message


# Several base runs, and fresh rounds


def test_a_change_within_the_spread_of_the_base_runs_is_none() -> None:
    bases = [run_of(noisy(level, seed)) for seed, level in enumerate((1000, 1150, 900, 1080))]
    by = Judgement(0.05, (), 0.008)
    new = run_of(noisy(850, 9))
    for runs in (bases[:1], bases):
        (change,) = timings_of(judge_runs(runs, new, by))
        assert change.verdict == "inconclusive"
    (alone,) = timings_of(judge_runs(bases[:1], new, by))
    assert "may differ that much without any change" in (alone.reason or "")
    lost = run_of(noisy(200, 9))
    assert [c.verdict for c in timings_of(judge_runs(bases, lost, by))] == ["slower"]


def suite_of(rng: np.random.Generator, loss: float, noise: float, fresh: int, spread: float) -> Run:
    """Six cells that differ by `spread` from run to run, the first slower by `loss`."""
    levels = rng.lognormal(0, spread, 6)
    return run_of(
        *(
            list(1000 / (1 + loss * (cell == 0)) * levels[cell] * rng.lognormal(0, noise, fresh))
            for cell in range(6)
        )
    )


@pytest.mark.parametrize(
    ("noise", "fresh", "assumed"), [(0.01, 7, 0.05), (0.05, 20, 0.04), (0.2, 20, 0.05)]
)
def test_the_change_that_is_said_to_be_seen_is_found_in_four_of_five_cases(
    noise: float, fresh: int, assumed: float
) -> None:
    """Where the spread between runs decides, where the rounds' noise does, and in between."""
    rng = np.random.default_rng(8)
    by = Judgement(0.05, ("throughput_ops",), 0.02, assumed_spread=assumed)

    def first(loss: float) -> Change:
        base = suite_of(rng, 0, noise, 7, assumed)
        new = suite_of(rng, loss, noise, fresh, assumed)
        return timings_of(judge_runs([base], new, by))[0]

    sees = float(np.median([first(0).detectable or math.inf for _ in range(9)]))
    found = [first(sees).verdict for _ in range(40)].count("slower")
    assert 24 <= found <= 39, sees


def test_a_lost_cell_among_many_is_found_with_few_rounds() -> None:
    base = run_of(*(noisy(1000, seed, 7) for seed in range(90)))
    lost = run_of(noisy(500, 91, 7), *(noisy(1000, seed, 7) for seed in range(92, 181)))
    assert [change.verdict for change in timings(compared(base, lost))].count("slower") == 1


def test_a_busy_machine_asks_for_more() -> None:
    base, lost = run_of(noisy(1000)), run_of(noisy(600, 9))
    by = Judgement(0.05, (), 0.008)
    (quiet,) = timings_of(judge_runs([base], lost, by))
    (busy,) = timings_of(
        judge_runs([base], lost, with_changes(by, assumed_spread=of_runs.BUSY_SPREAD))
    )
    assert (quiet.verdict, busy.verdict) == ("slower", "inconclusive")
    notice = [Notice(noise.BUSY_THROUGHOUT, "others kept 1 of 2 cores busy")]
    (found,) = timings(compared(base, replace(lost, warnings=notice)))
    assert found.verdict == "inconclusive"


def test_fresh_rounds_stand_for_those_that_made_a_suspect() -> None:
    base, new = run_of(noisy(1000)), run_of(noisy(600, 2))
    by = Judgement(0.05, (), 0.008)
    fresh = {matching.key_of(base.cells[0]): run_of(noisy(1005, 3, 20)).cells[0]}
    (change,) = timings_of(judge_runs([base], new, with_changes(by, fresh=fresh)))
    assert (change.verdict, change.confirmed) == ("inconclusive", True)
    (change,) = timings_of(judge_runs([base], new, by))
    assert (change.verdict, change.confirmed) == ("slower", False)


@pytest.mark.parametrize(("operations", "verdicts"), [(99, {"inconclusive"}), (100, {"slower"})])
def test_a_percentile_of_too_few_operations_is_not_judged(operations: int, verdicts: set[str]):
    """Not even as worse: of 9 operations it is their slowest."""

    def run(latency_ns: int) -> Run:
        trials = [make_trial(n, latency_ns=[latency_ns + n] * operations) for n in range(12)]
        return make_run([make_cell(trials=trials)])

    comparison = compared(run(100_000), run(900_000), metric_keys=["latency_p99_ns"])
    found = [change for change in comparison.changes if change.metric == "latency_p99_ns"]
    assert {change.verdict for change in found} == verdicts
    assert [change.judged for change in found] == [operations >= 100]
    assert comparison.outcome == ("inconclusive" if operations < 100 else "regression")
