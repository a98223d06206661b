"""Which processes belong together as one program."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from iomodels.observe.counting.order import Order

_MOST_FILES = 1024
_MOST_ENDS = 65536


@dataclass(slots=True, eq=False)
class Program:
    """Processes that do the same: those that one process forked and that execute nothing else.

    A parent and its child are two programs: they may be the two ends of a pipe.
    """

    number: int
    orders: dict[int, Order] = field(default_factory=dict)
    transfers: int = 0
    children: dict[Hashable, Program] = field(default_factory=dict)
    other_end: dict[int, int] = field(default_factory=dict)
    """Of each end of its connections, the other one of the first."""
    shared_ends: set[int] = field(default_factory=set)
    """Those that several connections have: where a server listens."""

    def connects(self, own: int, peer: int) -> None:
        """It has a connection from `own` to `peer`."""
        for end, other in ((own, peer), (peer, own)):
            known = self.other_end.get(end)
            if known is not None and known != other:
                self.shared_ends.add(end)
            elif len(self.other_end) < _MOST_ENDS:
                self.other_end[end] = other

    def order_of(self, file: int) -> Order:
        """The last places in that file; of files beyond 1024, those of old are forgotten."""
        order = self.orders.get(file)
        if order is None:
            if len(self.orders) >= _MOST_FILES:
                del self.orders[next(iter(self.orders))]
            order = self.orders[file] = Order()
        return order
