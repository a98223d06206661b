"""What goes wrong in a trial in Python is said as of the twin in C, and at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from iomodels.base.errors import TrialError
from iomodels.engines.spec import EngineSpec, parse
from iomodels.trials.child import Child
from iomodels.trials.launch import own_launch
from iomodels.trials.planned import PlannedTrial
from iomodels.trials.preparation import Preparation
from iomodels.trials.record import new_record

from ..processes import children
from .moving import LONG_S, PYTHON, cell_of, point_of, run, with_all_bytes

SOON_S = 5.0
"""A busy machine included; without an end of its own a slice would take `LONG_S`."""
ROOM_BYTES = 1 << 30
"""Of addresses: for a Python, and for some of 1024 stacks."""
MOVING = [name for name, spec in PYTHON.items() if spec.caps["moves_data"]]


@pytest.fixture(scope="module")
def preparation() -> Iterator[Preparation]:
    with Preparation(1) as made:
        yield made


def disturbed(
    preparation: Preparation, spec: EngineSpec, work: str, disturb: Callable[[int, int], None]
) -> str:
    """What is said of a trial that is disturbed once it moves. `disturb` gets the worker's process
    and the file, if there is one."""
    cell = cell_of(spec, work)
    if cell.na_reason is not None:
        pytest.skip(cell.na_reason)
    moves_s: list[float] = []

    def once(operations: int) -> None:
        if operations > 0 and not moves_s:
            (worker,) = children(os.getpid())
            moves_s.append(time.monotonic())
            disturb(worker, command.settings.get("file_fd", -1))

    with (
        preparation.command(PlannedTrial(0, 0, cell, LONG_S, 0.0)) as command,
        new_record() as record,
        Child(with_all_bytes(command), record) as child,
    ):
        child.open()
        with pytest.raises(TrialError) as error:
            child.run_slice(LONG_S, once)
    assert time.monotonic() - moves_s[0] < SOON_S
    assert children(os.getpid()) == []
    return str(error.value)


def kill_the_peer(worker: int, file_fd: int) -> None:
    (peer,) = children(worker)
    os.kill(peer, signal.SIGKILL)


def cut_the_file(worker: int, file_fd: int) -> None:
    os.ftruncate(file_fd, 0)


@pytest.mark.parametrize("work", ["unix-echo", pytest.param("tcp-server", marks=pytest.mark.long)])
@pytest.mark.parametrize("engine", MOVING)
def test_a_peer_that_dies_ends_the_trial_at_once(
    engine: str, work: str, preparation: Preparation
) -> None:
    said = disturbed(preparation, PYTHON[engine], work, kill_the_peer)
    assert said == "the peer process was ended by SIGKILL during the trial"


@pytest.mark.long
@pytest.mark.parametrize("engine", MOVING)
def test_a_file_that_ends_too_early_is_said_as_in_c(engine: str) -> None:
    said = []
    for spec in (PYTHON[engine], parse("blocking")):
        with Preparation(1) as preparation:  # the file is not whole any more
            words = disturbed(preparation, spec, "file-read", cut_the_file).split()
        said.append([word for word in words if not word.isdigit()])
    assert said[0] == said[1]


@pytest.mark.parametrize("engine", ["python:threads", "python:threads:run=each"])
def test_too_few_threads_are_said_and_end_the_trial(engine: str, preparation: Preparation) -> None:
    """A thread's stack is memory, so a limit on that refuses threads without any privilege."""
    cell = replace(cell_of(PYTHON[engine], "timer"), point=point_of("timer", 1024))
    limit = ("prlimit", f"--as={ROOM_BYTES}")
    with pytest.raises(TrialError) as error:
        run(preparation, cell, launch=replace(own_launch(), prefix=limit))
    assert "fewer than 1024 threads could be started" in str(error.value)
    assert "ulimit -u, and the pids limit" in str(error.value)
