"""Whether every byte arrives: writes and verifies GiBs with every engine on every channel.

    python benchmarks/integrity.py [--gib N] [--seconds S] [--engine NAME] [--folder PATH] [--json]

Nothing here is timed. Each cell (an engine, a channel, a kind of work) runs in a process of its own
with `verify` on, so that whoever reads compares every byte: what was written to a file is read back
as a whole after each pass over it, and at the other end of pipes and sockets the peer compares what
it gets. Ends with 1 where a byte was different or a cell failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from iomodels import _core
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import EngineSpec, parse, variants
from iomodels.trials.record import Record, new_record

GIB, MIB = 1 << 30, 1 << 20
SEED = 7
LONG_NS = 600 * 10**9
HANGS_AFTER_S = 60
"""So much longer than its bound may a cell take."""
PASS_BYTES = 16 * MIB
"""Moved between two looks at the bound, and the size of a data file."""
PEER_SAW_WRONG_BYTES = (65 << 8) + 1
"""The record's `peer_status` for that exit code (`core/channels/peer.h`)."""
READ, WRITE, MIXED = 0, 1, 2
DEPTH = 4
SMALL = 16
"""So few combinations of an engine's options are all run, unless engines are named."""

WORKS: Mapping[str, Mapping[str, Mapping[str, int]]] = {
    "file": {
        "read": {"workload": READ, "block": 4096},
        "write": {"workload": WRITE, "block": 4096, "pattern": 0},
        "write large": {"workload": WRITE, "block": 1 << 18, "pattern": 0},
        "write anywhere": {"workload": WRITE, "block": 12288, "sync": 1},
        "mixed": {"workload": MIXED, "block": 4096},
    },
    "file direct": {
        "read": {"workload": READ, "block": 1 << 16, "file_cache": 1},
        "write": {"workload": WRITE, "block": 1 << 16, "file_cache": 1, "pattern": 0},
        "mixed": {"workload": MIXED, "block": 1 << 16, "file_cache": 1},
    },
    "file cold": {"read": {"workload": READ, "block": 1 << 14, "file_cache": 2}},
    **{
        channel: {
            "read": {"exchange": 1, "workload": READ, "block": 1 << 16, **family},
            "write": {"exchange": 1, "workload": WRITE, "block": 1 << 16, **family},
            "echo": {"exchange": 0, "block": 8192, **family},
            "echo large": {"exchange": 0, "block": 300_007, **family},
            "server": {"server": 1, "outstanding": 3, "block": 8192, **family},
        }
        for channel, family in {"pipe": {}, "unix": {"family": 0}, "tcp": {"family": 1}}.items()
    },
}
"""The core's settings by column of the table and kind of work."""
BOTH_WAYS = ("echo", "echo large", "server")


@dataclass(frozen=True)
class Cell:
    """What one process does: so many bytes, or as many as fit into the bound."""

    engine: str
    column: str
    work: str
    bytes_wanted: int
    seconds: float
    folder: str
    spoil: bool

    @property
    def on_file(self) -> bool:
        """Whether it works on a data file."""
        return self.column.startswith("file")

    @property
    def channel(self) -> str:
        """The channel's name in the core."""
        if self.on_file:
            return "file"
        return "pipe" if self.column == "pipe" else "socket"


@dataclass(frozen=True)
class Outcome:
    """What became of a cell. `reason` is set unless all went well; `missing` where it cannot run.

    `verified` counts bytes of which each was compared with what it has to be; of random writes
    no more than were read back.
    """

    moved: int = 0
    verified: int = 0
    difference: str | None = None
    reason: str | None = None
    missing: str | None = None


# A cell's own process


