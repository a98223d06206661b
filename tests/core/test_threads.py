"""The engine `threads`: a blocking thread for each request in flight, and nothing left of them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from iomodels import _core
from iomodels.engines.ability import ability
from iomodels.engines.spec import parse
from iomodels.measure.plan import planned_cell
from iomodels.trials.planned import PlannedTrial
from iomodels.trials.record import Record, new_record
from iomodels.workload import scenario

from .. import core_build
from ..some_engines import open_loop

MS = 1_000_000
LONG_NS = 10**11


def threads_here() -> set[str]:
    return {task.name for task in Path("/proc/self/task").iterdir()}


def expect_no_more_than(before: set[str]) -> None:
    """The kernel takes a moment to forget a thread that has been joined."""
    deadline = time.monotonic() + 5
    while threads_here() - before:
        assert time.monotonic() < deadline, "threads were left behind"


@contextmanager
def opened(depth: int, service_ns: int, **more: int) -> Iterator[tuple[_core.Loop, Record]]:
    settings = {"depth": depth, "service_mean_ns": service_ns, **more}
    with new_record() as record:
        loop = _core.Loop("threads", "timer", settings, record.fd)
        assert loop.is_open(), (record.stage, record.field("error"))
        yield loop, record
        assert loop.close() == 0


def test_each_request_has_a_thread_and_close_ends_them() -> None:
    before = threads_here()
    with opened(50, 20 * MS) as (loop, record):
        assert len(threads_here() - before) == 50
        started = time.monotonic()
        assert loop.run(LONG_NS, 100) == 0
        took_s = time.monotonic() - started
        assert record.field("depth_max") == 50
        assert record.field("slice_operations") >= 100
    assert took_s < 100 * 0.020 / 4, "the requests did not wait side by side"
    expect_no_more_than(before)


@pytest.mark.parametrize("depth", [1, 8])
def test_the_threads_calls_are_counted(depth: int) -> None:
    with opened(depth, 20_000) as (loop, record):
        for _ in range(3):
            assert loop.run(LONG_NS, 500) == 0
            operations = record.field("slice_operations")
            calls = record.table("calls")
            assert calls["read"] == operations
            # At most: wake a thread, sleep there, wake reap, sleep here; plus waits in vain.
            in_vain = record.table("eagain").get("futex_wait", 0)
            futexes = calls["futex_wait"] + calls["futex_wake"] - in_vain
            assert 0 < futexes <= 4 * operations + 4


def test_batches_are_handed_over_together() -> None:
    with opened(16, 200_000, batch=16) as (loop, record):
        assert loop.run(LONG_NS, 1600) == 0
        # A wake and a wait for each batch here, and one sleep for each request there.
        calls = record.table("calls")
        futexes = calls["futex_wait"] + calls["futex_wake"]
        assert futexes < 2 * record.field("slice_operations")


def test_signals_are_for_the_application() -> None:
    before = threads_here()
    with opened(4, MS):
        for thread in threads_here() - before:
            status = Path(f"/proc/self/task/{thread}/status").read_text()
            (blocked,) = (line for line in status.splitlines() if line.startswith("SigBlk"))
            mask = int(blocked.split()[1], 16)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1):
                assert mask >> (number - 1) & 1, number
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_close_releases_what_is_blocked() -> None:
    before = threads_here()
    with opened(8, 3600 * 10**9) as (loop, record):
        running = threading.Thread(target=loop.run, args=(LONG_NS,))
        running.start()
        while record.field("depth_max") < 8:
            time.sleep(0)
        record.ask_to_stop()
        running.join()
    expect_no_more_than(before)


def test_waiting_burns_no_cpu() -> None:
    with opened(8, 200 * MS) as (loop, record):
        assert loop.run(LONG_NS, 8) == 0
        spent_ns = record.field("window_user_ns") + record.field("window_system_ns")
        assert spent_ns < record.field("window_ns") / 4


def test_many_threads_are_cheap() -> None:
    def memory_kib() -> dict[str, int]:
        lines = Path("/proc/self/status").read_text().splitlines()
        return {line.split(":")[0]: int(line.split()[1]) for line in lines if line[:2] == "Vm"}

    before = memory_kib()
    with opened(900, 10 * MS) as (loop, _):
        assert loop.run(LONG_NS, 1800) == 0
        after = memory_kib()
    assert after["VmSize"] - before["VmSize"] < 900 * 160
    assert after["VmRSS"] - before["VmRSS"] < 900 * 40


NO_MORE_THREADS = """
import os, resource
from iomodels import _core
from iomodels.trials.record import new_record
pages = int(open("/proc/self/statm").read().split()[0])
room = pages * resource.getpagesize() + (24 << 20)
with new_record() as record:
    descriptors = os.listdir("/proc/self/fd")
    threads = len(os.listdir("/proc/self/task"))
    resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
    loop = _core.Loop("threads", "timer", {"depth": 1000}, record.fd)
    assert not loop.is_open()
    print(record.stage, record.field("error"))
    while len(os.listdir("/proc/self/task")) > threads:
        pass
    assert os.listdir("/proc/self/fd") == descriptors
