"""Reading the ring of events: memory that a child and its parent share
(`core/record/recorder.h`)."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from iomodels import _core
from iomodels.base.system import memory_file
from iomodels.trace.schema import Event, Kind

CAPACITY = 65_536
_WORD_BYTES = 8
_KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Recorded:
    """What was recorded: events by their begin, the first at 0 ns; and how many were lost."""

    events: list[Event]
    lost: int


class Ring:
    """One recording's events. Off until `on`, so that a warm-up leaves nothing in it."""

    def __init__(self, fd: int, size_bytes: int) -> None:
        layout = _core.event_layout()
        self.fd = fd
        self._header = {name: place for place, name in enumerate(layout["ring"])}
        self._fields = layout["event"]
        self._kinds = layout["kinds"]
        self._call_names = _core.record_layout()["calls"]
        self._memory = mmap.mmap(fd, size_bytes)
        self._words: npt.NDArray[np.uint64] = np.frombuffer(self._memory, dtype=np.uint64)

    def on(self) -> None:
        self._words[self._header["on"]] = 1

    def off(self) -> None:
        self._words[self._header["on"]] = 0

    def read(self) -> Recorded:
        """All that was recorded; what is still being written, or has not ended, included."""
        rows = self._rows()
        columns = {name: rows[:, place] for place, name in enumerate(self._fields)}
        rows = rows[np.lexsort((columns["number"], columns["start_ns"]))]
        reserved, capacity = (self._field(name) for name in ("reserved", "capacity"))
        threads = {self._field("loop_thread"): 0}
        origin_ns = int(rows[0][self._fields.index("start_ns")]) if len(rows) else 0
        events = [self._event(row, origin_ns, threads) for row in rows.tolist()]
        return Recorded(events, lost=max(0, reserved - capacity))

    def _rows(self) -> npt.NDArray[np.uint64]:
        """The events in no order, one row each; those whose writing was cut short are left out."""
        rows = self._words[len(self._header) :].reshape(-1, len(self._fields))
        sound = (rows[:, self._fields.index("number")] > 0) & (
            rows[:, self._fields.index("start_ns")] > 0
        )
        return rows[sound].copy()

    def _event(self, row: list[int], origin_ns: int, threads: dict[int, int]) -> Event:
        word = dict(zip(self._fields, row, strict=True))
        name = self._kinds[word["kind"]]
        kind = next(kind for kind in _KINDS if kind == name)
        ended = word["end_ns"] > 0
        return Event(
            kind=kind,
            name=self._call_names[word["name"]] if kind == "call" else "",
            thread=threads.setdefault(word["thread"], len(threads)),
            start_ns=word["start_ns"] - origin_ns,
            end_ns=word["end_ns"] - origin_ns if ended else None,
            result=int(np.uint64(word["result"]).astype(np.int64)) if ended else None,
        )

    def _field(self, name: str) -> int:
        return int(self._words[self._header[name]])

    def close(self) -> None:
        # numpy's view must go before the mapping can.
        del self._words
        self._memory.close()
        os.close(self.fd)


@contextmanager
def new_ring(capacity: int = CAPACITY) -> Iterator[Ring]:
    """A ring for so many events in memory of its own; gone at the end."""
    layout = _core.event_layout()
    words = len(layout["ring"]) + capacity * len(layout["event"])
    fd = memory_file("iomodels-events")
    os.ftruncate(fd, words * _WORD_BYTES)
    ring = Ring(fd, words * _WORD_BYTES)
    try:
        yield ring
    finally:
        ring.close()
