"""False alarms and power of the A/B gate, and how it ends: simulated, and replayed on real pairs.

    python benchmarks/gate.py                               # 200 simulated suites of 40 cells
    python benchmarks/gate.py --cells 11 --change 0.43      # one cell loses 30 % of its throughput
    python benchmarks/gate.py --baseline                    # suites against 1 to 5 base runs
    python benchmarks/gate.py --measure pairs.json          # real A/A pairs of the default suite
    python benchmarks/gate.py --replay pairs.json           # the gate on blocks of those

The decisions are `iomodels.statistics.screen_confirm`'s own, step for step; only what it measures
is made up, or played again. Beside it stands what most tools do: ten runs of A, then ten of B, and
a threshold.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from iomodels.check import pair_verdicts
from iomodels.comparison import metrics, verdict
from iomodels.comparison.schema import Change
from iomodels.results.schema import Interval
from iomodels.statistics import screen_confirm, sign_flip
from iomodels.statistics.rounds import wilson_interval
from iomodels.statistics.screen_confirm import decide
from iomodels.statistics.sign_flip import Floats

NOISE = (0.03, 0.10)
"""The standard deviation of one trial, from the quietest cell to the noisiest."""
SPIKE_SHARE, SPIKE = 0.03, 0.5
"""So many trials are hit by something, and lose on average so much (a log, exponential)."""
DRIFT = 0.01
"""How the machine's speed wanders from one trial to the next (a log, a random walk)."""
SEQUENTIAL_RUNS, SEQUENTIAL_LIMIT = 10, 0.10
LINE = Change(
    "simulated", {}, "", "", metrics.SUITE.key, "", bigger_is_better=True, verdict="inconclusive"
)


@dataclass(frozen=True)
class Tally:
    """What so many suites came to. `found` counts those in which the changed cell was confirmed."""

    suites: int
    alarms: int
    found: int
    sequential_alarms: int | None
    pairs_mean: float
    """Pairs measured per cell of an A/A suite, confirmation included."""
    exits_same: dict[int, int]
    """How many A/A suites end with each exit code, with `--undecided pass`."""
    exits_changed: dict[int, int]
    """The same of those with a changed cell."""
    independent: int
    """How many of the suites share no pair; replayed ones are stretches of the same record."""


Suite = Callable[[np.random.Generator, int | None], "Machine"]


class Machine:
    """Measures rows of one suite: `changed` is the row that is slower in arm B, by `change`."""

    def __init__(self, changed: int | None, change: float) -> None:
        self._changed = changed
        self._log = -math.log1p(change)
        self.pairs = 0

    def __call__(self, rows: Sequence[int], count: int) -> list[Floats]:
        self.pairs += len(rows) * count
        return [self.ratios(row, count) + self._log * (row == self._changed) for row in rows]

    def ratios(self, row: int, count: int) -> Floats:
        """The log ratios of `count` A/A pairs."""
        raise NotImplementedError


class Simulated(Machine):
    """Trials with normal noise, spikes, and a machine whose speed wanders while it measures."""

    def __init__(
        self, rng: np.random.Generator, cells: int, changed: int | None, change: float
    ) -> None:
        super().__init__(changed, change)
        self._rng = rng
        self._noise = rng.uniform(*NOISE, cells)

    def ratios(self, row: int, count: int) -> Floats:
        """Arms in a random order; the second meets the machine one step further on its way."""
        step = self._rng.normal(0, DRIFT, count) * self._rng.choice([-1, 1], count)
        ratios: Floats = self._trials(row, count) - self._trials(row, count) + step
        return ratios

    def sequential(self, row: int, count: int) -> tuple[Floats, Floats]:
        """All of A, then all of B, while the machine wanders on."""
        walk = np.cumsum(self._rng.normal(0, DRIFT, 2 * count))
        values = self._trials(row, 2 * count) + walk
        return values[:count], values[count:]

    def _trials(self, row: int, count: int) -> Floats:
        spikes = self._rng.random(count) < SPIKE_SHARE
        lost = np.where(spikes, self._rng.exponential(SPIKE, count), 0)
        trials: Floats = self._rng.normal(0, self._noise[row], count) - lost
        return trials