def run_cell(cell: Cell) -> Outcome:
    """Do one cell here."""
    caps = parse(cell.engine).caps
    settings = {"seed": SEED, "verify": 1, "depth": DEPTH, **WORKS[cell.column][cell.work]}
    if caps["max_depth"]:
        settings["depth"] = min(settings["depth"], caps["max_depth"])
    if caps["waits_for_all"] and cell.work == "server":
        settings["depth"] = 1
    missing = _missing(cell, settings)
    if missing:
        return Outcome(missing=missing)
    if not cell.on_file:
        return _run_slices(cell, settings)
    fd = _core.make_file(cell.folder, PASS_BYTES, SEED)
    try:
        if settings.get("file_cache") == 1 and not _core.direct_alignment(fd):
            return Outcome(missing="the file system has no direct I/O")
        if cell.spoil:
            os.pwrite(fd, bytes([os.pread(fd, 1, PASS_BYTES // 3)[0] ^ 1]), PASS_BYTES // 3)
        file = {"file_fd": fd, "file_size": PASS_BYTES, "file_seed": SEED}
        return _run_slices(cell, settings | file)
    finally:
        os.close(fd)


def _missing(cell: Cell, settings: Mapping[str, int]) -> str | None:
    """Why the engine cannot do this, or cannot work on this machine."""
    spec = parse(cell.engine)
    if not spec.caps["files" if cell.on_file else "streams"]:
        return f"it does not work on {'files' if cell.on_file else 'streams'}"
    answers = _core.ask(spec.name, cell.channel, {**settings, **spec.settings})
    return answers["cannot"] or answers["probe"]


def _run_slices(cell: Cell, settings: Mapping[str, int]) -> Outcome:
    moved = verified = 0
    ways = 2 if cell.work in BOTH_WAYS else 1
    operations = max(1, min(PASS_BYTES, cell.bytes_wanted) // (settings["block"] * ways))
    deadline = time.monotonic() + cell.seconds
    with new_record() as record:
        spec = parse(cell.engine)
        loop = _core.Loop(spec.name, cell.channel, {**settings, **spec.settings}, record.fd)
        error = 0 if loop.is_open() else record.field("error")
        while not error and verified < cell.bytes_wanted and time.monotonic() < deadline:
            error = loop.run(LONG_NS, operations)
            here = record.field("slice_operations") * settings["block"] * ways
            moved += here
            if not error:
                verified += _verified(record, cell, settings, here)
        error = error or loop.close()
        return _outcome(record, error, moved, verified)


def _verified(record: Record, cell: Cell, settings: Mapping[str, int], moved: int) -> int:
    if not cell.on_file:
        return moved
    if settings["workload"] == WRITE:
        return min(moved, int(record.field("read_back_bytes")))
    # Of mixed work the reads; that the writes are read back as well comes on top.
    return 8 * int(record.field("verified_words"))


def _outcome(record: Record, error: int, moved: int, verified: int) -> Outcome:
    if not error:
        return Outcome(moved, verified)
    stage, number = record.stage, record.field("error")
    if stage == "verify" or record.field("peer_status") == PEER_SAW_WRONG_BYTES:
        where = f"a byte at {record.field('error_offset')} is not what it has to be"
        return Outcome(moved, verified, difference=where, reason=where)
    reason = f"failed at stage {stage}: {os.strerror(number)}"
    return Outcome(moved, verified, reason=reason)


# The parent


def in_a_process(cell: Cell) -> Outcome:
    """Run the cell in a process of its own; its end, however it comes, is an outcome."""
    command = [sys.executable, str(Path(__file__).resolve()), "--cell", json.dumps(asdict(cell))]
    with tempfile.TemporaryFile("w+") as errors:
        try:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                timeout=cell.seconds + HANGS_AFTER_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Outcome(reason="hung, and was killed")
        errors.seek(0)
        words = errors.read().strip().splitlines()[-1:]
    if done.returncode != 0:
        return Outcome(reason=" ".join([f"its process ended with {done.returncode}", *words]))
    return Outcome(**json.loads(done.stdout))


def cells(options: argparse.Namespace) -> Iterator[Cell]:
    """Every engine that moves data with all that it can be asked to do; the bytes shared out."""
    count = len(options.engine) * sum(len(works) for works in WORKS.values())
    wanted = int(options.gib * GIB) // count + 1
    for engine in options.engine:
        for column, works in WORKS.items():
            for work in works:
                yield Cell(
                    engine, column, work, wanted, options.seconds, options.folder, options.spoil
                )


def main() -> int:
    """Read the command line, run all cells, print; 1 where something is wrong."""
    options = _options()
    if options.cell:
        json.dump(asdict(run_cell(Cell(**json.loads(options.cell)))), sys.stdout)
        return 0
    todo = list(cells(options))
    # A few at a time: that they disturb each other is welcome here.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        outcomes = dict(zip(todo, pool.map(in_a_process, todo), strict=True))
    if options.json:
        json.dump(_plain(outcomes), sys.stdout, indent=1)
        print()
    else:
        _show(outcomes, options.gib)
    return 1 if any(outcome.reason for outcome in outcomes.values()) else 0


def _plain(outcomes: Mapping[Cell, Outcome]) -> dict[str, object]:
    return {
        "moved": sum(outcome.moved for outcome in outcomes.values()),
        "verified": sum(outcome.verified for outcome in outcomes.values()),
        "differences": sum(outcome.difference is not None for outcome in outcomes.values()),
        "cells": [
            {
                **{"engine": cell.engine, "channel": cell.column, "work": cell.work},
                **asdict(outcome),
            }
            for cell, outcome in outcomes.items()
        ],
    }


def _show(outcomes: Mapping[Cell, Outcome], asked: float) -> None:
    # Here, since each cell's process would pay for them.
    from rich.console import Console
    from rich.table import Table

    console = Console(width=120)
    table = Table(title="MiB verified")
    for heading in ("", *WORKS, "all"):
        table.add_column(heading, justify="right" if heading else "left")
    for engine in dict.fromkeys(cell.engine for cell in outcomes):
        by_column = [
            sum(o.verified for c, o in outcomes.items() if (c.engine, c.column) == (engine, column))
            for column in WORKS
        ]
        table.add_row(engine, *(_mib(bytes_) for bytes_ in (*by_column, sum(by_column))))
    console.print(table)
    total = _plain(outcomes)
    console.print(
        f"moved {_gib(total['moved'])}, verified {_gib(total['verified'])} of {asked:g} asked for, "
        f"differences: {total['differences'] or 'none'}"
    )
    for cell, outcome in outcomes.items():
        said = outcome.reason or (outcome.missing and f"n/a: {outcome.missing}")
        if said:
            console.print(f"{cell.engine}, {cell.column}, {cell.work}: {said}", markup=False)


def _mib(bytes_: int) -> str:
    return f"{bytes_ / MIB:,.0f}"


def _gib(bytes_: object) -> str:
    assert isinstance(bytes_, int)
    return f"{bytes_ / GIB:.2f} GiB"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Writes and verifies GiBs with every engine on every channel."
    )
    every = {name: variants(name) for name in DESCRIPTORS if parse(name).caps["moves_data"]}
    engines = [spec.canonical for specs in every.values() for spec in specs]
    few = [spec.canonical for specs in every.values() for spec in _few(specs)]
    parser.add_argument("--gib", type=float, default=10, help="how much in all (default 10)")
    parser.add_argument(
        "--seconds", type=float, default=20, help="the bound of a cell's time (default 20)"
    )
    parser.add_argument(
        "--engine", action="append", choices=engines, help="this engine only (repeat)"
    )
    parser.add_argument("--folder", default="/var/tmp", help="where the data files are made")
    parser.add_argument(
        "--spoil",
        action="store_true",
        help="change a byte of each data file first, to see it found",
    )
    parser.add_argument("--json", action="store_true", help="print data instead of the table")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.gib <= 0 or options.seconds <= 0:
        parser.error("--gib and --seconds must be more than 0")
    options.engine = options.engine or few
    return options


def _few(specs: Sequence[EngineSpec]) -> Sequence[EngineSpec]:
    """All, or of many those with one option."""
    return specs if len(specs) <= SMALL else [spec for spec in specs if len(spec.options) <= 1]


if __name__ == "__main__":
    sys.exit(main())
