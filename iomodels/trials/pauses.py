"""Time in which a trial's process, or this one that watches it, did not run.

Three things stop processes without their doing: a signal (SIGSTOP, Ctrl-Z), a frozen control group
(`docker pause`), and the suspension of the machine. Only what nothing else explains counts: an
engine that sleeps is not paused, nor is a process that waits for a CPU on a busy machine. Nothing
in the trial's process has to run for this, so it costs the measured loop nothing:

- The kernel reports to the parent when a child is stopped and continued.
- A frozen control group holds both. The parent then returns from a wait much later than the wait
  may last, and did not spend that time waiting for a CPU.
- CLOCK_BOOTTIME counts suspended time, and CLOCK_MONOTONIC does not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LATE_S = 0.25
"""How late a wait may end, apart from waiting for a CPU: the timers and this interpreter."""
LATE_WITHOUT_ACCOUNT_S = 2.0
"""The same where the kernel does not say how long this thread waited for a CPU."""
SUSPENDED_S = 0.01

_SCHEDSTAT = Path("/proc/thread-self/schedstat")


@dataclass(frozen=True)
class Reading:
    """Clock readings, in seconds. `runnable_s` is the time that this thread has waited for a CPU
    since it began (scheduler statistics); None where the kernel does not say."""

    monotonic_s: float
    boot_s: float
    runnable_s: float | None


def now() -> Reading:
    """This moment."""
    return Reading(time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), _runnable_s())


def _runnable_s() -> float | None:
    try:
        return int(_SCHEDSTAT.read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None


class Pauses:
    """What was noticed since `begin`: `paused_s`, in about, and `found` (however short it was)."""

    def __init__(self, pid: int, last_stop: Callable[[int], int | None] | None = None) -> None:
        """`last_stop` looks at a process that is no child of this one."""
        self._pid = pid
        self._last_stop = last_stop or _last_stop
        self.begin()

    def begin(self) -> None:
        """Forget what was."""
        self.paused_s = 0.0
        self.found = False
        self.is_stopped = False
        # A stop that has ended concerns nobody any more; one that goes on is noticed again.
        self._last_stop(self._pid)

    def waited(self, before: Reading, after: Reading, longest_s: float) -> float:
        """Account for one wait, which should have lasted `longest_s` or less.

        Returns how much of it both processes ran, in seconds.
        """
        elapsed_s = after.monotonic_s - before.monotonic_s
        suspended_s = after.boot_s - before.boot_s - elapsed_s
        if suspended_s > SUSPENDED_S:
            self._note(suspended_s)
        late_s = elapsed_s - longest_s - _waited_for_cpu_s(before, after)
        known = before.runnable_s is not None and after.runnable_s is not None
        if late_s > (LATE_S if known else LATE_WITHOUT_ACCOUNT_S):
            self._note(late_s)
            elapsed_s -= late_s
        stop = self._last_stop(self._pid)
        self.is_stopped = stop == os.CLD_STOPPED
        if stop is None:
            return elapsed_s
        self._note(elapsed_s)
        return 0.0

    def _note(self, seconds: float) -> None:
        self.found = True
        self.paused_s += seconds


def _waited_for_cpu_s(before: Reading, after: Reading) -> float:
    if before.runnable_s is None or after.runnable_s is None:
        return 0.0
    return after.runnable_s - before.runnable_s


def _last_stop(pid: int) -> int | None:
    """CLD_STOPPED while a child is stopped, CLD_CONTINUED once after it was; else None."""
    try:
        still = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
        if still is not None:
            return int(still.si_code)
        over = os.waitid(os.P_PID, pid, os.WCONTINUED | os.WNOHANG)
    except OSError:  # it has ended, or a sandbox does not allow the call
        return None
    return None if over is None else int(over.si_code)
