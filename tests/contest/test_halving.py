"""Who gets another round: the worse half leaves, the last few are judged by fresh rounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median

import numpy as np
import pytest

from iomodels.contest.halving import (
    CONFIRMING_ROUNDS,
    MOST_CONFIRMING_ROUNDS,
    STAGE_ROUNDS,
    Entrant,
    Halving,
)

Value = Callable[[int, int], float]
"""Of an entrant in a round."""


def entrants(count: int, stays: tuple[int, ...] = (0,)) -> list[Entrant]:
    """Simplest first."""
    return [Entrant(index, index, index in stays) for index in range(count)]


def played(halving: Halving, value: Value, most_rounds: int = 1000) -> list[list[int]]:
    """Who was measured in each round."""
    rounds = []
    while len(rounds) < most_rounds and (chosen := halving.next(list(halving.known))):
        rounds.append(chosen)
        for index in chosen:
            halving.ended(index, value(index, len(rounds) - 1))
    return rounds


def last(halving: Halving) -> list[int]:
    return [index for index, known in halving.known.items() if known.confirming]


def test_the_worse_half_leaves_at_the_end_of_each_stage() -> None:
    halving = Halving(entrants(16, stays=()), seed=1)
    rounds = played(halving, lambda index, _: -0.01 * index)
    sizes = [len(chosen) for chosen in rounds]
    assert sizes[: STAGE_ROUNDS[0]] == [16] * STAGE_ROUNDS[0]
    assert sizes[STAGE_ROUNDS[0] : sum(STAGE_ROUNDS[:2])] == [8] * STAGE_ROUNDS[1]
    assert set(range(3)) >= set(last(halving)) >= {0, 1}


def test_the_order_within_a_round_is_random_and_follows_from_the_seed() -> None:
    def first_rounds(seed: int) -> list[list[int]]:
        return played(Halving(entrants(16), seed=seed), lambda index, _: 0.0, 3)

    assert first_rounds(1) == first_rounds(1) != first_rounds(2)
    assert len({tuple(chosen) for chosen in first_rounds(1)}) == 3
    assert all(sorted(chosen) == list(range(16)) for chosen in first_rounds(1))


@pytest.mark.parametrize("seed", range(5))
def test_what_the_machine_does_to_a_whole_round_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    own, common = 0.05 * rng.normal(size=(16, 200)), 3 * rng.normal(size=200)
    quiet, disturbed = Halving(entrants(16), seed=1), Halving(entrants(16), seed=1)
    assert played(quiet, lambda i, r: float(own[i, r])) == played(
        disturbed, lambda i, r: float(own[i, r] + common[r])
    )


def test_those_that_stay_are_measured_to_the_end_whatever_they_do() -> None:
    halving = Halving(entrants(16, stays=(0, 9)), seed=1)
    played(halving, lambda index, _: -5.0 if index in (0, 9) else 0.1 * index)
    assert {0, 9} < set(last(halving))


def test_one_far_behind_in_every_round_leaves_at_once() -> None:
    halving = Halving(entrants(16), seed=1)
    rounds = played(halving, lambda index, _: 0.0 if index == 7 else -1.0)
    assert set(rounds[STAGE_ROUNDS[0]]) == {0, 7}


def test_one_that_is_far_behind_in_all_rounds_but_one_does_not() -> None:
    halving = Halving(entrants(6, stays=()), seed=1)
    rounds = played(halving, lambda index, r: -1.0 if index == 1 and r > 0 else 0.0)
    assert len(rounds[STAGE_ROUNDS[0]]) == 3, "it may leave as one of the worse half, as others do"


def test_where_all_are_the_same_simpler_ones_remain() -> None:
    rng = np.random.default_rng(1)
    tries = 40
    remained = 0
    for seed in range(tries):
        halving = Halving(entrants(16, stays=()), seed=seed)
        played(halving, lambda *_: 0.05 * float(rng.normal()))
        remained += min(last(halving)) <= 2
    assert remained > tries / 2


@pytest.mark.parametrize("noise", [0.0, 0.001])
def test_quiet_pairs_need_no_further_rounds(noise: float) -> None:
    rng = np.random.default_rng(1)
    halving = Halving(entrants(16), seed=1)
    played(halving, lambda index, _: -0.1 * index + noise * float(rng.normal()))
    assert {len(halving.known[i].confirming) for i in last(halving)} == {CONFIRMING_ROUNDS}


def test_noisy_pairs_get_rounds_until_there_are_no_more() -> None:
    rng = np.random.default_rng(1)
    halving = Halving(entrants(16), seed=1)
    played(halving, lambda *_: 0.3 * float(rng.normal()))
    assert max(len(halving.known[i].confirming) for i in last(halving)) == MOST_CONFIRMING_ROUNDS


def test_how_many_rounds_there_are_depends_on_the_noise_and_not_on_who_leads() -> None:
    """The same values with the signs of all differences turned need the same rounds."""

    def rounds(sign: int) -> int:
        rng = np.random.default_rng(5)
        halving = Halving(entrants(3, stays=(0,)), seed=1)
        return len(played(halving, lambda *_: sign * 0.02 * float(rng.normal())))

    assert CONFIRMING_ROUNDS < rounds(1) == rounds(-1) < MOST_CONFIRMING_ROUNDS


def test_rounds_that_something_hit_are_made_up_for_where_one_is_far_ahead() -> None:
    """Three of the first fifteen would hide from the test what all others show."""

    def value(index: int, number: int) -> float:
        hit = index == 5 and number >= STAGE_ROUNDS[0] and number % 5 == 0
        return (0.0 if index == 5 else -0.5) - 2.0 * hit

    halving = Halving(entrants(8, stays=(0,)), seed=1)
    played(halving, value)
    assert last(halving) == [0, 5]
    confirming = halving.known[5].confirming
    assert CONFIRMING_ROUNDS < len(confirming) < MOST_CONFIRMING_ROUNDS
    assert len(halving.known[0].confirming) == len(confirming)


def test_choosing_flatters_and_confirming_does_not() -> None:
    """The winner's curse: all are the same, and yet who looks best looks better in the rounds by
    which it was chosen. This is why a verdict that stands on those is wrong."""
    rng = np.random.default_rng(1)
    by_choosing, by_confirming = [], []
    for seed in range(60):
        halving = Halving(entrants(30), seed=seed)
        played(halving, lambda *_: 0.1 * float(rng.normal()))
        known = {i: halving.known[i] for i in last(halving)}
        best = max(known, key=lambda i: median(known[i].choosing.values()))
        by_choosing.append(median(known[best].choosing.values()))
        by_confirming.append(median(known[best].confirming.values()))
    assert np.mean(by_choosing) > 0.03
    assert abs(float(np.mean(by_confirming))) < 0.01


def test_one_that_cannot_be_measured_is_no_more() -> None:
    halving = Halving(entrants(8), seed=1)
    assert 5 in halving.next(range(8))
    assert 5 not in halving.next([index for index in range(8) if index != 5])
    halving.ended(5, 1.0)  # what comes late of it does nothing


def test_a_limit_leaves_behind_all_but_those_that_stay() -> None:
    halving = Halving(entrants(8), seed=1)
    halving.next(range(8))
    halving.leave(3)
    halving.leave(0)
    assert 3 not in halving.next(range(8))
    assert 0 in halving.next(range(8))
    assert halving.known[3].left_after == 1


def test_a_round_without_a_value_is_no_pair() -> None:
    halving = Halving(entrants(16), seed=1)
    played(halving, lambda index, r: math.nan if (index + r) % 4 == 0 else -0.1 * index)
    assert {0, 1} <= set(last(halving))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_are_confirmed_at_once(count: int) -> None:
    halving = Halving(entrants(count), seed=1)
    rounds = played(halving, lambda index, _: -0.1 * index)
    assert [len(chosen) for chosen in rounds] == [count] * CONFIRMING_ROUNDS


def test_nobody_is_no_contest() -> None:
    assert Halving([], seed=1).next([]) == []
    gone = Halving(entrants(5), seed=1)
    gone.next(range(5))
    assert gone.next([]) == []


@pytest.mark.parametrize("count", [1, 3, 4, 8, 16, 25])
def test_the_estimate_is_of_as_many_trials_as_there_are_if_nobody_is_far(count: int) -> None:
    halving = Halving(entrants(count), seed=1)
    estimate = sum(each for each, _ in halving.most_rounds())
    assert sum(map(len, played(halving, lambda index, _: -0.004 * index))) <= estimate
