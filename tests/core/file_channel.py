"""The core's loop over the file channel, a file for it, and what both have done."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from iomodels import _core
from iomodels.engines.calls import calls_of_class
from iomodels.engines.spec import parse
from iomodels.trials.record import Record, new_record

from ..some_engines import CAPS, on, open_loop

FOLDER = "/var/tmp"  # a disk: /tmp may be memory
PAGE = mmap.PAGESIZE
BLOCK, BLOCKS = PAGE, 64
SECTOR = 512
LIBC = ctypes.CDLL(None, use_errno=True)
LONG_NS = 10**11
READ, WRITE, MIXED = 0, 1, 2
SYNC_NONE, SYNC_DATA, SYNC_EVERY = 0, 1, 2
WARM, DIRECT, COLD = 0, 1, 2
SEQUENTIAL, RANDOM = 0, 1
ENGINES = sorted(on("file"))
WRITES = ("pwrite", "aio_write")
READS = ("pread", "aio_read", "preadv2")


@contextmanager
def data_file(size: int = BLOCK * BLOCKS) -> Iterator[int]:
    fd = _core.make_file(FOLDER, size, 7)
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.fixture
def fd() -> Iterator[int]:
    with data_file() as made:
        yield made


@contextmanager
def opened(engine: str, fd: int, **settings: int) -> Iterator[tuple[_core.Loop, Record]]:
    wanted = {
        "block": BLOCK,
        "file_fd": fd,
        "file_size": os.fstat(fd).st_size,
        "file_seed": 7,
        **settings,
    }
    with new_record() as record:
        loop = open_loop(engine, "file", wanted, record.fd)
        yield loop, record
        if loop.is_open():
            assert loop.close() == 0


def content(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def blocks(data: bytes, block: int = BLOCK) -> list[bytes]:
    return [data[at : at + block] for at in range(0, len(data), block)]


def transfers(record: Record, engine: str, workload: int, words: int) -> tuple[int, int]:
    """Reads and writes, by the calls that the engine counted.

    A list is one call for several; there reads are told by the `words` that each verifies.
    """
    if not CAPS[engine]["batches"]:
        return count(record, READS), count(record, WRITES)
    operations = record.field("slice_operations")
    submits = count(record, tuple(calls_of_class("submit", engine)))
    assert 0 < submits <= 2 * operations  # each may have a sync
    if workload != MIXED:
        return (operations, 0) if workload == READ else (0, operations)
    reads = record.field("verified_words") // words
    return reads, operations - reads


def count(record: Record, names: tuple[str, ...]) -> int:
    calls = record.table("calls")
    return sum(calls.get(name, 0) for name in names)


def has_calls(engine: str, names: tuple[str, ...]) -> bool:
    """Whether it makes any of these calls by itself: the kernel makes what went through a ring."""
    return not parse(engine).calls.keys().isdisjoint(names)


def depth_of(engine: str, wanted: int) -> int:
    return min(wanted, CAPS[engine]["max_depth"] or wanted)


def need_direct(fd: int) -> None:
    if _core.direct_alignment(fd) == 0:
        pytest.skip(f"{FOLDER} has no direct I/O")
