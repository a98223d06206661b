"""Noticing another iomodels that measures on this machine: the two disturb each other.

Each announces itself under one of a few addresses that all of them know, and sends a word to the
others. So whoever comes second knows at once, and whoever was first at its end. Nobody is refused:
noise is for the user to judge.

The addresses are in Linux's abstract namespace (unix(7)): they are no files, so nothing is left
behind, however a process ends, and all users of the machine share them. A network namespace of its
own, as most containers have, has its own ones: who measures there is only noticed as any other
program is (`machine/noise.py`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from iomodels.results.schema import Notice

ADDRESSES = tuple(f"\0iomodels-measuring-{number}" for number in range(16))
"""More than any machine should have at once; with all of them taken, one is not alone anyway."""

MESSAGE = (
    "another iomodels is measuring on this machine at the same time, and both disturb each other: "
    "measure one after the other"
)


class Alongside:
    """A context manager around the measuring.

    `note` is called once if there is another: when it begins, or when it ends. Where there are no
    such sockets (a sandbox), nobody is noticed.
    """

    def __init__(self, note: Callable[[Notice], object]) -> None:
        self._note = note
        self._socket: socket.socket | None = None
        self._said = False

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._socket = socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            )
            if _others(self._socket):
                self._say()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._socket is None:
            return
        with self._socket:
            if not self._said and _was_sent_a_word(self._socket):
                self._say()

    def _say(self) -> None:
        self._said = True
        self._note(Notice("alongside", MESSAGE))


def _others(own: socket.socket) -> bool:
    """Take an address, and send a word to all others: whether there are any."""
    free = next((address for address in ADDRESSES if _is_bound(own, address)), None)
    found = [_sent(own, address) for address in ADDRESSES if address != free]
    return any(found)


def _is_bound(own: socket.socket, address: str) -> bool:
    try:
        own.bind(address)
    except OSError:
        return False
    return True


def _sent(own: socket.socket, address: str) -> bool:
    """Whether there is one: it has the word, or so many others that there is no room for it."""
    try:
        own.sendto(b"1", address)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def _was_sent_a_word(own: socket.socket) -> bool:
    try:
        return bool(own.recv(1))
    except OSError:
        return False
