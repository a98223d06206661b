"""Claims about Python's own I/O models, P1 to P4."""

from __future__ import annotations

from iomodels.analysis.claims.definition import Claim, ClaimQuantity, Condition, Place, Value
from iomodels.analysis.claims.values import NEWS, ratio
from iomodels.analysis.quantities import CPU, THROUGHPUT
from iomodels.statistics.rounds import RELEVANT

THREAD_EACH = "python:threads:run=each"
POOL = "python:threads"
ASYNCIO = "python:asyncio"
UVLOOP = "python:uvloop"
PROTOCOL = ":api=protocol"

FASTER = (2, 4)
"""What uvloop's authors say: so many times as fast."""
FEW = (1, 16)
"""Connections."""
ALIKE = 1 + RELEVANT
"""A gain of less than that is none."""
LEAST_NS = 1.0
"""Models that differ by less do not differ: what is divided by it stays a number."""


def _cached(engine: str) -> Place:
    return Place("cached-read", engine, {})


def _cached_16(engine: str) -> Place:
    return Place("cached-reads", engine, {"load.depth": 16})


def _direct(engine: str) -> Place:
    return Place("direct-read", engine, {"load.depth": 16})


def _serving(engine: str, connections: int) -> Place:
    if connections == 1:
        return Place("server", engine, {"load.descriptors": 1, "channel.family": "tcp"})
    return Place("tcp-server", engine, {"load.descriptors": connections})


def _answering(engine: str, kib: int) -> Place:
    return Place("message-sizes", engine, {"load.block": kib << 10})


def _connections(count: int) -> str:
    return "1 connection" if count == 1 else f"{count} connections"


def _interpreter_over_model(python_ns: float, twin_ns: float, other_ns: float) -> float:
    """What the interpreter adds to a model, over what separates it from another model in C."""
    return (python_ns - twin_ns) / max(abs(other_ns - twin_ns), LEAST_NS)


def _added(
    words: str, python: Place, twin: Place, other: Place, *, decides: bool = True
) -> Condition:
    return Condition(
        ClaimQuantity(words, CPU.of_trial, combined=_interpreter_over_model),
        (python, twin, other),
        least=NEWS if decides else None,
    )


def _over(
    words: str,
    places: tuple[Place, Place],
    *,
    value: Value = THROUGHPUT.of_trial,
    least: float | None = None,
    most: float | None = None,
) -> Condition:
    return Condition(ratio(words, value), places, least=least, most=most)


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "P1",
        "The interpreter costs more than the model",
        "What the interpreter adds: CPU per operation of a model in Python, less that of the same "
        "model in C, its twin, which makes the same calls. For cached reads the model is blocking, "
        "for a server it is selectors (epoll). What the model changes: the difference of CPU per "
        "operation between two models in C, blocking and a pool of threads for cached reads, epoll "
        "and a thread per connection for a server. It counts as a difference whichever of the two "
        "costs more, and as 1 ns at the least. What is added is divided by it, round by round. The "
        "claim holds if the result is above 1.01 for the reads and for each number of connections. "
        "Beside it, and without a say: asyncio, whose event loop is in Python, too.",
        (
            _added(
                "added by the interpreter ÷ difference of the models, cached reads:",
                *(_cached("python:blocking"), _cached("blocking"), _cached("threads")),
            ),
            *(
                _added(
                    f"{'server, ' if count == 1 else ''}{_connections(count)}:",
                    _serving("python:selectors", count),
                    _serving("epoll", count),
                    _serving("threads:handoff=none", count),
                )
                for count in (1, 16, 256)
            ),
            _added(
                "asyncio in place of selectors, 16 connections:",
                *(_serving(ASYNCIO, 16), _serving("epoll", 16)),
                _serving("threads:handoff=none", 16),
                decides=False,
            ),
        ),
    ),
    Claim(
        "P2",
        "uvloop makes asyncio 2 to 4 times as fast",
        "Throughput of python:uvloop divided by that of python:asyncio: a TCP server that sends "
        "messages of 1 KiB and of 100 KiB back, to three connections as in uvloop's own benchmark. "
        "The program is the same, written with streams, which is the default. The claim holds if "
        "both are from 2 to 4. Beside it, and without a say: the same written with a protocol, and "
        "the server with messages of 64 B.",
        (
            *(
                _over(
                    f"{'throughput, ' if kib == 1 else ''}{kib} KiB:",
                    (_answering(UVLOOP, kib), _answering(ASYNCIO, kib)),
                    least=FASTER[0],
                    most=FASTER[1],
                )
                for kib in (1, 100)
            ),
            *(
                _over(
                    f"{'with a protocol, ' if kib == 1 else ''}{kib} KiB:",
                    (_answering(UVLOOP + PROTOCOL, kib), _answering(ASYNCIO + PROTOCOL, kib)),
                )
                for kib in (1, 100)
            ),
            *(
                _over(
                    f"{'64 B, ' if count == 1 else ''}{_connections(count)}:",
                    (_serving(UVLOOP, count), _serving(ASYNCIO, count)),
                )
                for count in (1, 16, 256)
            ),
        ),
    ),
    Claim(
        "P3",
        "For a few connections threads beat asyncio",
        "Throughput of python:threads with a thread per connection (run=each) divided by that of "
        "python:asyncio (streams): a server on TCP, 64 B, with 1 connection, and with 16, of which "
        "8 have a message at a time. The claim holds if both are above 1.01. Beside it, and "
        "without a say: 256 connections, of which 8 have a message at a time, and a pool of "
        "threads (run=pool).",
        (
            *(
                _over(
                    f"{'throughput, a thread each, ' if count == 1 else ''}{_connections(count)}:",
                    (_serving(THREAD_EACH, count), _serving(ASYNCIO, count)),
                    least=NEWS if count in FEW else None,
                )
                for count in (*FEW, 256)
            ),
            *(
                _over(
                    f"{'a pool, ' if count == 1 else ''}{_connections(count)}:",
                    (_serving(POOL, count), _serving(ASYNCIO, count)),
                )
                for count in (*FEW, 256)
            ),
        ),
    ),
    Claim(
        "P4",
        "Files: asyncio gains nothing over a thread pool, since it is one",
        "asyncio has no call that reads a file: it hands the read to its default executor, a pool "
        "of threads (CPUs + 4, at most 32). Throughput and CPU per operation of python:asyncio "
        "divided by those of python:threads, a pool with a thread for each request in flight: 16 "
        "reads in flight, cached and direct. A gain of less than 5 % is none. So the claim holds "
        "if the throughput is below 1.05, and the CPU per operation above 1/1.05, for both. A loss "
        "is no gain: the claim then holds as well, and the numbers say how much asyncio loses. "
        "Beside it, and without a say: one cached read at a time.",
        tuple(
            _over(words, (place(ASYNCIO), place(POOL)), value=value, least=least, most=most)
            for words, place, value, least, most in (
                ("throughput, cached:", _cached_16, THROUGHPUT.of_trial, None, ALIKE),
                ("direct:", _direct, THROUGHPUT.of_trial, None, ALIKE),
                ("CPU per operation, cached:", _cached_16, CPU.of_trial, 1 / ALIKE, None),
                ("direct:", _direct, CPU.of_trial, 1 / ALIKE, None),
                ("throughput, cached, one at a time:", _cached, THROUGHPUT.of_trial, None, None),
            )
        ),
    ),
)
