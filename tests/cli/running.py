"""Runs `iomodels` as a user does: in a process, its streams pipes or a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..fresh import run_iomodels

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


def on_terminal(arguments: list[str], folder: Path, **extra: str) -> str:
    """What `iomodels` writes when standard output and error are a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        command_line(*arguments),
        cwd=folder,
        env=environment(TERM="xterm-256color", **extra),
        stdout=follower,
        stderr=follower,
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
    os.close(leader)
    assert process.returncode == 0, written
    return written.decode()
