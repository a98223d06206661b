"""All cells together: what is taken off each cell is judged in a line of its own."""

from __future__ import annotations

import numpy as np
import pytest

from iomodels.comparison.metrics import SUITE
from iomodels.comparison.runs import Judgement, judge_runs
from iomodels.comparison.schema import Change
from iomodels.results.schema import Run

from ..factory import make_cell, make_run, make_trial

CELLS, RUNS = 9, 6


def run(rng: np.random.Generator, cpu: float = 1.0, speed: float = 1.0) -> Run:
    """Nine cells on a machine that differs by 2 % from run to run, in all of them together."""
    common = rng.normal(0, 0.02)
    cells = []
    for depth in range(1, CELLS + 1):
        noise = rng.normal(common, 0.003, (7, 2))
        trials = [
            make_trial(
                number,
                throughput_ops=1e5 * speed * float(np.exp(here[0])),
                cpu_ns_per_op=1e3 * cpu * float(np.exp(here[1])),
            )
            for number, here in enumerate(noise)
        ]
        cells.append(make_cell(trials=trials, parameters={"load.depth": depth}))
    return make_run(cells)


def together(new: Run, rng: np.random.Generator, *metric_keys: str) -> dict[str, Change]:
    changes = judge_runs([run(rng) for _ in range(RUNS)], new, Judgement(0.05, metric_keys, 0.006))
    return {change.label: change for change in changes if change.metric == SUITE.metric}


def test_a_loss_of_all_cells_is_the_line_about_all_of_them() -> None:
    rng = np.random.default_rng(1)
    assert together(run(rng), rng)[""].verdict not in ("slower", "faster")
    assert together(run(rng, speed=0.6), rng)[""].verdict == "slower"


@pytest.mark.parametrize("lost", [{"cpu": 1.6}, {"speed": 0.6}])
def test_each_metric_has_such_a_line(lost: dict[str, float]) -> None:
    """What all cells lose in the second metric only must not get lost."""
    rng = np.random.default_rng(2)
    found = together(run(rng, **lost), rng, "throughput_ops", "cpu_ns_per_op")
    assert set(found) == {"throughput", "CPU per operation"}
    slower = [label for label, change in found.items() if change.verdict == "slower"]
    assert slower == ["CPU per operation" if "cpu" in lost else "throughput"]
