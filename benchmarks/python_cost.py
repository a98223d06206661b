"""What measuring costs in Python: engines in Python against plain Python loops that do the same.

    python benchmarks/python_cost.py [--python PATH]… [--rounds N] [--only NAME] [--quick] [--json]

The plain loops (bare_python.py) take two `perf_counter_ns` per operation, as anyone would who
measures in Python. Each side is a process of its own, and both run in turns.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import sides
from rows import Row, Target, difference_row, interleave, ratio_row
from show import machine, report, with_common
from sides import BareNumbers, Bench, BenchmarkError, TrialNumbers
from speed import DATA_FOLDER, FILE, QUICK_FILE, QUICK_SECONDS, SECONDS

MOST_NS = Target(400, at_most=True)
"""What measuring may add to an operation."""
SERVER = Target(0.97, at_most=False)
CONNECTIONS, THREADS = 16, 4
STAMPED = "plain loop, two stamps"


Pairs = list[tuple[TrialNumbers, BareNumbers]]


@dataclass(frozen=True)
class Ask:
    """What the command line asks for, for one interpreter."""

    bench: Bench
    peer: Path
    rounds: int
    version: str


def nothing(ask: Ask) -> list[Row]:
    """The driver's loop without I/O."""
    return _file(ask, "null", "python:null", lambda: sides.bare_python(ask.bench, "null"))


def cached_reads(ask: Ask) -> list[Row]:
    """os.preadv of 4 KiB in the page cache."""
    bench = ask.bench
    words = (bench.file_fd, bench.file_size, sides.BLOCK, sides.SEED)
    sides.fill_page_cache(bench)
    bare = partial(sides.bare_python, bench, "preadv", *words)
    return _file(ask, "os.preadv, cached", "python:blocking", bare)


def _file(ask: Ask, what: str, engine: str, bare: Callable[[], BareNumbers]) -> list[Row]:
    settings = ask.bench.file_settings
    pairs = interleave(lambda: sides.trial(ask.bench, engine, "file", settings), bare, ask.rounds)
    return _rows(f"{ask.version}: {what}", STAMPED, pairs)


def pipe_reads(ask: Ask) -> list[Row]:
    """os.read of 4 KiB from a pipe that the peer fills."""
    return _stream(ask, "read")


def pipe_writes(ask: Ask) -> list[Row]:
    """os.write of 4 KiB to a pipe that the peer empties."""
    return _stream(ask, "write")


def _stream(ask: Ask, mode: str) -> list[Row]:
    settings = sides.choices("exchange", "stream") | sides.choices("workload", mode)
    pairs = _pairs_with_peer(ask, "pipe", {**settings, "block": sides.BLOCK}, mode)
    return _rows(f"{ask.version}: os.{mode}, pipe", STAMPED, pairs)


def server(ask: Ask) -> list[Row]:
    """A server with one connection, against os.read and os.write in a loop, without any stamps."""
    settings = {"depth": 1, "block": 64, "server": 1, "outstanding": 1}
    pairs = _pairs_with_peer(ask, "socket", settings, "serve")
    name, against = f"{ask.version}: server, 1 connection", "plain loop, no stamps"
    round_trips = [(ours.ops, bare.ops) for ours, bare in pairs]
    return [
        ratio_row(name, against, round_trips, "/s", SERVER),
        difference_row(f"{name}, CPU", against, _cpu(pairs), "ns", None),
    ]


def selector_server(ask: Ask) -> list[Row]:
    """A server with 16 connections in a loop over a selector."""
    return _server_of_many(ask, "python:selectors", "serve-selectors", "plain selector loop")


def thread_server(ask: Ask) -> list[Row]:
    """A server with 16 connections, each with its thread."""
    return _server_of_many(ask, "python:threads:run=each", "serve-threads", "plain threads")


def _server_of_many(ask: Ask, engine: str, mode: str, against: str) -> list[Row]:
    settings = {"depth": CONNECTIONS, "block": 64, "server": 1, "outstanding": 1}
    pairs = _pairs_with_peer(ask, "socket", settings, mode, engine)
    name = f"{ask.version}: server, {CONNECTIONS} connections, {engine}"
    return [
        ratio_row(name, against, [(ours.ops, bare.ops) for ours, bare in pairs], "/s", None),
        difference_row(f"{name}, CPU", against, _cpu(pairs), "ns", None),
    ]


