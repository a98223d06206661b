"""Which processes belong together as one program."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from iomodels.observe.counting.order import Order

_MOST_FILES = 1024
_MOST_ENDS = 65536


@dataclass(slots=True, eq=False)
class Ends:
    """The ends of all connections of a log."""

    other: dict[int, int] = field(default_factory=dict)
    """Of each end, the other one of its first connection."""
    shared: set[int] = field(default_factory=set)
    """Those that several connections have: where a server listens."""

    def connect(self, own: int, peer: int) -> None:
        """There is a connection between the two."""
        for end, other in ((own, peer), (peer, own)):
            known = self.other.get(end)
            if known is not None and known != other:
                self.shared.add(end)
            elif len(self.other) < _MOST_ENDS:
                self.other[end] = other


@dataclass(slots=True, eq=False)
class Program:
    """Processes that do the same: those that one process forked and that execute nothing else.

    A parent and its child are two programs: they may be the two ends of a pipe.
    """

    number: int
    ends: Ends
    """Of the whole log: the processes of a server can have one connection each."""
    orders: dict[int, Order] = field(default_factory=dict)
    transfers: int = 0
    children: dict[Hashable, Program] = field(default_factory=dict)

    def order_of(self, file: int) -> Order:
        """The last places in that file; of files beyond 1024, those of old are forgotten."""
        order = self.orders.get(file)
        if order is None:
            if len(self.orders) >= _MOST_FILES:
                del self.orders[next(iter(self.orders))]
            order = self.orders[file] = Order()
        return order
