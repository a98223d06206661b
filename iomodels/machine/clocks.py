"""Checks of the clocks: what stamps operations, what the kernel keeps time by, and timer slack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from iomodels.machine import noise
from iomodels.machine.check import Check
from iomodels.machine.proc import Fact

if TYPE_CHECKING:
    from iomodels._core import ClockInfo

DEFAULT_SLACK_NS = 50_000
"""Linux's timer slack for an ordinary thread (prctl(2), PR_SET_TIMERSLACK)."""
SLOW_CLOCK_READ_NS = 100
"""A clock read without a system call takes 10 to 40 ns; with one, some 100 ns and more."""
TRAPPED_CLOCK_REMEDY = (
    "compare only latencies far above this: the clock source is a fast one already, so the "
    "hypervisor or an emulator intercepts the CPU's counter"
)


def clocks(facts: Mapping[str, Fact], clock: ClockInfo | None) -> list[Check]:
    """Those of the group "Clocks". `clock` is the core's `clock_info()`, or None."""
    group = "Clocks"
    found = [
        _clock_source(group, facts["clocksource"]),
        _timer_slack(group, facts["timer_slack_ns"]),
    ]
    if clock is not None:
        found.insert(1, _clock_read(group, clock, facts["clocksource"]))
    return found


def _clock_source(group: str, source: Fact) -> Check:
    name = "kernel clock source"
    if source is None:
        return Check(
            group,
            name,
            "unknown",
            "note",
            "whether each reading of the clock is a system call is not known",
            noise.SHOW_PROC,
        )
    if source in noise.FAST_CLOCKS:
        return Check(group, name, str(source), "ok", "reading the clock needs no system call")
    return Check(
        group,
        name,
        str(source),
        "warn",
        "reading the clock is a system call, and each latency contains it",
        noise.CLOCK_REMEDY,
    )


def _clock_read(group: str, clock: ClockInfo, source: Fact) -> Check:
    read_ns = clock["read_ns"]
    tsc = clock["source"] == "tsc"
    slow = read_ns > SLOW_CLOCK_READ_NS
    name = f"TSC at {clock['frequency_hz'] / 1e9:.3f} GHz" if tsc else clock["source"]
    fast_already = tsc or source in noise.FAST_CLOCKS
    remedy = TRAPPED_CLOCK_REMEDY if fast_already else noise.CLOCK_REMEDY
    return Check(
        group,
        "clock for time stamps",
        f"{name}, {read_ns:.0f} ns a reading",
        "warn" if slow else "ok",
        "each operation has at least two time stamps; latencies close to this are mostly the clock",
        remedy if slow else None,
    )


def _timer_slack(group: str, slack_ns: Fact) -> Check:
    long = isinstance(slack_ns, int) and slack_ns > DEFAULT_SLACK_NS
    return Check(
        group,
        "timer slack",
        f"{slack_ns / 1000:g} µs" if isinstance(slack_ns, int) else "unknown",
        "note" if long else "ok",
        "sleeps and timeouts can end this much late; timerfd, and so the timer channel, is not "
        "affected",
        "start from a shell or service that has the default of 50 µs" if long else None,
    )
