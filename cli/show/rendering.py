"""Pictures to the bytes of their files, several at a time where there are many.

The helper processes are forked: they start at once, load nothing, and so never run a file of the
current folder. What a helper cannot do, this process does.
"""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from iomodels import _core
from iomodels.base.signals import ENDING, interruptible
from iomodels.base.system import allowed_cpus
from iomodels.charts import Format, Picture, render

WORTH_A_PROCESS = 4
"""With fewer pictures for each, starting and ending helpers takes longer than it saves."""

_LENGTH = struct.Struct("=Q")


def rendered(pictures: Sequence[Picture], format: Format) -> Iterator[bytes]:
    """Each picture's file, in order.

    The helpers end with this iterator, with Ctrl-C and SIGTERM, and with this process, however
    that ends.
    """
    helpers = min(len(allowed_cpus()), len(pictures) // WORTH_A_PROCESS)
    if helpers < 2:
        yield from (render(picture, format) for picture in pictures)
        return
    yield render(pictures[0], format)  # here, so that the helpers have all that this loads
    rest = pictures[1:]
    # A pipe for each, and no pool: in that a worker that is killed can hold the lock of a queue.
    with interruptible(), ExitStack() as stack:
        started: list[_Helper] = []
        for n in range(helpers):
            helper = _start(rest[n::helpers], format, [other.pipe for other in started])
            if helper is None:
                break
            stack.callback(helper.end)
            started.append(helper)
        for number, picture in enumerate(rest):
            share = number % helpers
            data = started[share].next_file() if share < len(started) else None
            yield render(picture, format) if data is None else data


@dataclass(frozen=True)
class _Helper:
    """A process that draws its share of the pictures, and the pipe that they come from."""

    pid: int
    pipe: BinaryIO

    def next_file(self) -> bytes | None:
        """None when it has ended early: killed, perhaps, or for want of memory."""
        head = self.pipe.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack(head)
        data = self.pipe.read(length)
        return data if len(data) == length else None

    def end(self) -> None:
        self.pipe.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _start(
    pictures: Sequence[Picture], format: Format, others: Sequence[BinaryIO]
) -> _Helper | None:
    """A helper, or None where there can be none: no process to spare, or not only one thread here
    (a lock that another holds would stay locked in the helper)."""
    if not _is_single_threaded():
        return None
    parent = os.getpid()
    with ExitStack() as stack:
        # Ctrl-C is for this process, and ends the helper through it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        try:
            ours, theirs = os.pipe()
        except OSError:
            return None
        try:
            pid = os.fork()
        except OSError:
            os.close(ours)
            os.close(theirs)
            return None
        if pid == 0:
            try:
                os.close(ours)
                for other in others:
                    other.close()
                _draw(pictures, format, theirs, parent, before)
            finally:
                os._exit(0)
        os.close(theirs)
        return _Helper(pid, open(ours, "rb"))


def _is_single_threaded() -> bool:
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


def _draw(
    pictures: Sequence[Picture],
    format: Format,
    descriptor: int,
    parent: int,
    mask: set[int | signal.Signals],
) -> None:
    """In the helper. Whatever goes wrong, the parent draws the picture again, and says it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    # Where it is refused, the pipe that nobody reads any more ends the helper a little later.
    with suppress(PermissionError):
        _core.die_with_parent(parent)
    with open(descriptor, "wb") as pipe:
        for picture in pictures:
            data = render(picture, format)
            pipe.write(_LENGTH.pack(len(data)) + data)
            pipe.flush()
