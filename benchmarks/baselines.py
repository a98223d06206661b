"""What `check --baseline` comes to on simulated machines: nothing changed, a loss, a large loss.

    python benchmarks/gate.py --baseline [--suites N]

A machine differs from run to run, in all cells together and in each by itself; its rounds are
noisy; it may drift from run to run, or have changed for good. Every cell is judged as one that was
measured again. What is judged is made up; how is `iomodels.comparison.unpaired_verdicts`' own.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace

import numpy as np

from iomodels.check.history.against_baseline import CHECK_ALPHA
from iomodels.comparison import metrics, unpaired_verdicts, verdict
from iomodels.comparison.schema import Outcome
from iomodels.comparison.unpaired_verdicts import Judgement, NamedTiming, Timing
from iomodels.results.schema import Cell
from iomodels.statistics import history, quantiles
from iomodels.statistics.rounds import wilson_interval

SIMULATED = NamedTiming(("simulated", frozenset(), ""), "", Cell("simulated", {}, "", "ok"))
CELLS, THRESHOLD = 11, 0.05


@dataclass(frozen=True)
class Machine:
    """Standard deviations are logs: `common` and `own` between runs, of all cells together and of
    each; `noise` of a round; `drift` from one run to the next. `stepped`: at half of its history it
    became so much faster for good."""

    common: float
    own: float
    noise: float = 0.01
    rounds: int = 7
    fresh: int = 20
    drift: float = 0.0
    stepped: float = 0.0

    @property
    def name(self) -> str:
        """A row of the table."""
        extra = f", drift {self.drift:.1%} per run" if self.drift else ""
        extra += f", {self.stepped:.0%} faster since half of it" if self.stepped else ""
        return f"{self.common:.1%} common, {self.own:.1%} own, noise {self.noise:.0%}{extra}"


NOISY = {"noise": 0.10, "rounds": 50, "fresh": 60}
"""Rounds of 10 % noise: as many as narrow the interval to about 3 %."""
MACHINES = (
    Machine(0.01, 0.005),
    Machine(0.01, 0.01),
    Machine(0.03, 0.01),
    Machine(0.05, 0.01),
    Machine(0.02, 0.015),
    Machine(0.02, 0.02),
    Machine(0.005, 0.03),
    Machine(0.005, 0.05),
    Machine(0.01, 0.005, **NOISY),  # type: ignore[arg-type]
    Machine(0.03, 0.01, **NOISY),  # type: ignore[arg-type]
    Machine(0.01, 0.005, drift=0.005),
    Machine(0.02, 0.01, stepped=0.15),
)
BASE_RUNS = (1, 2, 3, 5, 10, 20)


def suite(
    rng: np.random.Generator, machine: Machine, runs: int, loss: float = 0.0, cells: int = CELLS
) -> Outcome:
    """One check against `runs` base runs; cell 0 has `loss` (a log), where it is not 0."""
    walk = np.cumsum(rng.normal(0, machine.drift, runs + 1)) if machine.drift else 0.0
    levels = rng.normal(0, machine.common, runs + 1) + walk
    levels = levels + rng.normal(0, machine.own, (cells, runs + 1))
    levels[:, (runs + 1) // 2 :] += math.log1p(machine.stepped)
    levels[0, -1] -= loss
    timed = [
        Timing(
            SIMULATED,
            metrics.METRICS["throughput_ops"],
            history.since_last_change(
                [rng.normal(level, machine.noise, machine.rounds).tolist() for level in row[:-1]]
            ).runs,
            rng.normal(row[-1], machine.noise, machine.fresh).tolist(),
            confirmed=True,
        )
        for row in levels
    ]
    found = unpaired_verdicts.judge_timings(timed, Judgement(THRESHOLD, (), CHECK_ALPHA))
    return verdict.outcome(found, undecided="pass", comparable=True)


@dataclass(frozen=True)
class Row:
    """What the suites of one machine and one length of history came to."""

    machine: Machine
    runs: int
    suites: int
    failed: int
    """Suites in which nothing had changed, and a loss was shown: exit 1."""
    passed: int
    """Suites in which nothing had changed that ended with 0. The rest has a suspect: exit 4."""
    tries: int
    found: int
    """Of `tries` suites with one cell that takes 10 % longer, those with exit 1."""
    possible: float
    """The same share for a judge who knows how much this machine differs: the most there is."""
    large_found: int
    """Of `tries` suites with one cell that loses 30 % of its throughput, those with exit 1."""
    large_passed: int
    """And those with exit 0."""


def row(machine: Machine, runs: int, suites: int, seed: int, cells: int = CELLS) -> Row:
    """Simulate one row of the table."""
    rng = np.random.default_rng([seed, runs])
    tries = max(1, suites // 4)
    same = [suite(rng, machine, runs, cells=cells) for _ in range(suites)]
    slower = [suite(rng, machine, runs, math.log(1.1), cells) for _ in range(tries)]
    large = [suite(rng, machine, runs, -math.log(0.7), cells) for _ in range(tries)]
    return Row(
        machine,
        runs,
        suites,
        failed=same.count("regression"),
        passed=same.count("passed"),
        tries=tries,
        found=slower.count("regression"),
        possible=_possible(machine, runs, cells),
        large_found=large.count("regression"),
        large_passed=large.count("passed"),
    )


def _possible(machine: Machine, runs: int, cells: int) -> float:
    """How often +10 % would be shown with the same error rate if the machine's own spread were
    known, and what all cells do together as well."""
    run = machine.own**2 + machine.noise**2 / machine.rounds
    here = machine.own**2 + machine.noise**2 / machine.fresh
    scale = math.sqrt(run / runs + here)
    needed = quantiles.normal_quantile(1 - CHECK_ALPHA / (cells + 1)) * scale
    needed = max(needed, math.log1p(THRESHOLD))
    return quantiles.normal_cdf((math.log(1.1) - needed) / scale)


def baselines(
    suites: int,
    seed: int,
    machines: Sequence[Machine] = MACHINES,
    base_runs: Sequence[int] = BASE_RUNS,
    cells: int = CELLS,
) -> list[Row]:
    """All rows, on all CPUs."""
    jobs = [(machine, runs, suites, seed, cells) for machine in machines for runs in base_runs]
    with ProcessPoolExecutor() as pool:
        return list(pool.map(_row, jobs))


def _row(job: tuple[Machine, int, int, int, int]) -> Row:
    return row(*job)


def show_baselines(rows: Sequence[Row]) -> None:
    """Print them as the table of the documentation."""
    print(
        "| machine (between runs) | base runs | nothing changed: exit 0 | exit 1 "
        "| +10 % in one cell: exit 1 | at most | −30 %: exit 1 | exit 0 |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for one in rows:
        alarms = wilson_interval(one.failed, one.suites)
        print(
            f"| {one.machine.name} | {one.runs} | {one.passed / one.suites:.0%} "
            f"| {alarms.median:.1%} ({alarms.low:.1%} to {alarms.high:.1%}) "
            f"| {one.found / one.tries:.0%} | {one.possible:.0%} "
            f"| {one.large_found / one.tries:.0%} | {one.large_passed} of {one.tries} |"
        )
    suites = sum(one.suites for one in rows)
    alarms = wilson_interval(sum(one.failed for one in rows), suites)
    print(
        f"\nAll {suites} suites without a change: exit 1 in {alarms.median:.2%} "
        f"({alarms.low:.2%} to {alarms.high:.2%})"
    )


def run(suites: int, seed: int, *, as_json: bool) -> None:
    """Simulate and print."""
    rows = baselines(suites, seed)
    if as_json:
        json.dump([asdict(replace(one)) for one in rows], sys.stdout)
    else:
        show_baselines(rows)
