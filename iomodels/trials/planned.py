"""What a trial is given: its cell, its place in the plan, its command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from iomodels.engines.ability import computes_in_parallel
from iomodels.engines.sources import SOURCES
from iomodels.engines.spec import EngineSpec
from iomodels.results.schema import HARNESSES, Plugin
from iomodels.workload.scenario import Point

PROCESS_S = 0.06
"""About what the process of a trial takes besides."""
PYTHON_S = 0.05
"""And that of an engine in Python, which imports its modules first."""
COLD_READ_S = 50e-6
"""About what a read of an SSD takes: only to estimate how long a file lasts that is read once."""


def plugins(names: Iterable[str]) -> dict[str, Plugin]:
    """Those of these engines that come from other packages, for a result."""
    found = {name: SOURCES[name].origin for name in names if name in SOURCES}
    return {
        name: Plugin(origin.package, origin.version, origin.sha256)
        for name, origin in found.items()
        if origin is not None
    }


@dataclass(frozen=True)
class PlannedCell:
    """One scenario point × one engine. `na_reason` is set where the engine cannot do it."""

    index: int
    point: Point
    engine: EngineSpec
    na_reason: str | None = None
    note: str | None = None

    @property
    def is_harness(self) -> bool:
        """Whether this cell only measures what the loop itself costs."""
        return self.engine.name in HARNESSES


@dataclass(frozen=True)
class PlannedTrial:
    """One trial to run: `order` counts from 0 over the whole run."""

    round: int
    order: int
    cell: PlannedCell
    duration_s: float
    warmup_s: float

    @property
    def slices(self) -> int:
        """How often it measures for `duration_s`: with computation, each part by itself as well."""
        cell = self.cell
        has_parts = cell.point.load.compute and not computes_in_parallel(cell.engine, cell.point)
        return 3 if has_parts and not cell.is_harness else 1

    @property
    def takes_s(self) -> float:
        """About how long it takes with its process."""
        return self.expected_s + PROCESS_S + (PYTHON_S if self.cell.engine.in_python else 0.0)

    @property
    def expected_s(self) -> float:
        """About how long it warms up and measures: a file that is read once can end before."""
        reads = self.cell.point.reads_at_most
        longest_s = self.duration_s if reads is None else reads * COLD_READ_S
        return self.slices * min(self.duration_s, longest_s) + min(self.warmup_s, longest_s)


@dataclass(frozen=True)
class Command:
    """What a child is started with: names in the core's tables, settings, descriptors to keep.

    The engine's options are as a user writes them: their numbers are those of the core that runs
    it.
    """

    engine: str
    channel: str
    settings: Mapping[str, int]
    descriptors: tuple[int, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
