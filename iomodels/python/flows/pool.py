"""Blocking calls by a `ThreadPoolExecutor`: one thread submits them, and goes on when they end.

The pool has a thread for each slot: a blocked read keeps its own, and with fewer of them the
messages of one connection would wait for those of another.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Thread

from iomodels.python.contract import Setup, SlotTransfer, TrialWork
from iomodels.python.flows.limits import TooFewThreadsError
from iomodels.python.making import make

_End = Future[tuple[SlotTransfer, int | bytes]]


def _make(transfer: SlotTransfer) -> tuple[SlotTransfer, int | bytes]:
    return transfer, make(transfer)


class _Pool:
    def __init__(self, work: TrialWork, threads: int) -> None:
        self._work = work
        self._threads = threads
        self._executor = ThreadPoolExecutor(max_workers=threads)
        self._ended: SimpleQueue[_End | None] = SimpleQueue()

    def _submit(self, transfer: SlotTransfer) -> None:
        try:
            end = self._executor.submit(_make, transfer)
        except RuntimeError:
            raise TooFewThreadsError(self._threads) from None
        end.add_done_callback(self._ended.put)

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

    def end(self) -> None:
        """No transfer is under way."""
        self._executor.shutdown()


def run(setup: Setup) -> None:
    pool = _Pool(setup.work, setup.depth)
    submitter = Thread(target=pool.submit_new)
    submitter.start()
    pool.go_on()
    submitter.join()
    pool.end()  # not after an error: blocked reads would keep it for ever
