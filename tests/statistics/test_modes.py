"""Cells whose rounds jump between levels: what counts as one, and that noise does not."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from iomodels.statistics import sign_flip
from iomodels.statistics.rounds import at_one_level, modes

SLOW, MIDDLE, FAST = [20, 21, 19, 20, 20], [47, 46, 48, 47], [89, 90, 88, 91]


def levels(runs: Sequence[Sequence[float]], new: Sequence[float] = ()) -> list[float]:
    return [round(level.median) for level in modes(runs, new)]


def test_three_levels_that_base_runs_came_back_to() -> None:
    runs = [SLOW, MIDDLE, FAST, SLOW, FAST, MIDDLE]
    assert levels(runs) == [20, 47, 89]
    assert levels(runs, FAST) == [20, 47, 89]


def test_levels_within_one_run() -> None:
    assert levels([[20, 89, 21, 88, 90, 19, 20]]) == [20, 89]
    assert levels([SLOW], [20, 47, 21, 46, 20, 47, 47]) == [20, 47]


@pytest.mark.parametrize(
    ("runs", "new"),
    [
        ([FAST, FAST, FAST], SLOW),  # the new run alone is elsewhere: a change
        ([SLOW, SLOW, FAST, FAST], FAST),  # the machine changed for good
        ([FAST, SLOW, FAST, FAST], SLOW),  # an incident in one base run is not yet a level
        ([[89, 90, 88, 20, 20, 20, 20]], SLOW),  # changed within a run, and stayed so
        ([[89, 90, 88, 91, 90, 88, 20]], [89, 90, 20, 91, 88, 90, 89]),  # strays
        ([[100, 112, 101, 113, 102, 111]], [100, 112]),  # apart, but by a little
        ([[10, 14, 20, 28, 40, 56, 80] * 2], []),  # wide, but without a gap
        ([[0, -1, math.inf, math.nan]], []),
        ([[]], []),
        ([], []),
    ],
)
def test_what_is_no_level(runs: list[list[float]], new: list[float]) -> None:
    assert levels(runs, new) == []


@pytest.mark.parametrize("tail", ["normal", "student", "slow", "spikes"])
def test_noise_of_one_level_is_rarely_called_several(tail: str) -> None:
    """1 to 10 % of noise, 1 to 5 % between runs: at most one cell in 100."""
    rng = np.random.default_rng(14)
    found = total = 0
    for runs in (1, 2, 3, 5, 10, 20):
        for noise in (0.01, 0.03, 0.1):
            for between in (0.01, 0.05):
                for _ in range(25):
                    base = [_rounds(rng, between, noise, 7, tail) for _ in range(runs)]
                    found += bool(modes(base, _rounds(rng, between, noise, 20, tail)))
                    total += 1
    assert found / total <= 0.01


def _rounds(
    rng: np.random.Generator, between: float, noise: float, count: int, tail: str
) -> list[float]:
    errors = {
        "normal": rng.normal(size=count),
        "student": rng.standard_t(3, count) / math.sqrt(3),
        "slow": -(np.exp(rng.normal(size=count)) - 1.65) / 2.16,
        "spikes": rng.normal(size=count) - (rng.random(count) < 0.05) * rng.exponential(5, count),
    }[tail]
    values: list[float] = np.exp(rng.normal(0, between) + noise * errors).tolist()
    return values


def test_jumps_are_found() -> None:
    """Three levels, 5 % of noise, three rounds in ten elsewhere than the others of their run."""
    rng = np.random.default_rng(3)

    def run(count: int) -> list[float]:
        usual = rng.choice([20, 47, 89])
        return [
            float(
                (rng.choice([20, 47, 89]) if rng.random() < 0.3 else usual) * rng.lognormal(0, 0.05)
            )
            for _ in range(count)
        ]

    found = sum(bool(modes([run(7) for _ in range(3)], run(20))) for _ in range(200))
    assert found >= 190


# In pairs


def jumping_pairs(
    rng: np.random.Generator, pairs: int, change: float = 0.0, own: float = 0.5
) -> tuple[list[float], list[float]]:
    """Pairs at 20 or 90; with `own` the arm B has a level of its own; it is slower by `change`."""
    a = rng.choice([20.0, 90.0], pairs)
    b = np.where(rng.random(pairs) < own, rng.choice([20.0, 90.0], pairs), a)
    values: tuple[list[float], list[float]] = (
        (a * rng.lognormal(0, 0.03, pairs)).tolist(),
        (b * rng.lognormal(0, 0.03, pairs) / (1 + change)).tolist(),
    )
    return values


def test_pairs_at_two_levels_do_not_count() -> None:
    a, b = jumping_pairs(np.random.default_rng(1), 40)
    levels, counts = at_one_level(a, b)
    assert [round(level.median, -1) for level in levels] == [20, 90]
    assert counts == [0.5 < x / y < 2 for x, y in zip(a, b, strict=True)]
    assert 10 <= sum(counts) < 40
    assert at_one_level(b, a)[1] == counts


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([90.0] * 20, [20.0] * 20),  # a change
        ([90.0, 91.0] * 10, [90.0, 20.0] * 10),  # only B jumps: a change
        ([90.0] * 10 + [20.0] * 10, [90.0] * 10 + [90.0] * 10),
        ([90.0, 20.0] * 20, [90.0, 20.0, 20.0, 20.0] * 10),  # B is slow more often: lopsided
        ([20.0, 90.0, 20.0, 90.0], [20.0, 90.0, 20.0, 90.0]),  # too few pairs
        ([math.nan] * 20, [1.0] * 20),
        ([], []),
    ],
)
def test_all_pairs_count_where_the_arms_may_differ(a: list[float], b: list[float]) -> None:
    b = [value * (1 + i / 10_000) for i, value in enumerate(b)]
    assert at_one_level(a, b) == ([], [True] * len(a))


def test_the_sign_flip_test_of_the_others_has_its_level_and_its_power() -> None:
    """Nothing changed: rejected at 0.05 no more often than that. 10 % slower: found."""
    rng = np.random.default_rng(5)

    def p(change: float) -> float:
        a, b = jumping_pairs(rng, 40, change)
        d = np.where(at_one_level(a, b)[1], sign_flip.log_ratios(a, b), np.nan)
        return sign_flip.sign_flip_p(d)

    assert sum(p(0.0) <= 0.05 for _ in range(400)) <= 400 * 0.05 + 3 * math.sqrt(400 * 0.05)
    assert sum(p(0.1) <= 0.008 for _ in range(50)) >= 45
