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
    """What was recorded: events by their begin, the first at 0 ns; and how many were lost.

    At `begin_ns` the recording began: before that are calls that had not come back then, and the
    requests that they belong to.
    """

    events: list[Event]
    lost: int
    begin_ns: int


class Ring:
    """One recording's events.

    It is on during the warm-up, too: what a thread has begun to wait for then is still waited for
    when the recording begins (`begin`). All else of the warm-up is left out.
    """

    def __init__(self, fd: int, size_bytes: int) -> None:
        layout = _core.event_layout()
        self.fd = fd
        self._header = {name: place for place, name in enumerate(layout["ring"])}
        self._fields = layout["event"]
        self._kinds = layout["kinds"]
        self._call_names = _core.record_layout()["calls"]
        self._memory = mmap.mmap(fd, size_bytes)
        self._words: npt.NDArray[np.uint64] = np.frombuffer(self._memory, dtype=np.uint64)
        self._before = 0
        self._under_way: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)

    def on(self) -> None:
        self._words[self._header["on"]] = 1

    def begin(self) -> None:
        """Of what came before, keep what has not ended. For a child that is at rest."""
        self._before = self._field("reserved")
        rows = self._rows()
        not_ended = rows[:, self._fields.index("end_ns")] == 0
        self._under_way = rows[not_ended, self._fields.index("number")]

    def off(self) -> None:
        self._words[self._header["on"]] = 0

    def read(self) -> Recorded:
        """All that was recorded; what is still being written, or has not ended, included."""
        rows = self._rows()
        numbers, start_ns, end_ns, kind = (
            rows[:, self._fields.index(name)] for name in ("number", "start_ns", "end_ns", "kind")
        )
        new = numbers > self._before
        kept = new | np.isin(numbers, self._under_way)
        first_ns = np.concatenate(
            [
                start_ns[new & (kind != self._kinds.index("request"))],
                end_ns[kept & ~new & (end_ns > 0)],
            ]
        )
        rows = rows[kept][np.lexsort((numbers[kept], start_ns[kept]))]
        threads = {self._field("loop_thread"): 0}
        origin_ns = int(rows[0][self._fields.index("start_ns")]) if len(rows) else 0
        events = [self._event(row, origin_ns, threads) for row in rows.tolist()]
        lost = self._field("reserved") - self._before - self._field("capacity")
        begin_ns = int(first_ns.min()) if len(first_ns) else origin_ns
        return Recorded(events, lost=max(0, lost), begin_ns=begin_ns - origin_ns)

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
