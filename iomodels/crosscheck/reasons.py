"""Why fio and iomodels differ: what was measured beside, and is large enough to be the reason.

Each reason is a function from the evidence to a sentence, or None where it is not what was found.
A new one is a function and a place in `REASONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from iomodels.base.units import format_count, format_duration
from iomodels.crosscheck.document import Compared
from iomodels.engines.spec import EngineSpec
from iomodels.workload.point import Point

LARGE_ENOUGH = 0.3
"""The part of a difference that a reason must cover to be named."""
MORE_CPU = 1.2
"""All threads of fio must have used this many times what it reports."""
TIMES: Final = ("throughput_ops", "throughput_bytes", "latency_ns.p50", "cpu_ns_per_op")


@dataclass(frozen=True)
class FioEvidence:
    """Medians over the rounds. `*_loop_ns` is what each takes for an operation with the engine that
    does nothing; `our_issued_ns` are our latencies from when a request was submitted, and
    `fio_syncs_ns` fio's of syncs, both by key of the quantity."""

    point: Point
    engine: EngineSpec
    copies: int
    fio_loop_ns: float
    our_loop_ns: float
    fio_all_cpu_ns: float
    """Per operation, of all threads of fio's process, without its start."""
    fio_operations: float
    """Of one run."""
    our_wakes_per_op: float
    our_issued_ns: Mapping[str, float]
    fio_syncs_ns: Mapping[str, float]


Reason = Callable[[Compared, FioEvidence], str | None]


def found(compared: Compared, evidence: FioEvidence) -> list[str]:
    """The reasons for one quantity that differs."""
    said = (reason(compared, evidence) for reason in REASONS)
    return [sentence for sentence in said if sentence]


def _own_loop(compared: Compared, evidence: FioEvidence) -> str | None:
    """The harness itself: fio reads the clock twice per operation, and checks more."""
    if compared.quantity not in TIMES:
        return None
    block = evidence.point.load.block.mean
    differ_ns = _ns_per_operation(compared.quantity, compared.fio.median, block)
    differ_ns -= _ns_per_operation(compared.quantity, compared.ours.median, block)
    own_ns = evidence.fio_loop_ns - evidence.our_loop_ns
    if differ_ns * own_ns <= 0 or abs(own_ns) < LARGE_ENOUGH * abs(differ_ns):
        return None
    return (
        f"fio's own loop takes {format_duration(evidence.fio_loop_ns)} per operation here, and "
        f"that of iomodels {format_duration(evidence.our_loop_ns)} (each with the engine that does "
        "nothing)"
    )


def _ns_per_operation(quantity: str, value: float, block: float) -> float:
    """A rate as a time. An operation has `block` bytes on average."""
    if quantity == "throughput_ops":
        return 1e9 / value
    return 1e9 * block / value if quantity == "throughput_bytes" else value


def _is_enough(more: float, compared: Compared) -> bool:
    """Whether so much more in ours is a large part of what ours has more."""
    differ = compared.ours.median - compared.fio.median
    return differ > 0 and more >= LARGE_ENOUGH * differ


def _one_thread(compared: Compared, evidence: FioEvidence) -> str | None:
    """fio asks for the CPU of the thread that runs the job (RUSAGE_THREAD)."""
    all_ns, own_ns = evidence.fio_all_cpu_ns, compared.fio.median
    if compared.quantity != "cpu_ns_per_op" or all_ns < MORE_CPU * own_ns:
        return None
    if not _is_enough(all_ns - own_ns, compared):
        return None
    return (
        "fio reports the CPU of the thread that submits only: "
        f"{format_duration(own_ns)} per operation, where all threads of its process "
        f"took {format_duration(all_ns)}; iomodels counts all of them"
    )


def _intended_start(compared: Compared, evidence: FioEvidence) -> str | None:
    """Coordinated omission: a request that waits for its turn is late, which fio leaves out."""
    issued = evidence.our_issued_ns.get(compared.quantity)
    if issued is None or not _is_enough(compared.ours.median - issued, compared):
        return None
    return (
        "with a rate, iomodels counts latency from the time when a request was due, fio from when "
        f"it was submitted; counted so, that of iomodels is {format_duration(issued)}"
    )


def _syncs(compared: Compared, evidence: FioEvidence) -> str | None:
    """fio has the latencies of syncs in a table of their own."""
    sync = evidence.fio_syncs_ns.get(compared.quantity)
    differ = compared.ours.median - compared.fio.median
    if sync is None or differ < LARGE_ENOUGH * sync or not _is_enough(sync, compared):
        return None
    return (
        "fio counts the latency of the write alone, and that of the sync after it apart (here "
        f"{format_duration(sync)}); iomodels counts both as one request"
    )


def _milliseconds(compared: Compared, evidence: FioEvidence) -> str | None:
    """fio keeps the CPU that a job took in whole milliseconds."""
    one_ns = 1e6 / evidence.fio_operations
    differ = abs(compared.fio.median - compared.ours.median)
    if compared.quantity != "cpu_ns_per_op" or one_ns < LARGE_ENOUGH * differ:
        return None
    return (
        "fio counts CPU in whole milliseconds, and a run this short has "
        f"{format_count(evidence.fio_operations)} operations: one is {format_duration(one_ns)} per "
        "operation"
    )


def _rate(compared: Compared, evidence: FioEvidence) -> str | None:
    """What was asked for is known, and so is who misses it."""
    asked = evidence.point.load.rate
    if compared.quantity != "throughput_ops" or not evidence.point.load.is_open_loop:
        return None
    if abs(compared.fio.median - asked) <= abs(compared.ours.median - asked):
        return None
    return (
        f"{format_count(asked)} operations/s were asked for, which fio misses by "
        f"{abs(compared.fio.median / asked - 1):.1%} and iomodels by "
        f"{abs(compared.ours.median / asked - 1):.1%}"
    )


def _copies(compared: Compared, evidence: FioEvidence) -> str | None:
    """A copy of fio's makes its own requests, and never waits for another thread."""
    if evidence.copies < 2:
        return None
    if evidence.engine.worker != "helper threads":
        return (
            f"fio runs {evidence.copies} copies of the job, each with a thread and a queue of its "
            "own; here one thread has all requests in flight"
        )
    if evidence.our_wakes_per_op < LARGE_ENOUGH:
        return None
    return (
        f"each of the {evidence.copies} copies of fio's makes its own requests; here one thread "
        f"hands each request to another and takes it back, with {evidence.our_wakes_per_op:.1f} "
        "calls per operation that wait for a thread or wake one"
    )


REASONS: tuple[Reason, ...] = (
    *(_own_loop, _one_thread, _milliseconds),
    *(_intended_start, _syncs, _rate, _copies),
)
