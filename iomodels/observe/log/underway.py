"""The calls that have begun and not ended, by thread, and which thread a line is of."""

from __future__ import annotations

from dataclasses import dataclass

from iomodels.observe.log.call import Call

MAX_TEXT = 16 << 20
"""Letters of all that is kept. Beyond that, what began first is given up."""
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

    A strace without -o writes no number while it follows one process only: 0 here. Which one that
    is shows when a call that began without a number ends with one, or the other way round.
    """

    def __init__(self) -> None:
        self._calls: dict[int, Begun] = {}
        self._size = 0
        self._same: dict[int, int] = {}

    def thread(self, pid: int) -> int:
        return self._same.get(pid, pid) if self._same else pid

    def begin(self, thread: int, name: str, at_s: float, text: str) -> None:
        self._take(thread)
        self._calls[thread] = Begun(thread, name, at_s, text)
        self._size += len(text)
        while self._size > MAX_TEXT:
            self._take(next(iter(self._calls)))

    def resume(self, pid: int, name: str) -> Begun | None:
        """The beginning of the call that ends now; None: it is not in the log."""
        begun = self._take(self.thread(pid))
        if begun is not None:
            return begun if begun.name == name or name in _ANY_NAME else None
        if pid == 0:
            return self._only(name)
        if (begun := self._calls.get(0)) and begun.name == name and pid not in self._same:
            self._same[pid] = 0
            return self._take(0)
        return None

    def _only(self, name: str) -> Begun | None:
        """One process is left, and its line has no number: the one that waits in such a call."""
        threads = [thread for thread, begun in self._calls.items() if begun.name == name]
        if len(threads) != 1:
            return None
        self._same[0] = threads[0]
        return self._take(threads[0])

    def ended(self, thread: int) -> list[Call]:
        begun = self._take(thread)
        self._same = {pid: same for pid, same in self._same.items() if thread not in (pid, same)}
        return [begun.given_up()] if begun else []

    def rest(self) -> list[Call]:
        calls = [begun.given_up() for begun in self._calls.values()]
        self._calls.clear()
        self._size = 0
        return calls

    def _take(self, thread: int) -> Begun | None:
        begun = self._calls.pop(thread, None)
        if begun is not None:
            self._size -= len(begun.text)
        return begun
