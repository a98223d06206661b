"""Whether transfers go on where others ended, also if several threads or descriptors share a
file."""

from __future__ import annotations

from collections import OrderedDict

_LAST = 64
"""Transfers, for how many threads take part: helper threads come and go."""


class Order:
    """The places of one file's last transfers.

    Calls are told in the order of their ends. With several threads, the next block may so come
    before the one in front of it: then a transfer is in order, too, if it is so near to the last
    one that the threads' blocks lie between. How far that is depends on how many threads transfer:
    with more than needed, random transfers would look like neighbours.
    """

    __slots__ = ("_count", "_ends", "_last", "_threads")

    def __init__(self) -> None:
        self._ends: OrderedDict[int, int] = OrderedDict()
        self._threads: OrderedDict[int, int] = OrderedDict()
        """Those of the last transfers, and which transfer was the last of each."""
        self._last = 0
        self._count = 0

    def goes_on(self, thread: int, offset: int, size: int) -> bool:
        """Take in a transfer, and tell whether it is in order. The first is if it begins at 0."""
        self._count += 1
        self._threads[thread] = self._count
        self._threads.move_to_end(thread)
        while self._threads[next(iter(self._threads))] < self._count - _LAST:
            self._threads.popitem(last=False)
        window = 1 if len(self._threads) == 1 else 2 * len(self._threads)
        count = self._ends.get(offset)
        found = count is not None and self._count - count <= window
        if self._count == 1:
            found = offset == 0
        elif window > 1:
            found |= abs(offset - self._last) <= window * size
        self._last = offset
        self._ends[offset + size] = self._count
        self._ends.move_to_end(offset + size)
        if len(self._ends) > window:
            self._ends.popitem(last=False)
        return found
