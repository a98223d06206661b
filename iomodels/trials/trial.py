"""One trial: a fresh child process, told what to measure, watched, and always ended.

The watchdog lives here: a child that does not answer in time is killed, and a child that dies
leaves its exit code, its last words and the shared record to say why. Nothing here knows how many
trials there are, or how they are summed up.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from iomodels.base.errors import NothingEnded, TrialError
from iomodels.measure.plan import PlannedTrial
from iomodels.results.schema import Histogram, OverlapParts, Switches, Trial
from iomodels.trials import failures
from iomodels.trials.launch import Launch, own_launch
from iomodels.trials.record import Record, new_record

ANSWER_TIMEOUT_S = 10.0
"""How much longer than asked an answer may take before the watchdog kills the child."""
OPEN_TIMEOUT_S = 30.0
STOP_PATIENCE_S = 0.5
"""For a child that is to end early: the loop looks every 0.1 s whether it should."""
SLOWEST_DISK_BYTES_PER_S = 20e6
PROGRESS_INTERVAL_S = 0.2
BOTH, IO_ALONE, COMPUTATION_ALONE = 0, 1, 2
"""The parts of a slice (`core/loop/loop.h`)."""
_NOTHING_MEASURED = (
    "measured nothing: not one operation ended in time (bench --duration makes trials longer)"
)
LAST_WORDS_BYTES = 2000

Progress = Callable[[int], None]
"""Called about every `PROGRESS_INTERVAL_S` with the operations completed so far."""


@dataclass(frozen=True)
class Command:
    """What a child is started with: names in the core's tables, settings, descriptors to keep."""

    engine: str
    channel: str
    settings: Mapping[str, int]
    descriptors: tuple[int, ...] = ()


def run_trial(planned: PlannedTrial, command: Command, progress: Progress) -> Trial:
    """Run one trial in a process of its own.

    Raises `TrialError`, one sentence, when it crashed, hung, was killed, or measured wrongly.
    """
    started_utc = datetime.now(UTC).isoformat(timespec="milliseconds")
    with new_record() as record, Child(command, record) as child:
        child.open()
        if planned.warmup_s > 0:
            child.run(planned.warmup_s, progress)
        parts = _measure_parts(child, record, planned, progress) if planned.slices > 1 else None
        child.run(planned.duration_s, progress)
        both_ns = _per_operation_ns(record) if parts else 0.0
        child.close()
        failures.check_conditions(record, command.settings)
        return to_trial(planned, record, started_utc, parts and replace(parts, both_ns=both_ns))


def _measure_parts(
    child: Child, record: Record, planned: PlannedTrial, progress: Progress
) -> OverlapParts:
    """The I/O alone and the computation alone, in the process that will do both."""
    child.run(planned.duration_s, progress, part=IO_ALONE)
    io_ns, io_cpu_share = _per_operation_ns(record), _cpu_share(record)
    child.run(planned.duration_s, progress, part=COMPUTATION_ALONE)
    cpu_ns = _per_operation_ns(record)
    return OverlapParts(io_ns=io_ns, cpu_ns=cpu_ns, both_ns=0.0, io_cpu_share=io_cpu_share)


def _overlap(parts: OverlapParts) -> float:
    """How much of the shorter part was hidden behind the longer: 0 none, 1 all of it."""
    hidden_ns = parts.io_ns + parts.cpu_ns - parts.both_ns
    return hidden_ns / min(parts.io_ns, parts.cpu_ns)


def _cpu_share(record: Record) -> float:
    busy_ns = record.field("window_user_ns") + record.field("window_system_ns")
    return busy_ns / record.field("window_ns")


def _per_operation_ns(record: Record) -> float:
    operations = record.field("window_operations")
    if operations == 0:
        raise NothingEnded(_NOTHING_MEASURED)
    return record.field("window_ns") / operations


