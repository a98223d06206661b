"""From counts to one `Work`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from iomodels.observe.counting.flight import Levels
from iomodels.observe.counting.habits import most_at_once
from iomodels.observe.counting.moved import Moved
from iomodels.observe.counting.sizes import USUAL, Sizes
from iomodels.observe.seen import BlockShare, Kind, Work
from iomodels.observe.table.opened import Family
from iomodels.observe.works.key import WorkKey
from iomodels.observe.works.models import UsedModel, model_of

_LEAST_SHARE = 0.01
"""Of requests: a size, or a sync, that comes with fewer is an exception."""
_NEARLY_ALL = 0.98
"""Of requests: exceptional sizes are left out only where the others make so many."""
_IS_BUSY = 0.25
"""Of an equal share of the transfers: what a thread must make to count as one of a pool."""
_MAJORITY = 0.5
_OPEN_LOOP = 0.15
"""Of requests, those before which the thread slept: the others were late already."""
_CLOCK_VARIATION = 0.6
"""Standard deviation over mean of the times between starts: 0 of a clock, to which strace and the
scheduler add, and 1 of independent arrivals."""
_TAKE_TURNS = 0.4
"""Of the active descriptors, how many others transfer between two transfers of one: all of them if
they take turns, none if one is done after the other."""
_COMPUTES = 4
"""Times the usual gap between calls."""
_LEAST_COMPUTE_S = 20e-6
"""Below that, strace's own time between two calls cannot be told from the program's."""
_WITHOUT_READINESS = ("blocking", "threads", "aio", "kaio")


@dataclass(frozen=True)
class Around:
    """What the rest of the log says."""

    quick_s: float | None
    """What a call takes at the most if no device has to answer."""
    gap_s: float
    """The usual time between two calls of a thread."""
    waiting: Mapping[tuple[int, Kind | None, Family | None], set[int]]
    """Of each class of a program's descriptors, the threads that waited in a read for nothing."""
    ready: Mapping[int, Sizes]
    """Of each program, how many descriptors were ready at a time."""


def described(
    key: WorkKey, flow: Moved, levels: Levels, peer: Levels | None, around: Around
) -> Work:
    """`peer` is the flight of those who ask, if they are in the log too."""
    assert key.kind is not None, "a kind that no scenario has"
    waiting = len(around.waiting.get((key.program, key.kind, key.family), ()))
    model = model_of(flow, waiting)
    reads, writes = flow.sides["read"], flow.sides["write"]
    duration_s = max(flow.last_s - flow.first_s, 0.0)
    active = most_at_once(flow.spans)
    held = flow.held.at(USUAL) if key.kind == "socket" else active
    is_file = key.kind == "file"
    arrivals, rate = _arrivals(flow, duration_s)
    sequential = [side for side in (reads, writes) if side.placed]
    return Work(
        kind=key.kind,
        program=key.program,
        operations=_operations(key, flow),
        bytes_moved=flow.bytes_moved,
        duration_s=duration_s,
        read_share=reads.operations / max(flow.operations, 1),
        blocks=blocks(key, flow),
        depth=_depth(key, flow, levels, peer, model, active, around),
        depth_mean=levels.mean(duration_s),
        descriptors=max(held, active),
        active=active,
        model=model.engine,
        model_evidence=model.evidence,
        threads=_threads_at_once(flow),
        sequential_share=sum(side.sequential for side in sequential)
        / sum(side.placed for side in sequential)
        if is_file and sequential
        else None,
        sync=_sync(flow),
        writes_per_sync=writes.operations / flow.sync_calls
        if flow.sync_calls and writes.operations
        else None,
        is_append=key.is_append,
        is_direct=key.is_direct,
        cached_share=_cached(key, flow, around),
        extent_bytes=_extent(flow) or None,
        family=key.family,
        exchange=None if key.kind in ("file", "timer") else _exchange(key),
        role=key.role,
        compute_ns=_compute_ns(flow, around),
        arrivals=arrivals,
        rate=rate,
        service_ns=flow.timers.at(0.5) or None,
        batch=flow.batches.common or 1,
    )


def blocks(key: WorkKey, flow: Moved) -> tuple[BlockShare, ...]:
    """The sizes, the most frequent first, without a few exceptions.

    Of files what was asked for (the last read of a file brings less), of streams what came, of
    conversations the messages of the side that says more.
    """
    sides = list(flow.sides.values())
    sizes = Sizes()
    if key.does == "exchange":
        larger = max(sides, key=lambda side: side.bytes_moved)
        sizes.merge(larger.messages)
    else:
        for side in sides:
            sizes.merge(side.asked if key.kind == "file" else side.moved)
    return _shares(sizes)


