"""Each engine in Python, with all its options, moves the right bytes in each channel and role."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iomodels.trials.preparation import Preparation
from iomodels.workload.point import Point

from .moving import OPERATIONS, PYTHON, WORKS, Moved, cell_of, run

SENTENCES = {
    "supports one request in flight",
    "supports one connection",
    "waits on one descriptor",
    "does not support regular files",
    "cannot cancel a request",
    "is of connections: an event loop",
    "are of sockets, not of pipes",
    "the timers of libuv count in milliseconds",
    "uvloop is not installed",
}
"""What an engine may say of a work that it cannot do."""


@pytest.fixture(scope="module")
def preparation() -> Iterator[Preparation]:
    with Preparation(1) as made:
        yield made


def bytes_each(point: Point) -> int:
    """Of each operation, if all have the same size: an echo goes there and back."""
    both_ways = getattr(point.channel, "exchange", "stream") == "echo"
    return int(point.load.block.largest) * (2 if both_ways else 1)


def check_slice(found: Moved, point: Point) -> None:
    """A slice of an engine that moves data."""
    # Slots that are under way when the last operation is counted end theirs.
    most = OPERATIONS + point.core_depth - 1
    if not point.serves:  # there the peer gets the answers that it waits for
        assert OPERATIONS <= found.operations <= most
    if point.load.block.is_fixed:
        assert found.bytes == found.in_window * bytes_each(point)
    if point.channel.kind in ("pipe", "socket"):
        assert found.verified == found.operations or point.load.writes
    if point.channel.kind == "file":
        assert found.verified > 0 or point.load.writes  # else compared when it is read back
    assert (found.cancelled > 0) == (point.load.deadline > 0)


FEW = ("timer", "deadline", "file-read", "unix-echo", "unix-server")
"""In which an engine's options make a difference: the others are long tests with those."""
MORE = ("file-sync", "pipe-write", "tcp-large", "sizes", "idle")
"""Of those; the rest differ from one of these by a setting that no option meets."""


def cases() -> Iterator[object]:
    for engine, spec in PYTHON.items():
        for work in WORKS:
            with_options = pytest.mark.long if work in MORE else pytest.mark.longest
            is_quick = work in FEW or not spec.options
            yield pytest.param(engine, work, marks=() if is_quick else with_options)


@pytest.mark.parametrize(("engine", "work"), list(cases()))
def test_each_operation_is_counted_once_and_its_bytes_are_right(
    engine: str, work: str, preparation: Preparation
) -> None:
    spec = PYTHON[engine]
    cell = cell_of(spec, work)
    if cell.na_reason is not None:
        assert any(sentence in cell.na_reason for sentence in SENTENCES), cell.na_reason
        return
    for found in run(preparation, cell):
        assert found.calls == {}, "calls are not counted in a trial in Python"
        if spec.caps["moves_data"]:
            check_slice(found, cell.point)
        else:
            assert found.operations >= OPERATIONS


def test_a_loop_does_not_grow_with_its_operations(preparation: Preparation) -> None:
    """Python ends a program that calls itself a thousand deep. Each write has a sync after it."""
    cell = cell_of(PYTHON["python:selectors:selector=poll"], "file-sync")
    (found,) = run(preparation, cell, slices=1, operations=1200)
    assert found.operations >= 1200
