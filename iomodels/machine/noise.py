"""Noticing a busy or throttled machine, before a run and while it goes on.

Other work on the machine makes every number worse and no interval shows it, if it lasts as long as
the run does. So the machine's own accounts are read around each trial: /proc/stat for what all
processes used and the hypervisor stole, rusage for our own part of it, the control group's and the
CPUs' counters of throttling. Nothing runs while a trial runs: the watcher would be noise itself.

What others used is what no CPU idled and we did not use. It is not taken from the columns of busy
time in /proc/stat: those are sampled at ticks, and an engine that sleeps and wakes on timers falls
between them (a fifth of a core was missed so). The idle columns of a kernel that stops the tick
when idle (CONFIG_NO_HZ, everywhere by now) are exact, and rounded to 10 ms.
"""

from __future__ import annotations

import math
import os
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iomodels.base.units import counted
from iomodels.machine.environment import clocksource, governor
from iomodels.machine.proc import ROOT, cgroup_folders, read, read_int
from iomodels.results.schema import Notice

FOREIGN_MEDIAN_CORES = 0.05
"""Others' work that is too much in the usual trial: 5 % of one core (or 1 % of all, if more)."""
FOREIGN_BURST_CORES = 0.25
"""Others' work that is too much in more than one trial in twenty (or 5 % of all cores, if more)."""
BUSY_THROUGHOUT = "busy-throughout"
"""The code of a notice of others' work on this scale in most trials: times then say little."""
BURST_SHARE = 0.05
BURST_LEAST_S = 0.05
"""Five ticks: below this a short trial's share is mostly rounding."""
WAKE_S = 5e-6
"""Allowed for each of our own wake-ups: the interrupt and the way out of idle are on nobody's
account. About 4 µs in a virtual machine; a bit much hides little, too little gives false alarms."""
PREFLIGHT_S = 0.25
"""How long the machine is watched before a run."""
PREFLIGHT_CORES = 0.1
"""Others' work that is too much before a run (or 2 % of all cores, if more)."""
PREFLIGHT_LEAST_S = 0.02
LOAD_PER_CORE = 0.75
"""The one-minute load average from which others have hardly left a core to run on."""
STEAL_SHARE = 0.01
"""Stolen time, of all the time that the machine wanted to run."""
STEAL_LEAST_S = 0.02

FAST_CLOCKS = ("tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page", "timebase")
"""Clock sources that are read without a system call (their vDSO modes in the kernel's sources)."""
SLOW_GOVERNORS = ("powersave", "conservative")

SHOW_PROC = "mount /proc and /sys in the container or chroot"
"""What to do where they are not there."""
BUSY_REMEDY = "stop other programs (see `top`), then measure again"
CLOCK_REMEDY = (
    "boot with `clocksource=tsc` if the TSC of the CPU is reliable (`dmesg | grep -i tsc`)"
)
GOVERNOR_REMEDY = "set it for the run with `cpupower frequency-set -g performance`"


@dataclass(frozen=True)
class Finding:
    """What disturbs (`fact`), how much in short (`amount`), and what to do about it."""

    code: str
    amount: str
    fact: str
    remedy: str

    @property
    def notice(self) -> Notice:
        """The same as one sentence."""
        return Notice(self.code, f"{self.fact}: {self.remedy}")


@dataclass(frozen=True)
class Sample:
    """The machine's accounts at one moment; only differences of two samples mean anything.

    CPU times are in seconds over all `cpus`. "Own" is this process and its reaped children.
    """

    at_s: float
    cpus: int
    idle_s: float
    busy_s: float
    steal_s: float
    own_cpu_s: float
    own_wakes: int
    throttled: int = 0
    throttled_s: float = 0.0
    thermal: int = 0


@dataclass(frozen=True)
class Use:
    """What happened between two samples."""

    cpus: int
    wall_s: float
    busy_s: float
    foreign_s: float
    steal_s: float
    throttled: int
    throttled_s: float
    thermal: int

    @property
    def foreign_cores(self) -> float:
        """Others' work in cores: 1.0 is one core kept busy. Rounding can make it < 0."""
        return self.foreign_s / self.wall_s if self.wall_s > 0 else 0.0


def take_sample(root: Path = ROOT) -> Sample:
    """Read the accounts now (about 0.3 ms). What a machine does not show counts as 0."""
    cpus, idle_s, busy_s, steal_s = _cpu_times(read(root / "proc/stat") or "")
    throttled, throttled_s = _throttling(root)
    counters = root.glob("sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count")
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Sample(
        at_s=time.monotonic(),
        cpus=cpus,
        idle_s=idle_s,
        busy_s=busy_s,
        steal_s=steal_s,
        own_cpu_s=sum(usage.ru_utime + usage.ru_stime for usage in usages),
        own_wakes=sum(usage.ru_nvcsw for usage in usages),
        throttled=throttled,
        throttled_s=throttled_s,
        thermal=sum(read_int(counter) or 0 for counter in counters),
    )


