"""Questions to the machine that are answered by trying or by a close look, for `doctor`.

Nothing that is tried here leaves anything behind.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import tempfile
from pathlib import Path

from iomodels.machine.environment import ROOT, read

SYS_IO_URING_SETUP = 425
"""The same on every architecture that Python 3.11 runs on, Alpha apart."""


def io_uring_error() -> int:
    """Ask for a ring at address 0, which can only fail: with EFAULT where io_uring works."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    call(ctypes.c_long(SYS_IO_URING_SETUP), ctypes.c_long(1), ctypes.c_void_p(None))
    return ctypes.get_errno()


def direct_io_error(folder: Path) -> str | None:
    """Write and read a block past the page cache; None if it works, else the file system's answer.

    Raises `OSError` where not even a file for the trial can be made.
    """
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file, mmap.mmap(-1, 1 << 16) as block:
        try:
            again = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDWR | os.O_DIRECT)
        except OSError as error:
            return error.strerror
        try:
            if os.pwrite(again, block, 0) == len(block) == os.preadv(again, [block], 0):
                return None
            return "short transfer"
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            return error.strerror
        finally:
            os.close(again)


def reclaims_proactively(root: Path = ROOT) -> bool:
    """Whether DAMON's kernel thread is at work, which may reclaim pages although memory is free
    (Documentation/admin-guide/mm/damon in the kernel's sources).
    """
    names = (read(path) or "" for path in (root / "proc").glob("[0-9]*/comm"))
    return any(name.startswith("kdamond") for name in names)
