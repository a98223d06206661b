"""Blocking calls by a `ThreadPoolExecutor`: one thread submits them, and goes on when they end.

The pool has a thread for each slot: a blocked read keeps its own, and with fewer of them the
messages of one connection would wait for those of another.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Thread

from iomodels.python.contract import Setup, SlotTransfer, TrialWork
from iomodels.python.making import make

_End = Future[tuple[SlotTransfer, int | bytes]]


def _make(transfer: SlotTransfer) -> tuple[SlotTransfer, int | bytes]:
    return transfer, make(transfer)


class _Pool:
    def __init__(self, work: TrialWork, executor: ThreadPoolExecutor) -> None:
        self._work = work
        self._executor = executor
        self._ended: SimpleQueue[_End | None] = SimpleQueue()

    def _submit(self, transfer: SlotTransfer) -> None:
        self._executor.submit(_make, transfer).add_done_callback(self._ended.put)

    def submit_new(self) -> None:
        """Slots that begin, until the work is over."""
        while self._work.wait():
            transfer = self._work.take()
            if transfer is not None:
                self._submit(transfer)
        self._ended.put(None)

    def go_on(self) -> None:
        """With each slot whose transfer has ended, until the work is over."""
        while (end := self._ended.get()) is not None:
            following = self._work.next(*end.result())
            if following is not None:
                self._submit(following)


def run(setup: Setup) -> None:
    with ThreadPoolExecutor(max_workers=setup.depth) as executor:
        pool = _Pool(setup.work, executor)
        submitter = Thread(target=pool.submit_new)
        submitter.start()
        pool.go_on()
        submitter.join()
