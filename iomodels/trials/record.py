"""Reading the core's record: memory that a trial and its parent share (`core/record.h`)."""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING

from iomodels import _core
from iomodels.base.errors import TrialError
from iomodels.base.system import SCARCE, memory_file

if TYPE_CHECKING:
    from iomodels.results.schema import Histogram


_WORD = Struct("=Q")


@dataclass(frozen=True)
class Layout:
    """Where a core keeps what in its record (`_core.record_layout`, `_core.histogram_lower`)."""

    size: int
    """In bytes."""
    words: Mapping[str, Sequence[int]]
    """The first word of each name, and how many it has."""
    calls: Sequence[str]
    stages: Sequence[str]
    histogram_lower: Sequence[int]
    call_results: Sequence[str] = ()


@cache
def own_layout() -> Layout:
    """That of the core in this process."""
    return Layout(**_core.record_layout(), histogram_lower=_core.histogram_lower())


class Record:
    """One trial's record. Words are uint64; names and places come from the core that writes it."""

    def __init__(self, fd: int, layout: Layout | None = None) -> None:
        layout = layout or own_layout()
        self.fd = fd
        self._places = layout.words
        self._call_names = layout.calls
        self._stages = layout.stages
        self._lower = layout.histogram_lower
        # Read by copies: a view that an exception such as Ctrl-C left behind would keep it open.
        self._memory = mmap.mmap(fd, layout.size)

    def field(self, name: str) -> int:
        """A single word."""
        word: int = _WORD.unpack_from(self._memory, self._places[name][0] * _WORD.size)[0]
        return word

    def has(self, name: str) -> bool:
        """Whether this core has such a word: an older one may not."""
        return name in self._places

    @property
    def reason(self) -> str:
        """What engine or channel say of the failure; "" for nothing, or from an older core."""
        if not self.has("reason"):
            return ""
        return self._bytes("reason").partition(b"\0")[0].decode()

    @property
    def not_applicable(self) -> bool:
        """Whether the failure is none: the engine cannot do this here."""
        return self.has("not_applicable") and self.field("not_applicable") != 0

    def ask_to_stop(self) -> None:
        """The loop ends at its next turn."""
        _WORD.pack_into(self._memory, self._places["stop"][0] * _WORD.size, 1)

    @property
    def stage(self) -> str:
        """Where the trial failed; "none" if it did not."""
        return self._stages[self.field("error_stage")]

    def table(self, name: str) -> dict[str, int]:
        """`calls` or `eagain`: the counts that are not 0, by name of the call."""
        counts = self.numbers(name)
        return {call: n for call, n in zip(self._call_names, counts, strict=True) if n > 0}

    def histogram(self, name: str) -> Histogram:
        """`latency`, `submit` or `added`: `[[lower_ns, count], …]` of the filled buckets."""
        counts = self.numbers(name)
        return [(lower, n) for lower, n in zip(self._lower, counts, strict=True) if n > 0]

    def numbers(self, name: str) -> list[int]:
        """All words of a field that has several, such as `timeline`."""
        return array("Q", self._bytes(name)).tolist()

    def _bytes(self, name: str) -> bytes:
        first, words = self._places[name]
        return self._memory[first * _WORD.size : (first + words) * _WORD.size]

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)


@contextmanager
def new_record(layout: Layout | None = None) -> Iterator[Record]:
    """A zeroed record in memory of its own; gone at the end, whatever became of the child.

    `layout` is that of the core which will write it: by default the one of this process. Raises
    `TrialError` where there is no room for it.
    """
    layout = layout or own_layout()
    try:
        fd = memory_file("iomodels-record")
        try:
            os.ftruncate(fd, layout.size)
            record = Record(fd, layout)
        except BaseException:
            os.close(fd)
            raise
    except OSError as error:
        remedy = SCARCE.get(error.errno or 0, "allow memfd_create, or files in /dev/shm")
        raise TrialError(
            f"no memory for the record of a trial ({os.strerror(error.errno or 0)}): {remedy}"
        ) from None
    try:
        yield record
    finally:
        record.close()
