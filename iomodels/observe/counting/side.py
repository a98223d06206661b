"""The transfers of one direction."""

from __future__ import annotations

from iomodels.observe.counting.call_times import CallTimes
from iomodels.observe.counting.sizes import Sizes

_COPY_S_PER_BYTE = 0.1e-9
"""10 GB/s: about as fast as memory is copied, and faster than disks."""


class Side:
    """What was read, or what was written. Sizes are those of requests: a transfer that went on
    where a short one ended is a part of it."""

    __slots__ = (
        "_asked_left",
        "_moved_now",
        "_started_with",
        "asked",
        "bytes_moved",
        "durations",
        "first_s",
        "last_s",
        "messages",
        "moved",
        "operations",
        "placed",
        "sequential",
    )

    def __init__(self) -> None:
        self.asked = Sizes()
        self.moved = Sizes()
        self.messages = Sizes()
        """Of a conversation: bytes in one direction until the direction changed."""
        self.durations = CallTimes()
        """Without the time that copying the bytes takes."""
        self.operations = 0
        self.bytes_moved = 0
        self.placed = 0
        """Transfers whose place is known."""
        self.sequential = 0
        self.first_s = float("inf")
        self.last_s = float("-inf")
        self._asked_left = 0
        self._started_with = 0
        self._moved_now = 0

    def add(self, asked: int, moved: int, started_s: float, took_s: float | None) -> None:
        """One transfer of `moved` > 0 bytes."""
        goes_on = self._asked_left > 0 and asked == self._asked_left
        if goes_on:
            self._moved_now += moved
        else:
            self.end()
            self._started_with, self._moved_now = asked, moved
        self._asked_left = asked - moved
        if self._asked_left <= 0:
            self.end()
        self.bytes_moved += moved
        self.first_s = min(self.first_s, started_s)
        self.last_s = max(self.last_s, started_s + (took_s or 0.0))
        if took_s is not None:
            self.durations.add(took_s - moved * _COPY_S_PER_BYTE)

    def add_place(self, *, in_order: bool) -> None:
        """Where the transfer began."""
        self.placed += 1
        self.sequential += in_order

    def merge(self, other: Side) -> None:
        other.end()
        for own, theirs in (
            (self.asked, other.asked),
            (self.moved, other.moved),
            (self.messages, other.messages),
        ):
            own.merge(theirs)
        self.durations.merge(other.durations)
        self.operations += other.operations
        self.bytes_moved += other.bytes_moved
        self.placed += other.placed
        self.sequential += other.sequential
        self.first_s = min(self.first_s, other.first_s)
        self.last_s = max(self.last_s, other.last_s)

    def end(self) -> None:
        """The request under way ended."""
        if self._moved_now:
            self.operations += 1
            self.asked.add(self._started_with)
            self.moved.add(self._moved_now)
            self._moved_now = self._asked_left = 0
