"""The sides of every comparison: a trial's process, the bare loops, fio, and commands.

A trial is measured through `iomodels/trials/worker.py` and its lines of text, in a fresh process
and with the same calibrated clock, just as `iomodels bench` does it. Each function starts one
process and waits for its end.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import iomodels
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.launch import Launch, own_launch
from iomodels.trials.planned import Command
from iomodels.trials.record import Record, new_record

HERE = Path(__file__).resolve().parent
PACKAGE = Path(iomodels.__file__).resolve().parent
WARMUP_NS = 50_000_000
BLOCK = 4096
SEED = 7
WITH_COMPUTATION = 0
"""The part of a slice that a plain trial runs (`trials/worker.py`)."""
ANY_NUMBER = 0
"""Of operations: the slice ends by the clock."""
PEER_SOURCES = (
    *("channels/connections.c", "channels/peer.c", "channels/peer_process.c"),
    *("channels/peer_lines.c", "channels/peer_driver.c", "loop/arrivals.c", "record/clock.c"),
)

CHANNEL_SOURCES = (
    *("channels/exchange.c", "channels/pipe.c", "channels/socket.c"),
    *("explanation.c", "record/record.c"),
)


class BenchmarkError(Exception):
    """A side could not be measured; the message is one sentence that says why."""


@dataclass(frozen=True)
class Bench:
    """What all sides share: the clock, the data file, how long to measure, where to run."""

    seconds: float
    clock_q32: int
    bare: Path
    bare_server: Path
    file_fd: int
    file_size: int
    prefix: tuple[str, ...]
    cpu: int | None
    core: str = str(_core.__file__)
    """The extension module that a trial's process loads."""
    python: str = sys.executable
    """The interpreter of a trial's process."""

    @property
    def file_path(self) -> str:
        """The nameless data file, for a process that opens files by name."""
        return f"/proc/{os.getpid()}/fd/{self.file_fd}"

    @property
    def file_settings(self) -> dict[str, int]:
        """The file channel's settings for random 4 KiB reads of the data file."""
        return {
            "block": BLOCK,
            "file_fd": self.file_fd,
            "file_size": self.file_size,
            "file_seed": SEED,
        }


@contextmanager
def prepared(
    folder: Path, data_folder: Path, seconds: float, file_size: int, cpu: int | None
) -> Iterator[Bench]:
    """Build the bare loops in `folder` and make the data file in `data_folder`; gone afterwards."""
    bare, bare_server = build_bare(folder), build_bare_server(folder)
    file_fd = _core.make_file(str(data_folder), file_size, SEED)
    try:
        yield Bench(
            seconds=seconds,
            clock_q32=_core.clock_calibrate(100_000_000),
            bare=bare,
            bare_server=bare_server,
            file_fd=file_fd,
            file_size=file_size,
            prefix=() if cpu is None else ("taskset", "-c", str(cpu)),
            cpu=cpu,
        )
    finally:
        os.close(file_fd)


def build_bare(folder: Path) -> Path:
    """Compile bare.c. Raises `BenchmarkError`."""
    return compiled(folder / "bare", HERE / "bare.c")


def build_bare_server(folder: Path) -> Path:
    """Compile the plain servers, with the core's own peer in them. Raises `BenchmarkError`."""
    own = (HERE / "bare_server.c", HERE / "bare_server_ring.c")
    sources = [PACKAGE / "core" / name for name in PEER_SOURCES]
    return compiled(folder / "bare-server", *own, *sources)


def build_bare_peer(folder: Path) -> Path:
    """Compile bare_peer.c with the channels that have a peer. Raises `BenchmarkError`."""
    sources = [PACKAGE / "core" / name for name in (*PEER_SOURCES, *CHANNEL_SOURCES)]
    return compiled(folder / "bare-peer", HERE / "bare_peer.c", *sources)


def build_bare_clients(folder: Path) -> Path:
    """Compile the core's peer as clients of any echo server. Raises `BenchmarkError`."""
    sources = [PACKAGE / "core" / name for name in PEER_SOURCES]
    return compiled(folder / "bare-clients", HERE / "bare_clients.c", *sources)


def compiled(program: Path, *sources: Path) -> Path:
    """Compile a program as pyproject.toml compiles the core. Raises `BenchmarkError`."""
    compiler = os.environ.get("CC", "cc")
    command = [compiler, "-std=gnu11", "-O2", "-g0", "-D_GNU_SOURCE"]
    folders = [PACKAGE / "core", PACKAGE / "core" / "channels"]
    command += [word for folder in folders for word in ("-I", str(folder))]
    output([*command, "-o", str(program), *(str(source) for source in sources), "-lm"])
    return program


