"""What was seen of a program's I/O: the kinds of work that it does, without anything private.

No path, address, argument or byte of data is in here: only numbers and names of models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DEVICE_S = 25e-6
"""No disk answers faster: the fastest of today need 50 µs, with strace."""

FEW_OPERATIONS = 100
"""With fewer, a work `is_few`."""

Kind = Literal["file", "pipe", "socket", "timer"]


@dataclass(frozen=True)
class BlockShare:
    """`share` (0 to 1) of the transfers asked for `block_bytes`."""

    block_bytes: int
    share: float


@dataclass(frozen=True)
class Work:
    """One kind of work: what the program does with one group of like descriptors.

    `requests` counts operations (of a conversation, one per message answered or asked). A field is
    None where the log does not show it.
    """

    kind: Kind
    operations: int
    bytes_moved: int
    duration_s: float
    read_share: float
    blocks: tuple[BlockShare, ...]
    """The most frequent first. Empty where the log does not show sizes (io_uring)."""
    depth: float
    """The most requests in flight at a time, over all threads, in the usual course (the 95th
    percentile of the time)."""
    depth_mean: float
    descriptors: int
    """The most open at a time."""
    active: int
    """Of them, those with a transfer."""
    model: str
    """The engine with the I/O model that the program uses here: `epoll`, `aio`, `threads` …"""
    model_evidence: str
    """The sentence that says from which calls."""
    threads: int = 1
    """That transferred, the most at a time."""
    sequential_share: float | None = None
    """Of positioned transfers, those that began where the descriptor's last one ended."""
    sync: Literal["none", "data", "every"] = "none"
    writes_per_sync: float | None = None
    is_append: bool = False
    is_direct: bool = False
    cached_share: float | None = None
    """Of file reads, those so short that they came from the page cache: they took at most
    `DEVICE_S`, and 0.1 ns for each byte, beyond what calls usually take that no device answers."""
    extent_bytes: int | None = None
    """Of files: how much of them was touched, over all."""
    family: Literal["unix", "tcp"] | None = None
    exchange: Literal["echo", "stream"] | None = None
    role: Literal["client", "server"] | None = None
    compute_ns: int = 0
    """Median time between a completion and the thread's next call."""
    arrivals: Literal["closed", "constant", "poisson"] = "closed"
    rate: float | None = None
    """Requests per second, where they arrive by a clock and not when others end."""
    service_ns: int | None = None
    """Of timers: the time asked for."""
    batch: int = 1
    """Requests usually started by one call."""
    program: int = 0
    """Counts the watched programs: works of one number are of one program (a process, its threads,
    and processes that it forked to do the same)."""
    is_few: bool = False
    """Too few operations for shares and medians to say much."""


@dataclass(frozen=True)
class Unseen:
    """I/O that system calls do not show: `count` calls of `what`, and why that is so."""

    what: str
    count: int
    reason: str
    bytes_moved: int = 0
    """As far as results tell; of maps, their size."""


@dataclass(frozen=True)
class Observation:
    """All that was seen, the hottest work first."""

    works: tuple[Work, ...]
    unseen: tuple[Unseen, ...]
    calls: int
    duration_s: float
    left_out_operations: int = 0
    """Of descriptors too cold to be a work: programs and their parts, settings, terminals."""
    left_out_bytes: int = 0
    lines_not_understood: int = 0
    lacks: tuple[str, ...] = ()
    """What a log from elsewhere does not have, so that nothing can be said of it; sentences."""
    slowdown: float | None = None
    """How many times as long the program took under strace, where that was measured."""
