"""How much the engines on event loops cost beyond plain servers, and uvloop against asyncio.

    python benchmarks/event_loops.py [--rounds N] [--quick] [--only plain|uvloop] [--json]

`plain`: python:asyncio and python:uvloop as servers against plain echo servers (plain_echo.py) with
the same API, event loop and clients: the core's own peer. Both processes are on one CPU.

`uvloop`: python:uvloop over python:asyncio as servers, on the echo of uvloop's README: three
connections, messages of 1 KiB and 100 KiB. It says 2 to 4 times.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import sides
from rows import Row, Target, interleave, ratio_row
from show import machine, report

from iomodels import _core

APIS = ("streams", "sock", "protocol")
LOOPS = ("asyncio", "uvloop")
SERVED = ((1, 64), (16, 64), (16, 4096))
"""Connections of a server, and bytes of each message."""
README_CONNECTIONS = 3
README_BLOCKS = (1 << 10, 100 << 10)
QUICK_SECONDS, SECONDS = 0.03, 0.3
OVERHEAD = Target(0.97, at_most=False)


@dataclass(frozen=True)
class Ask:
    """What the command line asks for, and which event loops there are."""

    bench: sides.Bench
    rounds: int
    quick: bool
    loops: tuple[str, ...]


@dataclass(frozen=True)
class Served:
    """What a server did: round trips per second, and its CPU time for each."""

    ops: float
    cpu_us: float


def against_plain(ask: Ask, clients: Path) -> list[Row]:
    """Round trips per second of each engine over those of a plain server."""
    bench = ask.bench

    def rows(loop: str, api: str, connections: int, block: int) -> list[Row]:
        settings = {
            **{"depth": connections, "block": block, "server": 1, "outstanding": 1},
            **_on_one_cpu(),
        }
        pairs = interleave(
            lambda: served(bench, f"python:{loop}:api={api}", settings),
            lambda: plain(bench, clients, loop, api, settings),
            ask.rounds,
        )
        name = f"server {connections}, {block} B, {loop}, {api}"
        return _two_rows(name, f"plain {loop}, {api}", pairs, (OVERHEAD, None))

    loads = SERVED[:1] if ask.quick else SERVED
    cases = [(loop, api, *load) for loop in ask.loops for api in APIS for load in loads]
    return [row for case in cases for row in rows(*case)]


def served(bench: sides.Bench, engine: str, settings: Mapping[str, int]) -> Served:
    """By a trial."""
    numbers = sides.trial(bench, engine, "socket", settings)
    return Served(numbers.ops, numbers.cpu_ns_per_op / 1e3)


def plain(
    bench: sides.Bench, clients: Path, loop: str, api: str, settings: Mapping[str, int]
) -> Served:
    """By a plain echo server."""
    words = [str(settings[name]) for name in ("depth", "block", "engine_cpu", "outstanding")]
    server = [sys.executable, "-I", str(sides.HERE / "plain_echo.py"), loop, api]
    arguments = [str(bench.seconds), str(bench.clock_q32), *words, *server]
    round_trips, ns, cpu_ns = map(int, sides.output([str(clients), *arguments]).split())
    return Served(round_trips * 1e9 / ns, cpu_ns / 1e3 / round_trips)


def _two_rows(
    name: str,
    against: str,
    pairs: list[tuple[Served, Served]],
    targets: tuple[Target | None, Target | None],
) -> list[Row]:
    trips = [(ours.ops, theirs.ops) for ours, theirs in pairs]
    cpu = [(ours.cpu_us, theirs.cpu_us) for ours, theirs in pairs]
    return [
        ratio_row(name, against, trips, "/s", targets[0]),
        ratio_row(f"{name}: CPU", against, cpu, "µs", targets[1]),
    ]


def _on_one_cpu() -> dict[str, int]:
    cpu = min(os.sched_getaffinity(0))
    return {"engine_cpu": cpu, "peer_cpu": cpu}


def uvloop_over_asyncio(ask: Ask) -> list[Row]:
    """Round trips per second over TCP, not pinned, and the server's CPU time for each."""
    bench = ask.bench

    def rows(api: str, block: int) -> list[Row]:
        settings = {
            **{"depth": README_CONNECTIONS, "block": block, "server": 1},
            **{"outstanding": README_CONNECTIONS},
            **sides.choices("family", "tcp"),
        }
        pairs = interleave(
            lambda: served(bench, f"python:uvloop:api={api}", settings),
            lambda: served(bench, f"python:asyncio:api={api}", settings),
            ask.rounds,
        )
        name = f"echo {block >> 10} KiB, uvloop, {api}"
        targets = Target(2, at_most=False), Target(0.5, at_most=True)
        return _two_rows(name, f"asyncio, {api}", pairs, targets)

    blocks = README_BLOCKS[:1] if ask.quick else README_BLOCKS
    return [row for api in APIS for block in blocks for row in rows(api, block)]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="pairs per row")
    parser.add_argument("--quick", action="store_true", help="only checks that everything works")
    parser.add_argument("--only", choices=("plain", "uvloop"))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        ask = Ask(
            bench=_bench(Path(folder), QUICK_SECONDS if asked.quick else SECONDS),
            rounds=asked.rounds,
            quick=asked.quick,
            loops=LOOPS if find_spec("uvloop") else LOOPS[:1],
        )
        if asked.only != "uvloop":
            rows += against_plain(ask, sides.build_bare_clients(Path(folder)))
        if asked.only != "plain" and ask.loops == LOOPS:
            rows += uvloop_over_asyncio(ask)
    report(rows, machine(None, None), as_json=asked.json)


def _bench(folder: Path, seconds: float) -> sides.Bench:
    """Without the bare loops and the file, which nothing here needs."""
    return sides.Bench(
        seconds=seconds,
        clock_q32=_core.clock_calibrate(100_000_000),
        bare=folder,
        bare_server=folder,
        file_fd=os.open(os.devnull, os.O_RDONLY),
        file_size=0,
        prefix=(),
        cpu=None,
    )


if __name__ == "__main__":
    main()
