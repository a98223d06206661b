"""What cannot come back of a trial that strace watches, each with the reason.

A difference that none of these explains is a mistake of `observe`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iomodels.measure import plan
from iomodels.workload.channels import FileChannel

from .round_trip import Cell

MANY = 200
"""Descriptors that strace writes down at each call of select or poll."""


@dataclass(frozen=True)
class Reason:
    """`explains` says whether it is the reason for a difference, such as `depth 12`, of a cell."""

    sentence: str
    explains: Callable[[Cell, str], bool]


def _is_degenerate(cell: Cell) -> bool:
    note = plan.planned_cell(0, cell.point, cell.engine).note
    return note is not None and note.startswith("degenerate")


def _of(difference: str, *keys: str) -> bool:
    return difference.startswith(keys)


REASONS: tuple[Reason, ...] = (
    Reason(
        "io_uring's requests lie in memory shared with the kernel, and make no system calls: "
        "what they do, their sizes and their places are not seen (of sockets they are seen at the "
        "other end, where that is watched, too), and how many are in flight is estimated.",
        lambda cell, what: cell.engine.name == "io_uring" and not _of(what, "model"),
    ),
    Reason(
        "O_NONBLOCK and select have no effect on regular files: the engine does the same as "
        "blocking, one request after another.",
        lambda cell, what: _is_degenerate(cell) and what in ("model blocking", "depth 1"),
    ),
    Reason(
        "One thread that makes all the transfers is `blocking`, whichever thread it is; "
        "connections that it does not use are not in its scenario.",
        lambda cell, what: (
            cell.engine.name == "threads"
            and cell.point.load.depth == 1
            and what in ("model blocking", "descriptors 1")
        ),
    ),
    Reason(
        "strace makes each call so much longer that a device of 100 µs, or a pipe that somebody "
        "else fills, is always ready: no call waits, and fewer requests are in flight at a time.",
        lambda cell, what: (
            cell.point.channel.kind in ("timer", "pipe") and _of(what, "model nonblocking", "depth")
        ),
    ),
    Reason(
        "What waits in the queue of the C library's AIO is in no system call: seen is what its "
        "threads do. A list of which all must end (`notify=list`) is one batch at a time.",
        lambda cell, what: cell.engine.name == "aio" and _of(what, "depth", "model"),
    ),
    Reason(
        "After RWF_NOWAIT was turned away the data are read ahead, so that the read that succeeds "
        "finds them in the page cache; and of kernel AIO the time of a read is not seen.",
        lambda cell, what: (
            isinstance(cell.point.channel, FileChannel)
            and cell.point.channel.cache == "cold"
            and cell.engine.name in ("nonblocking", "kaio")
            and what == "cache warm"
        ),
    ),
    Reason(
        "At each call of select or poll strace writes down all descriptors; with hundreds of them "
        "few requests end in the time, and with thousands hardly one.",
        lambda cell, what: (
            cell.engine.name in ("select", "poll")
            and cell.point.descriptors >= MANY
            and _of(what, "depth", "it is not there")
        ),
    ),
)


def reason_for(cell: Cell, difference: str) -> int | None:
    """The number of the reason, from 1; None where there is none."""
    found = (
        number
        for number, reason in enumerate(REASONS, start=1)
        if reason.explains(cell, difference)
    )
    return next(found, None)
