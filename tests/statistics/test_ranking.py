"""Which to use, of several that were measured side by side."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iomodels.statistics.ranking import ALPHA, Contender, Outcome, decide


def outcome(
    *truth: float, noise: float = 0.01, rounds: int = 24, seed: int = 1, common: float = 0.0
) -> Outcome:
    """Of contenders named by their place, the simplest first; `truth` as shares of the first."""
    rng = np.random.default_rng(seed)
    together = common * rng.normal(size=rounds)
    return decide(
        [
            Contender(
                str(place),
                place,
                dict(enumerate(math.log(level) + noise * rng.normal(size=rounds) + together)),
            )
            for place, level in enumerate(truth)
        ]
    )


def test_the_one_that_is_shown_to_be_ahead_of_all() -> None:
    found = outcome(1.0, 1.1, 1.3)
    assert (found.use, found.contenders) == ("2", ("2",))
    pairing = found.over("2", "0")
    assert pairing is not None
    assert pairing.is_shown
    assert pairing.log.low < math.log(1.3) < pairing.log.high


def test_the_simplest_of_a_tie() -> None:
    found = outcome(1.0, 1.2, 1.2, 1.21)
    assert found.use == "1"
    assert found.contenders == ("1", "2", "3")


def test_a_difference_below_two_percent_is_none_however_sure() -> None:
    found = outcome(1.0, 1.015, noise=0.001)
    pairing = found.over("1", "0")
    assert pairing is not None
    assert pairing.is_shown
    assert found.use == "0"


def test_what_the_machine_does_to_a_round_cancels() -> None:
    assert outcome(1.0, 1.1, common=1.0).use == outcome(1.0, 1.1).use == "1"


def test_where_the_simpler_one_may_lose_much_nothing_is_said() -> None:
    found = outcome(1.0, 1.05, noise=0.3, rounds=12)
    assert found.use is None
    assert found.contenders == ("0", "1")


def test_of_too_few_rounds_nothing_is_shown() -> None:
    found = outcome(1.0, 3.0, rounds=5)
    pairing = found.over("1", "0")
    assert pairing is not None
    assert not pairing.is_shown
    assert found.use is None


@pytest.mark.parametrize("rounds", range(1, 6))
def test_below_six_rounds_there_is_no_tie(rounds: int) -> None:
    """The range of so few values is no interval, however narrow it is."""
    assert outcome(1.0, 1.0, noise=0.001, rounds=rounds).use is None
    assert outcome(1.0, 1.0, noise=0.001, rounds=6).use == "0"


def test_without_a_pair_nothing_is_said() -> None:
    found = decide([Contender("a", 0, {0: 1.0}), Contender("b", 1, {1: 5.0})])
    assert found.use is None
    assert found.over("a", "b") is None


def test_one_alone_is_the_answer() -> None:
    assert outcome(1.0).use == "0"


@pytest.mark.parametrize("contenders", [2, 5])
@pytest.mark.parametrize("tails", [False, True])
def test_where_all_are_the_same_a_difference_is_rarely_shown(contenders: int, tails: bool) -> None:
    """In no more than `ALPHA` of tries, and the winner's place is the simplest's."""
    rng = np.random.default_rng(1)
    tries = 200
    false = others = 0
    for _ in range(tries):
        draw = rng.standard_t(2, (contenders, 14)) if tails else rng.normal(size=(contenders, 14))
        found = decide(
            [Contender(str(i), i, dict(enumerate(0.02 * row))) for i, row in enumerate(draw)]
        )
        false += any(pairing.is_shown for pairing in found.pairings.values())
        others += found.use not in (None, "0")
    assert false <= 3 * ALPHA * tries
    assert others <= ALPHA * tries


def test_either_way_round_it_says_the_same() -> None:
    found = outcome(1.0, 1.1)
    one, other = found.over("1", "0"), found.over("0", "1")
    assert one is not None
    assert other is not None
    assert (one.log.low, one.log.median, one.log.high) == (
        -other.log.high,
        -other.log.median,
        -other.log.low,
    )
    assert one.is_shown == other.is_shown