def _shares(sizes: Sizes) -> tuple[BlockShare, ...]:
    least = _LEAST_SHARE * sizes.total
    kept = [(size, count) for size, count in sizes.counts.items() if count >= least]
    if sum(count for _, count in kept) < _NEARLY_ALL * sizes.total:
        kept = list(sizes.counts.items())
    kept.sort(key=lambda entry: (-entry[1], entry[0]))
    total = sum(count for _, count in kept)
    return tuple(BlockShare(size, count / total) for size, count in kept)


def _operations(key: WorkKey, flow: Moved) -> int:
    return flow.exchanges if key.does == "exchange" else flow.operations


def _exchange(key: WorkKey) -> Literal["echo", "stream"]:
    return "echo" if key.does == "exchange" else "stream"


def _depth(
    key: WorkKey,
    flow: Moved,
    levels: Levels,
    peer: Levels | None,
    model: UsedModel,
    active: int,
    around: Around,
) -> float:
    """Of a pool, what its threads and descriptors can do. Of a server, what
    those who ask have in flight, or as many as are ready at a time. Of a reader that waits for
    readiness, the descriptors that it waits for."""
    usual = max(levels.usual(), 1)
    base = model.engine.partition(":")[0]
    if base == "threads" and key.role != "server":
        usual = max(usual, min(_threads_at_once(flow), active))
    # One descriptor's requests come one after the other, and those of all take turns.
    if base == "aio" and key.role != "server" and flow.in_turns > _TAKE_TURNS * active:
        usual = max(usual, active, round(flow.in_turns))
    if key.kind in ("socket", "pipe") and key.does != "exchange":
        return usual if base in _WITHOUT_READINESS else max(usual, active)
    if key.role == "server":
        if peer is not None:
            return peer.usual()
        at_once = around.ready[key.program].at(USUAL) if key.program in around.ready else 1
        return max(usual, min(at_once, active), 1)
    return usual


def _threads_at_once(flow: Moved) -> int:
    """Of those that made at least a fourth of an equal share, the most that transferred at a
    time."""
    least = _IS_BUSY * flow.threads.total() / max(len(flow.threads), 1)
    busy = [thread for thread, count in flow.threads.items() if count > least]
    return max(most_at_once([(thread.first_s, thread.last_s) for thread in busy]), 1)


def _extent(flow: Moved) -> int:
    return sum(end - start for start, end in flow.extents.values()) + flow.more_extent


def _sync(flow: Moved) -> Literal["none", "data", "every"]:
    writes = flow.sides["write"].operations
    if not writes or flow.sync_calls < _LEAST_SHARE * writes:
        return "none"
    return "every" if 2 * flow.sync_every >= flow.sync_calls else "data"


def _cached(key: WorkKey, flow: Moved, around: Around) -> float | None:
    if key.kind != "file" or key.is_direct or around.quick_s is None:
        return None
    reads = flow.sides["read"]
    durations = reads.durations
    if not durations.total:
        return None
    # strace stops one thread at a time, so that the calls of several wait for each other, too.
    at_least = durations.share_below(around.quick_s)
    at_most = durations.share_below(around.quick_s * _threads_at_once(flow))
    if (at_least < _MAJORITY) != (at_most < _MAJORITY):
        return None
    # What RWF_NOWAIT turned away was read from the disk meanwhile, and then came at once.
    from_disk = min(flow.turned_away / max(reads.operations, 1), 1.0)
    return min(at_least, 1 - from_disk)


def _compute_ns(flow: Moved, around: Around) -> int:
    gap_s = flow.pace.gaps.at(0.5)
    if gap_s is None or gap_s < _COMPUTES * around.gap_s or gap_s < _LEAST_COMPUTE_S:
        return 0
    return round((gap_s - around.gap_s) * 1e9)


def _arrivals(
    flow: Moved, duration_s: float
) -> tuple[Literal["closed", "constant", "poisson"], float | None]:
    pace = flow.pace
    if pace.starts < 2 or pace.after_sleep < _OPEN_LOOP * pace.starts or duration_s <= 0:
        return "closed", None
    variation = pace.variation
    is_clock = variation is not None and variation < _CLOCK_VARIATION
    return "constant" if is_clock else "poisson", pace.starts / duration_s
