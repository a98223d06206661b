"""How fast iomodels itself is, against fio and bare loops: prints a table (see README.md).

    python benchmarks/speed.py [--rounds N] [--quick] [--only NAME] [--cpu N] [--json]

Nothing here is a test: times depend on the machine. Every number of iomodels is taken through a
trial's process as `iomodels bench` starts it, and every comparison is of neighbours in time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import sides
from descriptors import many_descriptors
from rings import reads_by_ring
from rows import Row, Side, Target, interleave, ratio_row, value_row
from servers import servers_in_a_loop, servers_of_threads
from show import machine, report, with_common
from sides import Bench, BenchmarkError

from iomodels.statistics.rounds import median_interval

DATA_FOLDER = Path("/var/tmp")
"""The default of the scenarios' `channel.folder`; /tmp is often a tmpfs."""
QUICK_SECONDS, SECONDS = 0.02, 0.3
QUICK_FILE, FILE = 1 << 20, 64 << 20
FEW_OPERATIONS = 1_000
QUICK_MANY_OPERATIONS, MANY_OPERATIONS = 100_000, 100_000_000
MAX_MEMORY_PAIRS = 7
"""A trial of 10^8 operations takes seconds, and memory hardly varies."""


@dataclass(frozen=True)
class Ask:
    """What the command line asks for, and whether fio is there."""

    bench: Bench
    rounds: int
    quick: bool
    fio: str | None


def harness(ask: Ask) -> list[Row]:
    """The loop's own cost: the null engine at depth 1 against bare loops in C."""
    bench = ask.bench

    def row(channel: str, mode: str, against: str, target: Target | None) -> Row:
        settings = bench.file_settings if channel == "file" else {}
        pairs = interleave(
            lambda: sides.trial(bench, "null", channel, settings).ns_per_op,
            lambda: sides.bare_ns(bench, mode),
            ask.rounds,
        )
        return ratio_row(f"null engine, {channel}", against, pairs, "ns", target)

    limit = Target(1.3, at_most=True)
    return [
        row("file", "stamps", "bare stamps", limit),
        row("file", "counters", "bare stamps, counters", None),
        row("timer", "stamps", "bare stamps", limit),
    ]


def cached_read(ask: Ask) -> list[Row]:
    """`cached-read` with the blocking engine, against fio and against pread in a bare loop."""
    bench, name = ask.bench, "cached-read, blocking"
    sides.fill_page_cache(bench)

    def trial() -> sides.TrialNumbers:
        return sides.trial(bench, "blocking", "file", bench.file_settings)

    def against_bare(mode: str, target: Target | None) -> Row:
        pairs = interleave(
            lambda: trial().ns_per_op, lambda: sides.bare_ns(bench, mode), ask.rounds
        )
        return ratio_row(name, f"bare {mode}", pairs, "ns", target)

    psync = ("psync", "--invalidate=0")
    return [
        _against_fio(ask, name, psync, lambda: trial().ops, Target(1.2, at_most=False)),
        against_bare("pread", Target(1.05, at_most=True)),
        against_bare("pread-clock", None),
    ]


def direct_read(ask: Ask) -> list[Row]:
    """`direct-read` at depth 16 with POSIX AIO, against fio's posixaio on the same file.

    With glibc's own pool, whose 20 threads wait for requests, and with 8, for which requests wait.
    """
    bench = ask.bench
    settings = {**bench.file_settings, "depth": 16, "file_cache": 1}
    posixaio = ("posixaio", "--iodepth=16", "--direct=1")

    def row(engine: str) -> Row:
        name = f"direct-read 16, {engine}"

        def trial() -> float:
            return sides.trial(bench, engine, "file", settings).ops

        return _against_fio(ask, name, posixaio, trial, Target(2.0, at_most=False))

    return [
        row("aio"),
        row("aio:threads=8"),
    ]


def direct_read_by_kernel(ask: Ask) -> list[Row]:
    """`direct-read` at depth 16 with engines whose transfers the kernel makes, against fio's."""
    # One at a time, as fio's iodepth_batch=1: where all 16 go at once, the device waits in between.
    settings = {**ask.bench.file_settings, "depth": 16, "file_cache": 1, "batch": 1}

    def row(engine: str, of_fio: str) -> Row:
        fio = (of_fio, "--iodepth=16", "--direct=1")
        return _against_fio(
            ask,
            f"direct-read 16, {engine}",
            fio,
            lambda: sides.trial(ask.bench, engine, "file", settings).ops,
            Target(1.0, at_most=False),
        )

    return [row("kaio", "libaio"), row("io_uring", "io_uring")]


def aio_read(ask: Ask) -> list[Row]:
    """One cached read after another with POSIX AIO, against fio's posixaio.

    Both are pinned to one CPU: where their helper thread runs would decide otherwise.
    """
    cpu = min(os.sched_getaffinity(0)) if ask.bench.cpu is None else ask.bench.cpu
    bench = replace(ask.bench, cpu=cpu, prefix=("taskset", "-c", str(cpu)))
    sides.fill_page_cache(bench)

    def trial() -> float:
        return sides.trial(bench, "aio", "file", bench.file_settings).ops

    posixaio = ("posixaio", "--iodepth=1", "--invalidate=0")
    pinned = replace(ask, bench=bench)
    name = "cached-read 1, aio, pinned"
    return [_against_fio(pinned, name, posixaio, trial, Target(1.0, at_most=False))]


def _against_fio(ask: Ask, name: str, fio: tuple[str, ...], ours: Side, target: Target) -> Row:
    against = f"fio {fio[0]}"
    if ask.fio is None:
        return Row(name, against, target=target, reason="fio is not installed")
    pairs = interleave(ours, lambda: sides.fio_iops(ask.bench, *fio), ask.rounds)
    return ratio_row(name, against, pairs, "/s", target)


