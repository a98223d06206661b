"""Files that one process at a time has: the trials of a run, and the outputs that it will write.

The locks are those of flock(2): they end with the process, however it ends, so none is ever stale.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from iomodels.base.errors import OutputError
from iomodels.base.files import target

_TAKEN = -2
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class TakenError(OutputError):
    """An output belongs to a run that is still going."""


def has_lock(descriptor: int) -> bool:
    """Take the lock of an open file: False where another process has it. On a file system without
    locks everybody has it: there is no such protection there. Raises `OSError`."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one of this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


@contextmanager
def reserved(paths: Iterable[Path]) -> Iterator[None]:
    """Keep other runs from writing these outputs until the block ends.

    So of two jobs with the same output, the second is refused when it begins, and does not lose it
    at its end. Raises `TakenError`. A folder where no lock can be made protects nothing.
    """
    with ExitStack() as stack:
        for path in paths:
            stack.enter_context(_reserved(path))
        yield


@contextmanager
def _reserved(path: Path) -> Iterator[None]:
    lock = _lock_beside(target(path))
    descriptor = -1
    with suppress(OSError, ValueError):
        descriptor = _locked(lock)
    if descriptor == _TAKEN:
        raise TakenError(
            f"{path} is an output of a run that is still going: wait for its end, or name another"
        )
    if descriptor < 0:
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()
        os.close(descriptor)


def _locked(lock: Path) -> int:
    """The descriptor of the locked file, or `_TAKEN`."""
    while True:
        # To lock it, reading is enough: it may be another user's.
        flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(lock, flags, 0o644)
        taken = not has_lock(descriptor)
        if not taken and is_at(descriptor, lock):
            return descriptor
        os.close(descriptor)
        if taken:
            return _TAKEN
        # Whoever had it has removed it meanwhile: once more.


def _lock_beside(path: Path) -> Path:
    """A file of its own, since the output itself is not there before it is whole; short, so that a
    long name has room for it."""
    name = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]
    return path.with_name(f".iomodels-{name}.lock")
