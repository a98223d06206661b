"""Kernel AIO where it cannot work: its requests are used up, a filter forbids it; and what
io_submit does with buffered and with direct files."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .. import core_build
from ..fresh import run_iomodels

SECCOMP = Path(__file__).parents[1] / "seccomp.py"
NUMBERS = {
    "x86_64": {"io_setup": 206, "io_destroy": 207, "io_getevents": 208, "io_submit": 209}
    | {"io_cancel": 210},
    "aarch64": {"io_setup": 0, "io_destroy": 1, "io_submit": 2, "io_cancel": 3, "io_getevents": 4},
}.get(platform.machine(), {})
"""Of the system calls, on the machines that are known here."""
DEEP = 1024
"""The most that a point can have in flight."""
LEFT = 900
"""What is left for others meanwhile: less than a deep point needs, more than other tests do."""
LARGEST = 1 << 15

pytestmark = pytest.mark.skipif(
    not NUMBERS, reason=f"the numbers of the system calls on {platform.machine()} are not known"
)


def bench(folder: Path, *words: str, denied: int | None = None) -> tuple[int, dict[str, object]]:
    """Its exit code, and the cell of kaio. (Without an engine that works no file is written.)"""
    command = ["bench", *words, "-e", "kaio,nonblocking", "-r", "1", "-d", "0.02"]
    command += ["--warmup", "0", "-o", str(folder / "r.json"), "--force"]
    if denied is None:
        done = run_iomodels(*command, cwd=folder)
    else:
        inside = [sys.executable, str(SECCOMP), str(denied), sys.executable, "-m", "iomodels"]
        done = subprocess.run(
            [*inside, *command], capture_output=True, text=True, timeout=60, check=False
        )
    assert "Traceback" not in done.stderr
    cells = json.loads((folder / "r.json").read_text())["cells"]
    return done.returncode, next(cell for cell in cells if cell["engine"] == "kaio")


def read(name: str) -> int:
    return int(Path(f"/proc/sys/fs/{name}").read_text())


@contextmanager
def used_up() -> Iterator[None]:
    """All but `LEFT` requests of the machine are reserved, by this process."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    contexts = []
    try:
        while (free := read("aio-max-nr") - read("aio-nr")) > LEFT:
            context = ctypes.c_ulong(0)
            wanted = ctypes.c_long(min(free - LEFT, LARGEST))
            if call(ctypes.c_long(NUMBERS["io_setup"]), wanted, ctypes.byref(context)) != 0:
                pytest.skip(f"io_setup does not work: {os.strerror(ctypes.get_errno())}")
            contexts.append(context)
        yield
    finally:
        for context in contexts:
            call(ctypes.c_long(NUMBERS["io_destroy"]), context)


def test_without_room_for_its_requests_it_is_na_with_the_numbers(tmp_path: Path) -> None:
    deep = ("slow-devices", "-s", f"load.depth={DEEP}")
    with used_up():
        _, cell = bench(tmp_path, *deep)
    assert cell["status"] == "n/a"
    said = re.search(r"fs.aio-max-nr=(\d+) .*, (\d+) are reserved.*needs (\d+)", cell["reason"])
    assert said, cell["reason"]
    most, reserved, needed = map(int, said.groups())
    assert most == read("aio-max-nr")
    assert needed == DEEP > most - reserved
    assert "sysctl fs.aio-max-nr=" in cell["reason"]
    code, cell = bench(tmp_path, *deep)
    assert (code, cell["status"]) == (0, "ok")


@pytest.mark.parametrize("name", ["io_setup", "io_submit", "io_getevents"])
def test_where_a_filter_forbids_it_it_is_na(tmp_path: Path, name: str) -> None:
    _, cell = bench(tmp_path, "slow-devices", "-s", "load.depth=1", denied=NUMBERS[name])
    assert cell["status"] == "n/a"
    assert f"{name} does not work here" in cell["reason"]
    assert "seccomp" in cell["reason"]


def test_where_nothing_can_be_cancelled_all_is_too_late(tmp_path: Path) -> None:
    """A cancel that the kernel refuses: each request ends by itself, and is counted as it was."""
    code, cell = bench(tmp_path, "cancel", "-s", "load.depth=4", denied=NUMBERS["io_cancel"])
    assert (code, cell["status"]) == (0, "ok")
    (trial,) = cell["trials"]
    assert trial["counters"]["cancels_too_late"] > 0
    assert trial["counters"].get("cancels_done", 0) == 0


def test_only_direct_files_are_transferred_after_submit(tmp_path: Path) -> None:
    """What the mark as degenerate rests on: how much of its latency a read is held in submit."""
    held = {}
    for cache in ("direct", "warm"):
        sets = ["-s", f"channel.cache={cache}", "-s", "load.depth=1", "-s", "load.block=64 KiB"]
        code, cell = bench(tmp_path, "direct-read", "-s", "channel.size=8 MiB", *sets)
        if cell["status"] == "n/a":
            pytest.skip(str(cell["reason"]))
        assert code == 0
        (trial,) = cell["trials"]
        held[cache] = median(trial["submit_ns"]) / median(trial["latency_ns"])
    assert held["direct"] < 0.5 < 0.8 < held["warm"], held


def test_that_its_syncs_cost_cpu_elsewhere_is_said(tmp_path: Path) -> None:
    code, cell = bench(tmp_path, "log-append", "-s", "channel.size=1 MiB")
    (trial,) = cell["trials"]
    assert code == 0
    assert trial["counters"]["syncs_by_kernel_threads"] >= trial["operations"] > 0
    warnings = json.loads((tmp_path / "r.json").read_text())["warnings"]
    assert any("belong to no process" in warning["message"] for warning in warnings)


def median(histogram: list[list[int]]) -> int:
    """The lower bound of the bucket in the middle."""
    left = sum(count for _, count in histogram) / 2
    for lower, count in histogram:
        left -= count
        if left <= 0:
            return lower
    raise AssertionError("an empty histogram")


# ---------------------------------------------------------------------- this kernel


def facts(*words: str) -> subprocess.CompletedProcess[str]:
    program = str(core_build.program("plain", "kaio_facts"))
    return subprocess.run(
        [program, *words], capture_output=True, text=True, timeout=20, check=False
    )


FACTS = (
    "a_poll_is_news_once",
    "a_cancelled_poll_still_has_an_event",
    "an_armed_poll_keeps_its_file_open",
    "a_stream_read_does_not_wait",
    "a_read_of_a_file_is_not_cancelled",
    "a_buffered_read_is_over_when_submit_returns",
    "a_batch_stops_at_the_first_refused",
    "a_sync_is_made_by_the_kernel",
)


@pytest.mark.parametrize("fact", FACTS)
def test_the_kernel_does_as_the_engine_expects(fact: str) -> None:
    done = facts(fact)
    if done.returncode == 77:
        pytest.skip("no kernel AIO here, or no direct I/O")
    assert done.returncode == 0, done.stderr


def test_every_fact_is_asked_about() -> None:
    assert facts().stdout.split() == [*FACTS]
