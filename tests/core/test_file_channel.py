"""The file channel against a real file: what is transferred, synced, verified, dropped and refused.

Each test makes the file, drives the core's loop in this process, and looks at the file itself.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import mmap
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from iomodels import _core
from iomodels.trials.record import Record, new_record

from ..engines import CAPS, WITH_DATA, open_loop
from ..fresh import run_python

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
ENGINES = sorted(WITH_DATA)
WRITES = ("pwrite", "aio_write")
READS = ("pread", "aio_read", "preadv2")
SYNCS = {SYNC_NONE: (), SYNC_DATA: ("fdatasync", "aio_fsync"), SYNC_EVERY: ("fsync", "aio_fsync")}
ALL_SYNCS = ("fdatasync", "fsync", "aio_fsync")


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
    assert 0 < record.table("calls")["lio_listio"] <= operations
    if workload != MIXED:
        return (operations, 0) if workload == READ else (0, operations)
    reads = record.field("verified_words") // words
    return reads, operations - reads


def count(record: Record, names: tuple[str, ...]) -> int:
    calls = record.table("calls")
    return sum(calls.get(name, 0) for name in names)


def depth_of(engine: str, wanted: int) -> int:
    return min(wanted, CAPS[engine]["max_depth"] or wanted)


def need_direct(fd: int) -> None:
    if _core.direct_alignment(fd) == 0:
        pytest.skip(f"{FOLDER} has no direct I/O")


# ------------------------------------------------------------------ everything with everything


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


@pytest.mark.long
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
        assert loop.run(LONG_NS, 100) == 0, (how, record.stage)
        operations = record.field("slice_operations")
        words = BLOCK // 8 if verify else 1
        reads, writes = transfers(record, engine, workload, words)
        assert operations == reads + writes >= 100, how
        assert (reads > 0, writes > 0) == (workload != WRITE, workload != READ), how
        syncs = writes if how["sync"] != SYNC_NONE else 0
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


# ------------------------------------------------------------------ planted differences


def flip(fd: int, *offsets: int) -> None:
    for offset in offsets:
        (old,) = os.pread(fd, 1, offset)
        os.pwrite(fd, bytes([old ^ 0x10]), offset)
    os.fsync(fd)  # for direct reads


def unwrite(fd: int, before: bytes, block: int) -> None:
    """As if the write had never arrived."""
    os.pwrite(fd, blocks(before)[block], block * BLOCK)
    os.fsync(fd)


def swap(fd: int, size: int, one: int, other: int) -> None:
    first, second = os.pread(fd, size, one), os.pread(fd, size, other)
    os.pwrite(fd, second, one)
    os.pwrite(fd, first, other)
    os.fsync(fd)


WRITTEN = BLOCKS // 2
PLANTS: dict[str, tuple[Callable[[int, bytes], object], int]] = {
    "first byte": (lambda fd, before: flip(fd, 0), 0),
    "in a written block": (lambda fd, before: flip(fd, 5 * BLOCK + 1234), 5 * BLOCK + 1234),
    "in a block's stamp": (lambda fd, before: flip(fd, 5 * BLOCK + 2 * SECTOR), 5 * BLOCK + 1024),
    "in an initial block": (
        lambda fd, before: flip(fd, (WRITTEN + 9) * BLOCK + 77),
        (WRITTEN + 9) * BLOCK + 77,
    ),
    "last byte": (lambda fd, before: flip(fd, BLOCKS * BLOCK - 1), BLOCKS * BLOCK - 1),
    "two of them": (lambda fd, before: flip(fd, 9 * BLOCK, 70), 70),
    "a lost write": (lambda fd, before: unwrite(fd, before, 3), 3 * BLOCK),
    "blocks exchanged": (lambda fd, before: swap(fd, BLOCK, 2 * BLOCK, 7 * BLOCK), 2 * BLOCK),
    "sectors exchanged": (lambda fd, before: swap(fd, SECTOR, BLOCK, 2 * BLOCK), BLOCK),
}


@pytest.mark.parametrize("cache", [WARM, DIRECT])
@pytest.mark.parametrize("plant", PLANTS)
def test_a_difference_is_found_by_reading_back(plant: str, cache: int, fd: int) -> None:
    if cache == DIRECT:
        need_direct(fd)
    before = content(fd)
    change, offset = PLANTS[plant]
    how = {"workload": WRITE, "pattern": SEQUENTIAL, "verify": 1, "file_cache": cache}
    with opened("blocking", fd, **how) as (loop, record):
        assert loop.run(LONG_NS, WRITTEN) == 0
        change(fd, before)
        # A slice without time does nothing but check.
        assert loop.run(0) == -errno.EBADMSG
        assert record.stage == "verify"
        assert record.field("error_offset") == offset


@pytest.mark.parametrize("engine", ENGINES)
def test_a_difference_in_the_midst_is_found_by_a_read(engine: str, fd: int) -> None:
    offset = 11 * BLOCK + 2345  # of the lower half, where nothing is written
    how = {"workload": MIXED, "verify": 1, "depth": depth_of(engine, 4)}
    with opened(engine, fd, **how) as (loop, record):

        def plant() -> None:
            while record.field("live_operations") == 0:
                pass
            flip(fd, offset)

        planting = threading.Thread(target=plant)
        planting.start()
        assert loop.run(LONG_NS) == -errno.EBADMSG
        planting.join()
        assert record.stage == "verify"
        assert record.field("error_offset") == offset
        assert record.field("live_operations") > 0


def test_without_verify_only_a_sample_is_read(fd: int) -> None:
    with opened("blocking", fd, workload=WRITE) as (loop, record):
        assert loop.run(LONG_NS, 10) == 0
        flip(fd, 0)
        assert loop.run(LONG_NS, 10) == 0
        assert record.field("read_back_bytes") == 0


# ------------------------------------------------------------------ append


@pytest.mark.parametrize("cache", [WARM, DIRECT])
@pytest.mark.parametrize("sync", [SYNC_NONE, SYNC_DATA])
@pytest.mark.parametrize("engine", ENGINES)
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


@pytest.mark.parametrize("verify", [0, 1])
def test_an_append_that_lands_elsewhere_is_found(verify: int) -> None:
    """Somebody else writes to the end, so that what follows is a block further on."""
    how = {"workload": WRITE, "append": 1, "sync": SYNC_DATA, "verify": verify}
    with data_file(BLOCK << 12) as fd, opened("blocking", fd, **how) as (loop, record):
        results: list[int] = []
        running = threading.Thread(target=lambda: results.append(loop.run(LONG_NS, 200)))
        running.start()
        while record.field("live_operations") < 20:
            pass
        with open(f"/proc/self/fd/{fd}", "ab", buffering=0) as other:
            assert other.write(bytes(BLOCK)) == BLOCK
        running.join()
        assert results == [-errno.EBADMSG]
        assert record.stage == "verify"


# ------------------------------------------------------------------ cold


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("pattern", [SEQUENTIAL, RANDOM])
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


# ------------------------------------------------------------------ refusals and faults


def test_a_file_with_a_name_is_never_written_to(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_bytes(bytes(BLOCK * BLOCKS))
    fd = os.open(path, os.O_RDWR)
    with opened("blocking", fd, workload=WRITE) as (loop, record):
        assert not loop.is_open()
        assert (record.stage, record.field("error")) == ("channel_open", errno.EPERM)
    os.close(fd)
    assert path.read_bytes() == bytes(BLOCK * BLOCKS)


def test_nothing_is_written_beyond_the_file(fd: int) -> None:
    how = {"workload": WRITE, "file_size": BLOCK * (BLOCKS + 1)}
    with opened("blocking", fd, **how) as (loop, record):
        assert not loop.is_open()
        assert record.field("error") == errno.EINVAL


@pytest.mark.parametrize(
    "settings",
    [
        {"file_cache": COLD, "workload": WRITE},
        {"file_cache": COLD, "workload": MIXED},
        {"file_cache": DIRECT, "nowait": 1},
        {"workload": MIXED, "block": BLOCK * BLOCKS},
        {"append": 1},
        {"append": 1, "workload": MIXED},
        {"append": 1, "workload": WRITE, "depth": 2},
        {"append": 1, "workload": WRITE, "deadline_ns": 10**6},
    ],
)
def test_what_makes_no_sense_does_not_open(settings: dict[str, int], fd: int) -> None:
    with opened("blocking", fd, **settings) as (loop, record):
        assert not loop.is_open()
        assert (record.stage, record.field("error")) == ("channel_open", errno.EINVAL)


LIMITED = """
import os, resource, sys
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record
block, blocks, limit = 4096, 64, int(sys.argv[2])
fd = _core.make_file("/var/tmp", block * blocks, 7)
settings = {"block": block, "file_fd": fd, "file_size": block * blocks, "file_seed": 7}
settings |= {"workload": 1, "pattern": 0}
with new_record() as record:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    spec = parse(sys.argv[1])
    loop = _core.Loop(spec.name, "file", settings | spec.settings, record.fd)
    result = loop.run(10**11)
    assert loop.close() == 0
    print(result, record.stage, record.field("error_offset"))
"""


@pytest.mark.parametrize("limit", [32 * BLOCK, 32 * BLOCK + 1000])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_reports_a_file_that_may_not_grow_so_far(engine: str, limit: int) -> None:
    # Python ignores SIGXFSZ, so that the error is what is seen.
    assert run_python(LIMITED, engine, limit).split() == [str(-errno.EFBIG), "transfer", str(limit)]


@pytest.fixture(scope="module")
def small_disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder], capture_output=True
        )
        if mounted.returncode != 0:
            pytest.skip("mounting a small tmpfs needs privileges that this process lacks")
        yield Path(folder)
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_reports_a_full_disk(engine: str, small_disk: Path) -> None:
    fd = os.open(small_disk, os.O_TMPFILE | os.O_RDWR, 0o600)
    os.ftruncate(fd, BLOCK * BLOCKS)  # twice what there is room for
    with opened(engine, fd, workload=WRITE, pattern=SEQUENTIAL) as (loop, record):
        assert loop.run(LONG_NS) == -errno.ENOSPC
        assert record.stage == "transfer"
        assert 16 * BLOCK <= record.field("error_offset") <= 32 * BLOCK
    os.close(fd)
