"""What is said of files: sizes, order, syncs, what is kept apart, and what is left out."""

from __future__ import annotations

import random

import pytest

from iomodels.observe.seen import BlockShare
from tests.observe.logs import Log, reads

BLOCK = 4096
RANDOM = [number * BLOCK for number in random.Random(1).sample(range(16384), 300)]


def opened(flags: str, fd: str = "3</data>") -> str:
    number, _, path = fd.partition("<")
    return f'openat(AT_FDCWD</>, "{path[:-1]}", {flags}) = {number}<{path}'


def test_random_reads() -> None:
    log = Log()
    log.call(opened("O_RDONLY"))
    reads(log, RANDOM)
    work = log.work()
    assert (work.kind, work.operations, work.read_share) == ("file", 300, 1)
    assert work.blocks == (BlockShare(BLOCK, 1.0),)
    assert work.bytes_moved == 300 * BLOCK
    assert work.sequential_share is not None
    assert work.sequential_share < 0.05
    assert (work.model, work.depth, work.threads, work.active) == ("blocking", 1, 1, 1)
    assert work.extent_bytes is not None
    assert max(RANDOM) - min(RANDOM) == work.extent_bytes - BLOCK


def test_reads_in_order_by_the_position() -> None:
    log = Log()
    log.call(opened("O_RDONLY"))
    for _ in range(200):
        log.call('read(3</data>, ""..., 8192) = 8192')
    log.call('read(3</data>, ""..., 8192) = 100')
    log.call('read(3</data>, "", 8192) = 0')
    work = log.work()
    assert work.sequential_share == 1
    assert work.blocks == (BlockShare(8192, 1.0),), "what was asked for, not what the end brought"


def test_blocks_that_several_threads_read_in_order_are_in_order() -> None:
    """The calls end in another order than that of the blocks."""
    log = Log()
    log.call(opened("O_RDONLY"))
    for thread in (2, 3, 4, 5):
        log.call(f"clone(child_stack=0x1, flags=CLONE_VM|CLONE_FILES|CLONE_THREAD) = {thread}")
    shuffled = random.Random(2)
    for group in range(50):
        took = shuffled.sample([20e-6, 30e-6, 40e-6, 50e-6], 4)
        start = log.now_s
        for thread in range(4):
            text = f'pread64(3</data>, ""..., {BLOCK}, {(4 * group + thread) * BLOCK}) = {BLOCK}'
            log.call(text, thread=2 + thread, at_s=start, took_s=took[thread])
    work = log.work()
    assert work.sequential_share is not None
    assert work.sequential_share > 0.98
    assert (work.depth, work.threads, work.model) == (4, 4, "threads:handoff=none")


@pytest.mark.parametrize("different", [12, 60, 200, 5000])
def test_many_sizes_keep_their_mean(different: int) -> None:
    log, dice = Log(), random.Random(different)
    sizes = [dice.randrange(1, different + 1) * 512 for _ in range(3000)]
    for offset, size in zip(RANDOM * 10, sizes, strict=True):
        log.call(f'pread64(3</data>, ""..., {size}, {offset}) = {size}')
    blocks = log.work().blocks
    assert len(blocks) <= 64
    mean = sum(sizes) / len(sizes)
    assert sum(each.block_bytes * each.share for each in blocks) == pytest.approx(mean, rel=0.01)


def test_a_distribution_of_sizes_has_its_shares() -> None:
    log = Log()
    log.call(opened("O_RDONLY"))
    for number in range(200):
        size = 65536 if number % 10 < 3 else BLOCK
        reads(log, [number * 65536 * 3], size=size)
    assert log.work().blocks == (BlockShare(BLOCK, 0.7), BlockShare(65536, 0.3))


