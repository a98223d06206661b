"""Claims that engineers argue about today, T1 to T13."""

from __future__ import annotations

from iomodels.analysis.claims.definition import Claim, ClaimQuantity, Condition, Place, Value
from iomodels.analysis.claims.values import (
    NEWS,
    added_p99_ns,
    entered_per_op,
    ratio,
    signal_overflows_per_op,
    submit_share,
    switches_per_op,
)
from iomodels.analysis.quantities import CPU, LATENCY_P50, THROUGHPUT, named

CALLS = named("calls_per_op").of_trial
ADDED_P50 = named("added_ns.p50").of_trial
CPU_SHARE = named("cpu_share").of_trial

NEAR_0 = 0.1
"""Calls per operation: one call for ten operations is nearly none."""
A_CPU = 0.75
"""Most of one: a thread that never sleeps still gives way to others and to interrupts."""
ALIKE = 1.25
"""Two ways to do the same work are within a quarter of each other."""

SPINNING = "io_uring:sqpoll=on,wait=spin"
POLLED = "io_uring:sqpoll=on"
FIXED = "io_uring:fixed=both"
MULTISHOT = "io_uring:multishot=on"
COOPERATIVE = "io_uring:taskrun=coop"
EDGE = "epoll:trigger=edge"
PER_CONNECTION = "threads:handoff=none"


def _watching(engine: str, descriptors: int) -> Place:
    return Place("many-descriptors", engine, {"load.descriptors": descriptors})


def _serving(engine: str, connections: int) -> Place:
    if connections == 1:
        return Place("server", engine, {"load.descriptors": 1, "channel.family": "tcp"})
    return Place("tcp-server", engine, {"load.descriptors": connections})


def _direct(engine: str) -> Place:
    return Place("direct-read", engine, {"load.depth": 16})


def _cold(engine: str) -> Place:
    return Place("cold-read", engine, {"load.depth": 16, "channel.nowait": False})


def _cached(engine: str) -> Place:
    return Place("cached-read", engine, {})


def _batch(engine: str) -> Place:
    return Place("cached-batch", engine, {"load.batch": 32})


def _slow(engine: str) -> Place:
    return Place("slow-device", engine, {})


def _growth(words: str) -> ClaimQuantity:
    return ratio(words, CPU.of_trial)


def _grows(engine: str) -> tuple[Place, Place]:
    return _watching(engine, 900), _watching(engine, 8)


def _served(
    what: str,
    value: Value,
    engines: tuple[str, str],
    connections: tuple[int, ...],
    *,
    least: float | None = None,
    most: float | None = None,
) -> tuple[Condition, ...]:
    """One condition for each number of connections: the first engine over the second."""
    return tuple(
        Condition(
            ratio(f"{f'{what}, ' if number == 0 else ''}{_connections(count)}:", value),
            (_serving(engines[0], count), _serving(engines[1], count)),
            least=least,
            most=most,
        )
        for number, count in enumerate(connections)
    )


def _connections(count: int) -> str:
    return "1 connection" if count == 1 else f"{count} connections"


