"""One trial: a fresh child process, told what to measure, watched, and always ended.

The watchdog lives here: a child that does not answer in time is killed, and a child that dies
leaves its exit code, its last words and the shared record to say why. Nothing here knows how many
trials there are, or how they are summed up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from msgspec.structs import replace

from iomodels.base.errors import NothingEnded, Void
from iomodels.results.schema import Histogram, OverlapParts, Switches, Trial
from iomodels.trials import failures
from iomodels.trials.child import COMPUTATION_ALONE, IO_ALONE, Child, Progress
from iomodels.trials.planned import Command, PlannedTrial
from iomodels.trials.record import Record, new_record

_NOTHING_MEASURED = (
    "measured nothing: not one operation ended in time (use longer trials, or requests that take "
    "less time)"
)


def run_trial(planned: PlannedTrial, command: Command, progress: Progress) -> Trial:
    """Run one trial in a process of its own.

    Raises `TrialError`, one sentence, when it crashed, hung, was killed, or measured wrongly.
    """
    started_utc = datetime.now(UTC).isoformat(timespec="milliseconds")
    with new_record() as record, Child(command, record) as child:
        child.open()
        if planned.warmup_s > 0:
            child.run_slice(planned.warmup_s, progress)
        parts = _measure_parts(child, record, planned, progress) if planned.slices > 1 else None
        child.run_slice(planned.duration_s, progress)
        both_ns = _per_operation_ns(record) if parts else 0.0
        child.close()
        failures.check_conditions(record, command.settings)
        return to_trial(planned, record, started_utc, parts and replace(parts, both_ns=both_ns))


def _measure_parts(
    child: Child, record: Record, planned: PlannedTrial, progress: Progress
) -> OverlapParts:
    """The I/O alone and the computation alone, in the process that will do both."""
    child.run_slice(planned.duration_s, progress, part=IO_ALONE)
    io_ns, io_cpu_share = _per_operation_ns(record), _cpu_share(record)
    child.run_slice(planned.duration_s, progress, part=COMPUTATION_ALONE)
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
    # Elsewhere it says that a wait's time is over (aio_suspend), that nobody need wait (futex),
    # that there is no room (aio_read), or it is a result (aio_return).
    transfers = [n for n, (kind, _) in planned.cell.engine.calls.items() if kind == "transfer"]
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
        eagain_per_op=sum(eagain.get(name, 0) for name in transfers) / slice_operations,
        context_switches_per_op=Switches(
            voluntary=record.field("window_voluntary") / operations,
            involuntary=record.field("window_involuntary") / operations,
        ),
        depth_mean=record.field("window_in_flight_ns") / window_ns,
        depth_max=record.field("depth_max"),
        overlap=_overlap(parts) if parts else None,
        overlap_parts=parts,
        timeline=_timeline(planned, record),
        memory_bytes=_memory_bytes(record),
        counters=_counters(planned, record),
    )


def _timeline(planned: PlannedTrial, record: Record) -> list[int] | None:
    """A window that ended early has parts that never came: nothing there is not nothing done."""
    if planned.cell.point.serves or record.field("window_ns") < round(planned.duration_s * 1e9):
        return None
    return record.numbers("timeline")


def _memory_bytes(record: Record) -> int | None:
    """None from a core, or on a machine, that does not say."""
    known = record.has("memory_known") and record.field("memory_known")
    return record.field("memory_peak_bytes") if known else None


def _counters(planned: PlannedTrial, record: Record) -> dict[str, float]:
    """The loop's, and the engine's own; those that are not 0."""
    counted = {name: record.field(name) for name in _COUNTERS if record.has(name)}
    own = record.numbers("counters") if record.has("counters") else []
    counted |= zip(planned.cell.engine.counters, own, strict=False)
    return {name: float(number) for name, number in counted.items() if number}


_COUNTERS = (
    "threads",
    "early_completions",
    "short_transfers",
    "interrupted_transfers",
    "cancels_done",
    "cancels_too_late",
    "cancels_already_complete",
    "cancels_withheld",
    "cancelled_operations",
    "verified_words",
    "spun_ns",
    "lateness_max_ns",
    "backlog",
    "pages_before",
    "pages_after",
)


MAX_ATTEMPTS = 4
"""How often a trial is tried that says nothing by itself (`Void`)."""
EMPTY_PATIENCE_S = 10.0
"""How long a trial in which no operation ends is tried: then its operations are too long."""

Measured = TypeVar("Measured")


def with_repeats(
    attempt: Callable[[], Measured], void: Callable[[Void], None] = lambda error: None
) -> Measured:
    """What `attempt` returns, tried again where it was void (at most `MAX_ATTEMPTS` times).

    `void` is told of each. Raises the last `Void`, and whatever else `attempt` raises at once.
    """
    started_s = time.monotonic()
    for attempts_left in reversed(range(MAX_ATTEMPTS)):
        try:
            return attempt()
        except Void as error:
            void(error)
            long = time.monotonic() - started_s > EMPTY_PATIENCE_S
            if not attempts_left or (isinstance(error, NothingEnded) and long):
                raise
    raise AssertionError("unreachable")
