"""What is in a process, seen from outside (`/proc`): CPU, bytes moved, what an engine has left."""

from __future__ import annotations

import ctypes
import os
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

THREADS_LEAVE_S = 2.0
"""Idle threads of the C library's POSIX AIO stay for a second."""
LOOK_AGAIN_S = 0.02
_KERNELS = re.compile(r"iou-(wrk|sqp)-\d+")
"""Threads of the kernel for io_uring: they end with the process."""
_PIDFD_GETFD = 438


@dataclass(frozen=True)
class CpuUse:
    """What the threads of a process have had of CPUs so far, in seconds: running, and running or
    waiting for others that run (on a busy machine somebody who spins mostly waits)."""

    running_s: float
    runnable_s: float


def cpu_use(pid: int) -> CpuUse:
    """Of the threads that it has now."""
    running = waiting = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            ran, waited, _ = (task / "schedstat").read_text().split()
        except OSError:
            continue  # it has just ended
        running += int(ran)
        waiting += int(waited)
    return CpuUse(running / 1e9, (running + waiting) / 1e9)


def moved_bytes(pid: int) -> tuple[int, int] | None:
    """What it has read and written with calls of read and write, in bytes; None where the kernel
    does not say. What io_uring, send and recv move is in neither."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return None
    counts = {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}
    return counts["rchar"], counts["wchar"]


def memory_bytes_read(pid: int) -> int:
    """What the core itself reads in a slice to know the memory that the process has: of a Python
    with many mappings, more than a few transfers have."""
    files = [Path(f"/proc/{pid}/{name}") for name in ("smaps_rollup", "status", "maps")]
    try:
        return sum(len(file.read_bytes()) for file in files)
    except OSError:
        return 0


@dataclass(frozen=True)
class Left:
    """What an engine has left in its process, each in a few words."""

    threads: tuple[str, ...]
    descriptors: tuple[str, ...]
    children: tuple[str, ...]

    def __str__(self) -> str:
        kinds = {"thread": self.threads, "descriptor": self.descriptors, "process": self.children}
        return ", ".join(f"a {kind} ({name})" for kind, names in kinds.items() for name in names)


def left_in(pid: int, own: Collection[int], *, kept: Collection[str] = ()) -> Left:
    """What is in the process beyond its first thread, its `own` descriptors, and one descriptor for
    each kind in `kept`."""
    deadline_s = time.monotonic() + THREADS_LEAVE_S
    while (threads := _threads(pid)) and time.monotonic() < deadline_s:
        time.sleep(LOOK_AGAIN_S)
    descriptors = [name for fd, name in _descriptors(pid).items() if fd not in own]
    for kind in kept:
        if kind in descriptors:
            descriptors.remove(kind)
    return Left(tuple(threads), tuple(descriptors), tuple(_children(pid)))


def _threads(pid: int) -> list[str]:
    names = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        if int(task.name) != pid:
            try:
                names.append((task / "comm").read_text().strip())
            except OSError:
                continue  # it has just ended
    return [name for name in names if not _KERNELS.fullmatch(name)]


def _descriptors(pid: int) -> dict[int, str]:
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        found[int(link.name)] = target.partition(":[")[0] if target[-1] == "]" else target
        if target.startswith("anon_inode:"):
            found[int(link.name)] = target.removeprefix("anon_inode:").strip("[]")
    return found


def _children(pid: int) -> list[str]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            pids = (task / "children").read_text().split()
            found += [Path(f"/proc/{child}/comm").read_text().strip() for child in pids]
        except OSError:
            continue  # it has just ended, or this kernel keeps no such list
    return found


def descriptor_of(pid: int, fd: int) -> int:
    """A descriptor of ours for what the process has there. `OSError` where that is not allowed."""
    pidfd = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        copy: int = libc.syscall(_PIDFD_GETFD, pidfd, fd, 0)
        if copy < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return copy
    finally:
        os.close(pidfd)
