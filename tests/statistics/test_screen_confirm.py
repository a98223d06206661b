"""The gate's whole procedure on simulated suites: a small version of benchmarks/gate.py."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from iomodels.statistics import screen_confirm, sign_flip

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "gate.py"


@pytest.fixture(scope="module")
def gate_benchmark() -> ModuleType:
    return loaded(BENCHMARK)


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{path.stem}_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("suites", [15, pytest.param(40, marks=pytest.mark.long)])
def test_no_false_alarms_and_ten_per_cent_are_found(
    gate_benchmark: ModuleType, suites: int
) -> None:
    """The full benchmark has 200 suites: here one false alarm and one miss in ten are allowed."""
    tally = gate_benchmark.simulate(suites, 40, 0.10, 0.05, seed=2)
    assert tally.alarms <= 1
    assert tally.found >= 0.9 * suites
    assert tally.sequential_alarms > 0.75 * suites  # what the design replaces
    assert sum(tally.exits_same.values()) == suites
    assert tally.exits_same[0] >= suites - 2


@pytest.mark.parametrize("suites", [20, pytest.param(60, marks=pytest.mark.long)])
def test_a_loss_of_thirty_per_cent_never_passes(gate_benchmark: ModuleType, suites: int) -> None:
    tally = gate_benchmark.simulate(suites, 11, 1 / 0.7 - 1, 0.05, seed=3)
    assert tally.exits_changed.get(0, 0) == 0
    assert tally.exits_changed[1] >= 0.93 * suites


@pytest.mark.parametrize(("threshold", "loss"), [(0.01, 0.025), (0.02, 0.028)])
def test_a_loss_beyond_a_small_threshold_is_found(threshold: float, loss: float) -> None:
    rng = np.random.default_rng(7)

    def measure(rows, count):
        return [rng.normal(-loss if row == 0 else 0.0, 0.003, count) for row in rows]

    decision = screen_confirm.decide(5, measure, threshold=threshold)
    assert {row: said for row, said in decision.confirmed.items() if said} == {0: -1}


def test_recorded_pairs_are_replayed(gate_benchmark: ModuleType) -> None:
    rng = np.random.default_rng(3)
    recorded = [rng.normal(0, 0.04, 400) for _ in range(8)]
    tally = gate_benchmark.replay(recorded, 20, 0.10, 0.05, seed=4)
    assert tally.alarms <= 1
    assert tally.found >= 18


def test_a_suite_never_meets_a_recorded_pair_twice(gate_benchmark: ModuleType) -> None:
    recorded = [np.arange(200.0), np.arange(200.0) + 1000]
    machine = gate_benchmark.Replayed(np.random.default_rng(5), recorded, None, 0.0)
    batches = [machine([0, 1], 20), machine([0, 1], 80)]
    assert not set(batches[0][0]) & set(batches[1][0])
    for one, other in batches:  # all rows from the same place
        assert list(other - one) == [1000.0] * one.size
    with pytest.raises(SystemExit, match="record more"):
        machine([0], 120)


def test_the_benchmark_runs_from_its_command_line() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--suites", "2", "--cells", "5", "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout)["suites"] == 2


def quiet_machine(rows: int, shift: dict[int, float], noise: float = 0.02):
    rng = np.random.default_rng(5)
    asked: list[tuple[list[int], int]] = []

    def measure(which, count):
        asked.append((list(which), count))
        return [rng.normal(shift.get(row, 0), noise, count) for row in which]

    return measure, asked


def test_only_suspects_are_measured_again_and_only_their_fresh_pairs_decide() -> None:
    measure, asked = quiet_machine(6, {4: -0.2})
    decision = screen_confirm.decide(6, measure, threshold=0.05)
    assert decision.confirmed[4] == -1
    assert asked[0] == ([0, 1, 2, 3, 4, 5], screen_confirm.FIRST_PAIRS)
    assert all(set(which) <= set(decision.confirmed) for which, _ in asked[1:])
    assert decision.fresh[4].size in screen_confirm.FRESH_PAIRS


def test_each_batch_is_announced_as_what_it_is() -> None:
    purposes: list[str] = []
    batches: list[tuple[str, list[int]]] = []
    rng = np.random.default_rng(5)

    def measure(which, count):
        batches.append((purposes[-1], list(which)))
        return [rng.normal(-0.3 * (row == 1), (0.02, 0.05, 0.15)[row], count) for row in which]

    screen_confirm.decide(3, measure, threshold=0.05, announce=purposes.append)
    told = dict(batches)
    assert told["first pairs"] == [0, 1, 2]
    assert 2 in told["more pairs of noisy cells"]
    assert 1 in told["new pairs of cells that look changed"]
    assert batches[-1][0] == "new pairs of cells that look changed"


def test_noisy_rows_get_more_pairs() -> None:
    asked: list[tuple[list[int], int]] = []

    def measure(which, count):
        asked.append((list(which), count))
        return [np.linspace(-0.3, 0.3, count) for _ in which]

    decision = screen_confirm.decide(3, measure, threshold=0.05)
    assert asked[1] == ([0, 1, 2], screen_confirm.EXTRA_PAIRS)
    assert {row.size for row in decision.first} == {
        screen_confirm.FIRST_PAIRS + screen_confirm.EXTRA_PAIRS
    }
    quiet, loud = np.random.default_rng(6).normal(0, 1, (2, 40)) * np.array([[0.02], [0.12]])
    assert screen_confirm.fresh_pairs(quiet, 0.05) < screen_confirm.fresh_pairs(loud, 0.05)
    assert screen_confirm.detectable(quiet, 0.05) < screen_confirm.detectable(loud, 0.05)


def test_a_row_without_pairs_decides_nothing() -> None:
    def measure(which, count):
        return [np.full(count, np.nan) for _ in which]

    decision = screen_confirm.decide(2, measure, threshold=0.05)
    assert decision.confirmed == {}
    assert decision.suite_p == 1.0


def test_a_few_disturbed_pairs_do_not_hide_a_large_change() -> None:
    """Noise of 1.5 %, one pair in five far off either way, and 10 % in half of the cells."""
    rng = np.random.default_rng(7)

    def measure(which, count):
        hit = rng.random((len(which), count)) < 0.2
        off = rng.laplace(0, 0.5, hit.shape)
        loss = np.where(np.asarray(which) < 5, 0.095, 0)[:, None]
        return list(rng.normal(0, 0.015, hit.shape) + hit * off - loss)

    decisions = [screen_confirm.decide(10, measure, threshold=0.05) for _ in range(10)]
    found = [decision.confirmed.get(row, 0) for decision in decisions for row in range(10)]
    assert found.count(-1) >= 48
    assert found.count(1) == 0


@pytest.mark.parametrize("cells", [1, 13, 28])
def test_a_large_change_ends_early_in_few_cells_and_in_all(cells: int) -> None:
    """Half of the throughput: the fewest fresh pairs, once, and no more."""
    rng = np.random.default_rng(8)
    pairs = 0

    def measure(which, count):
        nonlocal pairs
        pairs += len(which) * count
        return [rng.normal(-0.69, 0.08, count) for _ in which]

    decision = screen_confirm.decide(cells, measure, threshold=0.05)
    assert list(decision.confirmed.values()) == [-1] * cells
    assert decision.suite_sure == (cells > 1)
    assert pairs == cells * (screen_confirm.FIRST_PAIRS + screen_confirm.FRESH_PAIRS[0])


def test_few_fresh_pairs_bear_some_that_are_disturbed() -> None:
    """One pair far off the other way hid a halved throughput from 12 pairs of two suspects."""
    for suspects in (1, 2, 5, 16):
        alpha = sign_flip.CONFIRM_ALPHA / suspects
        d = np.random.default_rng(9).normal(-0.69, 0.08, 20)
        count = screen_confirm.fresh_pairs(d, 0.05, alpha)
        assert count <= 40
        fresh = np.random.default_rng(10).normal(-0.69, 0.08, count)
        fresh[:2] = 1.5
        assert sign_flip.sign_flip_p(fresh, patterns=200_000) <= alpha


def test_an_unsure_loss_is_measured_again_and_an_unsure_gain_is_not() -> None:
    """Beyond the threshold, but not even the lenient screen calls it a change."""
    wide = np.array([-0.9, -0.5, -0.06, -0.06, -0.06, 0.4, 0.5, 0.6] * 3)[:20]
    assert sign_flip.screen([wide]) == []
    asked: list[list[int]] = []

    def measure(which, count):
        asked.append(list(which))
        shapes = (wide, -wide, np.zeros(20))
        return [np.resize(shapes[row], count) for row in which]

    decision = screen_confirm.decide(3, measure, threshold=0.05)
    assert asked[-1] == [0]
    assert decision.confirmed == {0: 0}
    assert decision.fresh[0].size == screen_confirm.FRESH_PAIRS[-1]


class Budget:
    """A clock of its own: each pair of a row takes a second."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def left_s(self) -> float:
        return self.left

    def takes_s(self, rows: Sequence[int], pairs: int) -> float:
        return float(len(rows) * pairs)

    def machine(self, loss: Sequence[float], noise: float):
        rng = np.random.default_rng(11)

        def measure(which, count):
            self.left -= len(which) * count
            return [rng.normal(-loss[row], noise, count) for row in which]

        return measure


