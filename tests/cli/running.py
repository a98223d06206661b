"""Runs `iomodels` as a user does: in a process, its streams pipes or a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ..fresh import Running, run_iomodels, running_iomodels

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|9[0-7]|38;[0-9;]+)m")
QUICK = ("-r", "1", "-d", "0.01", "--warmup", "0")


def command_line(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "iomodels", *arguments]


def environment(**extra: str) -> dict[str, str]:
    names = ("NO_COLOR", "COLUMNS", "FORCE_COLOR")
    return {k: v for k, v in os.environ.items() if k not in names} | extra


@pytest.fixture
def cli(tmp_path):
    """Runs `iomodels` in an empty folder, its streams no terminals."""

    def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return run_iomodels(*arguments, cwd=tmp_path, env=environment(**extra))

    return run


@pytest.fixture
def start(tmp_path):
    """Starts `iomodels`, or a program, in the same folder: `running_iomodels`."""

    def begin(*arguments: str, **how: object) -> AbstractContextManager[Running]:
        return running_iomodels(*arguments, cwd=tmp_path, env=environment(), **how)

    return begin


def interrupting(number: int, after: int) -> str:
    """A program: `iomodels`, which gets this signal once so many of its trials are kept."""
    return INTERRUPTED.format(number=int(number), after=after)


INTERRUPTED = """
import os
from iomodels.cli.start import main
from iomodels.results.partial import PartialWriter
real, kept = PartialWriter.append, []
def append(self, line):
    real(self, line)
    kept.append(line)
    if len(kept) == {after}:
        os.kill(os.getpid(), {number})
PartialWriter.append = append
main()
"""


def trials_in(path: Path) -> int:
    """How many trials what is kept of a run holds; each cell's, the harness's too."""
    return path.read_bytes().count(b'"trial":') if path.exists() else 0


def on_terminal(
    arguments: list[str], folder: Path, *, program: str | None = None, **extra: str
) -> str:
    """What `iomodels` writes when standard output and error are a terminal."""
    leader, follower = pty.openpty()
    with running_iomodels(
        *arguments,
        cwd=folder,
        env=environment(TERM="xterm-256color", **extra),
        program=program,
        streams=(None, follower, follower),
    ) as process:
        os.close(follower)
        written = b""
        while True:
            try:
                data = os.read(leader, 65536)
            except OSError:  # EIO: the process has closed its end
                break
            if not data:
                break
            written += data
        code = process.wait()
    os.close(leader)
    assert code == 0, written
    return written.decode()
