"""Engines in Python with one bug each. Some are other engines that see the trial through a work
that is broken in one way; the rest are written out. A trial loads this file by its path."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from iomodels.python import blocking, selectors
from iomodels.python.contract import (
    DATA_SYNC,
    READ,
    Options,
    PythonEngine,
    Setup,
    SlotTransfer,
    TrialWork,
)
from iomodels.python.making import make, make_all

Result = int | bytes | bytearray | memoryview


class Passing:
    """All as it is."""

    def __init__(self, work: TrialWork) -> None:
        self.work = work

    def take(self) -> SlotTransfer | None:
        return self.work.take()

    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        return self.work.next(transfer, result)

    def wait(self) -> bool:
        return self.work.wait()

    def fileno(self) -> int:
        return self.work.fileno()

    def is_over(self) -> bool:
        return self.work.is_over()


def through(base: PythonEngine, kind: Callable[[TrialWork], TrialWork], name: str) -> PythonEngine:
    def drive(options: Options) -> Callable[[Setup], None]:
        run = base.drive(options)
        return lambda setup: run(replace(setup, work=kind(setup.work)))

    return replace(base, name=name, drive=drive)


def own(base: PythonEngine, run: Callable[[Setup], None], name: str) -> PythonEngine:
    return replace(base, name=name, drive=lambda options: run)


def before(base: PythonEngine, act: Callable[[], None], name: str) -> PythonEngine:
    """What happens when the engine begins."""

    def drive(options: Options) -> Callable[[Setup], None]:
        run = base.drive(options)

        def act_and_run(setup: Setup) -> None:
            act()
            run(setup)

        return act_and_run

    return replace(base, name=name, drive=drive)


# ------------------------------------------------------------------ ends of transfers


class CompletesTwice(Passing):
    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        following = self.work.next(transfer, result)
        if following is None:
            return None
        return self.work.next(following, following.length)


class LosesOne(Passing):
    ended = 0

    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        self.ended += 1
        return self.work.next(transfer, result) if self.ended != 20 else None


class FlipsABit(Passing):
    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        if transfer.operation == READ and isinstance(result, int) and result > 0:
            transfer.buffer[0] ^= 1
        return self.work.next(transfer, result)


class ClaimsAll(Passing):
    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        is_short_write = isinstance(result, int) and 0 < result < transfer.length
        return self.work.next(transfer, transfer.length if is_short_write else result)


class HidesTheEnd(Passing):
    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        return self.work.next(transfer, transfer.length if result in (0, b"") else result)


class RaisesErrors(Passing):
    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        if result == b"" or (isinstance(result, int) and result < 0):
            raise OSError("the engine's own words")
        return self.work.next(transfer, result)


class IsLate(Passing):
    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        time.sleep(0.02)
        return self.work.next(transfer, result)


class IsVeryLate(Passing):
    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        time.sleep(0.3)
        return self.work.next(transfer, result)


class CopiesByAPipe(Passing):
    """What was read goes through another pipe first."""

    def __init__(self, work: TrialWork) -> None:
        super().__init__(work)
        self.out, self.into = os.pipe()

    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        if isinstance(result, bytes) and result:
            os.write(self.into, result)
            result = os.read(self.out, len(result))
        return self.work.next(transfer, result)


class ForgetsIdle(Passing):
    def take(self) -> SlotTransfer | None:
        transfer = self.work.take()
        while transfer is not None and transfer.slot >= 4:
            transfer = self.work.take()
        return transfer


COMPLETES_TWICE = through(blocking.ENGINE, CompletesTwice, "completes-twice")
LOSES_ONE = through(blocking.ENGINE, LosesOne, "loses-one")
FLIPS_A_BIT = through(blocking.ENGINE, FlipsABit, "flips-a-bit")
CLAIMS_ALL = through(selectors.ENGINE, ClaimsAll, "claims-all")
HIDES_THE_END = through(blocking.ENGINE, HidesTheEnd, "hides-the-end")
RAISES_ERRORS = through(blocking.ENGINE, RaisesErrors, "raises-errors")
IS_LATE = through(blocking.ENGINE, IsLate, "is-late")
IS_VERY_LATE = through(blocking.ENGINE, IsVeryLate, "is-very-late")
COPIES_BY_A_PIPE = through(blocking.ENGINE, CopiesByAPipe, "copies-by-a-pipe")
FORGETS_IDLE = through(selectors.ENGINE, ForgetsIdle, "forgets-idle")


# ------------------------------------------------------------------ transfers


def _ends_early(setup: Setup) -> None:
    while setup.work.wait():
        transfer = setup.work.take()
        while transfer is not None:
            transfer = setup.work.next(transfer, transfer.length)


def _drops_syncs(setup: Setup) -> None:
    while setup.work.wait():
        transfer = setup.work.take()
        while transfer is not None:
            dropped = transfer.operation >= DATA_SYNC
            transfer = setup.work.next(transfer, 0 if dropped else make(transfer))


def _keeps_a_length(setup: Setup) -> None:
    length = 0
    while setup.work.wait():
        transfer = setup.work.take()
        while transfer is not None:
            length = length or transfer.length
            transfer = setup.work.next(transfer, os.read(transfer.fd, length))


def _spins(setup: Setup) -> None:
    while setup.work.wait():
        transfer = setup.work.take()
        while transfer is not None:
            os.set_blocking(transfer.fd, False)
            while (result := make(transfer)) == -11 and not setup.work.is_over():
                pass
            transfer = setup.work.next(transfer, result)


def _looks_seldom(setup: Setup) -> None:
    while setup.work.wait():
        transfer = setup.work.take()
        while transfer is not None:
            os.set_blocking(transfer.fd, False)
            while (result := make(transfer)) == -11:
                time.sleep(5)
            transfer = setup.work.next(transfer, result)


def _one_by_one(setup: Setup) -> None:
    while setup.work.wait():
        make_all(setup.work, setup.work.take())


ENDS_EARLY = own(blocking.ENGINE, _ends_early, "ends-early")
DROPS_SYNCS = own(blocking.ENGINE, _drops_syncs, "drops-syncs")
KEEPS_A_LENGTH = own(blocking.ENGINE, _keeps_a_length, "keeps-a-length")
SPINS = own(blocking.ENGINE, _spins, "spins")
LOOKS_SELDOM = replace(
    own(blocking.ENGINE, _looks_seldom, "looks-seldom"),
    flags=blocking.ENGINE.flags - {"blocks_in_submit"},
)
ONE_BY_ONE = replace(
    own(blocking.ENGINE, _one_by_one, "one-by-one"),
    flags=frozenset({"files", "streams", "waits", "moves_data"}),
    max_depth=0,
)


def _ignores_deadline(options: Options) -> Callable[[Setup], None]:
    run = selectors.ENGINE.drive(options)
    return lambda setup: run(replace(setup, deadline_s=None))


IGNORES_DEADLINE = replace(selectors.ENGINE, name="ignores-deadline", drive=_ignores_deadline)


# ------------------------------------------------------------------ conduct


class NeverReturns(Passing):
    def wait(self) -> bool:
        going = self.work.wait()
        while not going:
            time.sleep(1)
        return going


class ReturnsEarly(Passing):
    ended = 0

    def wait(self) -> bool:
        return self.ended < 20 and self.work.wait()

    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        self.ended += 1
        following = self.work.next(transfer, result)
        return following if self.ended < 20 else None  # and nobody makes that one


class Prints(Passing):
    def take(self) -> SlotTransfer | None:
        print("taken")
        return self.work.take()


class PrintsAnError(Passing):
    def take(self) -> SlotTransfer | None:
        print("taken", file=sys.stderr)
        return self.work.take()


class Raises(Passing):
    def next(self, transfer: SlotTransfer, result: Result) -> SlotTransfer | None:
        raise ZeroDivisionError


def _leave_a_thread() -> None:
    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()


def _leave_a_descriptor() -> None:
    os.eventfd(0)


def _leave_a_process() -> None:
    subprocess.Popen(["sleep", "3"])


NEVER_RETURNS = through(blocking.ENGINE, NeverReturns, "never-returns")
RETURNS_EARLY = through(blocking.ENGINE, ReturnsEarly, "returns-early")
PRINTS = through(blocking.ENGINE, Prints, "prints")
PRINTS_AN_ERROR = through(blocking.ENGINE, PrintsAnError, "prints-an-error")
RAISES = through(blocking.ENGINE, Raises, "raises")
LEAVES_A_THREAD = before(blocking.ENGINE, _leave_a_thread, "leaves-a-thread")
LEAVES_A_DESCRIPTOR = before(blocking.ENGINE, _leave_a_descriptor, "leaves-a-descriptor")
LEAVES_A_PROCESS = before(blocking.ENGINE, _leave_a_process, "leaves-a-process")
