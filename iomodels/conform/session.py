"""A trial, step by step: a real worker, and what its record says after each slice."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer

from iomodels.conform.looking import Left, left_in, memory_bytes_read, moved_bytes
from iomodels.engines.sources import SOURCES
from iomodels.results.schema import Histogram
from iomodels.trials.child import Child
from iomodels.trials.launch import Launch
from iomodels.trials.planned import Command
from iomodels.trials.record import Record, new_record

PATIENCE_S = 4.0
"""How much longer than asked an answer may take."""
_STANDARD = (0, 1, 2)

_NUMBERS = (
    *("window_ns", "window_operations", "window_bytes", "slice_operations", "depth_max"),
    *("early_completions", "short_transfers", "verified_words", "read_back_bytes"),
    *("cancelled_operations", "cancels_too_late", "cancels_withheld"),
    *("peer_operations", "peer_bytes", "peer_outstanding"),
)


@dataclass(frozen=True)
class SliceSeen:
    """One slice that went well. `numbers` are the record's, by their names there."""

    asked_s: float
    took_s: float
    numbers: Mapping[str, int]
    cpu_share: float
    latency_ns: Histogram
    peer_ns: Histogram
    moved: tuple[int, int] | None
    """Bytes read and written with calls of read and write, as the kernel counts them."""
    looked_bytes: int
    """How many of them the core has read to see how much memory there is."""

    def __getitem__(self, name: str) -> int:
        return self.numbers[name]


def seen_count(histogram: Histogram) -> int:
    """How many values a histogram has."""
    return sum(count for _, count in histogram)


def seen_median(histogram: Histogram) -> int:
    """The lower bound of the bucket with the middle one; 0 of none."""
    rest = (seen_count(histogram) + 1) // 2
    for lower, count in histogram:
        rest -= count
        if rest <= 0:
            return lower
    return 0


class Session:
    """A worker from its start on. Its methods raise what `Child` raises."""

    def __init__(self, command: Command, record: Record, child: Child) -> None:
        self.command = command
        self.record = record
        self.child = child

    def run(self, seconds: float, operations: int = 0) -> SliceSeen:
        """One slice, which ends earlier after so many operations if they are not 0."""
        before, started_s = moved_bytes(self.child.pid), time.monotonic()
        self.child.run_slice(seconds, lambda done: None, operations=operations)
        took_s, after = time.monotonic() - started_s, moved_bytes(self.child.pid)
        record = self.record
        window_ns = max(1, record.field("window_ns"))
        busy_ns = record.field("window_user_ns") + record.field("window_system_ns")
        return SliceSeen(
            asked_s=seconds,
            took_s=took_s,
            numbers={name: record.field(name) for name in _NUMBERS},
            cpu_share=busy_ns / window_ns,
            latency_ns=record.histogram("latency"),
            peer_ns=record.histogram("peer"),
            moved=(after[0] - before[0], after[1] - before[1]) if before and after else None,
            looked_bytes=memory_bytes_read(self.child.pid),
        )

    @contextmanager
    def stop_after(self, seconds: float) -> Iterator[None]:
        """Meanwhile the trial is asked to stop."""
        timer = Timer(seconds, self.record.ask_to_stop)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def left(self) -> Left:
        """What is left in the process; after `close` with `stays`, and `await_over`."""
        own = {*_STANDARD, self.record.fd, *self.command.descriptors}
        return left_in(self.child.pid, own, kept=SOURCES[self.command.engine].keeps)


@contextmanager
def session(command: Command, launch: Launch | None = None) -> Iterator[Session]:
    """A worker that has been started, and not opened. It is ended in any case."""
    with new_record() as record, Child(command, record, launch, PATIENCE_S) as child:
        yield Session(command, record, child)
