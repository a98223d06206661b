"""A run as a history keeps it: small, with every value that is shown or judged.

What takes the room in a result is histograms (85 %): several of up to some hundred buckets in each
trial. What is read from them, round by round, is a few percentiles. So each trial keeps the buckets
of those, exactly, and the cell one histogram of all rounds for the pictures. The summary, which
follows from the trials, is left out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from iomodels.results.read import HISTOGRAMS
from iomodels.results.schema import Cell, Run, Trial
from iomodels.statistics.histogram import QUANTILES, merge
from iomodels.statistics.thinning import FEWEST, only_quantiles, thinned

OF_LATENCY = (0.01, 0.1, *QUANTILES)
"""With the bands of the picture over the rounds."""
DIGITS = 6
_ROUNDED = ("throughput_bytes", "cpu_share", "eagain_per_op", "depth_mean", "harness_ns_per_op")
"""Of these only a few digits are shown, and no gate judges them."""


def small(run: Run) -> Run:
    """The run with the fewest buckets that keep its percentiles, without summaries and timelines.

    What a gate can judge stays exactly what it was, and so do the percentiles that are shown; means
    of times stay within 0.5 %. The harness keeps its summary alone, unless it was measured alone.
    """
    alone = all(cell.is_harness for cell in run.cells)
    cells = [_harness(c) if c.is_harness and not alone else _cell(c) for c in run.cells]
    return msgspec.structs.replace(run, cells=cells)


def _harness(cell: Cell) -> Cell:
    """What the loop costs is in every other cell's trials, too."""
    return msgspec.structs.replace(cell, trials=[]) if cell.summary is not None else cell


def _cell(cell: Cell) -> Cell:
    if not cell.trials:
        return cell
    together = cell.latency_ns or merge(trial.latency_ns for trial in cell.trials)
    return msgspec.structs.replace(
        cell,
        trials=[_trial(trial) for trial in cell.trials],
        summary=None,
        latency_ns=thinned(together, FEWEST),
    )


def _trial(trial: Trial) -> Trial:
    changed: dict[str, Any] = {name: _rounded(getattr(trial, name)) for name in _ROUNDED}
    for name in HISTOGRAMS:
        histogram = getattr(trial, name)
        if histogram is not None:
            quantiles = OF_LATENCY if name == "latency_ns" else QUANTILES
            changed[name] = only_quantiles(histogram, quantiles)
    switches = trial.context_switches_per_op
    changed["context_switches_per_op"] = msgspec.structs.replace(
        switches,
        voluntary=_rounded(switches.voluntary),
        involuntary=_rounded(switches.involuntary),
    )
    return msgspec.structs.replace(trial, timeline=None, **changed)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
