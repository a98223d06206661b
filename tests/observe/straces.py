"""Whether strace works here, and commands for it to watch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache

import pytest


@cache
def _why_not() -> str | None:
    if shutil.which("strace") is None:
        return "there is no strace on this machine"
    done = subprocess.run(
        ["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
    )
    return f"strace is not allowed here: {done.stderr.strip()}" if done.returncode else None


def needs_strace() -> None:
    """Skip where a program cannot be traced."""
    if reason := _why_not():
        pytest.skip(reason)


def python(code: str) -> list[str]:
    """A command that runs this."""
    return [sys.executable, "-I", "-S", "-c", code]
