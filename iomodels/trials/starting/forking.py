"""What is behind a launcher: `unshare --fork` and many others start the worker as another process.

Such a worker is no child of this process: nobody reports its stops or its end, a kill of the
launcher does not reach it, and in a PID namespace it does not even know its number here. So its
answers come through a socket, on which the kernel says who sends, by the number that the sender has
*here*; a pidfd of it becomes readable when it ends, and kills nobody else.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

from iomodels.base.system import end_group

_CREDENTIALS = struct.Struct("3i")
"""`struct ucred`: pid, uid, gid."""
_MESSAGE_BYTES = 1 << 16
_LONGEST_LINE_BYTES = 1 << 20
"""A launcher may write anything; what an interpreter says of itself takes some kilobytes."""


class Answers:
    """The reading end of a worker's standard output, line by line."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._left = b""
        self.sender = 0
        """Who sent the last line, as a process ID in our namespace; 0 for nobody in it."""

    @property
    def their_fd(self) -> int:
        """The end for the process that is started: its standard output."""
        return self._theirs.fileno()

    def started(self) -> None:
        """It has that end, and nobody here needs it."""
        self._theirs.close()

    def fileno(self) -> int:
        """For poll."""
        return self._ours.fileno()

    def readline(self) -> bytes:
        """The next line; what there is at the end of all of it, or a part of a line without end."""
        while b"\n" not in self._left and len(self._left) < _LONGEST_LINE_BYTES:
            data, control, _, _ = self._ours.recvmsg(
                _MESSAGE_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size)
            )
            if not data:
                break
            for level, kind, content in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                    self.sender = _CREDENTIALS.unpack(content)[0]
            self._left += data
        line, newline, self._left = self._left.partition(b"\n")
        return line + newline

    def close(self) -> None:
        """Both ends."""
        self._ours.close()
        self._theirs.close()


class Watched:
    """A process that need not be a child of this one. Raises `OSError` where it is gone, or where a
    sandbox or an old kernel (before 5.3) has no pidfd_open."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = os.pidfd_open(pid)
        self._was_stopped = False

    def fileno(self) -> int:
        """For poll: readable from its end on."""
        return self._fd

    def has_ended(self, timeout_s: float) -> bool:
        """Whether it ends within this time."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def kill(self) -> None:
        """End it, if it has not ended. One of another user stays; its input ends, then."""
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(self._fd, signal.SIGKILL)

    def last_stop(self, pid: int) -> int | None:
        """As the kernel reports of a child (`pauses`), but only of stops that last until somebody
        looks: CLD_STOPPED while it is stopped, CLD_CONTINUED once after it was; else None."""
        state = state_of(pid)
        before, self._was_stopped = self._was_stopped, state in ("T", "t")
        if self._was_stopped:
            return os.CLD_STOPPED
        return os.CLD_CONTINUED if before else None

    def close(self) -> None:
        """Watch it no longer."""
        os.close(self._fd)


def end(
    launcher: subprocess.Popen[bytes], worker: Watched | None, patience_s: float, last_s: float
) -> None:
    """Whatever the launcher has started ends: of itself within `patience_s`, or killed.

    The worker is the first: many launchers end when it does. What else is in their process group
    ends with them. One in a session of its own, which has not even answered yet, notices the end of
    its input.
    """
    if worker is not None and not worker.has_ended(patience_s):
        worker.kill()
    if launcher.returncode is None:
        with suppress(OSError):
            here = Watched(launcher.pid)
            here.has_ended(patience_s)
            here.close()
        end_group(launcher)
    with suppress(subprocess.TimeoutExpired):
        launcher.wait(last_s)


def state_of(pid: int) -> str:
    """R, S, D, T, Z … as /proc has it; empty where it has nothing."""
    return (_stat(pid) or [""])[0]


def is_behind(pid: int, launcher: int) -> bool:
    """Whether the one is a descendant of the other, and so ends before it does or is waited for."""
    seen = set()
    while pid > 1 and pid not in seen:
        seen.add(pid)
        fields = _stat(pid)
        if len(fields) < 2:
            return False
        pid = int(fields[1])
        if pid == launcher:
            return True
    return False


def own_number(pid: int) -> int | None:
    """The number that a process has in its own PID namespace; None where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    line = status.partition("\nNSpid:")[2].partition("\n")[0].split()
    return int(line[-1]) if line else pid


def _stat(pid: int) -> list[str]:
    """The fields after the command's name: state, parent, …"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