# The C library keeps the stacks of threads that ended, for the next ones.
resource.setrlimit(resource.RLIMIT_AS, (room + (4 << 20), resource.RLIM_INFINITY))
with new_record() as record:
    loop = _core.Loop("threads", "timer", {"depth": 4}, record.fd)
    assert loop.run(10**11, 20) == 0
    assert loop.close() == 0
"""


def test_too_few_threads_undo_everything() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_MORE_THREADS], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["engine_open", str(errno.EAGAIN)]


# ------------------------------------------------------------------ each thread by itself


@contextmanager
def alone(channel: str, depth: int, **settings: int) -> Iterator[tuple[_core.Loop, Record]]:
    with new_record() as record:
        wanted = {"depth": depth, **settings}
        loop = open_loop("threads:handoff=none", channel, wanted, record.fd)
        assert loop.is_open(), (record.stage, record.field("error"))
        yield loop, record
        assert loop.close() == 0


def slice_of(record: Record) -> tuple[int, dict[str, int]]:
    return record.field("slice_operations"), record.table("calls")


@pytest.mark.parametrize("depth", [1, 8])
def test_a_thread_that_goes_on_by_itself_wakes_nobody(depth: int) -> None:
    with alone("timer", depth, service_mean_ns=20_000) as (loop, record):
        for _ in range(3):
            assert loop.run(LONG_NS, 1000) == 0
            operations, calls = slice_of(record)
            assert calls["read"] == operations >= 1000
            # Each is woken once and sleeps once, and wakes the application when it comes to rest.
            futexes = calls.get("futex_wait", 0) + calls.get("futex_wake", 0)
            looks = record.field("window_ns") // (100 * MS)  # of the application, at the stop flag
            assert futexes <= 5 * depth + 5 + looks
            assert record.field("depth_max") == depth
            assert sum(count for _, count in record.histogram("latency")) == record.field(
                "window_operations"
            )


def test_slots_of_their_own_threads_keep_their_depth_and_their_timeline() -> None:
    duration_ns = 200 * MS
    with alone("timer", 4, service_mean_ns=500_000) as (loop, record):
        assert loop.run(duration_ns) == 0
        window_ns = record.field("window_ns")
        assert duration_ns <= window_ns < 2 * duration_ns
        assert record.field("window_in_flight_ns") / window_ns == pytest.approx(4, rel=0.05)
        assert sum(record.numbers("timeline")) == record.field("window_operations")
        assert record.field("live_operations") == record.field("slice_operations")
        assert record.field("early_completions") == 0


def test_computation_is_the_threads_own() -> None:
    """Two threads compute at once where there are two CPUs; the main one sleeps."""
    units = _core.compute_calibrate(20 * MS)  # a millisecond's
    with alone("timer", 2, service_mean_ns=MS, compute_units=units) as (loop, record):
        assert loop.run(200 * MS) == 0
        operations, window_ns = record.field("window_operations"), record.field("window_ns")
        spent_ns = record.field("window_user_ns") + record.field("window_system_ns")
        assert spent_ns > 0.5 * operations * MS
        # In turn each takes 2 ms for an operation; computing is no part of being in flight.
        assert record.field("window_in_flight_ns") / window_ns < 1.8
        assert operations < 1.2 * 2 * window_ns / (2 * MS)


@pytest.mark.parametrize("verify", [0, 1])
def test_files_are_shared_by_all_threads(verify: int) -> None:
    size = 64 * 4096
    fd = _core.make_file("/var/tmp", size, 1)
    file = {"file_fd": fd, "file_size": size, "file_seed": 1, "block": 4096, "verify": verify}
    mixed = {"workload": 2, "sync": 1}
    try:
        with alone("file", 8, **file, **mixed) as (loop, record):
            for _ in range(2):
                assert loop.run(LONG_NS, 400) == 0
                operations, calls = slice_of(record)
                assert calls["pread"] + calls["pwrite"] == operations
                assert calls["fdatasync"] == calls["pwrite"]
                words = 512 if verify else 1
                assert record.field("verified_words") == calls["pread"] * words
                if verify:
                    assert record.field("read_back_bytes") == size
    finally:
        os.close(fd)


@pytest.mark.parametrize("family", [0, 1])
def test_a_server_owns_its_connections(family: int) -> None:
    settings = {"block": 64, "server": 1, "outstanding": 4, "family": family}
    with alone("socket", 16, **settings) as (loop, record):
        for _ in range(3):
            assert loop.run(50 * MS) == 0
            operations, calls = slice_of(record)
            assert operations >= record.field("peer_operations") > 0
            assert record.field("verified_words") == operations
            assert record.field("depth_max") == 16
            assert calls["write"] == operations
            # A read on each connection stays over from the slice before, and for the next.
            assert abs(calls["read"] - operations) <= 16


def test_a_dead_peer_ends_all_threads() -> None:
    settings = {"block": 64, "server": 1, "outstanding": 4}
    before = threads_here()
    with alone("socket", 8, **settings) as (loop, record):

        def kill() -> None:
            while record.field("live_operations") < 10:
                time.sleep(0.001)
            os.kill(record.field("peer_id"), signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        assert loop.run(LONG_NS) < 0
        killer.join()
        assert record.stage in ("transfer", "verify")
        assert record.field("peer_status") == signal.SIGKILL + 1
    expect_no_more_than(before)


def test_a_stop_ends_threads_that_go_on() -> None:
    before = threads_here()
    with alone("timer", 8, service_mean_ns=20_000) as (loop, record):
        running = threading.Thread(target=loop.run, args=(LONG_NS,))
        running.start()
        while record.field("live_operations") < 100:
            time.sleep(0)
        record.ask_to_stop()
        running.join()
    expect_no_more_than(before)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("load.rate", 1000, "in an open loop (load.arrivals) requests start on a schedule"),
        ("load.batch", 4, "does not support batches"),
        ("load.deadline", "1 ms", "cannot cancel"),
    ],
)
def test_what_goes_through_the_loop_only_is_not_applicable(key, value, reason) -> None:
    settings = {key: [str(value)], "load.depth": ["8"]}
    if key == "load.rate":
        settings["load.arrivals"] = ["poisson"]
    (point,) = scenario.points(scenario.load("slow-devices", settings))
    assert reason in (ability(parse("threads:handoff=none"), point).na_reason or "")
    if key != "load.deadline":
        assert ability(parse("threads"), point).na_reason is None


def test_a_slot_at_rest_is_taken_before_its_thread_has_said_so() -> None:
    """Else a slice that begins at once finds no place for the only request (depth 1)."""
    program = core_build.program("plain", "threads_rest")
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_an_open_loop_of_a_servers_peer_is_no_open_loop_of_the_engines() -> None:
    settings = {"load.arrivals": ["poisson"], "load.rate": ["1000"], "load.descriptors": ["4"]}
    (point,) = scenario.points(scenario.load("server", settings))
    for engine in ("threads:handoff=none", "aio:notify=signal,chain=handler"):
        assert ability(parse(engine), point).na_reason is None


@pytest.mark.parametrize(("depth", "slices"), [(1, 3), (8, 1)])
def test_threads_that_compute_at_once_have_no_overlap(depth: int, slices: int) -> None:
    """The computation alone is that of one thread."""
    settings = {"load.depth": [str(depth)], "load.compute": ["100 us"]}
    (point,) = scenario.points(scenario.load("cached-read", settings))
    trial_of = partial(PlannedTrial, 0, 0, duration_s=0.1, warmup_s=0.0)
    cell = planned_cell(0, point, parse("threads:handoff=none"))
    assert ("overlap is not measured" in (cell.note or "")) == (slices == 1)
    assert trial_of(cell).slices == slices
    assert trial_of(planned_cell(0, point, parse("threads"))).slices == 3