def fill_page_cache(bench: Bench) -> None:
    """Read the data file through once, so that the first reader finds it as warm as the last."""
    for offset in range(0, bench.file_size, 1 << 20):
        os.pread(bench.file_fd, 1 << 20, offset)


def choices(setting: str, choice: str) -> dict[str, int]:
    """A setting that is a choice, as the core has it: a number."""
    return {setting: _core.setting_choices()[setting].index(choice)}


# A trial's process


@dataclass(frozen=True)
class TrialNumbers:
    """What one trial's process took. Times in ns, memory in KiB.

    The peak (VmHWM) holds what passes while Python starts, which varies by a tenth; the resident
    memory at the end (smaps_rollup, counted page by page) does not.
    """

    operations: int
    window_ns: int
    cpu_ns: int
    opened_ns: int
    peak_kib: int
    resident_kib: int

    @property
    def ns_per_op(self) -> float:
        """Nanoseconds per operation in the measured window."""
        return self.window_ns / self.operations

    @property
    def cpu_ns_per_op(self) -> float:
        """CPU time of the whole process per operation, in the measured window."""
        return self.cpu_ns / self.operations

    @property
    def ops(self) -> float:
        """Operations per second in the measured window."""
        return self.operations * 1e9 / self.window_ns


def trial(bench: Bench, engine: str, channel: str, settings: Mapping[str, int]) -> TrialNumbers:
    """One trial: a warm-up, then `bench.seconds`. Raises `BenchmarkError` where it fails."""
    slices_ns = (WARMUP_NS, round(bench.seconds * 1e9))
    with _worker(bench, engine, channel, settings) as worker:
        for slice_ns in slices_ns:
            worker.run(slice_ns)
        # Of a server, what its peer counts are round trips.
        return worker.numbers("peer_operations" if settings.get("server") else "window_operations")


def trial_until(
    bench: Bench,
    engine: str,
    channel: str,
    settings: Mapping[str, int],
    operations: int,
    *,
    slice_ns: int,
) -> TrialNumbers:
    """One trial of slices without a warm-up, until `operations` have completed in all."""
    with _worker(bench, engine, channel, settings) as worker:
        while worker.record.field("live_operations") < operations:
            worker.run(slice_ns)
        return worker.numbers("live_operations")


