"""Where a series changed: what must be found, what must not, whatever the noise."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from iomodels.statistics.change_points import change_points, drift

from .test_screen_confirm import loaded

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "trends.py"


def noise(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_values_have_no_change(n: int) -> None:
    assert change_points([0.0, 0.0, 9.0][:n]) == []


@pytest.mark.parametrize("n", [4, 8, 20, 40])
@pytest.mark.parametrize("kind", ["normal", "t"])
def test_what_never_changed_is_said_to_change_in_few_series(n: int, kind: str) -> None:
    rng = np.random.default_rng(n)
    draw = {"normal": rng.standard_normal, "t": lambda n: rng.standard_t(3, n)}[kind]
    found = sum(bool(change_points(draw(n))) for _ in range(300))
    assert found <= 12, "2 % are 6, and 13 are beyond chance"


@pytest.mark.parametrize(("before", "after", "least"), [(8, 8, 0.8), (20, 6, 0.9), (20, 20, 0.95)])
def test_a_step_of_three_deviations_is_found_where_it_is(
    before: int, after: int, least: float
) -> None:
    step = np.repeat([0.0, 3.0], [before, after])
    found = [change_points(step + noise(seed, before + after)) for seed in range(200)]
    near = [len(at) == 1 and abs(at[0] - before) <= 1 for at in found]
    assert sum(near) >= least * len(near)


def test_both_ends_of_a_change_that_was_undone_are_found() -> None:
    level = np.repeat([0.0, -8.0, 0.0], [8, 5, 7])
    found = [change_points(level + noise(seed, 20)) for seed in range(50)]
    assert sum(at == [8, 13] for at in found) >= 45


@pytest.mark.parametrize("n", [4, 7, 15])
def test_one_disturbed_run_is_no_change(n: int) -> None:
    for at in range(n):
        for far in (-1000.0, 10.0):
            values = 0.1 * noise(at, n)
            values[at] += far
            assert change_points(values) == []


def test_a_change_is_reported_with_its_second_run() -> None:
    before = list(0.01 * noise(1, 8))
    assert change_points([*before, -0.3]) == []
    assert change_points([*before, -0.3, -0.31]) == [8]


@pytest.mark.parametrize("total", [2.0, 4.0, 8.0, 20.0, 100.0])
def test_a_drift_is_no_staircase(total: float) -> None:
    found = [change_points(np.linspace(0, total, 20) + noise(seed, 20)) for seed in range(100)]
    assert sum(len(at) > 1 for at in found) <= 10
    assert total < 8 or sum(len(at) > 0 for at in found) <= 20


def test_a_drift_has_its_line_and_one_level_has_none() -> None:
    line = drift(np.linspace(1, 21, 41) + 0.3 * noise(1, 41))
    assert line is not None
    assert line.by == pytest.approx(0.5, rel=0.05)
    assert line.start == pytest.approx(1.0, abs=0.5)
    found = sum(drift(noise(seed, n)) is not None for seed in range(100) for n in (4, 8, 30))
    assert found <= 6, "1 % are 3"
    assert drift([1.0] * 9) is None
    assert drift([]) is None


def test_values_that_repeat_exactly_change_where_they_do() -> None:
    assert change_points([2.0] * 9) == []
    assert change_points([2.0] * 5 + [3.0] * 4) == [5]
    assert change_points([1e-12] * 5 + [2e-12] * 4) == [5]


def test_the_answer_is_the_same_in_another_unit_and_upside_down() -> None:
    values = np.repeat([0.0, 8.0], 10) + noise(3, 20)
    assert change_points(values) == change_points(1e6 * values + 17) == [10]
    assert change_points(-values) == [10]
    assert [20 - at for at in change_points(values[::-1])] == [10]


def test_values_that_agree_by_chance_are_not_surer_than_their_errors() -> None:
    values = [0.0, 0.001, 0.03, 0.031]
    assert change_points(values) == [2]
    assert change_points(values, [0.001] * 4) == [2]
    assert change_points(values, [0.02] * 4) == []


@pytest.mark.parametrize("n", [8, 40, 150])
def test_one_disturbed_run_is_none_whatever_its_error(n: int) -> None:
    """It and a neighbour are no level, though one of them may be surer than the other."""
    for error in (0.001, 0.1, 10.0):
        values, errors = 0.1 * noise(n, n), np.full(n, 0.1)
        values[n // 2] -= 10
        errors[n // 2] = error
        assert change_points(values, errors) == []


@pytest.mark.parametrize("n", [20, 60])
def test_a_change_that_was_found_brings_no_others(n: int) -> None:
    step = 20.0 * (np.arange(n) >= n // 2)
    found = [len(change_points(step + noise(seed, n))) for seed in range(100)]
    assert found.count(1) >= 95


def test_the_partition_is_the_best_of_all() -> None:
    """Against every way to cut twelve values, each cut scored by itself."""
    from itertools import combinations

    from iomodels.statistics import change_points as module

    for seed in range(5):
        values = np.repeat([0.0, 3.0, 1.0], 4) + noise(seed, 12)
        costs, starts = module._partitions(module._deviations(values), 3)
        for changes in range(4):
            every = [
                sum(np.abs(part - np.median(part)).sum() for part in np.split(values, cuts))
                for cuts in map(list, combinations(range(12), changes))
                if all(b - a >= 2 for a, b in zip([0, *cuts], [*cuts, 12], strict=True))
            ]
            assert costs[changes] == pytest.approx(min(every))
            parts = np.split(values, starts[changes])
            own = sum(np.abs(part - np.median(part)).sum() for part in parts)
            assert own == pytest.approx(min(every))


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ([1.0, math.nan, 1.0, 1.0], None),
        ([1.0, math.inf, 1.0, 1.0], None),
        ([1.0, 1.0], [0.1]),
        ([1.0, 1.0], [0.1, -0.1]),
        ([1.0, 1.0], [0.1, math.nan]),
    ],
)
def test_what_is_no_number_is_refused(values: list[float], errors: list[float] | None) -> None:
    with pytest.raises(ValueError, match="values"):
        change_points(values, errors)


def test_the_benchmark_runs_and_its_rates_are_those_that_are_documented(capsys) -> None:
    """Small: 20 series of each kind, all lengths together."""
    benchmark = loaded(BENCHMARK)
    benchmark.LENGTHS, benchmark.STEPS = (4, 8, 20), ((8, 8), (10, 10))
    tables = benchmark.simulated(20, seed=3)
    without, steps, drifts = tables.values()
    assert sum(row["reported"] + row["disturbed"] for row in without) <= 10, "2 % of 240 are 5"
    large = [row for row in steps if row["step"] >= 5]
    assert sum(row["found"] for row in large) >= 0.95 * 20 * len(large)
    assert sum(row["more changes"] for row in drifts) <= 0.1 * 20 * len(drifts)
    benchmark.show(tables, 20)
    printed = capsys.readouterr().out
    assert len([line for line in printed.splitlines() if line.startswith("|--:")]) == 3
