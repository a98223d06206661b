"""What a history can find now, and what it will be able to find with more runs: one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from iomodels.base.units import counted
from iomodels.comparison import wording
from iomodels.comparison.metrics import COUNTER_PREFIX
from iomodels.comparison.schema import Change
from iomodels.comparison.unpaired_verdicts import MORE_RUNS
from iomodels.results.schema import Notice, Run
from iomodels.statistics.history import COMMON_FROM

ENOUGH_RUNS = 5
"""From so many on a history shows by itself how much runs differ (`benchmarks/gate.py
--baseline`)."""


def notices(changes: Sequence[Change], bases: Sequence[Run]) -> list[Notice]:
    """The sentence, if anything was judged."""
    judged = [c for c in changes if c.judged and not c.metric.startswith(COUNTER_PREFIX)]
    now = [c.detectable for c in judged if c.detectable is not None]
    later = [c.detectable_later for c in judged if c.detectable_later is not None]
    if not now or not later:
        return []
    runs = len(bases)
    text = (
        f"with {counted(runs, 'base run')} a loss of {_loss(median(now))} is detectable in the "
        f"median cell, and of {_loss(max(now))} in the worst"
    )
    if runs < COMMON_FROM:
        text += (
            f": how much runs on this machine differ is still assumed, not measured; with "
            f"{ENOUGH_RUNS} base runs or more, recorded at different times, it is"
        )
        return [Notice("few-runs", text)]
    text += f"; with {runs + MORE_RUNS} about {_loss(median(later))} and {_loss(max(later))}"
    return [Notice("power", text)]


def _loss(ratio: float) -> str:
    return wording.share(ratio / (1 + ratio))
