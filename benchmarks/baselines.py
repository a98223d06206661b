"""How often `check --baseline` fails although nothing changed: simulated machines.

    python benchmarks/gate.py --baseline [--suites N]

They differ from run to run, in all cells together and in each by itself. Every cell is judged as
one that was measured again. What is judged is made up; how is
`iomodels.comparison.unpaired_verdicts`' own.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence

import numpy as np

from iomodels.comparison import metrics, unpaired_verdicts, verdict
from iomodels.comparison.schema import Outcome
from iomodels.comparison.unpaired_verdicts import Judgement, NamedTiming, Timing
from iomodels.results.schema import Cell
from iomodels.statistics import sign_flip
from iomodels.statistics.rounds import wilson_interval

SIMULATED = NamedTiming(("simulated", frozenset(), ""), "", Cell("simulated", {}, "", "ok"))
BASE_RUNS = (1, 2, 3, 5)
SPREADS = ((0.03, 0.005), (0.05, 0.005), (0.005, 0.03), (0.005, 0.05), (0.035, 0.035))
"""Standard deviations between runs: common to all cells, and each cell's own (logs)."""
BASELINE_CELLS, BASE_ROUNDS, FRESH_ROUNDS, ROUND_NOISE = 11, 7, 20, 0.01


def baseline_suite(
    rng: np.random.Generator, runs: int, spread: tuple[float, float], loss: float = 0.0
) -> Outcome:
    """One `check --baseline`: every cell judged by fresh rounds, cell 0 slower by `loss`."""
    common, own = spread
    levels = rng.normal(0, common, runs + 1) + rng.normal(0, own, (BASELINE_CELLS, runs + 1))
    levels[0, -1] -= math.log1p(loss)
    timed = [
        Timing(
            SIMULATED,
            metrics.METRICS["throughput_ops"],
            [rng.normal(level, ROUND_NOISE, BASE_ROUNDS).tolist() for level in row[:-1]],
            rng.normal(row[-1], ROUND_NOISE, FRESH_ROUNDS).tolist(),
            confirmed=True,
        )
        for row in levels
    ]
    found = unpaired_verdicts.judge_timings(timed, Judgement(0.05, (), sign_flip.CONFIRM_ALPHA))
    return verdict.outcome(found, undecided="pass", comparable=True)


def baselines(suites: int, seed: int) -> list[dict[str, float]]:
    """What suites against a baseline come to: A/A, and with one cell that takes twice as long."""
    rng = np.random.default_rng(seed)
    rows = []
    for spread in SPREADS:
        for runs in BASE_RUNS:
            same = [baseline_suite(rng, runs, spread) for _ in range(suites)]
            lost = [baseline_suite(rng, runs, spread, 1.0) for _ in range(max(1, suites // 4))]
            row = {"common": spread[0], "own": spread[1], "runs": runs, "suites": suites}
            rows.append(
                row
                | {
                    "failed": same.count("regression"),
                    "inconclusive": same.count("inconclusive"),
                    "found": lost.count("regression") / len(lost),
                }
            )
    return rows


def show_baselines(rows: Sequence[dict[str, float]]) -> None:
    """Print them as the table of the documentation."""
    print(
        "| between runs: common | own | base runs | suites | false failures | inconclusive "
        "| half as fast, found |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        rate = wilson_interval(int(row["failed"]), int(row["suites"]))
        unsure = row["inconclusive"] / row["suites"]
        print(
            f"| {row['common']:.1%} | {row['own']:.1%} | {row['runs']:.0f} | {row['suites']:.0f} "
            f"| {rate.median:.1%} ({rate.low:.1%} to {rate.high:.1%}) "
            f"| {unsure:.0%} | {row['found']:.0%} |"
        )


def run(suites: int, seed: int, *, as_json: bool) -> None:
    """Simulate and print."""
    rows = baselines(suites, seed)
    if as_json:
        json.dump(rows, sys.stdout)
    else:
        show_baselines(rows)
