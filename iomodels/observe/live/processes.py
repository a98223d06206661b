"""What /proc says of the processes that are watched."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def is_alive(pid: int) -> bool:
    """Whether it has not ended, or nobody has asked how yet."""
    return (_PROC / str(pid)).exists()


def traced_by(tracer: int) -> Iterator[tuple[int, int]]:
    """The processes that this one traces, each with its parent."""
    for folder in _PROC.glob("[0-9]*"):
        status = _status(int(folder.name))
        if status.get("TracerPid") == str(tracer):
            yield int(folder.name), int(status["PPid"])


def why_not_traced(pid: int) -> str | None:
    """Why no strace can attach to it, whoever starts it; None where that is not known."""
    status = _status(pid)
    if not status:
        return "there is no such process: `pgrep NAME` finds the number of one"
    if pid == os.getpid():
        return "that is iomodels itself"
    if status.get("State", "").startswith(("Z", "X")):
        return "it has ended already"
    if status.get("TracerPid", "0") != "0":
        return "another program traces it (a debugger, or strace), and there can be only one"
    if status.get("Kthread") == "1" or not (_PROC / str(pid) / "cmdline").exists():
        return "it is a thread of the kernel, which makes no system calls"
    return None


def threads_of(pid: int) -> dict[int, int]:
    """The threads that it has now, each with `pid`: a log does not tell whose they are."""
    with suppress(OSError):
        return {int(folder.name): pid for folder in (_PROC / str(pid) / "task").iterdir()}
    return {}


def has_terminal() -> bool:
    """Whether the terminal sends Ctrl-C to this process, and so to the command as well."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _status(pid: int) -> dict[str, str]:
    """The fields of /proc/PID/status; empty where there is no such process."""
    with suppress(OSError):
        text = (_PROC / str(pid) / "status").read_text(errors="replace")
        return dict(re.findall(r"^(\w+):\s*(\S*)", text, re.MULTILINE))
    return {}
