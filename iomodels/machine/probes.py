"""Questions to the machine that are answered by trying or by a close look, for `doctor`.

Nothing that is tried here leaves anything behind.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from iomodels.machine.proc import ROOT, read

SYS_IO_URING_SETUP = 425
"""The same on every architecture that Python 3.11 runs on, Alpha apart."""


def io_uring_error() -> int:
    """Ask for a ring at address 0, which can only fail: with EFAULT where io_uring works."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    call(ctypes.c_long(SYS_IO_URING_SETUP), ctypes.c_long(1), ctypes.c_void_p(None))
    return ctypes.get_errno()


SYS_IO_SETUP = {"x86_64": 206, "aarch64": 0, "riscv64": 0, "loongarch64": 0, "ppc64le": 227}
"""By the architecture's name (uname); of others it is not known."""


def kernel_aio_error() -> int | None:
    """Ask for a context with room for no request, which can only fail: with EINVAL where the
    kernel's own AIO works. None where the call's number is not known."""
    number = SYS_IO_SETUP.get(os.uname().machine)
    if number is None:
        return None
    call = ctypes.CDLL(None, use_errno=True).syscall
    context = ctypes.c_ulong(0)
    call(ctypes.c_long(number), ctypes.c_long(0), ctypes.byref(context))
    return ctypes.get_errno()


def reclaims_proactively(root: Path = ROOT) -> bool:
    """Whether DAMON's kernel thread is at work, which may reclaim pages although memory is free
    (Documentation/admin-guide/mm/damon in the kernel's sources).
    """
    names = (read(path) or "" for path in (root / "proc").glob("[0-9]*/comm"))
    return any(name.startswith("kdamond") for name in names)
