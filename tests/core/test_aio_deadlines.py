"""POSIX AIO, deadlines and stops: what is called back, and that each request ends once."""

from __future__ import annotations

import os
from typing import Any

import pytest

from iomodels import _core

from ..some_engines import CAPS, works_on
from .aio_jobs import (
    AIO,
    FILE_SIZE,
    MS,
    POLL,
    SIGNAL,
    SIGNAL_HANDLER,
    SIGNALS,
    US,
    job,
    run,
    with_threads,
)

CANCELLING = [name for name, caps in CAPS.items() if caps["cancels"] and works_on(name, "timer")]
CANCELLING_AIO = [name for name in AIO if name in CANCELLING]
EXPONENTIAL = 2
STOPS = 5
DIRECT = 1


@pytest.fixture
def slow_file() -> dict[str, int]:
    """Settings of transfers that take the disk so long that some are in flight at every stop."""
    fd = _core.make_file("/var/tmp", FILE_SIZE, 1)
    alignment = _core.direct_alignment(fd)
    os.close(fd)
    if alignment == 0:
        pytest.skip("/var/tmp has no direct I/O, and other transfers are soon over")
    size = 1 << 24
    return {"file_cache": DIRECT, "opens_per_request": 0, "block": size // 16, "file_size": size}


def asked(answer: dict[str, Any]) -> int:
    outcomes = ("cancels_done", "cancels_too_late", "cancels_already_complete")
    return sum(answer[name] for name in outcomes)


@pytest.mark.parametrize("engine", CANCELLING)
def test_a_deadline_ends_requests_and_each_once(engine: str) -> None:
    """Two threads for eight timers: most requests wait for a thread when their time is over."""
    settings = {"service_mean_ns": 4 * MS, "deadline_ns": MS // 2}
    (answer,) = run(job(with_threads(engine, 2), "timer", 8, 0, duration_ns=200 * MS, **settings))
    assert answer["results"] == [0], (answer["stage"], answer["error"])
    assert answer["closed"] == 0
    # More than three rounds of eight. A thread of the kernel that polls may get no CPU for longer.
    assert asked(answer) > (0 if CAPS[engine]["kernel_polls"] else 24)
    assert answer["cancel"] == answer["cancelled_operations"] == answer["cancels_done"] > 0
    assert answer["cancel_late"] == asked(answer) - answer["cancels_done"]
    if engine in AIO:
        assert answer["cancels_too_late"] > 0, "a thread cannot be called back from a read"
        assert answer["calls"]["aio_cancel"] == asked(answer)
        assert answer["slice_operations"] > 0
    elif not (CAPS[engine]["spins"] or CAPS[engine]["kernel_polls"]):
        # Every request takes longer than its deadline, unless this process did not run for so long
        # (as one that spins on a busy machine).
        assert answer["slice_operations"] < asked(answer) / 2


@pytest.mark.parametrize("engine", CANCELLING)
def test_a_deadline_does_not_wait_for_a_batch(engine: str) -> None:
    """Ends trickle in, one in 0.6 ms, and the loop wants 64 of them; what is overdue is cancelled
    meanwhile.

    A wait for all would see most of them end by themselves, overdue for long and never asked about.
    While this process gets no CPU, some do so, too: not many of those that take eight deadlines.
    Of AIO, half are in threads, which cannot be called back, and half wait for one. Who spins, or
    lets the kernel do so, gets no CPU for long on a busy machine: there it is eighty deadlines.
    """
    spins = CAPS[engine]["spins"] or CAPS[engine]["kernel_polls"]
    settings = {"service_mean_ns": (400 if spins else 40) * MS, "deadline_ns": 5 * MS}
    settings |= {"service_distribution": EXPONENTIAL, "batch": 64}
    asked_for = job(with_threads(engine, 32), "timer", 64, 0, duration_ns=100 * MS, **settings)
    (answer,) = run(asked_for)
    assert answer["results"] == [0], (answer["stage"], answer["error"])
    assert asked(answer) > 20
    assert answer["long_overdue"] < asked(answer)


@pytest.mark.parametrize("opens", [0, 1])
@pytest.mark.parametrize("workload", ["file", "file-write"])
@pytest.mark.parametrize("engine", CANCELLING_AIO)
def test_short_deadlines_on_a_file(engine: str, workload: str, opens: int) -> None:
    """Those on one descriptor queue up: some are cancelled, and those behind them go on."""
    settings = {"opens_per_request": opens, "deadline_ns": 60 * US}
    (answer,) = run(job(engine, workload, 32, 300, duration_ns=10**10, slices=2, **settings))
    assert answer["results"] == [0, 0], (answer["stage"], answer["error"])
    assert answer["closed"] == 0
    assert asked(answer) == answer["calls"].get("aio_cancel", 0)
    assert answer["cancel"] == answer["cancelled_operations"] == answer["cancels_done"]
    assert answer["cancel_late"] == asked(answer) - answer["cancels_done"]
    if opens:
        assert answer["cancels_withheld"] == 0
    assert answer["slice_operations"] >= 300, "a cancelled request has stranded those behind it"
    if workload == "file-write":
        assert answer["read_back_bytes"] == FILE_SIZE


def test_what_was_not_asked_for_the_sake_of_others_is_counted_apart() -> None:
    """Overdue at once: the first of a descriptor is left alone, those behind it are cancelled."""
    settings = {"opens_per_request": 0, "deadline_ns": 1}
    (answer,) = run(job(POLL, "file", 32, 300, duration_ns=10**10, **settings))
    assert answer["results"] == [0]
    assert answer["cancels_withheld"] > 0
    assert asked(answer) == answer["calls"]["aio_cancel"]


@pytest.mark.parametrize("engine", CANCELLING_AIO)
def test_a_deadline_that_nothing_exceeds_changes_nothing(engine: str) -> None:
    (answer,) = run(job(engine, "timer", 4, 200, deadline_ns=10**10))
    assert answer["results"] == [0]
    assert asked(answer) == answer["cancelled_operations"] == 0
    assert answer["cancel"] == answer["cancel_late"] == 0


@pytest.mark.parametrize("engine", CANCELLING_AIO)
def test_a_stopped_trial_cancels_what_is_in_flight(engine: str) -> None:
    (answer,) = run(job(engine, "timer", 8, 0, service_mean_ns=3600 * 10**9, stop=8))
    assert answer["results"] == [0]
    assert asked(answer) == 8
    assert_nothing_is_left(answer)


@pytest.mark.parametrize("engine", CANCELLING_AIO)
def test_a_stopped_trial_cancels_a_shared_descriptor_with_one_call(
    engine: str, slow_file: dict[str, int]
) -> None:
    answers = run(*[job(engine, "file", 16, 0, stop=40, **slow_file)] * STOPS)
    assert any(map(asked, answers)), f"nothing was in flight at any of {STOPS} stops"
    for answer in answers:
        assert asked(answer) <= 1
        assert_nothing_is_left(answer)


@pytest.mark.parametrize("engine", [SIGNAL, SIGNAL_HANDLER])
def test_what_was_stopped_writes_no_more(engine: str, slow_file: dict[str, int]) -> None:
    """Where no signal can be queued, a cancelled transfer looks like one to be made once more."""
    stopped = job(engine, "file-write", 16, 0, stop=50, pending_signals=0, **slow_file)
    answers = run(*[stopped] * STOPS)
    assert any(map(asked, answers)), f"nothing was in flight at any of {STOPS} stops"
    for answer in answers:
        assert answer["calls_of_close"].get("aio_write", 0) == 0
        assert_nothing_is_left(answer)


@pytest.mark.parametrize("workload", ["file", "file-write"])
@pytest.mark.parametrize("engine", SIGNALS)
def test_what_was_called_back_stays_so_without_its_signal(
    engine: str, workload: str, slow_file: dict[str, int]
) -> None:
    """glibc overwrites ECANCELED with EAGAIN, too; done again, it would not be cancelled."""
    settings = slow_file | {"deadline_ns": 60 * US, "pending_signals": 0}
    (answer,) = run(job(engine, workload, 16, 16, duration_ns=10**10, **settings))
    assert answer["results"] == [0], (answer["stage"], answer["error"])
    assert answer["closed"] == 0
    assert answer["cancel"] == answer["cancelled_operations"] == answer["cancels_done"] > 0
    if workload == "file-write":
        assert answer["read_back_bytes"] == slow_file["file_size"]


def assert_nothing_is_left(answer: dict[str, Any]) -> None:
    assert answer["closed"] == 0
    assert answer["state_is_the_same"]
    assert answer["descriptors_left"] == 0
