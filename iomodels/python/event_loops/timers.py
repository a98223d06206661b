"""Timers: the loop tells that one is readable, and a future of its bytes wakes the slot."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from errno import ECANCELED

from iomodels.python.contract import Setup, SlotTransfer
from iomodels.python.event_loops.slots import TaskPerSlot, error_number


class _Timer:
    """One descriptor, watched from its first read on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int) -> None:
        self._loop = loop
        self._fd = fd
        self._length = 0
        self._is_watched = False
        self._expired: asyncio.Future[bytes] = loop.create_future()

    def read(self, length: int) -> asyncio.Future[bytes]:
        """Of its bytes, when it has expired."""
        self._length = length
        self._expired = self._loop.create_future()
        if not self._is_watched:
            self._is_watched = True
            self._loop.add_reader(self._fd, self._on_readable)
        return self._expired

    def _on_readable(self) -> None:
        if self._expired.done():  # nobody waits: as long as it is watched, it would be told again
            self.unwatch()
            return
        try:
            self._expired.set_result(os.read(self._fd, self._length))
        except BlockingIOError:
            return  # it was set anew meanwhile
        except OSError as error:
            self._expired.set_exception(error)

    def unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self._fd)


class Timers(TaskPerSlot):
    """A timer for each slot."""

    def __init__(self, setup: Setup, fail: Callable[[BaseException], None]) -> None:
        super().__init__(setup, fail)
        self._deadline_s = setup.deadline_s
        self._timers: dict[int, _Timer] = {}

    async def make_all(self, transfer: SlotTransfer | None) -> None:
        result: bytes | int
        while transfer is not None:
            timer = self._timers.get(transfer.fd)
            if timer is None:
                timer = self._timers[transfer.fd] = _Timer(self.loop, transfer.fd)
            try:
                if self._deadline_s is None:
                    result = await timer.read(transfer.length)
                else:
                    result = await _read_within(timer, transfer.length, self._deadline_s)
            except OSError as error:
                result = error_number(error)
            transfer = self.next(transfer, result)

    async def close(self) -> None:
        for timer in self._timers.values():
            timer.unwatch()


async def _read_within(timer: _Timer, length: int, deadline_s: float) -> bytes | int:
    expired = timer.read(length)
    try:
        async with asyncio.timeout(deadline_s):
            return await expired
    except TimeoutError:
        # Both may come in one turn of the loop, and what was read then must not be lost.
        return -ECANCELED if expired.cancelled() else expired.result()