def thread_reads(ask: Ask) -> list[Row]:
    """Cached reads on four threads at once: what the GIL makes of it."""
    bench = ask.bench
    words = (bench.file_fd, bench.file_size, sides.BLOCK, sides.SEED, THREADS)
    settings = {**bench.file_settings, "depth": THREADS}
    pairs = interleave(
        lambda: sides.trial(bench, "python:threads:run=each", "file", settings),
        lambda: sides.bare_python(bench, "preadv-threads", *words),
        ask.rounds,
    )
    name = f"{ask.version}: os.preadv, cached, {THREADS} threads"
    return [
        ratio_row(name, STAMPED, [(ours.ops, bare.ops) for ours, bare in pairs], "/s", None),
        difference_row(f"{name}, CPU", STAMPED, _cpu(pairs), "ns", None),
    ]


def _pairs_with_peer(
    ask: Ask,
    channel: str,
    settings: Mapping[str, int],
    mode: str,
    engine: str = "python:blocking",
) -> Pairs:
    """Both processes of a side on one CPU."""
    bench = ask.bench
    cpu = min(os.sched_getaffinity(0)) if bench.cpu is None else bench.cpu
    placed = {**settings, "engine_cpu": cpu, "peer_cpu": cpu}
    return interleave(
        lambda: sides.trial(bench, engine, channel, placed),
        lambda: sides.bare_python_with_peer(bench, ask.peer, channel, placed, mode),
        ask.rounds,
    )


def _cpu(pairs: Pairs) -> list[tuple[float, float]]:
    return [(ours.cpu_ns_per_op, bare.cpu_ns_per_op) for ours, bare in pairs]


def _rows(name: str, against: str, pairs: Pairs) -> list[Row]:
    """The CPU time of both processes, all threads of it: other programs hardly change that."""
    return [
        difference_row(f"{name}, CPU", against, _cpu(pairs), "ns", MOST_NS),
        ratio_row(f"{name}, CPU", against, _cpu(pairs), "ns", None),
    ]


BENCHMARKS: dict[str, Callable[[Ask], list[Row]]] = {
    "null": nothing,
    "preadv": cached_reads,
    "pipe-read": pipe_reads,
    "pipe-write": pipe_writes,
    "server": server,
    "server-selectors": selector_server,
    "server-threads": thread_server,
    "preadv-threads": thread_reads,
}


def measure(name: str, ask: Ask) -> list[Row]:
    """One benchmark's rows; a row with the reason where it could not be measured."""
    try:
        return BENCHMARKS[name](ask)
    except BenchmarkError as error:
        print(f"{ask.version}: {name}: {error}", file=sys.stderr)
        return [Row(f"{ask.version}: {name}", reason=str(error))]


def version_of(python: str) -> str:
    """Of an interpreter. Raises `BenchmarkError` where there is none."""
    return sides.output(
        [python, "-I", "-c", "import platform as p; print(p.python_version())"]
    ).strip()


def main() -> None:
    """Read the command line, measure, print."""
    options = _options()
    seconds, size = (QUICK_SECONDS, QUICK_FILE) if options.quick else (SECONDS, FILE)
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="iomodels-python-") as folder,
        sides.prepared(Path(folder), DATA_FOLDER, seconds, size, options.cpu) as bench,
    ):
        peer = sides.build_bare_peer(Path(folder))
        for python in options.python or [sys.executable]:
            ask = Ask(replace(bench, python=python), peer, options.rounds, version_of(python))
            for name in options.only or BENCHMARKS:
                print(f"measuring {name} with Python {ask.version} …", file=sys.stderr)
                rows += measure(name, ask)
    about = machine(None, options.cpu)
    report(rows, about, as_json=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What measuring costs in Python.")
    parser.add_argument(
        "--python", action="append", metavar="PATH", help="an interpreter (repeat; default: this)"
    )
    return with_common(parser, BENCHMARKS)


if __name__ == "__main__":
    main()
