"""The statistics of pairs: exact against scipy, uniform under the null, and quiet as a family."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from iomodels.statistics import quantiles, sign_flip

logs = st.lists(st.integers(-2000, 2000).map(lambda n: n / 1000), min_size=2, max_size=11)


def rounded_sum(d: np.ndarray, axis: int) -> np.ndarray:
    """Sums that are equal but for rounding are equal: scipy takes them for smaller or larger."""
    return np.round(np.sum(d, axis=axis), 9)


@given(logs)
@example([0.0, 0.0, 0.0, -0.338, -0.339, -0.189, 0.228, 0.321, 0.321])
@example([0.0, 0.0, 0.0, 0.204, -0.263, -0.292, -0.043, 0.197, 0.197])
def test_the_p_value_is_scipys_exact_one(d: list[float]) -> None:
    expected = stats.permutation_test(
        (sign_flip.clip(d),), rounded_sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert sign_flip.sign_flip_p(d) == pytest.approx(expected)


@given(logs, st.integers(0, 2**12 - 1))
def test_the_clip_is_the_same_whatever_the_signs(d: list[float], pattern: int) -> None:
    signs = [-1 if pattern >> i & 1 else 1 for i in range(len(d))]
    flipped = sign_flip.clip([a * b for a, b in zip(d, signs, strict=True)])
    assert np.abs(flipped) == pytest.approx(np.abs(sign_flip.clip(d)))


@pytest.mark.parametrize("count", [12, 16, 40])
def test_p_values_are_uniform_under_the_null(count: int) -> None:
    """Heavy tails and spikes included: it is the order in a pair that makes the test exact."""
    rng = np.random.default_rng(3)
    p = [sign_flip.sign_flip_p(rng.standard_t(2, count) * 0.05) for _ in range(400)]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_random_patterns_agree_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    d = np.random.default_rng(4).normal(0.02, 0.05, 14)
    exact = sign_flip.sign_flip_p(d)
    monkeypatch.setattr(sign_flip, "EXACT_UP_TO_PAIRS", 5)
    sign_flip._signs.cache_clear()
    assert sign_flip.sign_flip_p(d) == pytest.approx(exact, abs=0.01)
    sign_flip._signs.cache_clear()


def test_the_fewest_pairs_cannot_reach_a_level_beyond_them() -> None:
    assert (
        sign_flip.sign_flip_p([0.5] * 9)
        > sign_flip.SUITE_ALPHA
        >= sign_flip.sign_flip_p([0.5] * 10)
    )
    assert math.isinf(sign_flip.detectable([0.01, -0.01, 0.02, 0.0], 0.008))


def test_missing_pairs_are_left_out() -> None:
    d = [0.1, math.nan, 0.2, 0.15, math.inf, 0.12]
    assert sign_flip.sign_flip_p(d) == sign_flip.sign_flip_p([0.1, 0.2, 0.15, 0.12])
    assert sign_flip.sign_flip_p([math.nan]) == 1.0
    assert list(np.isnan(sign_flip.log_ratios([1, 0, 2, math.nan], [2, 1, -1, 1]))) == [
        False, True, True, True,
    ]  # fmt: skip


@given(st.lists(st.floats(min_value=0, max_value=1), max_size=8))
def test_holm_rejects_what_the_definition_says(p: list[float]) -> None:
    """By closed testing: a hypothesis falls if every set with it has a p below alpha / size."""
    found = sign_flip.holm(p, alpha=0.05)
    for index, rejected in enumerate(found):
        sets = [m for m in range(1, 2 ** len(p)) if m >> index & 1]
        members = [[i for i in range(len(p)) if m >> i & 1] for m in sets]
        assert rejected == all(min(p[i] for i in s) <= 0.05 / len(s) for s in members)


def test_a_change_is_screened_and_confirmed_and_noise_is_not() -> None:
    rng = np.random.default_rng(5)
    matrix = rng.normal(0, 0.05, (30, 40))
    matrix[7] -= math.log(1.2)
    assert 7 in sign_flip.screen(matrix)
    assert sign_flip.confirm(matrix, 0.05) == [-1 if row == 7 else 0 for row in range(30)]


def test_a_sure_change_below_the_threshold_is_not_confirmed() -> None:
    d = np.random.default_rng(6).normal(0.03, 0.005, (1, 40))
    assert sign_flip.confirm(d, 0.02) == [1]
    assert sign_flip.confirm(d, 0.05) == [0]


def test_a_shift_of_all_cells_is_seen_in_the_suite() -> None:
    rng = np.random.default_rng(10)
    suites = [rng.normal(0, 0.1, (40, 20)) for _ in range(300)]
    assert stats.kstest([sign_flip.suite_p(suite) for suite in suites], "uniform").pvalue > 0.01
    assert all(sign_flip.suite_p(suite - 0.06) <= sign_flip.SUITE_ALPHA for suite in suites[:20])


def test_the_detectable_effect_is_detected_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    effect = sign_flip.detectable(rng.normal(0, 0.05, 4000), 0.008, 0.8, threshold=0.03, pairs=30)
    found = [
        sign_flip.confirm(rng.normal(math.log1p(effect), 0.05, (1, 30)), 0.03)[0]
        for _ in range(300)
    ]
    assert 0.7 < sum(found) / 300 < 0.9


@given(st.floats(min_value=0.51, max_value=0.99999), st.integers(1, 150))
def test_students_quantile_is_scipys(q: float, freedom: int) -> None:
    expected = stats.t.ppf(q, freedom)
    assert quantiles.student_quantile(q, freedom) == pytest.approx(expected, rel=1e-6)


def test_many_suspects_can_all_be_confirmed() -> None:
    """Holm asks the first of 250 for 0.008 / 250, which 20,000 patterns cannot reach."""
    matrix = np.random.default_rng(11).normal(0.2, 0.001, (250, 20))
    assert sign_flip.confirm(matrix, 0.05) == [1] * 250


def test_ties_do_not_make_a_cell_noiseless() -> None:
    d = [0.0] * 25 + [0.3] * 15
    assert sign_flip.noise(d) == pytest.approx(np.std(d, ddof=1))
    assert sign_flip.noise([0.1] * 9) == 0
