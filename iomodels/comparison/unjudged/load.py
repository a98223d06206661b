"""Runs of which one was measured on a quieter machine than the other: another load, no change.

Each run keeps the cores that other processes used in its median trial (`Run.others_cores`). Where
they differ clearly, a loss or a gain of times says nothing of what is compared: it is inconclusive,
with the reason. Calls per operation are judged all the same, and CPU per operation with a margin
(`MOVES_CPU`) where the machine is busier now.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from statistics import median

from msgspec.structs import replace

from iomodels.analysis.quantities import CPU
from iomodels.base.units import counted
from iomodels.comparison import matching
from iomodels.comparison.metrics import COUNTER_PREFIX
from iomodels.comparison.schema import Change
from iomodels.machine import noise
from iomodels.results.schema import Notice, Run
from iomodels.statistics.rounds import MIN_ROUNDS

LEFT_OUT, DIFFERS = "busy-left-out", "load-differs"
"""The codes of the notices that busy base runs do not count, and that the load is another one."""
MOVES_CPU = 0.25
"""So much more CPU per operation a busier machine explains: colder caches, a busy sibling CPU. It
was 17 % in cached reads with both CPUs kept busy. (Engines that sleep had up to 38 % less, and aio
75 %: a CPU that is never idle wakes them at once. So beside a busy baseline CPU is not judged.)"""


def of_run(run: Run) -> float:
    """The cores that others used in its median trial: of files that do not keep it, the least that
    their notices mean."""
    if run.others_cores is not None:
        return run.others_cores
    busy = any(notice.code == noise.BUSY_THROUGHOUT for notice in run.warnings)
    return noise.busy_cores(_cores(run)) if busy else 0.0


def _cores(run: Run) -> int:
    online = run.environment.get("cores_online")
    return online if isinstance(online, int) and online > 0 else 1


def is_busy(run: Run) -> bool:
    """Whether others used so much of the machine in most trials that its times say little."""
    return of_run(run) >= noise.busy_cores(_cores(run))


def quiet(runs: Sequence[Run]) -> tuple[list[Run], list[Notice]]:
    """The runs without the cells of busy ones that a quiet one has measured, and a notice of it."""
    there = {
        key
        for run in runs
        if not is_busy(run)
        for key, cell in matching.cells_by_key(run).items()
        if cell.trials
    }
    kept = [_without(run, there) if is_busy(run) else run for run in runs]
    fewer = sum(was is not now for was, now in zip(runs, kept, strict=True))
    if not fewer:
        return list(runs), []
    message = (
        f"{fewer} of {counted(len(runs), 'base run')} measured while other processes kept the CPUs "
        "busy: not used, since quiet ones remain"
    )
    return [run for run in kept if run.cells], [Notice(LEFT_OUT, message)]


def _without(run: Run, there: Set[matching.Key]) -> Run:
    cells = [cell for cell in run.cells if matching.key_of(cell) not in there]
    measured = any(cell.trials and not cell.is_harness for cell in cells)
    return run if len(cells) == len(run.cells) else replace(run, cells=cells if measured else [])


@dataclass(frozen=True)
class Loads:
    """What others used while each base run was measured, and the new one: in cores of `cores`."""

    bases: Sequence[float]
    new: float
    cores: int

    @property
    def base(self) -> float:
        """In the usual base run."""
        return median(self.bases)

    @property
    def differ(self) -> bool:
        """Whether by so much that times of the two say little of each other: it is far from that of
        every base run. (What differs among those is in the spread between them.)"""
        far = noise.busy_cores(self.cores)
        return not min(self.bases) - far < self.new < max(self.bases) + far

    @property
    def sentence(self) -> str:
        """What differs, and what to do about it."""
        what = (
            f"other processes used {self.new:.1f} of {self.cores} cores now, and {self.base:.1f} "
            "in the baseline"
        )
        if self.new > self.base:
            return f"{what}: run it again when the machine is quiet, or judge -m {CPU.metric}"
        return f"{what}: record the baseline again when the machine is quiet"

    @property
    def notices(self) -> list[Notice]:
        return [Notice(DIFFERS, self.sentence)] if self.differ else []

    def weighed(self, change: Change) -> Change:
        """The change; where it is one of times and the load explains it, it is no verdict."""
        if not self.differ or not _is_timing(change):
            return change
        if self.new > self.base and _holds(change):
            return change
        return replace(
            change,
            verdict="inconclusive",
            suspect=change.suspect or change.verdict == "slower",
            # Beside a busy baseline even a loss looks like a gain: nothing was compared.
            judged=change.judged and self.new > self.base,
            reason=self.sentence,
        )


def weighed(changes: Sequence[Change], loads: Mapping[matching.Key, Loads]) -> list[Change]:
    """The changes, each weighed by the load of the base runs that its cell is compared with. All
    cells together are as comparable as the least of them."""
    # Beside a busier baseline nothing is compared: that outranks a machine that is busier now.
    unlike = [one for one in loads.values() if one.differ]
    worst = max(unlike, key=lambda one: one.base, default=None)
    found = []
    for change in changes:
        key = change.scenario, frozenset(change.parameters.items()), change.engine
        load = loads.get(key, worst)
        found.append(load.weighed(change) if load else change)
    return found


def _holds(change: Change) -> bool:
    """Whether it is a verdict although the machine is busier now: the same in spite of it, or a
    loss that it does not explain."""
    if change.verdict == "same":
        return True
    return change.metric == CPU.metric and change.verdict == "slower" and _loss(change) > MOVES_CPU


def _is_timing(change: Change) -> bool:
    """Whether it is a time, and would be a verdict on it."""
    timed = change.ratio is not None and not change.metric.startswith(COUNTER_PREFIX)
    judged = change.judged and change.rounds >= MIN_ROUNDS
    return timed and judged and change.verdict in ("slower", "faster", "same", "inconclusive")


def _loss(change: Change) -> float:
    assert change.ratio is not None
    ratio = change.ratio.median
    return (1 / ratio if change.bigger_is_better else ratio) - 1 if ratio > 0 else math.inf


def between(bases: Sequence[Run], new: Run) -> Loads:
    """The loads of the base runs and of the new one."""
    return Loads([of_run(run) for run in bases], of_run(new), _cores(new))
