"""A/B pairs with real processes: what is found, what each arm runs in, and that nothing is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from iomodels.base.errors import ConditionLost, NothingEnded, ScenarioError
from iomodels.check import pair_runs
from iomodels.check.pair_runs import Pair, PairedCell, parse_arm, plan_cells
from iomodels.engines import spec
from iomodels.results.schema import Trial
from iomodels.statistics import histogram, sign_flip, summary
from iomodels.trials import failures

from ..factory import histogram_of, make_trial
from ..trials.test_trial import children, leaves_no_child_and_no_descriptor

__all__ = ["leaves_no_child_and_no_descriptor"]  # a fixture that every test here has

Ratio = Callable[[Pair], float]


def plan(
    scenario: str, a: list[str], b: list[str], engine: str = "blocking", **settings: str
) -> list[PairedCell]:
    given = {key.replace("__", "."): [value] for key, value in settings.items()}
    specs = [spec.parse(name) for name in engine.split()]
    return plan_cells([scenario], specs, given, parse_arm(a), parse_arm(b))


def speed_ratio(pair: Pair) -> float:
    assert pair.a is not None, pair.error
    assert pair.b is not None, pair.error
    return pair.b.throughput_ops / pair.a.throughput_ops


def log_ratios(measured: list[Pair]) -> sign_flip.Floats:
    trials = [(pair.a, pair.b) for pair in measured]
    assert all(a and b for a, b in trials), measured
    return sign_flip.log_ratios(
        [a.throughput_ops for a, b in trials if a], [b.throughput_ops for a, b in trials if b]
    )


@pytest.mark.parametrize("engine", ["blocking", "select", "aio"])
def test_a_slower_device_in_one_arm_is_found_there(engine: str) -> None:
    """On a busy machine, each wake-up of a helper thread takes longer than some devices."""
    cells = plan("slow-device", [], ["channel.service=10 ms"], engine)
    (measured,) = pair_runs.measure(cells, 8, seed=1, slices=1, slice_s=0.03)
    assert median(speed_ratio(pair) for pair in measured) < 0.7
    assert sign_flip.screen([log_ratios(measured)]) == [0]


def test_a_busy_loop_in_arm_a_makes_b_the_faster_one() -> None:
    cells = plan("cached-read", ["load.compute=200 us"], [], channel__size="1 MiB")
    (measured,) = pair_runs.measure(cells, 8, seed=1)
    assert median(speed_ratio(pair) for pair in measured) > 2
    assert sign_flip.screen([log_ratios(measured)]) == [0]


def test_a_pair_is_two_trials_of_all_their_slices() -> None:
    ((pair,),) = pair_runs.measure(plan("slow-device", [], []), 1, seed=1, slices=3, slice_s=0.03)
    assert pair.error is None
    for trial in (pair.a, pair.b):
        assert trial is not None
        assert trial.duration_ns >= 3 * 30_000_000
        assert histogram.count(trial.latency_ns) == trial.operations
        assert trial.calls_per_op["read"] == 1


def test_rounds_visit_every_cell_and_the_seed_fixes_who_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing has to be measured for that."""
    monkeypatch.setattr(
        pair_runs._Session, "pair", lambda _, cell, number, first: Pair(number, first)
    )
    cells = plan("slow-device", [], [], "null blocking")

    def firsts(seed: int, first_round: int = 0) -> list[list[str]]:
        measured = pair_runs.measure(cells, 6, seed=seed, first_round=first_round)
        assert all([p.round - first_round for p in each] == list(range(6)) for each in measured)
        return [[pair.first for pair in each] for each in measured]

    first = firsts(1)
    assert {side for each in first for side in each} == {"a", "b"}
    assert firsts(1) == first
    assert firsts(2) != first
    assert firsts(1, first_round=6) != first


def recorder(folder: Path) -> Path:
    """A program that writes down where it runs, and becomes the one it is asked to start."""
    script = folder / "recorder"
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$(grep Cpus_allowed_list /proc/self/status | cut -f2) $COLOUR" >> {folder}/log\n'
        'exec "$@"\n'
    )
    script.chmod(0o755)
    return script


def test_a_prefix_pins_and_a_variable_reaches_every_trial_of_its_arm_only(tmp_path: Path) -> None:
    cpu = max(os.sched_getaffinity(0))
    program = recorder(tmp_path)
    with_all = [f"prefix=taskset -c {cpu} {program}", "env.COLOUR=deep blue"]
    (cell,) = plan("slow-device", [f"prefix={program}"], with_all)
    (tmp_path / "log").unlink()  # what the arms were asked while planning
    (measured,) = pair_runs.measure([cell], 3, seed=1)
    assert [pair.error for pair in measured] == [None] * 3
    lines = (tmp_path / "log").read_text().splitlines()
    of_b = [line for line in lines if line.endswith("deep blue")]
    assert of_b == [f"{cpu} deep blue"] * 3
    others = [line for line in lines if not line.endswith("deep blue")]
    assert len(others) == 3
    assert "COLOUR" not in os.environ


def test_each_arm_has_its_files_in_its_own_folder(tmp_path: Path) -> None:
    """One that cannot hold a file is refused before anything is measured."""
    missing = tmp_path / "missing"
    size = {"channel__size": "1 MiB"}
    ((pair,),) = pair_runs.measure(
        plan("cached-read", [], [f"channel.folder={tmp_path}"], **size), 1, seed=1
    )
    assert pair.error is None
    with pytest.raises(ScenarioError, match=r"channel\.folder is .*missing, where no file"):
        pair_runs.check_folders(plan("cached-read", [], [f"channel.folder={missing}"], **size))


