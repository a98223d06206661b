"""Looking at other processes while they run."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that this one has started and that have not ended; none where it has ended."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def await_children(pid: int, count: int, timeout_s: float = 30) -> None:
    """Until it has started so many, one after another. AssertionError where it does not."""
    seen: set[int] = set()
    deadline = time.monotonic() + timeout_s
    while len(seen) < count:
        assert time.monotonic() < deadline, f"only {len(seen)} processes were started"
        seen.update(children(pid))
        time.sleep(0.002)


def await_stopped(pid: int, timeout_s: float = 10) -> None:
    """Until a signal that stops has reached the process."""
    deadline = time.monotonic() + timeout_s
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline, f"process {pid} does not stop"


def wait_until(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    """AssertionError where it does not become true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.005)


def has_a_round(partial: Path) -> bool:
    """Whether a run of one engine has kept a trial of it: the first may be of the harness."""
    return partial.exists() and partial.read_bytes().count(b'"trial":') >= 2