class Replayed(Machine):
    """Real A/A pairs: each batch is the next stretch of them, from a random place on."""

    def __init__(
        self,
        rng: np.random.Generator,
        recorded: Sequence[Floats],
        changed: int | None,
        change: float,
    ) -> None:
        super().__init__(changed, change)
        self._rng = rng
        self._recorded = recorded

        self._at = int(rng.integers(recorded[0].size))
        self._taken = 0

    def __call__(self, rows: Sequence[int], count: int) -> list[Floats]:
        """The next stretch, the same for all rows, so that what met all of them stays together."""
        ratios = super().__call__(rows, count)
        self._at, self._taken = self._at + count, self._taken + count
        if self._taken > min(row.size for row in self._recorded):
            raise SystemExit("too few recorded pairs for fresh ones: record more with --pairs")
        return ratios

    def ratios(self, row: int, count: int) -> Floats:
        """From where the last batch ended, and round the end: never a pair twice in a suite."""
        return np.roll(self._recorded[row], -self._at)[:count]


def simulate(suites: int, cells: int, change: float, threshold: float, seed: int) -> Tally:
    """Decide simulated suites: each once without a change, and once with one cell changed."""
    rng = np.random.default_rng(seed)

    def suite(rng: np.random.Generator, changed: int | None) -> Machine:
        return Simulated(rng, cells, changed, change)

    sequential = sum(
        _sequential_alarm(Simulated(rng, cells, None, 0), cells) for _ in range(suites)
    )
    return _tally(suites, cells, suite, threshold, rng, sequential)


def replay(
    recorded: Sequence[Floats], suites: int, change: float, threshold: float, seed: int
) -> Tally:
    """Decide suites made of stretches of real A/A pairs."""

    def suite(rng: np.random.Generator, changed: int | None) -> Machine:
        return Replayed(rng, recorded, changed, change)

    tally = _tally(
        suites, len(recorded), suite, threshold, np.random.default_rng(seed), sequential=None
    )
    blocks = min(row.size for row in recorded) // screen_confirm.FIRST_PAIRS
    return replace(tally, independent=min(suites, blocks))


def power_by_cell(
    recorded: Sequence[Floats], suites: int, change: float, threshold: float, seed: int
) -> list[float]:
    """The share of decisions that find the change, for each recorded cell by itself."""
    rng = np.random.default_rng(seed)
    shares = []
    for row in recorded:
        decisions = (
            decide(1, Replayed(rng, [row], 0, change), threshold=threshold) for _ in range(suites)
        )
        shares.append(sum(d.confirmed.get(0, 0) < 0 for d in decisions) / suites)
    return shares


def _tally(
    suites: int,
    cells: int,
    suite: Suite,
    threshold: float,
    rng: np.random.Generator,
    sequential: int | None,
) -> Tally:
    alarms = found = measured = 0
    same, slowed = Counter[int](), Counter[int]()
    for _ in range(suites):
        machine = suite(rng, None)
        decision = decide(cells, machine, threshold=threshold)
        changes = _judged(decision, threshold)
        alarms += any(change.verdict in ("faster", "slower") for change in changes)
        same[_exit(changes)] += 1
        measured += machine.pairs
        changed = int(rng.integers(cells))
        decision = decide(cells, suite(rng, changed), threshold=threshold)
        found += decision.confirmed.get(changed, 0) < 0
        slowed[_exit(_judged(decision, threshold))] += 1
    mean = measured / suites / cells
    return Tally(suites, alarms, found, sequential, mean, dict(same), dict(slowed), suites)


def _judged(decision: screen_confirm.Decision, threshold: float) -> list[Change]:
    """Every row, and all together, as `pair_verdicts.judge_rows` says it."""
    changes = [
        pair_verdicts.judged(
            LINE,
            decision.fresh.get(row, first),
            threshold,
            sure=decision.confirmed.get(row, 0) != 0,
            up=True,
            detectable=screen_confirm.detectable(first, threshold),
        )
        for row, first in enumerate(decision.first)
    ]
    if len(changes) > 1:
        changes.append(pair_verdicts.suite(decision, threshold))
    return changes


def _exit(changes: Sequence[Change]) -> int:
    outcome = verdict.outcome(changes, undecided="pass", comparable=True)
    return int(verdict.EXIT_CODES[outcome])


