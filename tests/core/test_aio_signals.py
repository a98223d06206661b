"""POSIX AIO where signals are lost, and where another thread of the process takes them."""

from __future__ import annotations

import errno
import re
import threading
from pathlib import Path

import pytest

from ..conftest import AIO_SIGNALS
from ..fresh import run_python
from .aio_jobs import (
    AIO,
    FILE_SIZE,
    SIGIO,
    SIGIO_HANDLER,
    SIGNAL,
    SIGNAL_HANDLER,
    SIGNALS,
    job,
    run,
)

# ---------------------------------------------------------------------- lost notifications


@pytest.mark.parametrize("engine", SIGNALS)
@pytest.mark.parametrize("workload", ["file", "file-write"])
def test_without_room_for_a_signal_no_request_is_lost(engine: str, workload: str) -> None:
    """With RLIMIT_SIGPENDING 0 nothing is queued; glibc then overwrites a result with EAGAIN."""
    (answer,) = run(job(engine, workload, 8, 64, pending_signals=0))
    assert answer["results"] == [0], (answer["stage"], answer["error"])
    assert answer["slice_operations"] >= 64
    assert answer["latency"] == answer["window_operations"]
    assert answer["signals_lost"] >= 64
    if workload == "file-write":
        assert answer["read_back_bytes"] == FILE_SIZE
    assert answer["closed"] == 0


@pytest.mark.parametrize("engine", [name for name in SIGNALS if "SIGIO" in name])
def test_sigio_loses_signals_and_no_request(engine: str) -> None:
    for answer in run(*(job(engine, workload, 16, 5000) for workload in ("file", "timer"))):
        assert answer["results"] == [0]
        assert answer["slice_operations"] >= 5000
        assert 0 < answer["signals_lost"] < answer["slice_operations"]


@pytest.mark.parametrize("engine", [name for name in SIGNALS if "SIGIO" in name])
def test_sigio_without_its_value_is_enough(engine: str) -> None:
    """Without memory for it the value is lost, but the signal itself comes."""
    (answer,) = run(job(engine, "timer", 4, 200, pending_signals=0))
    assert answer["results"] == [0]
    assert answer["signals_lost"] >= 200


@pytest.mark.parametrize("engine", [name for name in SIGNALS if "SIGIO" not in name])
def test_what_a_stream_brought_is_gone_with_its_count(engine: str) -> None:
    (answer,) = run(job(engine, "timer", 4, 200, pending_signals=0))
    assert answer["results"] == [-errno.EAGAIN]
    assert answer["stage"] == "transfer"
    assert answer["signals_lost"] > 0
    assert answer["closed"] == 0


@pytest.mark.parametrize("engine", SIGNALS)
def test_what_was_appended_is_not_appended_again(engine: str) -> None:
    """A record that is repeated since its signal could not be queued would be there twice."""
    settings = {"append": 1, "pending_signals": 0}
    (answer,) = run(job(engine, "file-write", 1, 20, **settings))
    if "SIGIO" in engine:  # the signal comes, without its value
        assert answer["results"] == [0]
        assert answer["calls"]["aio_write"] == answer["slice_operations"] == 20
        return
    assert answer["results"] == [-errno.EAGAIN]
    assert answer["stage"] == "transfer"
    assert answer["calls"]["aio_write"] == 1


@pytest.mark.parametrize("engine", [name for name in AIO if "SIGIO" not in name])
def test_nothing_is_lost_where_there_is_room(engine: str) -> None:
    (answer,) = run(job(engine, "file", 16, 2000))
    assert answer["results"] == [0]
    assert answer["signals_lost"] == 0


# ---------------------------------------------------------------------- other threads

# A thread that does nothing, and so gets whatever signal the engine's own thread has blocked.
# Each run fails at once, with others in flight: their ends are found by looking.
CLOSED_OFTEN = """
import os, sys, threading
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record

spec = parse(sys.argv[1])
threading.Thread(target=threading.Event().wait, daemon=True).start()
fd = _core.make_file("/var/tmp", 1 << 16, 1)
os.truncate(fd, 0)
settings = {"block": 4096, "depth": 4, "file_fd": fd, "file_size": 1 << 16, "file_seed": 1}
for _ in range(int(sys.argv[2])):
    with new_record() as record:
        loop = _core.Loop(spec.name, "file", settings | spec.settings, record.fd)
        assert loop.run(10**10) < 0
        assert loop.close() == 0
"""


@pytest.mark.parametrize(
    ("engine", "closes"),
    [
        (SIGNAL, 200),
        (SIGIO_HANDLER, 40),  # close waits for 10 ms, in case that one comes
        # That a signal comes so late is luck: the more often, the surer.
        *(
            pytest.param(*often, marks=pytest.mark.long)
            for often in (
                (SIGNAL, 1500),
                (SIGNAL_HANDLER, 1500),
                (SIGIO, 200),
                (SIGIO_HANDLER, 200),
            )
        ),
    ],
)
def test_a_signal_that_another_thread_has_taken_does_not_outlive_close(
    engine: str, closes: int
) -> None:
    """It would be passed on to a thread without a handler, and end the process."""
    run_python(CLOSED_OFTEN, engine, closes, timeout_s=100)


def test_no_other_thread_of_the_tests_takes_these_signals() -> None:
    """tests/conftest.py sees to it; SIGIO could come later than close can wait for."""
    wanted = sum(1 << (number - 1) for number in AIO_SIGNALS)
    for task in Path("/proc/self/task").iterdir():
        if int(task.name) == threading.get_native_id():
            continue
        status = (task / "status").read_text()
        (blocked,) = re.findall(r"^SigBlk:\s*([0-9a-f]+)$", status, re.MULTILINE)
        assert int(blocked, 16) & wanted == wanted, status