class _Worker:
    """A trial's process, asked line by line. `opened_ns`: from asking for it to its answer."""

    def __init__(self, command: Sequence[str], fds: Sequence[int], record: Record) -> None:
        self.record = record
        asked_ns = time.perf_counter_ns()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=fds
        )
        self._expect("open")
        self.opened_ns = time.perf_counter_ns() - asked_ns

    def run(self, slice_ns: int) -> None:
        self.ask(f"run {slice_ns} {WITH_COMPUTATION} {ANY_NUMBER}")

    def ask(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self._expect("0")

    def _expect(self, answer: str) -> None:
        assert self.process.stdout is not None
        found = self.process.stdout.readline().strip()
        if found != answer:
            self.process.kill()
            error = self.record.field("error")
            raise BenchmarkError(
                f"the trial failed at stage {self.record.stage}: "
                f"{os.strerror(error) if error else found or 'its process ended'}"
            )

    def numbers(self, operations: str) -> TrialNumbers:
        """What it has measured; closes it. `operations` names the record's field."""
        peak_kib = self._memory_kib("status", "VmHWM:")
        resident_kib = self._memory_kib("smaps_rollup", "Rss:")
        self.ask("close")
        return TrialNumbers(
            operations=self.record.field(operations),
            window_ns=self.record.field("window_ns"),
            cpu_ns=self.record.field("window_user_ns") + self.record.field("window_system_ns"),
            opened_ns=self.opened_ns,
            peak_kib=peak_kib,
            resident_kib=resident_kib,
        )

    def _memory_kib(self, file: str, name: str) -> int:
        text = Path(f"/proc/{self.process.pid}/{file}").read_text()
        return int(text.partition(f"\n{name}")[2].split()[0])


@contextmanager
def _worker(
    bench: Bench, engine: str, channel: str, settings: Mapping[str, int]
) -> Iterator[_Worker]:
    spec = parse(engine)
    calibrated = {"clock_ns_per_tick_q32": bench.clock_q32, "seed": SEED}
    command = Command(spec.name, channel, {**calibrated, **settings}, options=spec.options)
    installation = replace(own_launch().installation, core=bench.core, python=bench.python)
    launch = Launch(installation, bench.prefix)
    with new_record() as record:
        words = launch.words(command, parent=os.getpid(), record_fd=record.fd)
        worker = _Worker(words, (record.fd, bench.file_fd), record)
        # Leaving it closes the worker's standard input, at which it ends.
        with worker.process:
            yield worker


# The others


def bare_ns(bench: Bench, mode: str) -> float:
    """Nanoseconds per operation of a bare loop (bare.c); `pread…` modes read the data file."""
    arguments = [mode, str(bench.seconds), str(bench.clock_q32)]
    if mode.startswith("pread"):
        arguments += [str(n) for n in (bench.file_fd, bench.file_size, BLOCK, SEED)]
    words = output([*bench.prefix, str(bench.bare), *arguments], (bench.file_fd,)).split()
    return int(words[1]) / int(words[0])


@dataclass(frozen=True)
class BareNumbers:
    """What a bare loop in Python took (bare_python.py)."""

    operations: int
    wall_ns: int
    cpu_ns: int

    @property
    def ns_per_op(self) -> float:
        """Nanoseconds per operation."""
        return self.wall_ns / self.operations

    @property
    def cpu_ns_per_op(self) -> float:
        """CPU time of its process per operation."""
        return self.cpu_ns / self.operations

    @property
    def ops(self) -> float:
        """Operations per second."""
        return self.operations * 1e9 / self.wall_ns


def bare_python(bench: Bench, mode: str, *words: object) -> BareNumbers:
    """A bare loop in the bench's Python; `preadv` reads the data file."""
    return _bare_numbers([*bench.prefix, *_bare_python(bench, mode, *words)], (bench.file_fd,))


def bare_python_with_peer(
    bench: Bench, peer: Path, channel: str, settings: Mapping[str, int], mode: str
) -> BareNumbers:
    """A bare loop in the bench's Python, with the core's own peer (bare_peer.c) as its peer."""
    everything = {"clock_ns_per_tick_q32": bench.clock_q32, "seed": SEED, **settings}
    words = [channel, *(f"{name}={value}" for name, value in everything.items()), "--"]
    command = [*bench.prefix, str(peer), *words, *_bare_python(bench, mode, settings["block"])]
    return _bare_numbers(command)


def _bare_python(bench: Bench, mode: str, *words: object) -> list[str]:
    program = [bench.python, "-I", str(HERE / "bare_python.py")]
    return [*program, str(bench.seconds), mode, *map(str, words)]


def _bare_numbers(command: Sequence[str], fds: Sequence[int] = ()) -> BareNumbers:
    return BareNumbers(*map(int, output(command, fds).split()))


def bare_server_ops(
    bench: Bench, settings: Mapping[str, int], peer: str, model: str = "select"
) -> float:
    """Round trips per second of a plain server (bare_server.c) of this model and kind of peer."""
    words = [str(settings[name]) for name in ("depth", "block", "engine_cpu")]
    arguments = [str(bench.seconds), str(bench.clock_q32), *words, peer, model]
    round_trips, ns = output([str(bench.bare_server), *arguments]).split()
    return int(round_trips) * 1e9 / int(ns)


def fio_version() -> str | None:
    """fio's version, or None where it is not installed."""
    return output(["fio", "--version"]).strip() if shutil.which("fio") else None


def fio_iops(bench: Bench, ioengine: str, *options: str) -> float:
    """Random 4 KiB reads per second of the data file by fio, its clocks at their defaults."""
    command = [
        *(*bench.prefix, "fio", "--name=speed", "--rw=randread", f"--bs={BLOCK}"),
        *(f"--filename={bench.file_path}", f"--size={bench.file_size}", "--norandommap"),
        *("--time_based", f"--runtime={round(bench.seconds * 1000)}ms"),
        *(f"--ramp_time={WARMUP_NS // 1000}us", "--output-format=json"),
        *(f"--ioengine={ioengine}", *options),
    ]
    text = output(command)
    # fio may put warnings before its JSON.
    return float(json.loads(text[text.index("{") :])["jobs"][0]["read"]["iops"])


def wall_ms(bench: Bench, command: Sequence[str]) -> float:
    """Milliseconds from start to end of a command. Raises `BenchmarkError` where it fails."""
    started_ns = time.perf_counter_ns()
    output([*bench.prefix, *command])
    return (time.perf_counter_ns() - started_ns) / 1e6


def output(command: Sequence[str], fds: Sequence[int] = ()) -> str:
    """What it prints. Raises `BenchmarkError` where it cannot be started, or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, pass_fds=fds, check=False)
    except OSError as error:
        raise BenchmarkError(f"{command[0]} cannot be started: {error.strerror}") from None
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or ["nothing on standard error"]
        name = Path(command[0]).name
        raise BenchmarkError(f"{name} ended with exit code {done.returncode}: {words[-1]}")
    return done.stdout