def test_a_file_that_is_read_and_one_that_is_appended_to_are_two_works() -> None:
    log = Log()
    log.call(opened("O_RDONLY"))
    log.call(opened("O_WRONLY|O_APPEND", "4</log>"))
    for offset in RANDOM:
        reads(log, [offset])
        log.call('write(4</log>, ""..., 512) = 512')
        log.call("fdatasync(4</log>) = 0", took_s=200e-6)
    read, append = sorted(log.observation().works, key=lambda work: not work.read_share)
    assert (read.read_share, read.sync, read.is_append) == (1, "none", False)
    assert (append.read_share, append.is_append, append.sync) == (0, True, "data")
    assert append.writes_per_sync == 1
    assert append.blocks == (BlockShare(512, 1.0),)


@pytest.mark.parametrize(
    ("flags", "calls", "sync", "writes"),
    [
        ("O_WRONLY", (), "none", None),
        ("O_WRONLY", ("fsync(3</data>) = 0",), "every", 4),
        ("O_WRONLY", ("fdatasync(3</data>) = 0",), "data", 4),
        ("O_WRONLY|O_DSYNC", (), "data", 1),
        ("O_WRONLY|O_SYNC", (), "every", 1),
        ("O_WRONLY", ("fsync(3</data>) = -1 EIO (Input/output error)",), "none", None),
    ],
)
def test_syncs(flags: str, calls: tuple[str, ...], sync: str, writes: float | None) -> None:
    log = Log()
    log.call(opened(flags))
    for _ in range(50):
        for _ in range(4):
            log.call('write(3</data>, ""..., 4096) = 4096')
        for call in calls:
            log.call(call)
    work = log.work()
    assert (work.sync, work.writes_per_sync) == (sync, writes)


def test_reads_between_writes_are_mixed_and_reads_after_writes_are_not() -> None:
    mixed, apart = Log(), Log()
    for log in (mixed, apart):
        log.call(opened("O_RDWR"))
    for number, offset in enumerate(RANDOM):
        is_write = number % 10 >= 7
        name = "pwrite64" if is_write else "pread64"
        mixed.call(f'{name}(3</data>, ""..., {BLOCK}, {offset}) = {BLOCK}')
    assert mixed.work().read_share == pytest.approx(0.7)
    for number in range(100):
        apart.call(f'pwrite64(3</data>, ""..., 1048576, {number << 20}) = 1048576')
    reads(apart, RANDOM)
    assert sorted(work.read_share for work in apart.observation().works) == [0, 1]


def test_direct_is_what_most_transfers_are() -> None:
    """dd takes the flag away for the last, short block, and gives the file another number."""
    log = Log()
    log.call(opened("O_WRONLY|O_CREAT|O_DIRECT", "3</out>"))
    log.call("dup2(3</out>, 1</dev/null>) = 1</out>")
    log.call("close(3</out>) = 0")
    for _ in range(50):
        log.call('write(1</out>, ""..., 65536) = 65536')
    log.call("fcntl(1</out>, F_SETFL, O_WRONLY) = 0")
    log.call('write(1</out>, ""..., 100) = 100')
    assert log.work().is_direct


def test_cached_reads_are_those_that_no_device_can_have_answered() -> None:
    log = Log()
    log.call(opened("O_RDONLY"))
    for number in range(100):
        log.call(f"lseek(4, {number}, SEEK_SET) = {number}", took_s=8e-6)
    for number, offset in enumerate(RANDOM[:100]):
        took = 12e-6 if number % 4 else 120e-6
        log.call(f'pread64(3</data>, ""..., {BLOCK}, {offset}) = {BLOCK}', took_s=took)
    assert log.work().cached_share == pytest.approx(0.75)


def test_what_the_loader_and_the_interpreter_read_is_left_out() -> None:
    log = Log()
    paths = [f"/usr/lib/python3/m{number}.pyc" for number in range(50)]
    for path in [*paths, "/lib/libc.so.6", "/etc/passwd"]:
        log.call(opened("O_RDONLY|O_CLOEXEC", f"3<{path}>"))
        log.call(f'read(3<{path}>, ""..., 4096) = 832')
        log.call(f"close(3<{path}>) = 0")
    log.call('write(1</dev/pts/0<char 136:0>>, ""..., 10) = 10')
    log.call(opened("O_RDONLY"))
    reads(log, RANDOM)
    observation = log.observation()
    assert [work.operations for work in observation.works] == [300]
    assert observation.left_out_operations == 53
    assert observation.left_out_bytes == 52 * 832 + 10


