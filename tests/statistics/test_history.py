"""A new run against a history: what it may not say, and what it must."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomodels.statistics import history
from iomodels.statistics.history import RunLevel, changes, level, since_last_change, together

from .test_screen_confirm import loaded

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "baselines.py"
logs = st.integers(-2000, 2000).map(lambda whole: whole / 100)


def levels(values: np.ndarray, error: float = 0.002) -> list[list[RunLevel | None]]:
    return [[RunLevel(float(v), error, 7) for v in row] for row in values]


def now(values: np.ndarray, error: float = 0.002) -> list[RunLevel]:
    return [RunLevel(float(value), error, 7) for value in values]


def test_a_level_is_the_middle_of_all_means_of_two_and_its_error_that_of_the_rounds() -> None:
    assert level([1.0, 2.0, 4.0]).value == 2.25  # of 1, 1.5, 2, 2.5, 3 and 4
    rng = np.random.default_rng(1)
    found = [level(list(rng.normal(0, 0.02, 20))) for _ in range(300)]
    assert np.std([one.value for one in found]) == pytest.approx(0.02 / math.sqrt(20), rel=0.1)
    assert np.mean([one.error for one in found]) == pytest.approx(0.02 / math.sqrt(20), rel=0.1)
    assert level([1.0]).error == pytest.approx(history.ASSUMED_NOISE, rel=0.03)
    with pytest.raises(ValueError, match="at least one round"):
        level([])


@given(st.lists(logs, min_size=1, max_size=20), logs)
def test_a_level_moves_with_its_rounds(values: list[float], by: float) -> None:
    moved = level([value + by for value in values])
    assert moved.value == pytest.approx(level(values).value + by, abs=1e-9)
    assert moved.error == pytest.approx(level(values).error, abs=1e-9)


def test_of_one_run_the_spread_is_assumed_and_of_many_it_is_what_they_show() -> None:
    rng = np.random.default_rng(2)
    by_runs = [
        changes(levels(rng.normal(0, 0.004, (11, runs))), now(np.zeros(11)))[0].spread
        for runs in (1, 3, 5, 10, 30)
    ]
    assert by_runs[0] == history.ASSUMED_SPREAD
    assert by_runs == sorted(by_runs, reverse=True)
    assert by_runs[-1] < 0.007


@pytest.mark.parametrize("runs", [1, 2, 3, 5, 20])
def test_an_estimate_beyond_its_margin_is_as_rare_as_said(runs: int) -> None:
    """Of cells that did not change, on a machine that differs as much as assumed or less."""
    rng = np.random.default_rng(3)
    beyond = tries = 0
    for _ in range(100):
        base, new = rng.normal(0, 0.02, (11, runs)), rng.normal(0, 0.02, 11)
        for change in changes(levels(base), now(new)):
            beyond += abs(change.estimate) > change.margin(0.025)
            tries += 1
    assert beyond / tries <= 0.08


def test_what_all_cells_do_is_no_change_of_one_of_them() -> None:
    rng = np.random.default_rng(4)
    common = rng.normal(0, 0.05, 9)
    values = common + rng.normal(0, 0.003, (11, 9))
    base, new = values[:, :8], values[:, 8] - 0.06
    assert max(abs(change.estimate) for change in changes(levels(base), now(new))) < 0.03
    whole = together(levels(base), now(new))
    assert whole is not None
    assert whole.estimate == pytest.approx(common[8] - common[:8].mean() - 0.06, abs=0.01)
    new[0] -= 0.10
    first, *others = changes(levels(base), now(new))
    assert first.estimate == pytest.approx(-0.10, abs=0.03)
    assert max(abs(change.estimate) for change in others) < 0.03


def test_what_no_run_has_seen_all_cells_do_is_left_in_each() -> None:
    """A history that knows 0.5 % does not follow the others down by a third."""
    rng = np.random.default_rng(5)
    base = rng.normal(0, 0.005, (11, 20))
    found = changes(levels(base), now(np.full(11, -0.4)))
    assert max(change.estimate for change in found) < -0.2


def test_one_wild_cell_does_not_make_the_others_blind() -> None:
    rng = np.random.default_rng(6)
    base = rng.normal(0, 0.005, (11, 8))
    calm = changes(levels(base), now(np.zeros(11)))[1].scale
    base[0] = rng.normal(0, 1.0, 8)
    assert changes(levels(base), now(np.zeros(11)))[1].scale < 2 * calm


def test_cells_that_some_runs_do_not_have_are_judged_by_the_others() -> None:
    rng = np.random.default_rng(7)
    base = levels(rng.normal(0, 0.01, (11, 6)))
    base[0][:4] = [None] * 4
    first, other, *_ = changes(base, now(np.zeros(11)))
    assert (first.runs, other.runs) == (2, 6)
    assert changes([], []) == []
    assert together(base[:1], now(np.zeros(1))) is None


def test_the_history_begins_anew_where_the_level_changed_for_good() -> None:
    rng = np.random.default_rng(8)

    def runs(*middles: float) -> list[list[float]]:
        return [list(rng.normal(middle, 0.01, 7)) for middle in middles]

    changed = runs(*[0.0] * 6, *[0.2] * 4)
    found = since_last_change(changed)
    assert found.runs == [*([] for _ in range(6)), *changed[6:]]
    assert found.step == pytest.approx(0.2, abs=0.02)
    for kept in (runs(*[0.0] * 10), runs(*[0.0] * 6, *[0.03] * 4), runs(*[0.0] * 9, 0.5), []):
        assert since_last_change(kept) == history.Since(kept)
    with_gap = [*changed[:3], [], *changed[3:]]
    assert since_last_change(with_gap).runs[7:] == changed[6:]


def test_simulated_checks_pass_where_nothing_changed_and_fail_where_something_did() -> None:
    """A few suites; the full benchmark has hundreds of each kind."""
    simulated = loaded(BENCHMARK)
    quiet = simulated.Machine(0.01, 0.005)
    rows = [simulated.row(quiet, runs, 24, seed=9) for runs in (1, 3, 5)]
    rows.append(simulated.row(simulated.Machine(0.05, 0.01), 5, 24, seed=9))
    assert sum(row.failed for row in rows) <= 2
    assert all(row.passed >= 0.75 * row.suites for row in rows)
    assert all(row.large_passed == 0 for row in rows)
    assert all(row.found >= 0.8 * row.tries for row in rows if row.runs >= 5)
