"""One system call, as a log of strace has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """A call that ended, or whose end is missing. `arguments` is the text between its parentheses,
    as strace wrote it; what it contains (paths, addresses, data) must not leave `iomodels.observe`.

    `result` is None where strace wrote `?`, and where the end is missing (the log was cut, or the
    thread killed); `arguments` then are those that strace had written. A failed call has -1 and its
    `error` ("EAGAIN"). Where the log has no times at all, `started_s` is
    what the calls before took.
    `took_s` is None where the log has no times of calls (strace without -T).
    """

    thread: int
    name: str
    arguments: str
    result: int | None
    error: str | None
    started_s: float
    took_s: float | None
    result_note: str = ""
    """What follows the result: `<…>` of -y, or flags in words."""


@dataclass(frozen=True, slots=True)
class ThreadEnded:
    """A line `+++ exited with 0 +++` or `+++ killed by …`."""

    thread: int
    at_s: float
