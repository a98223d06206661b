"""What observe decides by a threshold, a little below and a little above it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from iomodels.observe.counting.flight import Levels
from iomodels.observe.counting.order import Order
from iomodels.observe.scenarios import operation_of, scenarios_of
from iomodels.observe.seen import Observation, Work
from tests.observe.logs import Log, reads

BLOCK = 4096
THREAD = "clone(child_stack=0x1, flags=CLONE_VM|CLONE_FILES|CLONE_THREAD) = {}"
RANDOM = [number * BLOCK for number in random.Random(2).sample(range(1 << 20), 4000)]


def opened(log: Log, fd: int, path: str = "/data", **where: int) -> None:
    log.call(f'openat(AT_FDCWD</>, "{path}", O_RDWR) = {fd}<{path}>', **where)


def read(log: Log, number: int, fd: str = "3</data>", size: int = BLOCK, **how: float) -> None:
    """At a place that follows on none before."""
    offset = RANDOM[number] * 64
    log.call(f'pread64({fd}, ""..., {size}, {offset}) = {size}', **how)


def written(log: Log, times: int, size: int = BLOCK) -> None:
    for number in range(times):
        log.call(f'pwrite64(4</out>, ""..., {size}, {number * size}) = {size}')


@pytest.mark.parametrize(("operations", "is_few"), [(99, True), (100, False)])
def test_few_operations(operations: int, is_few: bool) -> None:
    log = Log()
    reads(log, RANDOM[:operations])
    assert log.work().is_few is is_few


@pytest.mark.parametrize(("peak_s", "usual"), [(0.04, 1), (0.06, 8)])
def test_a_rare_peak_is_not_the_usual_depth(peak_s: float, usual: int) -> None:
    levels = Levels()
    levels.add([(0.0, 1.0), *[(0.5, 0.5 + peak_s)] * 7])
    assert levels.usual() == usual


@pytest.mark.parametrize(("each", "works"), [(15, 1), (16, 2)])
def test_sizes_of_few_transfers_do_not_divide_them(each: int, works: int) -> None:
    log = Log()
    for number in range(each):
        read(log, number, "3</a>", BLOCK)
        read(log, number, "4</b>", 64 * BLOCK)
    assert len(log.observation().works) == works


@pytest.mark.parametrize(("each", "works"), [(63, 1), (64, 2)])
def test_many_files_with_little_in_each_are_one_work(each: int, works: int) -> None:
    log = Log()
    for path, size in (("/a", 1), ("/b", 1), ("/c", 64), ("/d", 64)):
        for number in range(each):
            read(log, number, f"3<{path}>", size * BLOCK)
    assert len(log.observation().works) == works


@pytest.mark.parametrize(
    ("hottest", "others", "size", "works"),
    [
        (1000, 15, BLOCK, 1),  # of 2 % of the hottest
        (1000, 25, BLOCK, 2),
        (1000, 10, 4 * BLOCK, 1),  # of 5 % of the bytes
        (1000, 10, 8 * BLOCK, 2),
        (100, 7, 64 * BLOCK, 1),  # of 8 operations
        (100, 8, 64 * BLOCK, 2),
    ],
)
def test_what_is_too_rare_to_be_a_work(hottest: int, others: int, size: int, works: int) -> None:
    log = Log()
    reads(log, RANDOM[:hottest])
    written(log, others, size)
    assert len(log.observation().works) == works


@pytest.mark.parametrize(
    ("parts", "rest", "later", "works"),
    [
        (1100, 1100, 0, 2),
        (990, 990, 0, 1),  # fewer than 1000 can be an interpreter that starts
        (1100, 1100, 300, 2),  # goes on in 84 % of the time of the rest
        (1100, 1100, 400, 1),  # in 78 %
        (1100, 2000, 0, 2),
        (1100, 2300, 0, 1),  # fewer than one for every two of the rest
    ],
)
def test_when_reading_parts_of_programs_is_work(
    parts: int, rest: int, later: int, works: int
) -> None:
    """`rest` begins so many `later`; without that, both end together."""
    log = Log()
    steps = max(parts, rest)
    for step in range(steps + later):
        if step < steps and (step + 1) * parts // steps > step * parts // steps:
            log.call(f'read(3</usr/lib/m{step}.so>, ""..., 8192) = 8192')
        if step >= later:
            log.call('write(4</out>, ""..., 10240) = 10240')
    assert len(log.observation().works) == works


@pytest.mark.parametrize(
    ("other", "model", "threads"),
    [
        (14, "blocking", 1),  # of a tenth of an equal share
        (20, "threads:handoff=none", 1),
        (40, "threads:handoff=none", 1),  # of a fourth of it
        (60, "threads:handoff=none", 2),
    ],
)
def test_a_thread_that_transfers_hardly_ever_is_none(other: int, model: str, threads: int) -> None:
    log = Log()
    opened(log, 3)
    log.call(THREAD.format(2))
    for number in range(300):
        read(log, number)
        if number < other:
            read(log, number + 300, thread=2)
    work = log.work()
    assert (work.model, work.threads) == (model, threads)


@pytest.mark.parametrize(("transfers", "model"), [(14, "threads"), (16, "threads:handoff=none")])
def test_a_thread_that_keeps_its_conversation_for_long_is_no_pools(
    transfers: int, model: str
) -> None:
    """It may lock something all the same."""
    log = Log()
    for thread in (2, 3):
        log.call(THREAD.format(thread))
    for number in range(20):
        for _ in range(transfers // 2):
            for thread in (2, 3):
                own = f"{5 + thread}<TCP:[1.1.1.1:80->1.1.1.1:{100 + 2 * number + thread % 2}]>"
                log.call("futex(0x7f00, FUTEX_WAIT_PRIVATE, 0, NULL) = 0", thread=thread)
                log.call(f'read({own}, ""..., 1000) = 100', thread=thread)
                log.call(f'write({own}, ""..., 100) = 100', thread=thread)
    assert {work.model for work in log.observation().works} == {model}


def cached_reads(threads: int, took_s: float, size: int = BLOCK) -> Work:
    """Of a log in which other calls take 8 µs, some nothing, and some 200 µs (preempted)."""
    log = Log()
    opened(log, 3)
    for thread in range(2, threads + 1):
        log.call(THREAD.format(thread))
    for number in range(100):
        took = 0.1e-6 if number < 5 else 8e-6 if number < 85 else 200e-6
        log.call("lseek(3</data>, 0, SEEK_SET) = 0", took_s=took)
    for number in range(200):
        read(log, number, size=size, took_s=took_s, thread=1 + number % threads)
    return log.work()


@pytest.mark.parametrize(
    ("threads", "took_s", "size", "share"),
    [
        (1, 30e-6, BLOCK, 1),
        (1, 120e-6, BLOCK, 0),
        (1, 120e-6, 256 * BLOCK, 1),  # to copy 1 MiB takes 105 µs
        (1, 160e-6, 256 * BLOCK, 0),
        (4, 30e-6, BLOCK, 1),
        (4, 80e-6, BLOCK, None),  # of a disk, or of the page cache after waits for other threads
        (4, 200e-6, BLOCK, 0),
    ],
)
def test_how_long_a_cached_read_takes(
    threads: int, took_s: float, size: int, share: float | None
) -> None:
    assert cached_reads(threads, took_s, size).cached_share == share


@pytest.mark.parametrize(
    ("order", "depth"),
    [
        ([0, 1, 2] * 100, 3),
        ([*[0] * 99, 1, 2, 0, *[2] * 20, *[1] * 99], 1),  # all three at one time, and not in turns
    ],
)
def test_descriptors_that_take_turns_are_in_flight_together(order: list[int], depth: int) -> None:
    log = Log()
    for fd in (3, 4, 5):
        opened(log, fd)
        log.call(THREAD.format(fd + 7))
    for number, one in enumerate(order):
        read(log, number, f"{3 + one}</data>", thread=10 + one)
        until = f"{{tv_sec={int(log.now_s) + 1}, tv_nsec={int(log.now_s % 1 * 1e9)}}}"
        call = f"futex(0x7f00, FUTEX_WAIT_BITSET|FUTEX_CLOCK_REALTIME, 0, {until}, 1) = 0"
        log.call(call, thread=10 + one)
    work = log.work()
    assert (work.model, work.depth) == ("aio", depth)


@pytest.mark.parametrize(
    ("usual_s", "gap_s", "computes"),
    [
        (100e-6, 300e-6, False),  # of 4 times the usual gap
        (100e-6, 500e-6, True),
        (2e-6, 15e-6, False),  # of 20 µs
        (2e-6, 40e-6, True),
    ],
)
def test_what_is_computing_and_not_the_usual_gap(
    usual_s: float, gap_s: float, computes: bool
) -> None:
    log = Log()
    at_s = 1000.0
    for number in range(200):
        for call in ("lseek(3</data>, 0, SEEK_CUR) = 0",) * 3:
            log.call(call, at_s=at_s, took_s=10e-6)
            at_s += 10e-6 + usual_s
        read(log, number, at_s=at_s, took_s=10e-6)
        at_s += 10e-6 + gap_s
    assert (log.work().compute_ns > 0) is computes


@pytest.mark.parametrize(("took_s", "model"), [(0.04, "blocking"), (0.06, "threads:handoff=none")])
def test_a_long_read_of_nothing_waits_for_a_peer(took_s: float, model: str) -> None:
    log = Log()
    for thread in (2, 3):
        log.call(THREAD.format(thread))
    for thread, socket in (
        (2, "5<TCP:[1.1.1.1:80->1.1.1.1:81]>"),
        (3, "6<TCP:[1.1.1.1:80->1.1.1.1:82]>"),
    ):
        for _ in range(100):
            log.call(f'read({socket}, ""..., 1000) = 100', thread=thread)
            log.call(f'write({socket}, ""..., 100) = 100', thread=thread)
        log.call(f'read({socket}, "", 1000) = 0', thread=thread, took_s=took_s)
    assert {work.model for work in log.observation().works} == {model}


@pytest.mark.parametrize(("took_s", "arrivals"), [(20e-6, "closed"), (1e-3, "constant")])
def test_a_wait_for_nothing_is_a_sleep_if_it_takes_time(took_s: float, arrivals: str) -> None:
    log = Log()
    for number in range(100):
        log.call("poll(NULL, 0, 1) = 0 (Timeout)", took_s=took_s)
        read(log, number)
    assert log.work().arrivals == arrivals


@pytest.mark.parametrize(("size", "count"), [(65535, 0), (65536, 1)])
def test_small_maps_are_of_a_programs_start(size: int, count: int) -> None:
    log = Log()
    log.call(f"mmap(NULL, {size}, PROT_READ, MAP_SHARED, 3</data>, 0) = 0x7f00")
    assert len(log.observation().unseen) == count


@pytest.mark.parametrize(("transfers", "is_near"), [(63, True), (64, False)])
def test_a_thread_that_transferred_long_ago_takes_part_no_more(
    transfers: int, is_near: bool
) -> None:
    """With one thread, what is only near the last transfer is not in order."""
    order = Order()
    order.goes_on(2, 0, BLOCK)
    for number in range(transfers):
        order.goes_on(1, number * 100 * BLOCK, BLOCK)
    assert order.goes_on(1, ((transfers - 1) * 100 + 2) * BLOCK, BLOCK) is is_near


WRITES = Work(
    kind="file",
    operations=1000,
    bytes_moved=1000 * BLOCK,
    duration_s=1.0,
    read_share=0.0,
    blocks=(),
    depth=1.0,
    depth_mean=1.0,
    descriptors=1,
    active=1,
    model="blocking",
    model_evidence="",
)


@pytest.mark.parametrize(
    ("share", "operation"), [(0.004, "write"), (0.006, "mixed"), (0.994, "mixed"), (0.996, "read")]
)
def test_hardly_any_reads_are_none(share: float, operation: str) -> None:
    assert operation_of(replace(WRITES, read_share=share)) == operation


@pytest.mark.parametrize(("writes", "sync"), [(4.0, "data"), (4.5, None)])
def test_some_writes_to_a_sync_are_nearest_to_one(writes: float, sync: str | None) -> None:
    work = replace(WRITES, sync="data", writes_per_sync=writes)
    (scenario,) = scenarios_of(Observation((work,), (), calls=1, duration_s=1.0))
    assert scenario.settings.get("load.sync") == sync
    assert f"{writes:.3g} writes" in "".join(scenario.notes)


@pytest.mark.parametrize(("writes", "is_said"), [(1.04, False), (1.06, True)])
def test_the_last_writes_may_come_without_a_sync(writes: float, is_said: bool) -> None:
    work = replace(WRITES, sync="data", writes_per_sync=writes)
    (scenario,) = scenarios_of(Observation((work,), (), calls=1, duration_s=1.0))
    assert scenario.settings["load.sync"] == "data"
    assert ("after each" in "".join(scenario.notes)) is is_said


@pytest.mark.parametrize(
    ("share", "pattern", "is_said"),
    [
        (0.49, "random", False),
        (0.51, "random", True),
        (0.69, "random", True),
        (0.71, "sequential", True),
        (0.89, "sequential", True),
        (0.91, "sequential", False),
    ],
)
def test_what_is_neither_sequential_nor_random_is_said(
    share: float, pattern: str, is_said: bool
) -> None:
    work = replace(WRITES, sequential_share=share)
    (scenario,) = scenarios_of(Observation((work,), (), calls=1, duration_s=1.0))
    assert scenario.settings["load.pattern"] == pattern
    assert ("followed on the last one" in "".join(scenario.notes)) is is_said
