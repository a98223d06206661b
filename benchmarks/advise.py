"""Whether `advise` names the right engine, and at what cost, where the truth is known.

    python benchmarks/advise.py                       # ten kinds of truth, 300 tries each
    python benchmarks/advise.py --tries 50 --kind drift

What halves and decides are `iomodels.contest.halving` and `iomodels.statistics.ranking` themselves;
only what they measure is made up. A try is right if the engine that is named is within 3 % of the
best; where it names none, that is counted apart (`none`). `false` counts the tries in which a
difference is said to be shown that is none, or the other way round; `winners` those in which it is
of the engine that is named. `time` is the share of what all
engines would have taken over all rounds. (`advise_real.py` does the same with real engines.)
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from iomodels.contest.halving import Entrant, Halving
from iomodels.statistics.ranking import Contender, Outcome, decide
from iomodels.statistics.rounds import wilson_interval
from iomodels.statistics.sign_flip import Floats

CANDIDATES = 16
RIGHT = 0.03
"""How far behind the best an engine may be to be the right one, as a share."""
SHORT_S, LONG_S = 0.19, 0.66
"""What a trial takes while choosing, and while confirming, with its process."""
SHORT_NOISE = 1.3
"""How much noisier a short trial is."""
SHORT_BIAS = 0.01
"""How differently short trials rank engines: a standard deviation (a log)."""

Random = np.random.Generator


@dataclass(frozen=True)
class World:
    """Engines, simplest first: the logs of their true values, better counted as up, and how one
    trial differs from that."""

    truth: Floats
    noise: float = 0.05
    tails: float | None = None
    """Degrees of freedom of Student's t; None: normal noise."""
    drift: float = 0.0
    """How the machine's speed wanders from trial to trial (a random walk)."""
    hit: float = 0.0
    """The share of trials that something hits: they lose half on average (a log, exponential)."""
    two_levels: tuple[int, ...] = ()
    """Engines that lose a third in three of ten trials."""

    def trial(self, rng: Random, engine: int, scale: float) -> float:
        unit = rng.normal() if self.tails is None else rng.standard_t(self.tails)
        value = self.truth[engine] + self.noise * scale * float(unit)
        if rng.random() < self.hit:
            value -= rng.exponential(0.5)
        if engine in self.two_levels and rng.random() < 0.3:
            value -= math.log(1.5)
        return float(value)


def _ladder(step: float, count: int = CANDIDATES) -> Callable[[Random], Floats]:
    """Each `step` worse than the last, in any order of simplicity."""
    return lambda rng: rng.permutation(np.arange(count) * -math.log1p(step))


def _few_ahead(rng: Random, ahead: int, by: float, apart: float) -> Floats:
    truth = rng.uniform(-1.5, -math.log1p(by), CANDIDATES)
    truth[rng.choice(CANDIDATES, ahead, replace=False)] = -np.arange(ahead) * apart
    return truth


KINDS: Mapping[str, Callable[[Random], World]] = {
    "one far ahead": lambda rng: World(_few_ahead(rng, 1, 0.8, 0), 0.05),
    "one a tenth ahead": lambda rng: World(_few_ahead(rng, 1, 0.1, 0), 0.05),
    "four within 1 %": lambda rng: World(_few_ahead(rng, 4, 0.2, 0.0033), 0.05),
    "steps of 4 %": lambda rng: World(_ladder(0.04)(rng), 0.03),
    "steps of 1 %, quiet": lambda rng: World(_ladder(0.01)(rng), 0.005),
    "noise of 20 %": lambda rng: World(rng.normal(0, 0.5, CANDIDATES), 0.2),
    "drift, 5 % hit": lambda rng: World(rng.normal(0, 0.3, CANDIDATES), 0.04, drift=0.03, hit=0.05),
    "two levels": lambda rng: _with_levels(rng),
    "heavy tails": lambda rng: World(rng.normal(0, 0.3, CANDIDATES), 0.05, tails=1.8),
    "25 engines": lambda rng: World(rng.normal(0, 0.4, 25), 0.05),
    "all the same": lambda rng: World(np.zeros(CANDIDATES), 0.05),
    "all the same, noise of 20 %": lambda rng: World(np.zeros(CANDIDATES), 0.2),
    "all the same, heavy tails": lambda rng: World(np.zeros(CANDIDATES), 0.05, tails=1.8),
}


