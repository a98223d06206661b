"""The signals that end a program: SIGINT (Ctrl-C), SIGTERM and SIGHUP.

They end a command at once where nothing can be lost (`leave_at_once`), become an exception while
something is measured, and wait while a result is saved (`held`). What this process was told to
ignore, as `nohup` does, stays ignored.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from iomodels.base.exit_codes import of_signal

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """One of these signals came; `number` says which."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__("interrupted")
        self.number = number


def number_of(interruption: BaseException) -> int:
    """Which signal interrupted; Python's own `KeyboardInterrupt` is SIGINT."""
    number: int = getattr(interruption, "number", signal.SIGINT)
    return number


def words(number: int) -> str:
    """What happened, for a message."""
    return "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"


def leave_at_once() -> None:
    """From now on each of these signals ends the process with one line on standard error.

    No exception: one that is raised while modules load can be swallowed, or shown as a traceback.
    """
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    try:
        os.write(2, f"iomodels: {words(number)}\n".encode())
    finally:
        os._exit(of_signal(number))


class Held:
    """The signals that came while they were held (`held`)."""

    def __init__(self) -> None:
        self._waiting: int | None = None
        self._open = False

    def take(self) -> int | None:
        """The first signal that waits, which then is the caller's to act upon; None for none."""
        number, self._waiting = self._waiting, None
        return number

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """While inside, the first signal raises `Interrupted`; those after it wait again."""
        if self._waiting is not None:
            raise Interrupted(self.take() or signal.SIGINT)
        self._open = True
        try:
            yield
        finally:
            self._open = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._open:
            # Closed by the signal itself: a second one must not meet the handling of the first.
            self._open = False
            raise Interrupted(number)
        self._waiting = self._waiting or number


@contextmanager
def held() -> Iterator[Held]:
    """While inside, the signals wait, except in `let_through`.

    One that is left at the end is delivered then, unless an exception is under way. A nested use
    shares the outer one's. Only in the main thread, and only of handlers that are Python's own or
    `leave_at_once`'s: a program that uses the library may have its own.
    """
    outer = _current()
    if outer is not None:
        yield from _nested(outer)
        return
    inner = Held()
    before: dict[int, Callable[[int, FrameType | None], object]] = {}
    try:
        for number in ENDING:
            handler = signal.getsignal(number)
            if callable(handler) and handler in (signal.default_int_handler, _leave):
                signal.signal(number, inner._handle)
                before[number] = handler
    except ValueError:  # not the main thread, which is where signals arrive
        assert not before
    try:
        yield inner
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    waiting = inner.take()
    if waiting is not None:
        signal.raise_signal(waiting)


@contextmanager
def interruptible() -> Iterator[None]:
    """While inside, the first signal raises `Interrupted`, so that what has been started is ended
    in order; those that come after it wait until that is done."""
    with held() as here, here.let_through():
        yield


def _current() -> Held | None:
    """That of the uses of `held` under way: the handlers are its own."""
    owners = (getattr(signal.getsignal(number), "__self__", None) for number in ENDING)
    return next((owner for owner in owners if isinstance(owner, Held)), None)


def _nested(outer: Held) -> Iterator[Held]:
    was_open, outer._open = outer._open, False
    try:
        yield outer
    finally:
        outer._open = was_open
    if was_open and outer._waiting is not None:
        outer._open = False
        raise Interrupted(outer.take() or signal.SIGINT)
