"""All that is counted of the transfers of one descriptor, or of a group of like ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Literal

from iomodels.observe.counting.habits import Habits
from iomodels.observe.counting.pace import Pace
from iomodels.observe.counting.side import Side
from iomodels.observe.counting.sizes import Sizes

Direction = Literal["read", "write"]

_TAKES_TURNS = 0.3
"""Of transfers, those in the other direction than the one before. An answer in five parts to each
question has a third."""
_MOST_THREADS = 4096
_MOST_SPANS = 4096
_MOST_NAMES = 4096


class Moved:
    """Constant in memory: what could grow without limit stops at 4096 entries."""

    __slots__ = (
        "_last_direction",
        "_message",
        "batches",
        "between_turns",
        "connections",
        "direct",
        "exchanges",
        "extents",
        "first_direction",
        "held",
        "is_edge",
        "is_oneshot",
        "is_signalling",
        "more_extent",
        "nonblocking",
        "owners",
        "pace",
        "sides",
        "spans",
        "switches",
        "sync_calls",
        "sync_every",
        "threads",
        "timers",
        "transfers",
        "turned_away",
        "turns",
        "waits",
    )

    def __init__(self) -> None:
        self.sides: dict[Direction, Side] = {"read": Side(), "write": Side()}
        self.transfers = 0
        self.switches = 0
        """How often a read came after a write, or a write after a read."""
        self.exchanges = 0
        """Questions with their answers."""
        self.first_direction: Direction | None = None
        self.sync_calls = 0
        self.sync_every = 0
        """Of them, those of fsync: the others leave out the file's times."""
        self.waits: Counter[str] = Counter()
        """By which call the program knew that it could transfer; `kaio` made it."""
        self.turned_away = 0
        """EAGAIN."""
        self.nonblocking = 0
        """Transfers that would not have waited (O_NONBLOCK, RWF_NOWAIT, MSG_DONTWAIT)."""
        self.turns = 0
        self.between_turns = 0
        """From each transfer of a descriptor to its next one, the program's transfers."""
        self.direct = 0
        """Transfers with O_DIRECT, which some programs switch off for the last one."""
        self.threads: Counter[Habits] = Counter()
        self.owners: Counter[Habits] = Counter()
        """Of a group: what each descriptor's busiest thread made of its transfers."""
        self.pace = Pace()
        self.timers = Sizes()
        """Times in ns that timers were armed with."""
        self.batches = Sizes()
        self.held = Sizes()
        """At each transfer, how many descriptors of the class its process held."""
        self.spans: list[tuple[float, float]] = []
        """Of each descriptor, first and last transfer."""
        self.extents: dict[Hashable, tuple[int, int]] = {}
        self.more_extent = 0
        """Of files beyond 4096."""
        self.connections: dict[tuple[int, int], None] = {}
        self.is_edge = self.is_oneshot = self.is_signalling = False
        self._last_direction: Direction | None = None
        self._message = 0

    def transfer(
        self, direction: Direction, asked: int, moved: int, started_s: float, took_s: float | None
    ) -> None:
        """One of `moved` > 0 bytes."""
        self.transfers += 1
        side = self.sides[direction]
        if direction != self._last_direction:
            if self._last_direction is None:
                self.first_direction = direction
            else:
                self.switches += 1
                self.sides[self._last_direction].messages.add(self._message)
            self._last_direction, self._message = direction, 0
        self._message += moved
        side.add(asked, moved, started_s, took_s)

    def touch(self, file: Hashable, start: int, end: int) -> None:
        """Bytes from `start` to before `end` of a file."""
        known = self.extents.get(file)
        if known is not None:
            self.extents[file] = min(known[0], start), max(known[1], end)
        elif len(self.extents) < _MOST_NAMES:
            self.extents[file] = start, end
        else:
            self.more_extent += end - start

    def by_thread(self, thread: Habits) -> None:
        """A transfer was made by `thread`."""
        if thread in self.threads or len(self.threads) < _MOST_THREADS:
            self.threads[thread] += 1

    def merge(self, other: Moved) -> None:
        """Take over what another descriptor, or another group, did."""
        for direction, side in self.sides.items():
            side.merge(other.sides[direction])
        self.transfers += other.transfers
        self.switches += other.switches
        self.exchanges += other.exchanges
        self.first_direction = self.first_direction or other.first_direction
        self.sync_calls += other.sync_calls
        self.sync_every += other.sync_every
        for call, count in other.waits.items():
            self.waits[call] += count
        self.turned_away += other.turned_away
        self.nonblocking += other.nonblocking
        self.direct += other.direct
        self.turns += other.turns
        self.between_turns += other.between_turns
        for thread, count in other.threads.items():
            if thread in self.threads or len(self.threads) < _MOST_THREADS:
                self.threads[thread] += count
        self._merge_owners(other)
        self.pace.merge(other.pace)
        self.timers.merge(other.timers)
        self.batches.merge(other.batches)
        self.held.merge(other.held)
        self.spans.extend(other.spans[: _MOST_SPANS - len(self.spans)])
        self.more_extent += other.more_extent
        for file, (start, end) in other.extents.items():
            self.touch(file, start, end)
        for connection in other.connections:
            if len(self.connections) < _MOST_NAMES:
                self.connections[connection] = None
        self.is_edge |= other.is_edge
        self.is_oneshot |= other.is_oneshot
        self.is_signalling |= other.is_signalling

    def _merge_owners(self, other: Moved) -> None:
        busiest = other.threads.most_common(1)  # of a single descriptor, which has no owners yet
        for thread, count in (other.owners or dict(busiest)).items():
            if thread in self.owners or len(self.owners) < _MOST_THREADS:
                self.owners[thread] += count

    def only(self, direction: Direction) -> Moved:
        """One direction of it, where they have nothing to do with each other."""
        part = Moved()
        part.merge(self)
        for other in part.sides:
            if other != direction:
                part.sides[other] = Side()
        side = part.sides[direction]
        share = side.operations / max(self.operations, 1)
        part.transfers, part.switches, part.first_direction = side.operations, 0, direction
        part.direct = round(self.direct * share)
        part.nonblocking = round(self.nonblocking * share)
        part.spans = [(side.first_s, side.last_s)]
        if direction == "read":
            part.sync_calls = part.sync_every = 0
        return part

    @property
    def in_turns(self) -> float:
        """How many descriptors took turns, in the mean."""
        return self.between_turns / self.turns if self.turns else 1.0

    @property
    def operations(self) -> int:
        return sum(side.operations for side in self.sides.values())

    @property
    def bytes_moved(self) -> int:
        return sum(side.bytes_moved for side in self.sides.values())

    @property
    def is_exchange(self) -> bool:
        """Whether reads and writes take turns, as questions and answers do."""
        return self.switches >= _TAKES_TURNS * self.transfers > 0

    @property
    def first_s(self) -> float:
        return min(side.first_s for side in self.sides.values())

    @property
    def last_s(self) -> float:
        return max(side.last_s for side in self.sides.values())
