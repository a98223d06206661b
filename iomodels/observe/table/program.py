"""Which processes belong together as one program."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from iomodels.observe.counting.order import Order

_MOST_FILES = 1024


@dataclass(slots=True, eq=False)
class Program:
    """Processes that do the same: those that one process forked and that execute nothing else.

    A parent and its child are two programs: they may be the two ends of a pipe.
    """

    number: int
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