def _with_levels(rng: Random) -> World:
    truth = rng.normal(0, 0.3, CANDIDATES)
    jumping = rng.choice(CANDIDATES, 4, replace=False)
    return World(truth, 0.03, two_levels=tuple(jumping))


@dataclass
class Try:
    """What one simulated `advise` came to."""

    named: int | None
    loss: float
    """Of the engine that was named, to the best: a share."""
    share: float
    """Of the time that all engines take over all rounds."""
    shown: int
    """Differences that are said to be shown."""
    wrong: int
    """Those of them that have the wrong sign."""
    false_winner: bool
    """Whether one is of the engine that is named."""
    rounds: int


def attempt(world: World, rng: Random, seed: int) -> Try:
    count = world.truth.size
    today = int(rng.integers(count))
    entrants = [Entrant(i, i, stays=i in (0, today)) for i in range(count)]
    bias = rng.normal(0, SHORT_BIAS, count) if world.truth.any() else np.zeros(count)
    halving = Halving(entrants, seed=seed)
    speed = took_s = full_s = 0.0
    while chosen := halving.next(range(count)):
        each_s = LONG_S if halving.is_confirming else SHORT_S
        took_s, full_s = took_s + each_s * len(chosen), full_s + each_s * count
        for engine in chosen:
            speed += world.drift * float(rng.normal())
            scale = 1.0 if halving.is_confirming else SHORT_NOISE
            own = 0.0 if halving.is_confirming else bias[engine]
            halving.ended(engine, world.trial(rng, engine, scale) + speed + own)
    decision = decide(
        [
            Contender(str(known.entrant.index), known.entrant.complexity, known.confirming)
            for known in halving.known.values()
            if known.left_after is None
        ]
    )
    named = None if decision.use is None else int(decision.use)
    loss = 0.0 if named is None else -math.expm1(world.truth[named] - world.truth.max())
    shown, wrong = _shown(decision, world.truth)
    false_winner = any(
        found.is_shown and found.log.median > 0 and world.truth[int(one)] <= world.truth[int(other)]
        for (one, other), found in decision.pairings.items()
        if one == decision.use
    )
    rounds = max(len(known.confirming) for known in halving.known.values())
    return Try(named, loss, took_s / full_s, shown, wrong, false_winner, rounds)


def _shown(decision: Outcome, truth: Floats) -> tuple[int, int]:
    shown = [
        truth[int(one)] - truth[int(other)]
        for (one, other), found in decision.pairings.items()
        if found.is_shown and found.log.median > 0
    ]
    return len(shown), sum(difference <= 0 for difference in shown)


def simulate(kind: str, tries: int, seed: int) -> list[Try]:
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    return [attempt(KINDS[kind](rng), rng, number) for number in range(tries)]


def line(kind: str, tries: list[Try]) -> str:
    named = [each for each in tries if each.named is not None]
    right = sum(each.loss <= RIGHT for each in named)
    rate = wilson_interval(right, len(named)) if named else None
    said = f"{right / len(named):6.1%} ({rate.low:.1%} to {rate.high:.1%})" if rate else "–"
    wrong = sum(each.wrong > 0 for each in tries)
    winners = sum(each.false_winner for each in tries)
    share = float(np.mean([each.share for each in tries]))
    rounds = float(np.median([each.rounds for each in tries]))
    none = len(tries) - len(named)
    return f"{kind:<30}{none:>6}  {said:<26}{wrong:>7}{winners:>9}{share:>8.0%}{rounds:>8.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tries", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    asked = parser.parse_args()
    heads = f"{'within 3 % of the best':<26}{'false':>7}{'winners':>9}{'time':>8}{'rounds':>8}"
    print(f"{'kind':<30}{'none':>6}  {heads}")
    for kind in asked.kind or KINDS:
        print(line(kind, simulate(kind, asked.tries, asked.seed)), flush=True)


if __name__ == "__main__":
    main()
