"""System calls that a container's seccomp profile may refuse, each with what does instead; and
processes that end with all that they have started."""

from __future__ import annotations

import errno
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import Popen

MEMORY_FOLDER = Path("/dev/shm")
SCARCE = {
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close some files on this system, or raise fs.file-max",
    errno.ENOMEM: "free some memory, or raise the limit (ulimit -v)",
    errno.EAGAIN: "raise the limit of processes (ulimit -u, or the container's pids limit)",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f)",
}
"""What can run out wherever something is opened or started, with the remedy."""

REFUSED = (errno.EPERM, errno.ENOSYS)
"""What a sandbox answers to a system call that it does not allow."""
NOT_ALLOWED = (
    "a system call that is needed here is not allowed: allow it in the container's seccomp profile"
)


def allowed_cpus(root: Path = Path("/")) -> frozenset[int]:
    """The numbers of the CPUs that this process may run on; never empty."""
    try:
        return frozenset(os.sched_getaffinity(0))
    except OSError:
        return _cpus_of_status(root) or frozenset(range(os.cpu_count() or 1))


def _cpus_of_status(root: Path) -> frozenset[int]:
    """The same as the kernel writes it (`0-3,8`), or nothing where it does not."""
    try:
        status = (root / "proc/self/status").read_text()
    except OSError:
        return frozenset()
    found = re.search(r"^Cpus_allowed_list:\s*([0-9,-]+)$", status, re.MULTILINE)
    ranges = [part.partition("-") for part in found[1].split(",")] if found else []
    return frozenset(
        cpu for low, _, high in ranges for cpu in range(int(low), int(high or low) + 1)
    )


def memory_bytes() -> int:
    """How much memory this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def memory_file(name: str) -> int:
    """A new file in memory, without a name in any folder, open for reading and writing.

    Raises `OSError` where neither memfd_create nor /dev/shm can make one.
    """
    try:
        return os.memfd_create(name)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        return os.open(MEMORY_FOLDER, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600)


def await_end(process: Popen[bytes], patience_s: float) -> bool:
    """Whether it has ended, at the latest when the time is over. It is not reaped: until it is, its
    number is its process group's, and nobody else's (`end_group`)."""
    deadline_s = time.monotonic() + patience_s
    while process.returncode is None and not _has_ended(process.pid):
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(0.001)
    return True


def end_group(process: Popen[bytes]) -> None:
    """Kills what is left of the process group that it leads, unless it has been reaped."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # somebody else has reaped it: SIGCHLD is ignored
        return True
