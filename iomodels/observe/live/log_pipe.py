"""The pipe that strace writes its log into: nothing of it ever reaches a disk."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

SIZE_BYTES = 1 << 20
"""For bursts. While the pipe is full strace waits, and with it the program."""
CHUNK_BYTES = 1 << 16
TICK_S = 0.1


class LogPipe:
    """A context manager. `path` is what strace opens for writing.

    Through /proc it makes a descriptor of its own, which the program does not inherit. (One that
    is handed on would stay open in the program, whose I/O is watched.)
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self.path = f"/proc/{os.getpid()}/fd/{self._write}"
        with suppress(OSError):  # it is more than an ordinary user may have
            fcntl.fcntl(self._read, fcntl.F_SETPIPE_SZ, SIZE_BYTES)

    def __enter__(self) -> LogPipe:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._read)
        os.close(self._write)

    def chunks(
        self, strace: subprocess.Popen[bytes], tick: Callable[[], None] = lambda: None
    ) -> Iterator[bytes]:
        """The log as it grows, until strace has ended. `tick` is called every `TICK_S`."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        with _end_of(strace.pid) as end:
            poll.register(end, select.POLLIN)
            while True:
                has_ended = strace.poll() is not None  # before the look for what it has left
                tick()
                while self._read in dict(poll.poll(0 if has_ended else TICK_S * 1000)):
                    yield os.read(self._read, CHUNK_BYTES)
                    tick()
                if has_ended:
                    return


@contextmanager
def _end_of(pid: int) -> Iterator[int]:
    """A descriptor that can be read from the end of the process on; where this kernel has none,
    one that cannot be read."""
    try:
        descriptors = [os.pidfd_open(pid)]
    except OSError:
        descriptors = list(os.pipe())
    try:
        yield descriptors[0]
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
