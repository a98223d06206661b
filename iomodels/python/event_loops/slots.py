"""What makes the transfers of a trial's slots: what all of them share."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from errno import EPIPE

from iomodels.python.contract import Setup, SlotTransfer

TURNS_TO_CLOSE = 4
"""Of the loop, until transports that were aborted have closed their descriptors: a callback of
libuv's, the transport's own, and the protocol's."""


def error_number(error: OSError) -> int:
    """-errno for `next`. asyncio has one of its own, without a number."""
    return -(error.errno or EPIPE)  # "Connection lost": a write after the transport has closed


class Slots(ABC):
    """Slots that are under way on an event loop."""

    def __init__(self, setup: Setup, fail: Callable[[BaseException], None]) -> None:
        """`fail` ends the trial, with an error that nobody expects."""
        self.loop = asyncio.get_running_loop()
        self.next = setup.work.next

    @abstractmethod
    def begin(self, transfer: SlotTransfer) -> None:
        """Makes the slot's transfers from this one on, until it is at rest."""

    @abstractmethod
    async def close(self) -> None:
        """All slots are at rest. Leaves nothing open that was opened here."""


class Tasks:
    """Tasks under way. An exception of one ends the trial."""

    def __init__(self, fail: Callable[[BaseException], None]) -> None:
        self._fail = fail
        self._running: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Coroutine[None, None, None]) -> None:
        """In the running loop."""
        task = asyncio.create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)


class TaskPerSlot(Slots):
    """Slots with a task each, as a program has one for each connection."""

    def __init__(self, setup: Setup, fail: Callable[[BaseException], None]) -> None:
        super().__init__(setup, fail)
        self._tasks = Tasks(fail)

    def begin(self, transfer: SlotTransfer) -> None:
        self._tasks.start(self.make_all(transfer))

    @abstractmethod
    async def make_all(self, transfer: SlotTransfer | None) -> None:
        """The slot's transfers, until it is at rest."""


async def let_transports_close() -> None:
    """Their ends are callbacks, one after another."""
    for _ in range(TURNS_TO_CLOSE):
        await asyncio.sleep(0)