def test_programs_that_are_packed_are_the_work() -> None:
    log = Log()
    log.call(opened("O_WRONLY|O_CREAT", "4</out.tar>"))
    for number in range(1200):
        path = f"/usr/lib/m{number}.so"
        log.call(opened("O_RDONLY|O_CLOEXEC", f"3<{path}>"))
        log.call(f'read(3<{path}>, ""..., 8192) = 8192')
        log.call(f"close(3<{path}>) = 0")
        log.call('write(4</out.tar>, ""..., 10240) = 10240')
    assert sorted(work.read_share for work in log.observation().works) == [0, 1]


def test_many_small_files_are_one_work() -> None:
    log = Log()
    for number in range(300):
        size = 1000 + 37 * number
        log.call(opened("O_RDONLY", f"3</d/{number}>"))
        log.call(f'read(3</d/{number}>, ""..., {size}) = {size}')
        log.call(f"close(3</d/{number}>) = 0")
    work = log.work()
    assert (work.operations, work.active, work.sequential_share) == (300, 1, 1)


def test_few_operations_are_said_to_be_few() -> None:
    log = Log()
    log.call(opened("O_RDONLY"))
    reads(log, RANDOM[:20])
    assert log.work().is_few


def test_without_decorations_a_file_is_known_from_its_opening() -> None:
    log = Log()
    log.call('openat(AT_FDCWD, "/data", O_RDONLY|O_DIRECT) = 3')
    reads(log, RANDOM, fd="3")
    work = log.work()
    assert (work.kind, work.is_direct, work.operations) == ("file", True, 300)


@pytest.mark.parametrize(
    ("call", "what", "moved"),
    [
        (
            "mmap(NULL, 1048576, PROT_READ, MAP_SHARED, 3</data>, 0) = 0x7f0000000000",
            "mmap",
            1 << 20,
        ),
        ("copy_file_range(3</data>, NULL, 4</out>, NULL, 9000, 0) = 9000", "copy_file_range", 9000),
        ("sendfile(5<TCP:[1.2.3.4:5->6.7.8.9:10]>, 3</data>, NULL, 100) = 70", "sendfile", 70),
        ("splice(3<pipe:[1]>, NULL, 4</out>, NULL, 65536, 0) = 4096", "splice", 4096),
        ("mmap(NULL, 1048576, PROT_READ|PROT_EXEC, MAP_PRIVATE, 3</l.so>, 0) = 0x7f00", None, 0),
        ("mmap(NULL, 1048576, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f00", None, 0),
    ],
)
def test_what_moves_without_transfers_is_counted(call: str, what: str | None, moved: int) -> None:
    log = Log()
    log.call(call)
    log.call(call)
    unseen = log.observation().unseen
    assert [(each.what, each.count, each.bytes_moved) for each in unseen] == (
        [(what, 2, 2 * moved)] if what else []
    )
    assert all(each.reason for each in unseen)


def test_datagrams_are_counted() -> None:
    log = Log()
    for _ in range(20):
        log.call('recvfrom(3<UDP:[0.0.0.0:53]>, ""..., 512, 0, NULL, NULL) = 40')
    observation = log.observation()
    assert observation.works == ()
    (unseen,) = observation.unseen
    assert (unseen.what, unseen.count, unseen.bytes_moved) == ("datagrams", 20, 800)


def test_nothing_of_names_remains() -> None:
    log = Log()
    log.call(opened("O_RDONLY", "3</home/secret/plan.db>"))
    reads(log, RANDOM, fd="3</home/secret/plan.db>")
    assert "secret" not in repr(log.observation())