def _sequential_alarm(machine: Simulated, cells: int) -> bool:
    samples = [machine.sequential(row, SEQUENTIAL_RUNS) for row in range(cells)]
    limit = math.log1p(SEQUENTIAL_LIMIT)
    return any(abs(float(np.mean(b) - np.mean(a))) > limit for a, b in samples)


def measure(path: Path, count: int, seed: int) -> None:
    """Record `count` real A/A pairs of every cell of the default suite."""
    from iomodels.check import pair_runs
    from iomodels.comparison import metrics

    cells = [
        c
        for c in pair_runs.plan_cells(["default"], [], {}, pair_runs.Arm(), pair_runs.Arm())
        if not c.na_reason
    ]
    done = pair_runs.measure(cells, count, seed=seed)
    metric = metrics.METRICS["throughput_ops"]
    rows = {
        f"{cell.scenario}, {cell.label or '-'}, {cell.a.engine}": [
            math.log(metric.of_trial(pair.b) / metric.of_trial(pair.a))
            for pair in measured
            if pair.a is not None and pair.b is not None
        ]
        for cell, measured in zip(cells, done, strict=True)
    }
    path.write_text(json.dumps(rows))


def show(what: str, tally: Tally, change: float) -> None:
    """Print the tally as the table of the documentation."""
    alarms, power = (_rate(count, tally) for count in (tally.alarms, tally.found))
    few = f", intervals as of {tally.independent} independent ones"
    print(f"{what}: {tally.suites} suites{few if tally.independent < tally.suites else ''}")
    print(f"  false alarms of whole suites  {_percent(alarms)}")
    print(f"  {change:+.0%} in one cell found      {_percent(power)}")
    for name, exits in (("A/A", tally.exits_same), (f"{change:+.0%}", tally.exits_changed)):
        ended = (f"{code}: {_percent(_rate(exits.get(code, 0), tally))}" for code in (0, 1, 4))
        print(f"  {name} suites that end with".ljust(32) + ", ".join(ended))
    if tally.sequential_alarms is not None:
        other = wilson_interval(tally.sequential_alarms, tally.suites)
        print(f"  A, then B, 10 % threshold     {_percent(other)} false alarms")
    print(f"  pairs per cell                {tally.pairs_mean:.0f}")


def _rate(count: int, tally: Tally) -> Interval:
    """The rate over all suites, its interval over the independent ones."""
    rate = count / tally.suites
    interval = wilson_interval(round(rate * tally.independent), tally.independent)
    return Interval(rate, min(rate, interval.low), max(rate, interval.high))


def _recorded(path: Path) -> tuple[list[str], list[Floats]]:
    recorded = json.loads(path.read_text())
    return list(recorded), [np.array(row) for row in recorded.values()]


def _show_cells(
    names: Sequence[str], rows: Sequence[Floats], power: Sequence[float], threshold: float
) -> None:
    print("| cell | noise of a pair | detectable | found |\n|---|--:|--:|--:|")
    for name, row, share in zip(names, rows, power, strict=True):
        detectable = screen_confirm.detectable(row, threshold)
        print(f"| {name} | {sign_flip.noise(row):.1%} | {detectable:.0%} | {share:.0%} |")
    print()


def _percent(rate: object) -> str:
    median, low, high = (100 * getattr(rate, name) for name in ("median", "low", "high"))
    return f"{median:.1f} % ({low:.1f} to {high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--suites", type=int, default=200)
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--change", type=float, default=0.10)
    parser.add_argument("--threshold", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", type=Path, metavar="PATH")
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--replay", type=Path, metavar="PATH")
    parser.add_argument("--baseline", action="store_true")
    given = parser.parse_args()
    if given.baseline:
        import baselines

        baselines.run(given.suites, given.seed, as_json=given.json)
        return
    if given.measure:
        measure(given.measure, given.pairs, given.seed)
        return
    how = given.suites, given.change, given.threshold, given.seed
    if given.replay:
        names, rows = _recorded(given.replay)
        what, tally = "replayed on real A/A pairs", replay(rows, *how)
        if not given.json:
            _show_cells(names, rows, power_by_cell(rows, *how), given.threshold)
    else:
        suites, change, threshold, seed = how
        what = f"simulated, {given.cells} cells"
        tally = simulate(suites, given.cells, change, threshold, seed)
    if given.json:
        json.dump(asdict(tally), sys.stdout)
        return
    show(what, tally, given.change)


if __name__ == "__main__":
    main()
