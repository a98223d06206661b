"""Short trials of known length by the real worker of a trial, and what they have counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from iomodels.engines.spec import EngineSpec, variants
from iomodels.measure.plan import planned_cell
from iomodels.python.registry import ENGINES
from iomodels.trials.child import Child
from iomodels.trials.failures import check_conditions
from iomodels.trials.launch import Launch
from iomodels.trials.planned import Command, PlannedCell, PlannedTrial
from iomodels.trials.preparation import Preparation
from iomodels.trials.record import Record, new_record
from iomodels.workload.point import Point, point_from_parameters

OPERATIONS = 200
LONG_S = 30.0
ALL_BYTES = {"verify": 1}
"""Every byte is compared; of connections a scenario asks for samples only."""

PYTHON = {spec.canonical: spec for name in ENGINES for spec in variants(name)}
"""Every engine in Python with all of its options, as a user writes them."""

_FILE = {"channel.kind": "file", "channel.size": 1 << 20, "load.block": 4096}
_PIPE = {"channel.kind": "pipe", "channel.exchange": "echo", "load.block": 64}
_UNIX = {"channel.kind": "socket", "channel.exchange": "echo", "load.block": 64}
_TCP = _UNIX | {"channel.family": "tcp"}
_STREAM = {"channel.exchange": "stream", "load.operation": "read", "load.block": 4096}
_WRITE = _STREAM | {"load.operation": "write", "load.block": 65536}
_TIMER = {"channel.kind": "timer", "channel.service": 50_000}
WORKS: Mapping[str, Mapping[str, object]] = {
    "timer": _TIMER | {"load.depth": 4},
    "deadline": {
        "channel.kind": "timer",
        "channel.service.distribution": "exponential",
        "channel.service.mean": 300_000,
        "load.depth": 4,
        "load.deadline": 500_000,
    },
    "file-read": _FILE | {"load.depth": 4},
    "file-direct": _FILE | {"load.depth": 2, "channel.cache": "direct"},
    "file-shared": _FILE | {"load.depth": 4, "channel.opens": 1},
    "file-sync": _FILE | {"load.depth": 2, "load.operation": "write", "load.sync": "data"},
    "file-mixed": _FILE | {"load.depth": 2, "load.operation": "mixed"},
    "file-append": _FILE | {"load.operation": "write", "channel.append": True},
    "pipe-echo": _PIPE | {"load.depth": 4},
    "pipe-read": _PIPE | _STREAM | {"load.depth": 2},
    "pipe-write": _PIPE | _WRITE | {"load.depth": 2},
    "unix-echo": _UNIX | {"load.depth": 4},
    "tcp-write": _TCP | _WRITE,
    "tcp-large": _TCP | {"load.depth": 2, "load.block": 1 << 18},
    "sizes": _UNIX | {"load.depth": 2, "load.block": "64 B/50:4 KiB/50"},
    "unix-server": _UNIX | {"channel.role": "server", "load.depth": 2, "load.descriptors": 8},
    "tcp-server": _TCP | {"channel.role": "server"},
    "idle": _UNIX | {"load.descriptors": 8},
}
"""What is transferred, by keys of a scenario: each channel, in each role."""


@cache
def point_of(work: str, depth: int = 0) -> Point:
    """The point of a work; with another depth, if that is not 0."""
    changed = {"load.depth": depth} if depth else {}
    return point_from_parameters(work, {**WORKS[work], **changed})


def cell_of(spec: EngineSpec, work: str) -> PlannedCell:
    """The engine with that work, as deep as it can."""
    return planned_cell(0, point_of(work, spec.caps["max_depth"]), spec, [spec])


@dataclass(frozen=True)
class Moved:
    """What one slice has counted."""

    operations: int
    in_window: int
    bytes: int
    verified: int
    cancelled: int
    calls: Mapping[str, int]


def moved(record: Record) -> Moved:
    return Moved(
        operations=record.field("slice_operations"),
        in_window=record.field("window_operations"),
        bytes=record.field("window_bytes"),
        verified=record.field("verified_words"),
        cancelled=record.field("cancelled_operations"),
        calls=record.table("calls"),
    )


def with_all_bytes(command: Command) -> Command:
    return replace(command, settings={**command.settings, **ALL_BYTES})


def run(
    preparation: Preparation,
    cell: PlannedCell,
    slices: int = 2,
    operations: int = OPERATIONS,
    launch: Launch | None = None,
) -> list[Moved]:
    """Slices of so many operations each. Raises `TrialError` where one fails."""
    planned = PlannedTrial(0, 0, cell, LONG_S, 0.0)
    found = []
    with (
        preparation.command(planned) as command,
        new_record() as record,
        Child(with_all_bytes(command), record, launch) as child,
    ):
        child.open()
        for _ in range(slices):
            child.run_slice(LONG_S, lambda _: None, operations=operations)
            found.append(moved(record))
        child.close()
        check_conditions(record, command.settings)
    return found