def _busy_waiting(engine: str) -> tuple[Condition, ...]:
    """It has less latency than blocking has, and uses a CPU."""
    pair = (_slow(engine), _slow("blocking"))
    return (
        Condition(
            ratio(f"{engine} / blocking, p50 beyond the device:", ADDED_P50),
            pair,
            most=1 / NEWS,
        ),
        Condition(ratio("p99:", added_p99_ns), pair, most=1 / NEWS),
        Condition(
            ClaimQuantity("CPU:", CPU_SHARE, as_percent=True),
            pair[:1],
            least=A_CPU,
        ),
    )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "T1",
        "What epoll costs does not grow with idle descriptors; what select and poll cost does",
        "CPU per operation with 900 watched descriptors, divided by that with 8; one of them is "
        "active. select and poll get the whole list with each call, epoll has it in the kernel. "
        "The claim holds if the ratio is above 2 for select and for poll, and below 1.2 for epoll.",
        (
            Condition(
                _growth("CPU per operation, 900 / 8 descriptors, select:"),
                _grows("select"),
                least=2,
            ),
            Condition(_growth("poll:"), _grows("poll"), least=2),
            Condition(_growth("epoll:"), _grows("epoll"), most=1.2),
        ),
    ),
    Claim(
        "T2",
        "For small messages on many connections, io_uring is slower than epoll and needs more CPU",
        "Throughput and CPU per operation of io_uring divided by those of epoll: a server on TCP, "
        "64 B, 8 messages outstanding on 16 and on 256 connections. The claim must hold for both. "
        "Beside it, and without a say: io_uring with taskrun=coop, where the kernel does not "
        "interrupt the application for each message (IORING_SETUP_COOP_TASKRUN, Linux 5.19).",
        (
            *_served(
                "throughput", THROUGHPUT.of_trial, ("io_uring", "epoll"), (16, 256), most=1 / NEWS
            ),
            *_served(
                "CPU per operation", CPU.of_trial, ("io_uring", "epoll"), (16, 256), least=NEWS
            ),
            *_served(
                *("throughput, with taskrun=coop", THROUGHPUT.of_trial),
                *((COOPERATIVE, "epoll"), (16, 256)),
            ),
        ),
    ),
    Claim(
        "T3",
        "Multishot receive with provided buffers makes io_uring faster",
        "Throughput of io_uring with multishot=on divided by that without, on the same server. One "
        "request then receives message after message, into buffers that the kernel chooses.",
        (
            *_served(
                *("throughput", THROUGHPUT.of_trial, (MULTISHOT, "io_uring"), (16, 256)),
                least=NEWS,
            ),
            *_served("CPU per operation", CPU.of_trial, (MULTISHOT, "io_uring"), (16, 256)),
        ),
    ),
    Claim(
        "T4",
        "SQPOLL removes the system calls of io_uring, at the price of a CPU",
        "Direct reads, depth 16. Calls of io_uring_enter per operation where the application also "
        "looks for completions in the ring by itself (wait=spin): below 0.1 is nearly none. CPU of "
        "the whole process, the kernel's polling thread included, where the application sleeps: "
        "above 75 % is a CPU. The CPU of io_uring without SQPOLL is shown beside it.",
        (
            Condition(
                ClaimQuantity("io_uring_enter per operation, with wait=spin:", entered_per_op),
                (_direct(SPINNING),),
                most=NEAR_0,
            ),
            Condition(
                ClaimQuantity("CPU with SQPOLL:", CPU_SHARE, as_percent=True),
                (_direct(POLLED),),
                least=A_CPU,
            ),
            Condition(
                ClaimQuantity("CPU without:", CPU_SHARE, as_percent=True), (_direct("io_uring"),)
            ),
        ),
    ),
    Claim(
        "T5",
        "Kernel AIO is asynchronous only with O_DIRECT",
        "Time in submit (io_submit) as a share of the latency, depth 16. Below 50 % with O_DIRECT, "
        "the application has most of the time for itself, although one call starts several "
        "requests; above 50 % for buffered reads that are not cached, io_submit waits for them.",
        (
            Condition(
                ClaimQuantity("time in submit / latency, direct:", submit_share, as_percent=True),
                (_direct("kaio"),),
                most=0.5,
            ),
            Condition(
                ClaimQuantity("cold, buffered:", submit_share, as_percent=True),
                (_cold("kaio"),),
                least=0.5,
            ),
        ),
    ),
    Claim(
        "T6",
        "io_uring needs less CPU for a direct read than kernel AIO, and less again with registered "
        "files and buffers",
        "CPU per operation, direct reads at depth 16: io_uring divided by kaio, and io_uring with "
        "fixed=both divided by plain io_uring.",
        (
            Condition(
                ratio("CPU per operation, io_uring / kaio:", CPU.of_trial),
                (_direct("io_uring"), _direct("kaio")),
                most=1 / NEWS,
            ),
            Condition(
                ratio("fixed=both / plain:", CPU.of_trial),
                (_direct(FIXED), _direct("io_uring")),
                most=1 / NEWS,
            ),
        ),
    ),
    Claim(
        "T7",
        "Reading what is cached costs more through io_uring than through pread",
        "CPU per operation and median latency of io_uring divided by those of blocking: cached "
        "reads, one at a time.",
        (
            Condition(
                ratio("CPU per operation, io_uring / blocking:", CPU.of_trial),
                (_cached("io_uring"), _cached("blocking")),
                least=NEWS,
            ),
            Condition(
                ratio("p50:", LATENCY_P50.of_trial),
                (_cached("io_uring"), _cached("blocking")),
                least=NEWS,
            ),
        ),
    ),
    Claim(
        "T8",
        "In batches, reading what is cached costs no more through io_uring than through pread",
        "The same in batches of 32, where one call submits 32 reads. The other side is "
        "nonblocking, which has the same 32 reads to make and makes them with pread, one after "
        "another. No more: less than 1 % more.",
        (
            Condition(
                ratio("CPU per operation, io_uring / pread:", CPU.of_trial),
                (_batch("io_uring"), _batch("nonblocking")),
                most=NEWS,
            ),
            Condition(
                ratio("p50:", LATENCY_P50.of_trial),
                (_batch("io_uring"), _batch("nonblocking")),
                most=NEWS,
            ),
        ),
    ),
    Claim(
        "T9",
        "A thread per connection is slower than an event loop",
        "Throughput of threads:handoff=none divided by that of epoll: a server on TCP, 64 B, with "
        "1, 16 and 256 connections, of which 1, 8 and 8 are active at a time. The claim must hold "
        "for all three.",
        _served(
            *("throughput", THROUGHPUT.of_trial, (PER_CONNECTION, "epoll"), (1, 16, 256)),
            most=1 / NEWS,
        ),
    ),
    Claim(
        "T10",
        "Edge-triggered epoll needs fewer calls than level-triggered epoll and is faster",
        "Calls per operation and throughput with trigger=edge divided by those with trigger=level, "
        "on the same server. An edge comes once, so its reader must read until EAGAIN.",
        (
            *_served("calls per operation", CALLS, (EDGE, "epoll"), (16, 256), most=1 / NEWS),
            *_served("throughput", THROUGHPUT.of_trial, (EDGE, "epoll"), (16, 256), least=NEWS),
        ),
    ),
    Claim(
        "T11",
        "Busy-waiting buys latency with a CPU",
        "A device of 100 µs, depth 1: latency beyond the service time of the device, divided by "
        "that of blocking, for nonblocking (which tries again and again) and for io_uring with "
        "SQPOLL and wait=spin (where a thread of the kernel spins as well); and their CPU, above "
        "75 % of one. With few CPUs, two spinning threads leave none for the work itself.",
        (*_busy_waiting("nonblocking"), *_busy_waiting(SPINNING)),
    ),
    Claim(
        "T12",
        "POSIX AIO in glibc is a thread pool with an older name",
        "CPU, context switches and throughput of aio divided by those of threads: direct reads, "
        "depth 16. The claim holds if all three are within a quarter of each other.",
        tuple(
            Condition(
                ratio(words, value),
                (_direct("aio"), _direct("threads")),
                least=1 / ALIKE,
                most=ALIKE,
            )
            for words, value in (
                ("CPU per operation, aio / threads:", CPU.of_trial),
                ("context switches:", switches_per_op),
                ("throughput:", THROUGHPUT.of_trial),
            )
        ),
    ),
    Claim(
        "T13",
        "Signal-driven I/O does not scale",
        "Throughput of sigio divided by that of epoll, on the same server with 256 connections: "
        "each event is a signal, and each signal is taken with a call. With 16 connections it is "
        "shown beside it, and so is how often the queue of signals was full: only where more are "
        "waiting than RLIMIT_SIGPENDING allows.",
        (
            *_served(
                *("throughput, sigio / epoll", THROUGHPUT.of_trial, ("sigio", "epoll"), (256,)),
                most=1 / NEWS,
            ),
            *_served("throughput", THROUGHPUT.of_trial, ("sigio", "epoll"), (16,)),
            Condition(
                ClaimQuantity(
                    "overflows of the signal queue per operation:", signal_overflows_per_op
                ),
                (_serving("sigio", 256),),
            ),
        ),
    ),
)
