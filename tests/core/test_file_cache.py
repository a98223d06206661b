"""The file channel and the kernel's page cache: cold reads, and reads that must not wait."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from contextlib import suppress

import pytest

from ..some_engines import CAPS, plain
from .file_channel import (
    BLOCK,
    BLOCKS,
    COLD,
    ENGINES,
    LIBC,
    LONG_NS,
    PAGE,
    RANDOM,
    READ,
    SEQUENTIAL,
    data_file,
    depth_of,
    fd,
    opened,
    transfers,
)

__all__ = ["fd"]  # a fixture

# ------------------------------------------------------------------ cold


@pytest.mark.parametrize(
    ("engine", "pattern"),
    [
        (engine, pattern)
        for number, engine in enumerate(ENGINES)
        for pattern in (SEQUENTIAL, RANDOM)
        if engine == plain(engine) or pattern == number % 2
    ],
)
def test_a_cold_slice_reads_each_block_once_and_ends(engine: str, pattern: int, fd: int) -> None:
    how = {"file_cache": COLD, "pattern": pattern, "verify": 1, "depth": depth_of(engine, 4)}
    with opened(engine, fd, **how) as (loop, record):
        for _ in range(2):
            assert loop.run(LONG_NS) == 0
            assert record.field("pages_before") == 0
            # So many reads as blocks, and all blocks were read: each of them once.
            reads, _ = transfers(record, engine, READ, BLOCK // 8)
            assert record.field("slice_operations") == reads == BLOCKS
            assert record.field("pages_after") == BLOCKS


@pytest.mark.parametrize("blocks", [1, 2, 3, 5, 16, 17, 63, 100])
def test_random_cold_reads_bring_in_nothing_else(blocks: int) -> None:
    with data_file(blocks * BLOCK) as fd, opened("blocking", fd, file_cache=COLD) as (loop, record):
        for operations in (blocks // 2, blocks):
            assert loop.run(LONG_NS if operations else 0, operations) == 0
            # One page for each operation: no block twice, and no read-ahead.
            assert record.field("pages_after") == record.field("slice_operations") == operations


def test_the_random_order_is_another_one_each_time(fd: int) -> None:
    """Which half of the pages half a slice has read, over several slices."""
    seen = set()
    with opened("blocking", fd, file_cache=COLD) as (loop, _):
        for _ in range(8):
            assert loop.run(LONG_NS, BLOCKS // 2) == 0
            seen.add(resident_pages(fd))
    assert len(seen) == 8


def resident_pages(fd: int) -> tuple[bool, ...]:
    """Asks mincore: a read that must not block (RWF_NOWAIT) would start read-ahead."""
    size = os.fstat(fd).st_size
    there = (ctypes.c_ubyte * (size // PAGE))()
    with mmap.mmap(fd, size) as mapped:
        address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
        called = LIBC.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), there)
    assert called == 0
    return tuple(bool(page & 1) for page in there)


def test_dirty_pages_are_dropped_too(fd: int) -> None:
    os.pwrite(fd, os.pread(fd, BLOCK, 0), 0)
    with opened("blocking", fd, file_cache=COLD, verify=1) as (loop, record):
        assert loop.run(LONG_NS) == 0
        assert record.field("pages_before") == 0


def test_pages_that_would_not_go_void_the_slice(fd: int) -> None:
    with mmap.mmap(fd, BLOCK * BLOCKS, prot=mmap.PROT_READ) as held:
        assert held[0] is not None  # the page is in use
        with opened("blocking", fd, file_cache=COLD) as (loop, record):
            assert loop.run(LONG_NS) == -errno.EBUSY
            assert record.stage == "check"


# ------------------------------------------------------------------ nowait


def test_nowait_says_eagain_until_the_data_has_come(fd: int) -> None:
    how = {"file_cache": COLD, "nowait": 1, "verify": 1, "depth": 4}
    with opened("nonblocking", fd, **how) as (loop, record):
        assert loop.run(LONG_NS) == 0, record.field("error")
        assert record.field("slice_operations") == BLOCKS
        calls, eagain = record.table("calls"), record.table("eagain")
        assert calls["readahead"] == BLOCKS, "started once for each request"
        assert calls["preadv2"] == BLOCKS + eagain["preadv2"]
        assert "pread" not in calls


def test_nowait_takes_what_is_cached_at_once(fd: int) -> None:
    with opened("nonblocking", fd, nowait=1) as (loop, record):
        assert loop.run(LONG_NS, 100) == 0
        assert record.table("eagain") == {}


@pytest.mark.parametrize("engine", [name for name in ENGINES if not CAPS[name]["nowait"]])
def test_engines_without_it_take_no_notice_of_nowait(engine: str, fd: int) -> None:
    with opened(engine, fd, nowait=1) as (loop, record):
        assert loop.run(LONG_NS, 20) == 0
        assert "preadv2" not in record.table("calls")


def test_where_nowait_does_not_exist_the_transfer_says_so() -> None:
    fd = os.memfd_create("data")
    os.ftruncate(fd, BLOCK * BLOCKS)
    with suppress(OSError):
        os.preadv(fd, [bytearray(1)], 0, os.RWF_NOWAIT)
        os.close(fd)
        pytest.skip("this kernel reads from memory files with RWF_NOWAIT")
    with opened("nonblocking", fd, nowait=1) as (loop, record):
        assert loop.run(LONG_NS) == -errno.EOPNOTSUPP
        assert record.stage == "transfer"
    os.close(fd)