@pytest.mark.parametrize("seconds", [30, 60, 100, 150, 200, 333, 500, 5000])
@pytest.mark.parametrize("noise", [0.02, 0.12])
@pytest.mark.parametrize("loss", [(0, 0, 0), (0.1, 0, -0.1), (0.7, 0.7, 0.7)])
def test_a_time_is_kept_and_what_is_left_out_is_said(seconds, noise, loss) -> None:
    unlimited = screen_confirm.decide(3, Budget(0).machine(loss, noise), threshold=0.05)
    needed = sum(row.size for row in unlimited.first) + sum(
        row.size for row in unlimited.fresh.values()
    )
    budget = Budget(seconds)
    machine = budget.machine(loss, noise)
    decision = screen_confirm.decide(3, machine, threshold=0.05, time=budget)
    assert budget.left >= 0
    assert min(row.size for row in decision.first) >= screen_confirm.LEAST_PAIRS
    if not decision.left_out:
        assert seconds - budget.left >= needed / 4  # not by measuring nothing
    if seconds == 5000:
        assert not decision.left_out
    if seconds == 30:
        assert screen_confirm.FIRST in {left.purpose for left in decision.left_out}
        assert not decision.confirmed
    for left in decision.left_out:
        assert left.pairs > 0
        assert left.takes_s > 0


def test_losses_come_first_where_time_is_short() -> None:
    budget = Budget(100)
    machine = budget.machine((-0.3, 0.3), 0.02)
    decision = screen_confirm.decide(2, machine, threshold=0.05, time=budget)
    assert decision.confirmed == {0: 1, 1: -1}
    short = Budget(60)
    decision = screen_confirm.decide(
        2, short.machine((-0.3, 0.3), 0.02), threshold=0.05, time=short
    )
    assert decision.confirmed == {1: -1}
    assert [left.purpose for left in decision.left_out][-1] == screen_confirm.SUSPECTS


def test_with_little_time_some_losses_are_shown_and_not_all_left_open() -> None:
    """Six halved cells, and time for the first pairs and fresh ones of two."""
    budget = Budget(6 * 10 + 2 * 24 + 5)
    machine = budget.machine([0.7] * 6, 0.05)
    decision = screen_confirm.decide(6, machine, threshold=0.05, time=budget)
    assert list(decision.confirmed.values()) == [-1, -1]
    assert sum(left.rows for left in decision.left_out if left.purpose == screen_confirm.SUSPECTS)
