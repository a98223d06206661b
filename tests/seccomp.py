"""Run a command in a process in which one system call is refused, as on an older kernel or in a
strict container: `python seccomp.py NUMBER COMMAND…` (there it answers ENOSYS)."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from typing import NamedTuple

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD, AND, EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06
ARGUMENTS_AT, ARGUMENT_SIZE = 16, 8
"""Where `struct seccomp_data` has them. The low half of one comes first: little endian."""


class Argument(NamedTuple):
    """Refused only where the argument (from 0), as far as the mask goes, has this value."""

    place: int
    mask: int
    value: int


def deny(number: int, error: int = errno.ENOSYS, only: Argument | None = None) -> None:
    """Install a filter (classic BPF over `struct seccomp_data`; see seccomp(2)). They add up."""
    refuse, allow = (RETURN, 0, 0, RET_ERRNO | error), (RETURN, 0, 0, RET_ALLOW)
    program = [(LOAD, 0, 0, 0), (EQUAL, 1, 0, number), allow]
    if only:
        program += [
            (LOAD, 0, 0, ARGUMENTS_AT + ARGUMENT_SIZE * only.place),
            (AND, 0, 0, only.mask),
            (EQUAL, 1, 0, only.value),
            allow,
        ]
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in (*program, refuse))
    code = ctypes.create_string_buffer(packed, len(packed))
    header = struct.pack("HxxxxxxP", len(packed) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    deny(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
