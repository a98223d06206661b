"""What descriptors cost on which nothing happens: select pays for each, but not in calls; epoll
does not pay for them.

One unix socket is busy among 7 … 899 idle ones. No time is asserted, only how CPU time per
operation grows: a line through the medians of rounds in which all sizes take turns.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import statistics
import subprocess
from typing import NamedTuple

import numpy as np
import pytest

from .. import core_build
from ..fresh import run_python

SIZES = (8, 256, 512, 900)
ROUNDS = 5
OPERATIONS = 200
NEEDED_DESCRIPTORS = 2500
"""Both ends of 900 connections, and a placeholder for each of the engine's while they are made."""

TAKE_TURNS = """
import json, resource, sys
from iomodels import _core
from iomodels.trials.record import new_record

engine, engine_cpu, peer_cpu, operations, rounds, *sizes = sys.argv[1], *map(int, sys.argv[2:])
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

def one(size):
    # Apart, no answer is there before the engine waits for it. On one CPU the peer often gets in
    # between, and the dearer select is, the oftener: then it is not even called.
    settings = {"block": 64, "idle": size - 1, "engine_cpu": engine_cpu, "peer_cpu": peer_cpu}
    with new_record() as record:
        loop = _core.Loop(engine, "socket", settings, record.fd)
        assert loop.is_open(), (record.stage, record.field("error"))
        assert loop.run(10**11, 50) == loop.run(10**11, operations) == 0, record.stage
        done = record.field("window_operations")
        assert done == operations
        cpu_ns = record.field("window_user_ns") + record.field("window_system_ns")
        calls = {name: count / done for name, count in record.table("calls").items()}
        assert loop.close() == 0
    return cpu_ns / done, calls

for number in range(rounds):
    for size in sizes if number % 2 else reversed(sizes):
        print(json.dumps([size, *one(size)]))
"""


class Measured(NamedTuple):
    size: int
    cpu_ns: float
    calls: dict[str, float]


@functools.cache
def measured(engine: str) -> list[Measured]:
    """All rounds of all sizes, the odd ones in reverse, in one process."""
    cpus = sorted(os.sched_getaffinity(0))
    numbers = (*cpus[:2], OPERATIONS, ROUNDS, *SIZES)
    printed = run_python(TAKE_TURNS, engine, *numbers, timeout_s=100)
    return [Measured(*json.loads(line)) for line in printed.splitlines()]


def rounds(engine: str) -> list[list[Measured]]:
    every = measured(engine)
    return [every[at : at + len(SIZES)] for at in range(0, len(every), len(SIZES))]


def fit(points: list[tuple[float, float]]) -> tuple[float, float]:
    """The least squares line: its slope, and its height at 0."""
    slope, height = np.polyfit(*np.transpose(points), 1)
    return float(slope), float(height)


def cheapest(engine: str) -> list[tuple[float, float]]:
    """What else the machine does only adds to it."""
    return [(size, min(m.cpu_ns for m in measured(engine) if m.size == size)) for size in SIZES]


@pytest.fixture(autouse=True)
def _enough_cpus_and_descriptors() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("with engine and peer on one CPU the calls are not always the same")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < NEEDED_DESCRIPTORS:
        pytest.skip("this machine's hard limit on open files (RLIMIT_NOFILE) is too low")


def test_selects_cost_per_operation_grows_with_the_number_watched():
    slope, height = fit(cheapest("select"))
    assert slope > 0
    assert height + slope * 900 >= 1.5 * (height + slope * 8)


def test_it_grows_in_nearly_every_round():
    slopes = [fit([(m.size, m.cpu_ns) for m in once])[0] for once in rounds("select")]
    assert len(slopes) == ROUNDS
    assert sum(slope > 0 for slope in slopes) >= 0.8 * ROUNDS, slopes


def test_the_number_of_calls_stays_the_same():
    """The price is inside of select, not in more calls of it."""
    for size in SIZES:
        calls = [m.calls for m in measured("select") if m.size == size]
        for name, expected in {"write": 1, "read": 1, "select": 1}.items():
            counted = [call[name] for call in calls]
            assert max(counted) <= expected
            # A busy machine may let the peer answer before select is called.
            assert statistics.median(counted) >= 0.8 * expected


def test_a_thread_that_sleeps_in_its_read_costs_nothing():
    """As a check on the method: `threads` watches nothing."""
    slope, height = fit(cheapest("threads"))
    assert height + slope * 900 < 1.5 * (height + slope * 8)


@pytest.mark.long
def test_an_idle_read_that_ends() -> None:
    """Interrupted, it goes on; otherwise it is an error, and all the others are cancelled."""
    program = str(core_build.program("address", "loop_idle"))
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_epolls_cost_per_operation_does_not_grow():
    """By less than a tenth of what select pays: room for what else the machine does."""
    assert fit(cheapest("epoll"))[0] < fit(cheapest("select"))[0] / 10


def test_epoll_registers_no_descriptor_again():
    for size in SIZES:
        for calls in (m.calls for m in measured("epoll") if m.size == size):
            assert "epoll_ctl" not in calls
            assert calls["write"] == calls["read"] == 1