def test_one_arm_may_drop_from_the_cache_what_the_other_keeps_in_it() -> None:
    cells = plan("cached-read", [], ["channel.cache=cold"], channel__size="8 MiB")
    (measured,) = pair_runs.measure(cells, 3, seed=1, slices=2)
    assert [pair.error for pair in measured] == [None] * 3


def test_writers_do_not_share_a_file() -> None:
    cells = plan("random-write", [], [], "aio", channel__size="1 MiB", load__verify="true")
    runnable = [cell for cell in cells if cell.na_reason is None][:1]
    (measured,) = pair_runs.measure(runnable, 2, seed=1)
    assert [pair.error for pair in measured] == [None] * 2


def test_a_condition_that_is_lost_voids_the_pair_and_it_is_measured_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = iter([True, False, True])
    check = failures.check_conditions

    def sometimes(record: object, settings: object) -> None:
        if next(lost, False):
            raise ConditionLost("pages had left the cache")
        check(record, settings)  # type: ignore[arg-type]

    monkeypatch.setattr(failures, "check_conditions", sometimes)
    ((pair,),) = pair_runs.measure(plan("slow-device", [], []), 1, seed=1, slices=2)
    assert pair.error is None
    monkeypatch.setattr(
        failures,
        "check_conditions",
        lambda *_: (_ for _ in ()).throw(ConditionLost("pages had left the cache")),
    )
    ((pair,),) = pair_runs.measure(plan("slow-device", [], []), 1, seed=1, slices=2)
    assert pair.error is not None
    assert "pages had left the cache" in pair.error


@pytest.fixture
def during_a_slice(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Have something happen, once, while a slice of 30 s goes on."""

    def arrange(happen: Callable[[], None]) -> None:
        pending = [happen]

        def progressed(operations: int) -> None:
            if operations and pending:
                pending.pop()()

        monkeypatch.setattr(pair_runs, "_unwatched", progressed)

    return arrange


def test_a_killed_worker_fails_its_pair_and_the_other_cells_go_on(
    during_a_slice: Callable[[Callable[[], None]], None],
) -> None:
    def kill() -> None:
        assert len(children()) == 2
        os.kill(children()[0], signal.SIGKILL)

    during_a_slice(kill)
    cells = plan("slow-device", [], [], "blocking") + plan("slow-device", [], [], "null")
    killed: list[PairedCell] = []

    class Listener:
        def notice(self, notice: object) -> None: ...
        def pair_started(self, cell: PairedCell, number: int) -> None: ...

        def pair_ended(self, cell: PairedCell, pair: Pair) -> None:
            if pair.error:
                killed.append(cell)

    measured = pair_runs.measure(
        cells, 2, seed=1, slices=1, slice_s=0.5, warmup_s=0, listener=Listener()
    )
    failed = cells.index(killed[0])
    assert len(killed) == 1
    assert "the trial's process was ended by SIGKILL" in (measured[failed][-1].error or "")
    assert measured[failed][-1].a is None
    assert [pair.error for pair in measured[1 - failed]] == [None, None]


def test_an_interrupt_ends_both_workers(
    during_a_slice: Callable[[Callable[[], None]], None],
) -> None:
    during_a_slice(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        pair_runs.measure(plan("slow-device", [], []), 1, seed=1, slice_s=30, warmup_s=0)


def test_the_estimate_counts_what_can_run() -> None:
    cells = plan("slow-devices", [], [], "blocking select", load__depth="4")
    assert [cell.na_reason is None for cell in cells] == [False, True]
    one = pair_runs.estimate_s(cells[1:], 1)
    assert pair_runs.estimate_s(cells, 10) == pytest.approx(10 * one)
    assert one > 2 * 5 * 0.02


# Slices


def test_a_rate_is_the_median_over_slices_and_counts_are_added_up() -> None:
    slices: list[Trial] = [
        make_trial(throughput_ops=value, latency_ns=[int(value)] * 10, depth_max=depth, counters=c)
        for value, depth, c in (
            (100.0, 1, {"short_transfers": 2.0, "backlog": 1.0}),
            (900.0, 3, {"backlog": 5.0}),
            (110.0, 2, {"short_transfers": 1.0}),
        )
    ]
    trial = summary.combine_slices(slices)
    assert trial.throughput_ops == 110.0
    assert trial.operations == 30
    assert trial.depth_max == 3
    assert trial.latency_ns == histogram_of([100] * 10 + [110] * 10 + [900] * 10)
    assert trial.counters == {"short_transfers": 3.0, "backlog": 5.0}
    assert trial.added_ns is None


def test_a_trial_without_slices_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="at least one slice"):
        summary.combine_slices([])


def test_an_empty_slice_is_measured_again_and_only_then_fails(monkeypatch) -> None:
    real, empty = pair_runs.to_trial, [1]

    def sometimes_empty(*arguments):
        if empty:
            empty.pop()
            raise NothingEnded("measured nothing")
        return real(*arguments)

    monkeypatch.setattr(pair_runs, "to_trial", sometimes_empty)
    (measured,) = pair_runs.measure(plan("slow-device", [], []), 2, seed=1)
    assert [pair.error for pair in measured] == [None, None]
    empty += [1] * pair_runs.MAX_ATTEMPTS
    as_usual = {"slices": pair_runs.DEFAULT_SLICES, "slice_s": pair_runs.DEFAULT_SLICE_S}
    ((pair,),) = pair_runs.measure(plan("slow-device", [], []), 1, seed=1, **as_usual)
    assert "not one operation ended in a slice of 20 ms, in 4 attempts" in (pair.error or "")
    assert "--set load.block" in (pair.error or "")