def between(before: Sample, after: Sample) -> Use:
    """What was used from `before` to `after`."""
    wall_s = after.at_s - before.at_s
    steal_s = after.steal_s - before.steal_s
    own_s = after.own_cpu_s - before.own_cpu_s
    awake_s = wall_s * after.cpus - (after.idle_s - before.idle_s) - steal_s
    return Use(
        cpus=after.cpus,
        wall_s=wall_s,
        busy_s=after.busy_s - before.busy_s,
        foreign_s=awake_s - own_s - WAKE_S * (after.own_wakes - before.own_wakes),
        steal_s=steal_s,
        throttled=after.throttled - before.throttled,
        throttled_s=after.throttled_s - before.throttled_s,
        thermal=after.thermal - before.thermal,
    )


def steal_share(root: Path = ROOT) -> float | None:
    """Stolen time since boot, of all that the machine wanted to run. None: not accounted."""
    _, _, busy, steal = _cpu_times(read(root / "proc/stat") or "")
    return steal / (busy + steal) if busy + steal > 0 else None


def _cpu_times(stat: str) -> tuple[int, float, float, float]:
    """How many CPUs, and their idle, busy and stolen seconds together (proc_stat(5)).

    The columns: user (with guests), nice, system, idle, iowait, irq, softirq, steal, …
    """
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    rows = [line.split() for line in stat.splitlines() if line.startswith("cpu")]
    if not rows or len(rows[0]) < 9:
        return 0, 0.0, 0.0, 0.0
    user, nice, system, idle, iowait, irq, softirq, steal = (
        int(word) * tick_s for word in rows[0][1:9]
    )
    return len(rows) - 1, idle + iowait, user + nice + system + irq + softirq, steal


def _throttling(root: Path) -> tuple[int, float]:
    """How often and how long the control group or one above it was held back by its quota."""
    count, held_s = 0, 0.0
    for folder in cgroup_folders("cpu", root):
        lines = (line.split() for line in (read(folder / "cpu.stat") or "").splitlines())
        stat = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
        count += stat.get("nr_throttled", 0)
        held_s += stat.get("throttled_usec", 0) / 1e6 + stat.get("throttled_time", 0) / 1e9
    return count, held_s


# Before a run


def preflight(window_s: float | None = None, *, root: Path = ROOT) -> list[Notice]:
    """What may spoil a run that starts now. Watches for `window_s` seconds, or `PREFLIGHT_S`."""
    found = look(window_s, root=root, busy="used {} at the start")
    return [finding.notice for finding in found]


def look(
    window_s: float | None = None, *, root: Path = ROOT, busy: str = "use {} now"
) -> list[Finding]:
    """The findings behind `preflight`, with fact and remedy apart. `busy` says when it is: what is
    kept is read later."""
    before = take_sample(root)
    time.sleep(PREFLIGHT_S if window_s is None else window_s)
    use = between(before, take_sample(root))
    found = [
        _unwatched(use),
        _busy_now(use, root, busy),
        _stolen(use),
        _held_back(use),
        _slow_clock(root),
        slow_governor(root),
    ]
    return [finding for finding in found if finding is not None]


def _unwatched(use: Use) -> Finding | None:
    if use.cpus:
        return None
    return Finding(
        "unwatched",
        "unknown",
        "/proc/stat cannot be read, so it is not known whether other processes or other guests "
        "disturb the measurement",
        SHOW_PROC,
    )


def _busy_now(use: Use, root: Path, busy: str) -> Finding | None:
    cores = use.cpus or os.cpu_count() or 1
    load = float((read(root / "proc/loadavg") or "0").split()[0])
    limit = max(PREFLIGHT_CORES, 0.02 * cores)
    if use.foreign_cores > limit and use.foreign_s > PREFLIGHT_LEAST_S:
        amount = f"{use.foreign_cores:.2f} of {counted(cores, 'core')}"
        return Finding(
            "busy",
            f"{use.foreign_cores:.2f} cores",
            f"other processes {busy.format(amount)} (load average {load:.2f})",
            BUSY_REMEDY,
        )
    if load > LOAD_PER_CORE * cores:
        return Finding(
            "busy",
            f"load average {load:.2f}",
            f"the load average is {load:.2f} on {counted(cores, 'core')}, although little runs",
            "wait a minute, or look for short-lived processes with `top`",
        )
    return None


def _slow_clock(root: Path) -> Finding | None:
    source = clocksource(root)
    if source is None or source in FAST_CLOCKS:
        return None
    return Finding(
        "clocksource",
        source,
        f"the clock source is {source}, so reading the clock is a system call, and each latency "
        "contains it",
        CLOCK_REMEDY,
    )


