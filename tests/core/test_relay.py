"""The relay: transfers that threads outside of the core make, at once and in any order."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from iomodels import _core

from .. import core_build

SIZE = 1 << 18
WORKS = {
    "timer": ("timer", {"depth": 4, "service_mean_ns": 20_000}),
    "deadline": ("timer", {"depth": 4, "service_mean_ns": 20_000, "deadline_ns": 10**9}),
    "file": ("file", {"depth": 4, "block": 4096, "verify": 1}),
    "write": ("file", {"depth": 4, "block": 4096, "workload": 2, "sync": 1}),
    "echo": ("pipe", {"depth": 4, "block": 64, "verify": 1}),
    "large": ("socket", {"depth": 2, "block": 1 << 18, "verify": 1}),
    "stream": ("pipe", {"depth": 2, "block": 4096, "exchange": 1, "verify": 1}),
    "server": ("socket", {"depth": 4, "block": 64, "server": 1, "outstanding": 2, "verify": 1}),
    "idle": ("socket", {"depth": 2, "block": 64, "idle": 3}),
}
MODES = {"deadline": ("oc", "pc"), "write": ("o", "p")}
"""Of those that have some of their own (`tests/relay_threads.c` has the letters)."""
CASES = [
    (work, mode) for work in WORKS for mode in MODES.get(work, ("o", "pb", "oe", "pe", "os", "pbs"))
]


@pytest.fixture
def data_file() -> Iterator[int]:
    fd = _core.make_file("/var/tmp", SIZE, 7)
    yield fd
    os.close(fd)


def run(program: Path, work: str, mode: str, data_file: int, slices: int) -> str:
    """What it says of itself; "" if all is well."""
    channel, settings = WORKS[work]
    if channel == "file":
        settings = settings | {"file_fd": data_file, "file_size": SIZE, "file_seed": 7}
    words = [f"{name}={number}" for name, number in settings.items()]
    done = subprocess.run(
        [program, channel, mode, str(slices), *words],
        pass_fds=(data_file,),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode == 0) == (done.stderr == ""), (done.returncode, done.stderr)
    return done.stderr


@pytest.mark.parametrize(("work", "mode"), CASES)
def test_threads_outside_of_the_core_make_each_transfer_once(
    work: str, mode: str, data_file: int
) -> None:
    assert run(core_build.program("plain", "relay_threads"), work, mode, data_file, 10) == ""


@pytest.mark.long
@pytest.mark.parametrize("sanitizer", core_build.SANITIZERS)
@pytest.mark.parametrize(("work", "mode"), CASES)
def test_they_share_nothing_without_order(
    work: str, mode: str, sanitizer: str, data_file: int
) -> None:
    assert run(core_build.program(sanitizer, "relay_threads"), work, mode, data_file, 20) == ""
