"""Cells whose rounds jump between levels: what counts as one, and that noise does not."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from iomodels.statistics.rounds import modes

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
