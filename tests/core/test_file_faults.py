"""The file channel where something is wrong: differences found, files refused, writes that fail."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..fresh import run_python
from .file_channel import (
    BLOCK,
    BLOCKS,
    COLD,
    DIRECT,
    ENGINES,
    LONG_NS,
    MIXED,
    SECTOR,
    SEQUENTIAL,
    SYNC_DATA,
    WARM,
    WRITE,
    blocks,
    content,
    data_file,
    depth_of,
    fd,
    need_direct,
    opened,
)

__all__ = ["fd"]  # a fixture

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
