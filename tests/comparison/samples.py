"""Runs made of samples of throughputs, and what is read from their comparison."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from iomodels.comparison.runs import compare
from iomodels.comparison.schema import Change, Comparison
from iomodels.results.schema import Run

from ..factory import make_cell, make_run, make_trial

speeds = st.floats(min_value=1e3, max_value=1e6)
rounds = st.lists(speeds, min_size=1, max_size=12)


def run_of(*samples: list[float], **others: object) -> Run:
    """One cell for each sample, at another depth each; a sample is its rounds' throughputs."""
    cells = [
        make_cell(
            trials=[make_trial(n, throughput_ops=speed) for n, speed in enumerate(sample)],
            parameters={"load.depth": depth},
        )
        for depth, sample in enumerate(samples, start=1)
    ]
    return make_run(cells, **others)


def compared(base: Run, new: Run, **options: object) -> Comparison:
    return compare(base, new, base_name="base", new_name="new", **options)  # type: ignore[arg-type]


def timings(comparison: Comparison) -> list[Change]:
    return [change for change in comparison.changes if change.metric == "throughput_ops"]


def noisy(median: float, seed: int = 1, count: int = 12) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(median * value) for value in rng.lognormal(0, 0.02, count)]


def timings_of(changes: list[Change]) -> list[Change]:
    return [change for change in changes if change.metric == "throughput_ops"]
