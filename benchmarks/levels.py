"""How often cells with one level are said to have several, and A/B of those that have: simulated.

    python benchmarks/levels.py [--cells N]

What is made up are the rounds; how they are judged is `iomodels.statistics.rounds`' own.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from iomodels.statistics import sign_flip
from iomodels.statistics.rounds import at_one_level, modes, wilson_interval

TAILS = ("normal", "student", "slow", "spikes")
BASE_RUNS = (1, 2, 3, 5, 10, 20)
NOISE = (0.01, 0.03, 0.1)
BETWEEN = (0.01, 0.05)
HISTORIES = ("alike", "drifting", "changed for good")
LEVELS = (20.0, 47.0, 89.0)
ROUNDS, NEW_ROUNDS, PAIRS = 7, 20, 40


def errors(rng: np.random.Generator, tail: str, count: int) -> sign_flip.Floats:
    """Rounds around 0 with about a deviation of 1: Student's with 3 degrees of freedom, lognormal
    to the slow side, or with 5 % of rounds much slower."""
    if tail == "student":
        return np.asarray(rng.standard_t(3, count) / math.sqrt(3))
    if tail == "slow":
        return np.asarray(-(np.exp(rng.normal(size=count)) - 1.65) / 2.16)
    spikes = (rng.random(count) < 0.05) * rng.exponential(5, count) if tail == "spikes" else 0.0
    return np.asarray(rng.normal(size=count) - spikes)


def one_level(
    rng: np.random.Generator, runs: int, noise: float, between: float, tail: str, history: str
) -> bool:
    """Whether a cell with one level is said to have several."""
    levels = rng.normal(0, between, runs + 1)
    if history == "drifting":
        levels += np.linspace(0, 0.1, runs + 1)
    if history == "changed for good":
        levels[runs // 2 :] -= 0.4
    rounds = [
        np.exp(level + noise * errors(rng, tail, ROUNDS if n < runs else NEW_ROUNDS)).tolist()
        for n, level in enumerate(levels)
    ]
    return bool(modes(rounds[:-1], rounds[-1]))


def three_levels(rng: np.random.Generator, runs: int, noise: float) -> bool:
    """Whether a cell is said to have several whose runs are at one of three, 3 rounds in 10 apart
    from the others of their run."""

    def run(count: int) -> list[float]:
        usual = rng.choice(LEVELS)
        at = np.where(rng.random(count) < 0.3, rng.choice(LEVELS, count), usual)
        return [float(value) for value in at * rng.lognormal(0, noise, count)]

    return bool(modes([run(ROUNDS) for _ in range(runs)], run(NEW_ROUNDS)))


def pair_p(rng: np.random.Generator, apart: float, change: float) -> float:
    """The p-value of an A/B of a cell with two levels: in a share of `apart` of the pairs, arm B
    meets its own."""
    a = rng.choice([LEVELS[0], LEVELS[2]], PAIRS)
    own = rng.choice([LEVELS[0], LEVELS[2]], PAIRS)
    b = np.where(rng.random(PAIRS) < apart, own, a)
    x = (a * rng.lognormal(0, 0.03, PAIRS)).tolist()
    y = (b * rng.lognormal(0, 0.03, PAIRS) / (1 + change)).tolist()
    d = np.where(at_one_level(x, y)[1], sign_flip.log_ratios(x, y), np.nan)
    return sign_flip.sign_flip_p(d)


def rate(hits: int, tries: int) -> str:
    """`0.3 % (0.2 % to 0.4 %)`."""
    found = wilson_interval(hits, tries)
    return f"{found.median:.2%} ({found.low:.2%} to {found.high:.2%})"


def run(cells: int, seed: int) -> None:
    """Simulate and print."""
    rng = np.random.default_rng(seed)
    print(
        "| one level; tails | history | said to have several | worst setting |\n|---|---|--:|--:|"
    )
    for tail in TAILS:
        for history in HISTORIES:
            shares = [
                sum(one_level(rng, m, noise, between, tail, history) for _ in range(cells))
                for m in BASE_RUNS
                for noise in NOISE
                for between in BETWEEN
            ]
            worst = max(shares) / cells
            print(
                f"| {tail} | {history} | {rate(sum(shares), cells * len(shares))} | {worst:.1%} |"
            )
    print("\n| three levels; noise | base runs | found |\n|--:|--:|--:|")
    for noise in (0.03, 0.05, 0.1):
        for runs in (1, 3, 5):
            found = sum(three_levels(rng, runs, noise) for _ in range(cells))
            print(f"| {noise:.0%} | {runs} | {found / cells:.0%} |")
    print(
        "\n| A/B: B at its own level | no change: p ≤ 0.008 | 10 % slower: found |\n|--:|--:|--:|"
    )
    for apart in (0.0, 0.2, 0.5, 1.0):
        same = sum(pair_p(rng, apart, 0.0) <= sign_flip.CONFIRM_ALPHA for _ in range(cells * 4))
        slower = sum(pair_p(rng, apart, 0.1) <= sign_flip.CONFIRM_ALPHA for _ in range(cells))
        print(f"| {apart:.0%} | {rate(same, cells * 4)} | {slower / cells:.0%} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--seed", type=int, default=14)
    options = parser.parse_args()
    run(options.cells, options.seed)