class Child:
    """The worker process, from spawn to reap. Leaving the context ends it in any case.

    `record` has the layout of the core that `launch` starts. Raises `TrialError` if it cannot be
    started.
    """

    def __init__(self, command: Command, record: Record, launch: Launch | None = None) -> None:
        self._record = record
        self._settings = command.settings
        # Before and after a slice a file may be read once more, from end to end.
        self._checks_s = 2 * command.settings.get("file_size", 0) / SLOWEST_DISK_BYTES_PER_S
        # A memfd keeps the last words without a thread that drains a pipe.
        self._stderr = os.memfd_create("iomodels-last-words")
        try:
            self._process = self._start(command, launch or own_launch())
        except OSError as error:
            os.close(self._stderr)
            raise TrialError(
                f"the trial's process cannot be started: {error.strerror or error}"
            ) from None

    def _start(self, command: Command, launch: Launch) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            launch.command(
                str(os.getpid()),
                command.engine,
                command.channel,
                str(self._record.fd),
                *(f"{name}={value}" for name, value in command.settings.items()),
            ),
            env=launch.full_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            pass_fds=(self._record.fd, *command.descriptors),
            # Its own process group: the terminal's Ctrl-C goes to the parent alone.
            process_group=0,
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        os.close(self._stderr)

    def open(self) -> None:
        if self._answer(OPEN_TIMEOUT_S, None) != "open":
            raise failures.error(self._record, self._settings)

    def run(
        self, duration_s: float, progress: Progress, part: int = BOTH, operations: int = 0
    ) -> None:
        """One slice; it ends earlier after so many `operations` if they are not 0."""
        self._ask(f"run {round(duration_s * 1e9)} {part} {operations}")
        timeout_s = duration_s + ANSWER_TIMEOUT_S + self._checks_s
        if int(self._answer(timeout_s, progress)) != 0:
            raise failures.error(self._record, self._settings)

    def close(self) -> None:
        self._ask("close")
        if int(self._answer(2 * ANSWER_TIMEOUT_S, None)) != 0:
            raise failures.error(self._record, self._settings)

    def _ask(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise TrialError(self._obituary()) from None

    def _answer(self, timeout_s: float, progress: Progress | None) -> str:
        """The child's next line. Raises `TrialError` when it dies or the time is over."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        while not poll.poll(PROGRESS_INTERVAL_S * 1000):
            if progress is not None:
                progress(self._record.field("live_operations"))
            if time.monotonic() > deadline:
                operations = self._record.field("live_operations")
                raise TrialError(
                    f"hung: no answer for {timeout_s:.1f} s after {operations} operations, "
                    f"so it was killed"
                )
        line = self._process.stdout.readline()
        if not line:
            raise TrialError(self._obituary())
        return line.decode().strip()

    def _obituary(self) -> str:
        code = self._process.wait()
        words = self._last_words()
        said = f"; its last words: {words}" if words else ""
        if code < 0:
            return f"the trial's process was ended by {_signal_name(-code)}{said}"
        return f"the trial's process ended early with exit code {code}{said}"

    def _last_words(self) -> str:
        size = os.fstat(self._stderr).st_size
        tail = os.pread(self._stderr, LAST_WORDS_BYTES, max(0, size - LAST_WORDS_BYTES))
        lines = tail.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _end(self) -> None:
        """It stops, cancels what is in flight, and ends. One that does not is killed: the record is
        ours, the data file has no name, helper threads and peers end with it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._record.ask_to_stop()
        with suppress(BrokenPipeError):  # unsent words for a child that is gone
            self._process.stdin.close()
        try:
            self._process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@dataclass(frozen=True)
class _Completed:
    """What completed in the window, as the loop saw it; of a server, as its peer saw it."""

    operations: int
    bytes: int
    latency_ns: Histogram


def _completed(record: Record, *, serves: bool) -> _Completed:
    if serves:
        return _Completed(
            record.field("peer_operations"), record.field("peer_bytes"), record.histogram("peer")
        )
    return _Completed(
        record.field("window_operations"), record.field("window_bytes"), record.histogram("latency")
    )


def to_trial(
    planned: PlannedTrial, record: Record, started_utc: str, parts: OverlapParts | None = None
) -> Trial:
    """The record of one slice in the result file's terms.

    Raises `TrialError` if nothing completed in time.
    """
    window_ns = record.field("window_ns")
    null = planned.cell.is_harness
    done = _completed(record, serves=planned.cell.point.serves and not null)
    operations = done.operations
    if operations == 0:
        raise NothingEnded(_NOTHING_MEASURED)
    user_ns, system_ns = record.field("window_user_ns"), record.field("window_system_ns")
    calls, eagain = record.table("calls"), record.table("eagain")
    # Calls are counted over the whole slice, draining included, so that each operation has all of
    # its calls and none has half.
    slice_operations = record.field("slice_operations")
    return Trial(
        round=planned.round,
        order=planned.order,
        started_utc=started_utc,
        duration_ns=window_ns,
        operations=operations,
        throughput_ops=operations * 1e9 / window_ns,
        throughput_bytes=done.bytes * 1e9 / window_ns,
        latency_ns=done.latency_ns,
        service_ns=record.histogram("service") or None,
        submit_ns=record.histogram("submit"),
        added_ns=record.histogram("added") or None,
        cancel_ns=record.histogram("cancel") or None,
        cancel_late_ns=record.histogram("cancel_late") or None,
        cpu_user_ns_per_op=user_ns / operations,
        cpu_system_ns_per_op=system_ns / operations,
        cpu_share=_cpu_share(record),
        calls_per_op={name: count / slice_operations for name, count in calls.items()},
        eagain_per_op=sum(eagain.get(name, 0) for name in _TRANSFERS) / slice_operations,
        context_switches_per_op=Switches(
            voluntary=record.field("window_voluntary") / operations,
            involuntary=record.field("window_involuntary") / operations,
        ),
        depth_mean=record.field("window_in_flight_ns") / window_ns,
        depth_max=record.field("depth_max"),
        overlap=_overlap(parts) if parts else None,
        overlap_parts=parts,
        timeline=_timeline(planned, record),
        counters={name: float(record.field(name)) for name in _COUNTERS if record.field(name)},
    )


def _timeline(planned: PlannedTrial, record: Record) -> list[int] | None:
    """A window that ended early has parts that never came: nothing there is not nothing done."""
    if planned.cell.point.serves or record.field("window_ns") < round(planned.duration_s * 1e9):
        return None
    return record.numbers("timeline")


_TRANSFERS = ("read", "write", "pread", "pwrite", "preadv2")
"""The calls whose EAGAIN says that nothing was ready. Elsewhere it says that a wait's time is over
(aio_suspend), that nobody need wait (futex), that there is no room (aio_read), or it is a result
(aio_return)."""

_COUNTERS = (
    "early_completions",
    "short_transfers",
    "interrupted_transfers",
    "cancels_done",
    "cancels_too_late",
    "cancels_already_complete",
    "cancels_withheld",
    "cancelled_operations",
    "signals_lost",
    "verified_words",
    "spun_ns",
    "lateness_max_ns",
    "backlog",
    "pages_before",
    "pages_after",
)
