"""The system calls behind the names under which engines count."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping

from ..core_build import compiler

KERNEL_NAMES = {
    "pread": ("pread64",),
    "pwrite": ("pwrite64",),
    "select": ("select", "pselect6"),
    "epoll_create": ("epoll_create1",),
    "epoll_wait": ("epoll_wait", "epoll_pwait"),
    "ppoll": ("ppoll", "poll"),
    "sigprocmask": ("rt_sigprocmask",),
    "sigtimedwait": ("rt_sigtimedwait",),
    "futex_wait": ("futex",),
    "futex_wake": ("futex",),
}
"""Of the calls that the kernel knows by other names than ours, or by several."""
OF_THE_LIBRARY = re.compile("aio_.*|lio_listio")
"""Its helper threads make system calls for these, and others than these."""


def kernel_names(call: str) -> tuple[str, ...]:
    """None for a call of the C library."""
    return () if OF_THE_LIBRARY.fullmatch(call) else KERNEL_NAMES.get(call, (call,))


def numbers(names: Iterable[str]) -> Mapping[str, int]:
    """Of these system calls, as far as this machine's headers know them."""
    lines = "".join(f"iomodels:{name} SYS_{name}\n" for name in names)
    done = subprocess.run(
        [*compiler(), "-E", "-P", "-include", "sys/syscall.h", "-"],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.findall(r"^iomodels:(\w+) (\d+)$", done.stdout, flags=re.MULTILINE)
    return {name: int(number) for name, number in found}
