"""What is seen of an io_uring."""

from __future__ import annotations

from iomodels.observe.table.opened import Opened
from iomodels.observe.table.process import Process

_MOST_IDLE = 4096


class RingSeen:
    """What is seen of an io_uring: the calls, but not the requests."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.flags: frozenset[str] = frozenset()
        self.submitted = 0
        self.entries = 0
        """Of its queue; 0: not seen."""
        self.most_at_once = 0
        """Requests submitted with one call, or between two waits."""
        self.since_wait = 0
        self.first_s = float("inf")
        self.last_s = float("-inf")
        self.fixed: set[str] = set()
        self.threads: set[int] = set()
        self.registered: dict[Opened, None] = {}
        self.idle: dict[Opened, None] = {}
        """What the process held beside the ring, and did not transfer on itself."""

    def may_be_for(self, held: Opened) -> None:
        """`held` is closed, or the ring is."""
        transfers = held.flow is not None and held.flow.transfers
        special = held.is_library or held.is_standard or held.is_listening or held.kind is None
        if self.submitted and not transfers and not special and len(self.idle) < _MOST_IDLE:
            self.idle[held] = None

    @property
    def is_for(self) -> list[Opened]:
        """The registered descriptors, or those that it can be for; of these, rather those that its
        process opened itself."""
        own = [held for held in self.idle if not held.is_inherited]
        return list(self.registered or own or self.idle)

    def end(self) -> None:
        """The ring is closed: what is open yet can be what it is for."""
        for held in self.process.held.values():
            self.may_be_for(held)

    @property
    def kind(self) -> tuple[int, frozenset[str], frozenset[str]]:
        """Rings of one kind are one work: threads often have one each."""
        return self.process.program.number, self.flags, frozenset(self.fixed)

    def merge(self, other: RingSeen) -> None:
        """Take over what another ring of that kind did."""
        self.submitted += other.submitted
        self.most_at_once += other.most_at_once if other.process is self.process else 0
        self.first_s = min(self.first_s, other.first_s)
        self.last_s = max(self.last_s, other.last_s)
        self.threads |= other.threads
        self.registered |= other.registered
        self.idle |= other.idle
