"""Signal-driven I/O: which descriptors send signals, who gets them, and what if some are lost."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from ..fresh import run_python
from ..some_engines import works_on

DRIVER = """
import json, os, resource, sys, threading
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record

def on_another_thread(function, *arguments):
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*arguments)))
    thread.start()
    thread.join()
    return results[0]

# On one CPU, and as batch work, of which none interrupts another: a peer that is beside the engine,
# or comes in between, may always be ahead of it. Then no request waits, and no signal is looked
# for. (As servers they have more connections than messages for the same reason.)
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
spec, channel, settings = parse("sigio"), sys.argv[1], json.loads(sys.argv[2])
operations, pending_signals, threads = json.loads(sys.argv[3])
# It blocks no signal: one that is sent to the process ends it.
threading.Thread(target=threading.Event().wait, daemon=True).start()
if pending_signals is not None:
    hard = resource.getrlimit(resource.RLIMIT_SIGPENDING)[1]
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (pending_signals, hard))
slices = []
with new_record() as record:
    loop = _core.Loop(spec.name, channel, settings, record.fd)
    assert loop.is_open(), record.reason
    for thread in threads:
        run = on_another_thread if thread else lambda function, *arguments: function(*arguments)
        assert run(loop.run, 10**11, operations) == 0, (record.stage, record.field("error"))
        counters = dict(zip(spec.counters, record.numbers("counters")))
        names = ("slice_operations", "verified_words")
        slices.append(counters | {name: record.field(name) for name in names})
    assert loop.close() == 0
print(json.dumps(slices))
"""
WORKS = {
    "pipe-read": ("pipe", {"block": 6000, "exchange": 1, "depth": 2}),
    "pipe-server": ("pipe", {"block": 64, "server": 1, "outstanding": 2, "depth": 8}),
    "unix-server": ("socket", {"block": 64, "server": 1, "outstanding": 2, "depth": 8}),
    "unix-write": ("socket", {"block": 60_000, "exchange": 1, "workload": 1, "depth": 4}),
    "tcp-echo": ("socket", {"block": 64, "depth": 8, "family": 1}),
    "tcp-write": (
        "socket",
        {"block": 600_000, "exchange": 1, "workload": 1, "depth": 4, "family": 1},
    ),
}
OPERATIONS = 400


def run(work: str, pending_signals: int | None = None, threads: tuple[int, ...] = (0,)) -> Any:
    """What each slice counted. `threads`: for each slice, whether another thread runs it."""
    channel, settings = WORKS[work]
    more = json.dumps([OPERATIONS, pending_signals, threads])
    return json.loads(run_python(DRIVER, channel, json.dumps(settings | {"verify": 1}), more))


# ------------------------------------------------------------------ lost signals


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("room", [0, 2])
def test_without_room_for_signals_every_byte_arrives(work: str, room: int) -> None:
    """The kernel sends SIGIO in place of what it cannot queue; engine and peer check the bytes."""
    (counted,) = run(work, pending_signals=room)
    assert counted["slice_operations"] >= OPERATIONS
    assert counted["verified_words"] > 0
    assert counted["signal_overflows"] > 0 or room  # a few may always find room, in turn


@pytest.mark.parametrize("work", WORKS)
def test_with_room_for_signals_none_is_lost(work: str) -> None:
    (counted,) = run(work)
    assert counted["slice_operations"] >= OPERATIONS
    assert counted["signal_overflows"] == 0


# ------------------------------------------------------------------ threads


def test_the_signals_follow_the_thread_that_reaps() -> None:
    """Here, on two others, here again: each slice gets its signals, and lives on no sweep."""
    for counted in run("unix-server", threads=(0, 1, 1, 0)):
        assert counted["slice_operations"] >= OPERATIONS
        assert counted["signal_overflows"] == 0
        assert counted["found_without_signal"] < OPERATIONS / 10


# ------------------------------------------------------------------ what the kernel says


def a_file() -> tuple[int, ...]:
    return (os.open("/var/tmp", os.O_TMPFILE | os.O_RDWR, 0o600),)


def a_timer() -> tuple[int, ...]:
    return (ctypes.CDLL(None, use_errno=True).timerfd_create(time.CLOCK_MONOTONIC, 0),)


def a_socket() -> tuple[int, ...]:
    return tuple(end.detach() for end in socket.socketpair())


@pytest.mark.parametrize(
    ("channel", "make"),
    [("file", a_file), ("timer", a_timer), ("pipe", os.pipe), ("socket", a_socket)],
)
def test_what_it_cannot_do_is_what_the_kernel_cannot(
    channel: str, make: Callable[[], tuple[int, ...]]
) -> None:
    """Where a descriptor sends no signals, the kernel accepts O_ASYNC and drops it."""
    descriptors = make()
    try:
        flags = fcntl.fcntl(descriptors[0], fcntl.F_GETFL)
        fcntl.fcntl(descriptors[0], fcntl.F_SETFL, flags | os.O_ASYNC)
        keeps = bool(fcntl.fcntl(descriptors[0], fcntl.F_GETFL) & os.O_ASYNC)
    finally:
        for fd in descriptors:
            os.close(fd)
    assert works_on("sigio", channel) == keeps


EVENTS = """
import fcntl, json, os, select, signal, socket

NUMBER = signal.SIGRTMIN
signal.pthread_sigmask(signal.SIG_BLOCK, {NUMBER})

def arm(fd):
    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, 10, NUMBER)  # F_SETSIG
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)

def news():
    bands = []
    while came := signal.sigtimedwait({NUMBER}, 0):
        bands.append("out" if came.si_band & select.POLLOUT else "in")
    return bands

told = {}
reader, writer = os.pipe()
arm(reader), arm(writer)
os.write(writer, b"1"), os.write(writer, b"2")
told["two writes into a pipe"] = news()
os.read(reader, 1)
told["a read that leaves some"] = news()

ours, peers = socket.socketpair()
arm(ours.fileno())
filled = 0
while select.select([], [ours], [], 0)[1]:
    filled += ours.send(bytes(1000))
try:
    while True:
        filled += ours.send(bytes(1000))
except BlockingIOError:
    pass
told["a full socket"] = news()
peers.recv(1000)
told["a write before it is announced"] = ours.send(bytes(1000))
taken = 0
while not (found := news()):
    taken += len(peers.recv(1000))
told["room again"] = found
told["taken by then"] = taken / filled
print(json.dumps(told))
"""


def test_signals_are_of_events_and_not_of_states() -> None:
    told = json.loads(run_python(EVENTS))
    assert told["two writes into a pipe"] == ["in", "in"]
    assert told["a read that leaves some"] == ["out"]  # although there was room all the time
    assert told["a full socket"] == []
    assert told["room again"] == ["out"]
    assert told["a write before it is announced"] == 1000
    assert told["taken by then"] > 0.3