def command_line(ask: Ask) -> list[Row]:
    """How long the command line takes to answer."""
    bare = [sys.executable, "-c", "pass"]

    def row(option: str, limit_ms: float) -> Row:
        pairs = interleave(
            lambda: sides.wall_ms(ask.bench, [*_iomodels(), option]),
            lambda: sides.wall_ms(ask.bench, bare),
            ask.rounds,
        )
        target = Target(limit_ms, at_most=True)
        return value_row(f"iomodels {option}", "python -c pass", pairs, "ms", target)

    return [row("--version", 80), row("--help", 120)]


def _iomodels() -> list[str]:
    """The installed command of this interpreter, which is what a user starts."""
    script = Path(sys.executable).with_name("iomodels")
    return [str(script)] if script.exists() else [sys.executable, "-m", "iomodels"]


def process(ask: Ask) -> list[Row]:
    """A trial's process: how soon it is open, and what memory it takes."""
    bench = ask.bench
    many = QUICK_MANY_OPERATIONS if ask.quick else MANY_OPERATIONS

    def opened_ms() -> float:
        # Without I/O on the timer channel, so that setting up a channel adds nothing.
        return sides.trial_until(bench, "null", "timer", {}, 1, slice_ns=1).opened_ns / 1e6

    def memory(operations: int, slice_ns: int) -> sides.TrialNumbers:
        settings = {"depth": 16}
        return sides.trial_until(bench, "null", "timer", settings, operations, slice_ns=slice_ns)

    bare = [sys.executable, "-I", "-S", "-c", "pass"]
    starts = interleave(opened_ms, lambda: sides.wall_ms(bench, bare), ask.rounds)
    pairs = interleave(
        lambda: memory(many, 100_000_000),
        lambda: memory(FEW_OPERATIONS, 10_000),
        min(ask.rounds, MAX_MEMORY_PAIRS),
    )
    peak = [(a.peak_kib / 1024, b.peak_kib / 1024) for a, b in pairs]
    resident = [(a.resident_kib / 1024, b.resident_kib / 1024) for a, b in pairs]
    a_lot, a_few = f"{many:.0e} operations", f"{FEW_OPERATIONS:.0e} operations"
    most, same = Target(40, at_most=True), Target(1.02, at_most=True)
    return [
        value_row(
            "a trial's process is open",
            "python -I -S -c pass",
            starts,
            "ms",
            Target(60, at_most=True),
        ),
        value_row(f"its peak, {a_lot}", a_few, peak, "MiB", most),
        ratio_row(f"its memory, {a_lot}", a_few, resident, "MiB", same),
    ]


def default_run(ask: Ask) -> list[Row]:
    """Plain `iomodels bench`."""
    return [_whole_run(ask, [], 60)]


def whole_suite(ask: Ask) -> list[Row]:
    """`iomodels bench all --quick`: every scenario with every engine."""
    return [_whole_run(ask, ["all", "--quick"], 300)]


def _whole_run(ask: Ask, words: list[str], limit_s: float) -> Row:
    """Once: it is long, and its length is planned."""
    name, target = " ".join(["iomodels bench", *words]), Target(limit_s, at_most=True)
    if ask.quick:
        return Row(name, target=target, reason="left out with --quick")
    with tempfile.TemporaryDirectory(prefix="iomodels-speed-") as folder:
        output = Path(folder) / "run.json"
        command = [*_iomodels(), "bench", *words, "--output", str(output)]
        ms = sides.wall_ms(ask.bench, command)
    value = median_interval([ms / 1000])
    return Row(name, value=value, unit="s", pairs=1, target=target)


BENCHMARKS: dict[str, Callable[[Ask], list[Row]]] = {
    "harness": harness,
    "cached-read": cached_read,
    "direct-read": direct_read,
    "direct-read-by-kernel": direct_read_by_kernel,
    "io_uring": lambda ask: reads_by_ring(ask.bench, ask.rounds),
    "aio-read": aio_read,
    "server-threads": lambda ask: servers_of_threads(ask.bench, ask.rounds),
    "server": lambda ask: servers_in_a_loop(ask.bench, ask.rounds),
    "many-descriptors": lambda ask: many_descriptors(ask.bench, ask.rounds),
    "command-line": command_line,
    "process": process,
    "bench": default_run,
    "all": whole_suite,
}


def measure(name: str, ask: Ask) -> list[Row]:
    """One benchmark's rows; a row with the reason where it could not be measured."""
    try:
        return BENCHMARKS[name](ask)
    except BenchmarkError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return [Row(name, reason=str(error))]


def main() -> None:
    """Read the command line, measure, print."""
    options = _options()
    fio = sides.fio_version()
    if fio is None:
        print(
            "fio is not installed, so its rows are left out (Debian: apt install fio).",
            file=sys.stderr,
        )
    seconds, size = (QUICK_SECONDS, QUICK_FILE) if options.quick else (SECONDS, FILE)
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="iomodels-speed-") as folder,
        sides.prepared(Path(folder), DATA_FOLDER, seconds, size, options.cpu) as bench,
    ):
        ask = Ask(bench, options.rounds, options.quick, fio)
        for name in options.only or BENCHMARKS:
            print(f"measuring {name} …", file=sys.stderr)
            rows += measure(name, ask)
    about = machine(fio, options.cpu)
    report(rows, about, as_json=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="How fast iomodels itself is, against fio and bare loops."
    )
    return with_common(parser, BENCHMARKS)


if __name__ == "__main__":
    main()
