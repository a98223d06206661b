"""One trial of one cell, watched by strace, and what comes back of it as a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from tempfile import NamedTemporaryFile

from iomodels.base.errors import Paused
from iomodels.engines.spec import EngineSpec, of_scenario, parse
from iomodels.measure import plan
from iomodels.observe.from_log import observation_of
from iomodels.observe.live.strace import Strace, find_strace
from iomodels.observe.scenarios import scenarios_of
from iomodels.observe.seen import Observation, Work
from iomodels.observe.tally import CALLS
from iomodels.trials.child import Child
from iomodels.trials.launch import own_launch
from iomodels.trials.planned import PlannedCell, PlannedTrial
from iomodels.trials.preparation import Preparation
from iomodels.trials.record import new_record
from iomodels.workload.channels import FileChannel, PipeChannel, SocketChannel, Value
from iomodels.workload.point import Point, assign, settle
from iomodels.workload.scenario import points, resolve, shipped
from iomodels.workload.writing import WrittenScenario

DURATION_S = 0.3
BLOCK, DEPTH, SHARE = 0.01, 0.10, 0.05
"""How far a value may be from what it was, as a share of it."""


@dataclass(frozen=True)
class Cell:
    """One point of a shipped scenario with one engine that can run it."""

    point: Point
    engine: EngineSpec

    @property
    def name(self) -> str:
        """For tests and tables."""
        label = f" ({self.point.label})" if self.point.label else ""
        return f"{self.point.scenario}{label} × {self.engine.canonical}"


@dataclass(frozen=True)
class Back:
    """What came back of it: the work, its scenario, and what is different from what it was."""

    work: Work | None
    differences: tuple[str, ...]
    observation: Observation


def cells(names: Sequence[str] = ()) -> list[Cell]:
    """Of each scenario the first and the last point, with each of its engines that can do it."""
    found = []
    for scenario in resolve(list(names or shipped())):
        all_points = points(scenario)
        for point in dict.fromkeys([all_points[0], all_points[-1]]):
            for engine in of_scenario(scenario):
                if plan.planned_cell(0, point, engine).na_reason is None:
                    found.append(Cell(point, engine))
    return found


@cache
def strace() -> Strace:
    """The one of this machine."""
    return find_strace(CALLS)


@contextmanager
def prepared() -> Iterator[Preparation]:
    """What several trials share, as in a run."""
    with Preparation(seed=1) as preparation:
        yield preparation


def watched(cell: Cell, preparation: Preparation, duration_s: float = DURATION_S) -> Observation:
    """What strace sees of one slice of the trial's process, and of its peer."""
    planned = PlannedTrial(0, 0, PlannedCell(0, cell.point, cell.engine), duration_s, 0.0)
    with (
        NamedTemporaryFile() as log,
        preparation.command(planned) as command,
        new_record() as record,
    ):
        launch = replace(own_launch(), prefix=(*strace().command(log.name), "--"), forks=True)
        with Child(command, record, launch) as child:
            child.open()
            with suppress(Paused):  # to the watchdog, what is traced looks as if it were stopped
                child.run_slice(duration_s, lambda operations: None)
            child.close()
        observation = observation_of(log.file)
    assert observation.lines_not_understood == 0
    return observation


def back(cell: Cell, observation: Observation) -> Back:
    """The hottest work of the kind that the cell is about, compared with what it was."""
    works = [
        (work, scenario)
        for work, scenario in zip(observation.works, scenarios_of(observation), strict=True)
        if _is_about(work, cell.point)
    ]
    if not works:
        kinds = ", ".join(scenario.name for scenario in scenarios_of(observation)) or "nothing"
        return Back(None, (f"it is not there ({kinds})",), observation)
    work, scenario = works[0]
    return Back(work, tuple(_differences(cell, work, scenario)), observation)


def _is_about(work: Work, point: Point) -> bool:
    """Of a conversation both sides are in the log, and of a stream both directions."""
    channel = point.channel
    if work.kind != channel.kind:
        return False
    if not isinstance(channel, PipeChannel | SocketChannel):
        return True
    if channel.exchange == "echo":
        return work.role == channel.role
    return (work.read_share >= 0.5) == (point.load.operation == "read")


def _differences(cell: Cell, work: Work, scenario: WrittenScenario) -> Iterator[str]:
    flat: dict[str, Value] = {}
    for key, value in scenario.settings.items():
        assign(flat, key, value)
    was, now = cell.point, settle(scenario.name, flat, scenario.name)
    for key, before, after in _kept(was, now):
        if before != after:
            yield f"{key} {after}"
    if was.channel.kind != "timer" and _is_off(now.load.block.mean, was.load.block.mean, BLOCK):
        yield f"block {now.load.block}"
    if _is_off(now.load.depth, was.load.depth, DEPTH):
        yield f"depth {now.load.depth}"
    if was.load.operation == "mixed" and _is_off(now.load.read_share, was.load.read_share, SHARE):
        yield f"read_share {now.load.read_share}"
    if isinstance(was.channel, PipeChannel | SocketChannel):
        connections = [max(each.load.descriptors, each.load.depth) for each in (now, was)]
        if _is_off(*connections, DEPTH):
            yield f"descriptors {connections[0]}"
    if work.model.partition(":")[0] != cell.engine.name:
        yield f"model {work.model}"
    if reason := plan.planned_cell(0, now, parse(work.model)).na_reason:
        yield f"today is n/a there: {reason}"


def _kept(was: Point, now: Point) -> Iterator[tuple[str, object, object]]:
    """Each thing that must be the same in both, by its name."""
    yield "operation", was.load.operation, now.load.operation
    yield "sync", was.load.sync, now.load.sync
    if isinstance(was.channel, FileChannel) and isinstance(now.channel, FileChannel):
        if not was.channel.append:
            yield "pattern", was.load.pattern, now.load.pattern
        yield "append", was.channel.append, now.channel.append
        yield "cache", was.channel.cache, now.channel.cache
    for name in ("exchange", "role", "family"):
        if hasattr(was.channel, name):
            yield name, getattr(was.channel, name), getattr(now.channel, name)


def _is_off(now: float, was: float, share: float) -> bool:
    return abs(now - was) > share * was
