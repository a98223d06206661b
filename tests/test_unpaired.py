"""Two samples from different times: against scipy, and how often the interval holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from iomodels import unpaired

samples = st.lists(st.floats(min_value=-5, max_value=5), min_size=1, max_size=9, unique=True)


@given(samples, samples)
def test_without_ties_the_p_value_is_scipys_exact_one(base: list[float], new: list[float]) -> None:
    shifted = [value + 20.25 for value in new] if set(base) & set(new) else new
    expected = stats.mannwhitneyu(base, shifted, method="exact").pvalue
    assert unpaired.shift(base, shifted).p == pytest.approx(expected)


def test_ties_speak_against_a_change() -> None:
    assert unpaired.shift([1.0] * 7, [1.0] * 7).p == 1.0
    tied = unpaired.shift([1, 1, 2, 2, 3, 3, 3], [3, 3, 3, 4, 4, 5, 5]).p
    assert tied >= unpaired.shift([1, 1.1, 2, 2.1, 3, 3.1, 3.2], [3.3, 3.4, 4, 5, 6, 7, 8]).p


@pytest.mark.parametrize(("m", "n"), [(6, 6), (7, 7), (7, 20), (45, 50)])
def test_the_interval_holds_the_shift_in_95_of_100_cases(m: int, n: int) -> None:
    rng = np.random.default_rng(m)
    tries = 400
    held = 0
    for _ in range(tries):
        found = unpaired.shift(list(rng.standard_t(3, m)), list(rng.standard_t(3, n) + 0.5))
        held += found.low <= 0.5 <= found.high
    assert stats.binomtest(held, tries, 0.95, alternative="less").pvalue > 0.01


def test_too_few_values_have_their_range_and_are_not_conclusive() -> None:
    found = unpaired.shift([0, 1, 2], [10, 11, 12])
    assert (found.low, found.high, found.conclusive) == (8, 12, False)


def test_the_spread_between_runs_widens_the_interval_and_takes_sureness() -> None:
    narrow = unpaired.shift([0, 0.01, 0.02, 0.03, 0.04, 0.05], [0.1, 0.11, 0.12, 0.13, 0.14, 0.15])
    between = unpaired.between_runs([[0, 0.08], [0, 0.05, 0.07]])[0]
    wide = unpaired.widened(narrow, between)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert narrow.p < 0.01 < wide.p
    assert unpaired.widened(narrow, None) == narrow


def test_one_run_has_no_spread_between_runs() -> None:
    assert unpaired.between_runs([[0.1], [0.2]]) == [None, None]
    assert unpaired.between_runs([]) == []


def test_another_run_of_the_same_kind_is_rarely_beyond_the_margin() -> None:
    """The margin's coverage, with a spread known from three runs of each of 12 cells."""
    rng = np.random.default_rng(9)
    beyond = total = 0
    for _ in range(200):
        medians = rng.normal(0, 0.05, (12, 4))
        spreads = unpaired.between_runs([list(row[:3]) for row in medians])
        for row, between in zip(medians, spreads, strict=True):
            assert between is not None
            total += 1
            beyond += abs(row[3] - row[:3].mean()) > between.margin(0.05)
    assert beyond / total < 0.06
