"""Launchers that start a program as another process, and what is left of them."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

MARK = "IOMODELS_TEST_MARK"
FORKING = {
    "shell": ("sh", "-c", '"$@"; exit $?', "-"),
    "timeout": ("timeout", "60"),
    "another-session": ("setsid", "--wait"),
    "namespace": ("unshare", "--fork"),
    "pid-namespace": ("unshare", "--fork", "--pid", "--mount-proc"),
    "bubblewrap": ("bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc"),
    "two": ("nice", "-n", "1", "sh", "-c", 'timeout 60 "$@"; exit $?', "-"),
}


@cache
def prefix_of(name: str) -> tuple[str, ...]:
    """The words of a launcher; skips where it does not work here."""
    words = FORKING[name]
    found = shutil.which(words[0])
    if found is None:
        pytest.skip(f"there is no {words[0]} on this machine")
    done = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(words)} is not allowed here: {done.stderr.strip()}")
    return (found, *words[1:])


def marked(mark: str) -> list[int]:
    """The living processes that have this mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def await_none(mark: str, timeout_s: float = 10) -> None:
    """Until none of them is left. AssertionError where one stays."""
    deadline = time.monotonic() + timeout_s
    while left := marked(mark):
        assert time.monotonic() < deadline, f"left running: {left}"
        time.sleep(0.01)
