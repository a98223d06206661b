"""The file channel against a real file: what is transferred, synced, verified and appended.

Each test makes the file, drives the core's loop in this process, and looks at the file itself.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from _pytest.mark import ParameterSet

from ..some_engines import plain
from .file_channel import (
    BLOCK,
    BLOCKS,
    DIRECT,
    ENGINES,
    LIBC,
    LONG_NS,
    MIXED,
    PAGE,
    READ,
    SECTOR,
    SEQUENTIAL,
    SYNC_DATA,
    SYNC_EVERY,
    SYNC_NONE,
    WARM,
    WRITE,
    blocks,
    content,
    count,
    data_file,
    depth_of,
    fd,
    has_calls,
    need_direct,
    opened,
    transfers,
)

__all__ = ["fd"]  # a fixture

SYNCS = {SYNC_NONE: (), SYNC_DATA: ("fdatasync", "aio_fsync"), SYNC_EVERY: ("fsync", "aio_fsync")}
ALL_SYNCS = ("fdatasync", "fsync", "aio_fsync")


# ------------------------------------------------------------------ everything with everything


OPERATIONS = 40
Settings = dict[str, int]
AXES = {
    "workload": (READ, WRITE, MIXED),
    "sync": (SYNC_NONE, SYNC_DATA, SYNC_EVERY),
    "file_cache": (WARM, DIRECT),
    "verify": (0, 1),
}
EVERY = [
    how
    for values in itertools.product(*AXES.values())
    if (how := dict(zip(AXES, values, strict=True)))["workload"] != READ
    or how["sync"] == SYNC_NONE  # sync says nothing about reads
]


def pairs_of(how: Settings) -> set[tuple[tuple[str, int], ...]]:
    return set(itertools.combinations(how.items(), 2))


def pairwise(every: list[Settings]) -> list[Settings]:
    """So few of them that each two values which occur together still do: the greedy cover."""
    chosen: list[Settings] = []
    missing = set().union(*map(pairs_of, every))
    while missing:
        chosen.append(max(every, key=lambda how: len(pairs_of(how) & missing)))
        missing -= pairs_of(chosen[-1])
    return chosen


@pytest.mark.parametrize("engine", ENGINES)
def test_every_two_settings_go_together(engine: str) -> None:
    assert 6 < len(pairwise(EVERY)) < len(EVERY) / 2
    transfer_with_each(engine, pairwise(EVERY))


@pytest.mark.longest
@pytest.mark.parametrize("engine", ENGINES)
def test_all_settings_go_together(engine: str) -> None:
    transfer_with_each(engine, EVERY)


def transfer_with_each(engine: str, chosen: list[Settings]) -> None:
    for how in sorted(chosen, key=lambda how: how["file_cache"]):  # the cached ones first
        with data_file() as fd:
            if how["file_cache"] == DIRECT:
                need_direct(fd)
                transfer_and_look(engine, fd, how)
            else:
                with held_in_memory(fd):
                    transfer_and_look(engine, fd, how)


@contextmanager
def held_in_memory(fd: int) -> Iterator[None]:
    """Otherwise the kernel may take a page back meanwhile, for which a real trial is repeated."""
    size = os.fstat(fd).st_size
    with mmap.mmap(fd, size) as mapped:
        address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
        assert LIBC.mlock(ctypes.c_void_p(address), ctypes.c_size_t(size)) == 0
        yield


def transfer_and_look(engine: str, fd: int, how: Settings) -> None:
    """What is counted, what is verified, and what of the file has changed."""
    workload, verify = how["workload"], how["verify"]
    before = content(fd)
    with opened(engine, fd, depth=depth_of(engine, 4), **how) as (loop, record):
        assert loop.run(LONG_NS, OPERATIONS) == 0, (how, record.stage)
        operations = record.field("slice_operations")
        words = BLOCK // 8 if verify else 1
        reads, writes = transfers(record, engine, workload, words)
        assert operations == reads + writes >= OPERATIONS, how
        assert (reads > 0, writes > 0) == (workload != WRITE, workload != READ), how
        syncs = writes if how["sync"] != SYNC_NONE and has_calls(engine, ALL_SYNCS) else 0
        assert count(record, ALL_SYNCS) == count(record, SYNCS[how["sync"]]) == syncs, how
        assert record.field("verified_words") == reads * words, how
        read_back = len(before) if verify and writes else 0
        assert record.field("read_back_bytes") == read_back, how
        assert record.field("window_bytes") == record.field("window_operations") * BLOCK, how
        pages = BLOCKS if how["file_cache"] == WARM else 0
        assert record.field("pages_before") == record.field("pages_after") == pages, how

    changed = [old != new for old, new in zip(blocks(before), blocks(content(fd)), strict=True)]
    if workload == READ:
        assert not any(changed), how
    if workload == MIXED:
        assert not any(changed[: BLOCKS // 2]), (how, "reads and writes do not meet")
    if workload != READ:
        assert 0 < sum(changed) <= writes, how


@pytest.mark.parametrize("block", [8, 100, 511, 1000, 3 * PAGE, 1 << 20])
def test_blocks_of_any_size_are_written_and_verified(block: int) -> None:
    with data_file(5 * block + 3) as fd:
        before = content(fd)
        how = {"workload": WRITE, "pattern": SEQUENTIAL, "verify": 1, "block": block}
        with opened("threads", fd, depth=2, **how) as (loop, record):
            assert loop.run(LONG_NS, 5) == 0
            assert record.field("read_back_bytes") == len(before)
        after = content(fd)
    assert after[5 * block :] == before[5 * block :]
    for old, new in zip(blocks(before, block)[:5], blocks(after, block)[:5], strict=True):
        assert old != new


def test_no_two_sectors_are_written_alike(fd: int) -> None:
    before = content(fd)
    with opened("blocking", fd, workload=WRITE, pattern=SEQUENTIAL) as (loop, _):
        assert loop.run(LONG_NS, BLOCKS) == 0
    after = content(fd)
    sectors = blocks(after, SECTOR)
    assert len(set(sectors)) == len(sectors)
    assert not any(map(bytes.__eq__, sectors, blocks(before, SECTOR)))


def test_a_second_slice_verifies_what_the_first_wrote(fd: int) -> None:
    with opened("aio", fd, workload=WRITE, verify=1, depth=4) as (loop, record):
        for _ in range(3):
            assert loop.run(LONG_NS, 20) == 0
            assert record.field("read_back_bytes") == BLOCK * BLOCKS


def test_a_stopped_slice_is_not_read_back() -> None:
    """Its last writes are still under way, and nobody knows which have arrived."""
    how = {"workload": WRITE, "verify": 1, "depth": 64, "file_cache": DIRECT}
    with data_file(8 << 20) as fd, opened("threads", fd, **how) as (loop, record):
        need_direct(fd)
        running = threading.Thread(target=loop.run, args=(LONG_NS,))
        running.start()
        while record.field("live_operations") == 0:
            pass
        record.ask_to_stop()
        running.join()
        assert record.field("slice_operations") > 0
        assert record.stage == "none"


# ------------------------------------------------------------------ append


def ways_to_append() -> list[ParameterSet]:
    """In a quick run an option of an engine meets one of them."""
    ways = list(itertools.product((SYNC_NONE, SYNC_DATA), (WARM, DIRECT)))
    return [
        pytest.param(
            *(engine, *way),
            marks=() if engine == plain(engine) or place == number % 4 else pytest.mark.long,
        )
        for number, engine in enumerate(ENGINES)
        for place, way in enumerate(ways)
    ]


@pytest.mark.parametrize(("engine", "sync", "cache"), ways_to_append())
def test_appends_fill_an_empty_file_in_turn(engine: str, sync: int, cache: int, fd: int) -> None:
    if cache == DIRECT:
        need_direct(fd)
    how = {"workload": WRITE, "append": 1, "sync": sync, "file_cache": cache, "verify": 1}
    with opened(engine, fd, **how) as (loop, record):
        for operations, written in ((10, 10), (0, BLOCKS)):  # then until it is full
            assert loop.run(LONG_NS, operations) == 0, record.stage
            assert record.field("slice_operations") == written
            assert os.fstat(fd).st_size == record.field("read_back_bytes") == written * BLOCK
            assert record.field("pages_after") == (written if cache == WARM else 0)
    assert len(set(blocks(content(fd)))) == BLOCKS
