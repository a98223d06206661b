"""Running what a stranger has written: for a time, whatever it raises, and however it ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from iomodels.base.toml import printable


class TookTooLong(BaseException):
    """It did not end in its time."""


@contextmanager
def limited(limit_s: float) -> Iterator[None]:
    """While inside, `TookTooLong` is raised once the time is over. Only in the main thread, which
    is where signals arrive, and only where nobody else uses SIGALRM: elsewhere without a limit."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TookTooLong(f"it did not end within {limit_s:g} s")

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGALRM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def said(error: BaseException) -> str:
    """What it is, and the first line of what it says, which may fail itself."""
    try:
        lines = str(error).splitlines()
    except Exception:  # noqa: BLE001 - a stranger's
        lines = []
    return printable(": ".join([type(error).__name__, *lines[:1]]))


def how_it_ended(code: int) -> str:
    """Of a process of its own, by its exit code, or by a signal's number below 0."""
    if code >= 0:
        return f"ended its process (exit code {code})"
    try:
        return f"crashed ({signal.Signals(-code).name})"
    except ValueError:
        return f"crashed (signal {-code})"
