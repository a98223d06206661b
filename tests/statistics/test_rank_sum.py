"""Two samples from different times: against scipy, and how often the interval holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from iomodels.statistics import rank_sum

samples = st.lists(st.floats(min_value=-5, max_value=5), min_size=1, max_size=9, unique=True)


@given(samples, samples)
def test_without_ties_the_p_value_is_scipys_exact_one(base: list[float], new: list[float]) -> None:
    shifted = [value + 20.25 for value in new] if set(base) & set(new) else new
    expected = stats.mannwhitneyu(base, shifted, method="exact").pvalue
    assert rank_sum.shift(base, shifted).p == pytest.approx(expected)


def test_ties_speak_against_a_change() -> None:
    assert rank_sum.shift([1.0] * 7, [1.0] * 7).p == 1.0
    tied = rank_sum.shift([1, 1, 2, 2, 3, 3, 3], [3, 3, 3, 4, 4, 5, 5]).p
    assert tied >= rank_sum.shift([1, 1.1, 2, 2.1, 3, 3.1, 3.2], [3.3, 3.4, 4, 5, 6, 7, 8]).p


@pytest.mark.parametrize(("m", "n"), [(6, 6), (7, 7), (7, 20), (45, 50)])
def test_the_interval_holds_the_shift_in_95_of_100_cases(m: int, n: int) -> None:
    rng = np.random.default_rng(m)
    tries = 400
    held = 0
    for _ in range(tries):
        found = rank_sum.shift(list(rng.standard_t(3, m)), list(rng.standard_t(3, n) + 0.5))
        held += found.low <= 0.5 <= found.high
    assert stats.binomtest(held, tries, 0.95, alternative="less").pvalue > 0.01


def test_too_few_values_have_their_range_and_are_not_conclusive() -> None:
    found = rank_sum.shift([0, 1, 2], [10, 11, 12])
    assert (found.low, found.high, found.conclusive) == (8, 12, False)


def test_the_spread_between_runs_widens_the_interval_and_takes_sureness() -> None:
    narrow = rank_sum.shift([0, 0.01, 0.02, 0.03, 0.04, 0.05], [0.1, 0.11, 0.12, 0.13, 0.14, 0.15])
    between = rank_sum.between_runs([[0, 0.08], [0, 0.05, 0.07]])[0]
    wide = rank_sum.widened(narrow, between)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert narrow.p < 0.01 < wide.p


def test_one_run_has_the_assumed_spread_in_its_test_and_none_in_its_interval() -> None:
    alone, _ = rank_sum.between_runs([[0.1], [0.2]])
    assert (alone.measured, alone.runs) == (0.0, 1)
    assert alone.believed == rank_sum.ASSUMED_SPREAD
    assert alone.interval_margin() == 0
    assert rank_sum.between_runs([]) == []


def test_the_interval_of_two_runs_knows_that_two_are_few() -> None:
    """Student's quantile with one degree of freedom is 12.7; with ten it was 2.2."""
    two, three = rank_sum.Between(0.005, 2), rank_sum.Between(0.01, 3)
    assert two.interval_margin() == pytest.approx(12.706 * 0.005 * 1.5**0.5, rel=1e-3)
    assert three.interval_margin() == pytest.approx(4.303 * 0.01 * (4 / 3) ** 0.5, rel=1e-3)
    apart = rank_sum.Between(0.05, 2)  # 12.7 times that would hide a cell half as fast
    assert apart.interval_margin() == apart.margin(0.05) < 0.15


@pytest.mark.parametrize("runs", [2, 3, 5])
def test_no_change_lies_in_the_interval_of_several_runs_in_95_of_100_cases(runs: int) -> None:
    rng = np.random.default_rng(5)
    tries, held = 300, 0
    for _ in range(tries):
        levels = rng.normal(0, 0.05, runs + 1)
        base = [list(rng.normal(level, 0.02, 7)) for level in levels[:-1]]
        (between,) = rank_sum.between_runs([[float(np.median(run)) for run in base]])
        new = list(rng.normal(levels[-1], 0.02, 20))
        found = rank_sum.widened(rank_sum.shift([v for run in base for v in run], new), between)
        held += found.low <= 0 <= found.high
    assert stats.binomtest(held, tries, 0.95, alternative="less").pvalue > 0.01


def test_quiet_runs_narrow_what_is_assumed_and_wild_ones_widen_it() -> None:
    (quiet,) = rank_sum.between_runs([[0.0, 0.001, 0.002, -0.001, 0.0, 0.001]])
    (wild,) = rank_sum.between_runs([[0.0, 0.3]])
    (two,) = rank_sum.between_runs([[0.0, 0.0]])
    assert quiet.believed < two.believed < rank_sum.ASSUMED_SPREAD < wild.believed


@pytest.mark.parametrize(("common", "own"), [(0.05, 0.0), (0.0, 0.05), (0.035, 0.035)])
@pytest.mark.parametrize("runs", [1, 2, 3])
def test_another_run_of_the_same_kind_is_rarely_beyond_the_margin(
    common: float, own: float, runs: int
) -> None:
    """Of 400 suites of 12 cells, with the level of Holm's first step: any cell is an alarm."""
    rng = np.random.default_rng(9)
    alarms = 0
    for _ in range(400):
        medians = rng.normal(0, common, runs + 1) + rng.normal(0, own, (12, runs + 1))
        spreads = rank_sum.between_runs([list(row[:runs]) for row in medians])
        margins = [between.margin(0.008 / 12) for between in spreads]
        alarms += bool((np.abs(medians[:, runs] - medians[:, :runs].mean(axis=1)) > margins).any())
    assert alarms <= 8


@given(st.floats(0.001, 0.5), st.floats(0.01, 0.3), st.integers(1, 6))
def test_the_p_value_of_the_spread_between_runs_is_that_of_its_margin(
    estimate: float, assumed: float, runs: int
) -> None:
    between = rank_sum.Between(0.0, runs, assumed)
    p = rank_sum._between_p(estimate, between)
    if rank_sum.LEAST_P < p < 0.999:
        assert between.margin(p) == pytest.approx(estimate, rel=1e-3)
