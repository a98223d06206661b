"""One thread of a watched program."""

from __future__ import annotations

from dataclasses import dataclass

from iomodels.observe.counting.habits import Habits
from iomodels.observe.table.process import Process


@dataclass(slots=True, eq=False)
class Thread:
    """What it did since its last request."""

    number: int
    process: Process
    habits: Habits
    ended_s: float | None = None
    """When its last call ended."""
    longest_gap_s: float = 0.0
    """The longest time between two calls."""
    slept: bool = False
    """Whether it slept until a time."""
    wait: str = ""
    """The call for readiness that last returned something without naming it: what the thread
    transfers next is that."""