def slow_governor(root: Path = ROOT) -> Finding | None:
    """A frequency governor that is slow to raise the clock."""
    chosen = governor(root)
    if chosen is None or not set(chosen.split(", ")) & set(SLOW_GOVERNORS):
        return None
    return Finding(
        "governor",
        chosen,
        f"the CPU frequency governor is {chosen}, which raises the CPU frequency only under "
        "continuous load, so engines that sleep are slower",
        GOVERNOR_REMEDY,
    )


# While a run goes on


class Monitor:
    """Accounts for the machine trial by trial; `notices` says at the end what disturbed the run.

    A trial's processes must be reaped before `trial_ended`: only then are they known as our own.
    A trial that is started and never ended is left out.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._before: Sample | None = None
        self._uses: list[Use] = []

    def start(self) -> None:
        """Begin a run: forget what was seen before."""
        self._before = None
        self._uses = []

    def trial_started(self) -> None:
        """Call before the trial's process is started."""
        self._before = take_sample(self._root)

    def trial_ended(self) -> None:
        """Call when the trial's process has been reaped. Without a trial under way: nothing."""
        if self._before is not None:
            self._uses.append(between(self._before, take_sample(self._root)))
            self._before = None

    def notices(self) -> list[Notice]:
        """What disturbed the trials so far, one sentence each; empty if nothing did."""
        return disturbances(self._uses)

    @property
    def others_cores(self) -> float | None:
        """The cores that others used in the median trial; None without a trial, or where the
        machine shows no accounts."""
        shares = [use.foreign_cores for use in self._uses if use.cpus]
        return max(0.0, round(statistics.median(shares), 3)) if shares else None


def busy_cores(cores: int) -> float:
    """From so many cores on, others' work on a machine of `cores` makes times say little."""
    return max(FOREIGN_BURST_CORES, 0.05 * cores)


def disturbances(uses: Sequence[Use]) -> list[Notice]:
    """What disturbed these trials, one sentence each; empty if nothing did."""
    if not uses:
        return []
    total = _add(uses)
    found = [_busy_trials(uses), _stolen(total), _held_back(total)]
    return [finding.notice for finding in found if finding is not None]


def _busy_trials(uses: Sequence[Use]) -> Finding | None:
    """Others' work in the usual trial and in the worst.

    Nothing is cut off at 0 before the median: rounding has both signs, and only so it cancels.
    """
    cores = uses[-1].cpus
    shares = [use.foreign_cores for use in uses]
    limit = busy_cores(cores)
    bursts = [use for use in uses if use.foreign_cores > limit and use.foreign_s > BURST_LEAST_S]
    usual = statistics.median(shares)
    seconds = sum(use.foreign_s for use in uses)
    lasting = usual > max(FOREIGN_MEDIAN_CORES, 0.01 * cores) and seconds > BURST_LEAST_S
    if not lasting and len(bursts) < math.ceil(BURST_SHARE * len(uses)):
        return None
    return Finding(
        BUSY_THROUGHOUT if usual > limit and seconds > BURST_LEAST_S else "busy",
        f"{max(0.0, usual):.2f} cores",
        f"other processes used {max(0.0, usual):.2f} of {counted(cores, 'core')} in the "
        f"median trial and {max(shares):.2f} in the worst, over {limit:g} in {len(bursts)} of "
        f"{counted(len(uses), 'trial')}",
        BUSY_REMEDY,
    )


def _stolen(use: Use) -> Finding | None:
    wanted_s = use.busy_s + use.steal_s
    if use.steal_s < STEAL_LEAST_S or use.steal_s <= STEAL_SHARE * wanted_s:
        return None
    return Finding(
        "steal",
        f"{use.steal_s / wanted_s:.1%}",
        f"the hypervisor gave {use.steal_s / wanted_s:.1%} of the CPU time that this machine "
        "needed to other guests",
        "measure again at another time, or on a machine with dedicated CPUs",
    )


def _held_back(use: Use) -> Finding | None:
    if use.throttled > 0:
        return Finding(
            "throttled",
            counted(use.throttled, "time"),
            f"the control group's CPU quota stopped this process {counted(use.throttled, 'time')}, "
            f"for {use.throttled_s * 1e3:.0f} ms in all",
            "raise the quota (`docker run --cpus`, `CPUQuota=`, the pod's CPU limit)",
        )
    if use.thermal > 0:
        return Finding(
            "throttled",
            counted(use.thermal, "time"),
            f"the CPUs slowed down {counted(use.thermal, 'time')} to cool off",
            "let the machine cool, turn turbo off, or make the run shorter",
        )
    return None


def _add(uses: Sequence[Use]) -> Use:
    return Use(
        cpus=uses[-1].cpus,
        wall_s=sum(use.wall_s for use in uses),
        busy_s=sum(use.busy_s for use in uses),
        foreign_s=sum(use.foreign_s for use in uses),
        steal_s=sum(use.steal_s for use in uses),
        throttled=sum(use.throttled for use in uses),
        throttled_s=sum(use.throttled_s for use in uses),
        thermal=sum(use.thermal for use in uses),
    )
