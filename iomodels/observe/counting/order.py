"""Whether transfers go on where others ended, also if several threads or descriptors share a
file."""

from __future__ import annotations

from collections import OrderedDict

_LAST = 64
"""Transfers, for how many threads take part: helper threads come and go."""


class Order:
    """The places of one file's last transfers.

    Calls are told in the order of their ends. With several threads, the next block may so come
    before the one in front of it: a transfer is in order if it begins where one of the last began
    to be missing, or ends where one of the last began. How far back `the last` goes depends on how
    many threads transfer: with more than needed, random transfers would look like neighbours.
    """

    __slots__ = ("_count", "_ends", "_starts", "_threads")

    def __init__(self) -> None:
        self._ends: OrderedDict[int, int] = OrderedDict()
        self._starts: OrderedDict[int, int] = OrderedDict()
        self._threads: OrderedDict[int, int] = OrderedDict()
        """Those of the last transfers, and which transfer was the last of each."""
        self._count = 0

    def goes_on(self, thread: int, offset: int, size: int) -> bool:
        """Take in a transfer, and tell whether it is in order. The first is if it begins at 0."""
        self._count += 1
        self._threads[thread] = self._count
        self._threads.move_to_end(thread)
        while self._threads[next(iter(self._threads))] < self._count - _LAST:
            self._threads.popitem(last=False)
        window = 1 if len(self._threads) == 1 else 2 * len(self._threads)
        is_first = self._count == 1
        found = (
            self._is_near(self._ends, offset, window)
            or (window > 1 and self._is_near(self._starts, offset + size, window))
            or (is_first and offset == 0)
        )
        _remember(self._ends, offset + size, self._count, window)
        _remember(self._starts, offset, self._count, window)
        return found

    def _is_near(self, places: OrderedDict[int, int], place: int, window: int) -> bool:
        count = places.get(place)
        return count is not None and self._count - count <= window


def _remember(places: OrderedDict[int, int], place: int, count: int, most: int) -> None:
    places[place] = count
    places.move_to_end(place)
    if len(places) > most:
        places.popitem(last=False)
