"""The calls that have begun and not ended, by thread, and which thread a line is of."""

from __future__ import annotations

from dataclasses import dataclass

from iomodels.observe.log.call import Call

MAX_TEXT = 16 << 20
"""Letters of all that is kept. Beyond that, what began first is given up."""
MAX_THREADS = 1 << 16
_ANY_NAME = frozenset({"????", "restart_syscall"})
"""What strace writes where it has lost which call it was."""


@dataclass(frozen=True, slots=True)
class Begun:
    thread: int
    name: str
    at_s: float
    text: str
    """`read(3, `"""

    def given_up(self) -> Call:
        return Call(
            self.thread,
            self.name,
            self.text[len(self.name) + 1 :].strip(),
            None,
            None,
            self.at_s,
            None,
        )


class UnderWay:
    """At most one call per thread.

    A strace without -o writes no number while it follows one process only. Such a line is of thread
    0, until it is known which one that is: a number that strace had not announced is the first's.
    """

    def __init__(self) -> None:
        self._calls: dict[int, Begun] = {}
        self._size = 0
        self.lost = 0
        """Calls that were given up, because there were too many."""
        self._threads: dict[int, int] = {}
        """By number in front of the line; of those that live."""
        self._announced: set[int] = set()
        self._first = 0
        """The number that the thread without one turned out to have."""

    def thread(self, pid: int) -> int:
        known = self._threads.get(pid)
        return self._meet(pid) if known is None else known

    def announce(self, pid: int) -> None:
        """strace has said that it now follows this one."""
        if len(self._announced) < MAX_THREADS:
            self._announced.add(pid)

    def begin(self, thread: int, name: str, at_s: float, text: str) -> None:
        self._take(thread)
        self._calls[thread] = Begun(thread, name, at_s, text)
        self._size += len(text)
        while self._size > MAX_TEXT or len(self._calls) > MAX_THREADS:
            self._take(next(iter(self._calls)))
            self.lost += 1

    def resume(self, pid: int, name: str) -> Begun | None:
        """The beginning of the call that ends now; None: it is not in the log."""
        begun = self._take(self.thread(pid))
        is_it = begun is not None and (begun.name == name or name in _ANY_NAME)
        return begun if is_it else None

    def ended(self, pid: int) -> tuple[int, list[Call]]:
        """The thread, and its call that has no end."""
        thread = self.thread(pid)
        begun = self._take(thread)
        self._announced.discard(pid)
        self._threads.pop(pid, None)
        if self._threads.get(0) == thread:
            del self._threads[0]
        if pid in (0, self._first):
            self._threads.pop(self._first, None)
            self._first = 0
        return thread, [begun.given_up()] if begun else []

    def rest(self) -> list[Call]:
        calls = [begun.given_up() for begun in self._calls.values()]
        self._calls.clear()
        self._size = 0
        return calls

    def _meet(self, pid: int) -> int:
        if len(self._threads) >= MAX_THREADS:
            self._threads.clear()
        thread = pid
        if pid == 0 and len(self._threads) == 1:
            (thread,) = self._threads.values()
        elif self._threads.get(0) == 0 and not self._first and pid not in self._announced:
            thread, self._first = 0, pid
        self._threads[pid] = thread
        return thread

    def _take(self, thread: int) -> Begun | None:
        begun = self._calls.pop(thread, None)
        if begun is not None:
            self._size -= len(begun.text)
        return begun
