"""What this machine allows and what disturbs measuring on it, with what to do about each: as data.

Each check states a value, what it means for the numbers, and a remedy where one is wanted. Checks
only look: the one file made (to try direct I/O) has no name and is gone when it is closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from iomodels.machine import environment, noise
from iomodels.machine.check import Check
from iomodels.machine.clocks import clocks
from iomodels.machine.data_files import data_files
from iomodels.machine.limits import asynchronous, limits
from iomodels.machine.proc import ROOT, Fact, may_be_limited, text_of

if TYPE_CHECKING:
    from iomodels._core import ClockInfo


def checks(
    folder: Path = Path("/var/tmp"),
    *,
    clock: ClockInfo | None = None,
    root: Path = ROOT,
    window_s: float = 0.25,
) -> list[Check]:
    """All checks, in the order of showing. Takes `window_s` seconds, to see what else runs.

    `folder` is where data files would go. `clock` is the core's `clock_info()`; None leaves that
    check out.
    """
    facts = environment.describe(folder, root=root)
    return [
        *_system(facts, root),
        *_processors(facts, root),
        *clocks(facts, clock),
        *limits(facts, root),
        *asynchronous(facts, root),
        *data_files(folder, root),
        *_noise(window_s, root),
    ]


def _system(facts: Mapping[str, Fact], root: Path) -> list[Check]:
    group = "System"
    found = [
        Check(group, "kernel", text_of(facts["kernel"]), "ok", "it executes all system calls"),
        Check(
            group,
            "C library",
            text_of(facts["libc"]),
            "ok",
            "POSIX AIO is implemented here, not in the kernel: results depend on the C library",
        ),
        _seccomp(group, facts["seccomp"]),
        _container(group, facts, root),
    ]
    return [check for check in found if check is not None]


def _seccomp(group: str, mode: Fact) -> Check | None:
    if mode in (None, "off"):
        return None
    return Check(
        group,
        "seccomp",
        text_of(mode),
        "note",
        "a filter runs before each system call; engines with many short calls lose most",
        "to measure without it, run outside the sandbox, or with "
        "`--security-opt seccomp=unconfined`",
    )


def _container(group: str, facts: Mapping[str, Fact], root: Path) -> Check:
    quota = facts["cgroup_quota_cores"]
    inside = "yes" if facts["container"] else "not detected"
    if quota is None and may_be_limited(root):
        return Check(
            group,
            "container",
            f"{inside}, CPU quota unknown",
            "note",
            "no control group can be read, so a quota on CPU time is not detectable",
            "mount /sys/fs/cgroup" if facts["kernel"] else noise.SHOW_PROC,
        )
    if quota is None:
        return Check(group, "container", f"{inside}, no CPU quota", "ok", "CPU time is not limited")
    return Check(
        group,
        "container",
        f"{inside}, CPU quota {quota:g} cores",
        "note",
        "a process that has used its quota is stopped until the end of the period (often 100 ms); "
        "this affects engines that spin first",
        "raise or remove the quota (`docker run --cpus`, `CPUQuota=`, the CPU limit of the pod)",
    )


def _processors(facts: Mapping[str, Fact], root: Path) -> list[Check]:
    group = "CPU"
    smt = "unknown" if facts["smt"] is None else "on" if facts["smt"] else "off"
    return [
        Check(
            group,
            "model",
            text_of(facts["cpu"]),
            "ok",
            f"mitigations that make system calls slower: {text_of(facts['mitigations'])}",
        ),
        _affinity(group, facts, smt),
        _governor(group, facts["governor"], root),
        *_turbo(group, facts["turbo"]),
        _hypervisor(group, facts["hypervisor"], root),
    ]


def _affinity(group: str, facts: Mapping[str, Fact], smt: str) -> Check:
    online, allowed = facts["cores_online"], facts["cores_allowed"]
    value = f"{allowed} of {online} (CPU {facts['affinity']}), SMT {smt}"
    if allowed == 1:
        return Check(
            group,
            "CPUs to run on",
            value,
            "warn",
            "helper threads and the peer process share one CPU with the application, so nothing "
            "overlaps",
            "use a machine with two CPUs or more"
            if online == 1
            else "allow at least two (`taskset -c 0,1`)",
        )
    return Check(
        group,
        "CPUs to run on",
        value,
        "ok",
        "helper threads and the peer process can run on another CPU",
    )


def _governor(group: str, governor: Fact, root: Path) -> Check:
    if governor is None and not (root / "sys/devices/system/cpu").is_dir():
        return Check(
            group,
            "frequency governor",
            "unknown",
            "note",
            "/sys cannot be read, so whether the CPU frequency depends on the load is unknown",
            noise.SHOW_PROC,
        )
    if governor is None:
        return Check(
            group, "frequency governor", "not visible", "ok", "firmware or host controls it"
        )
    if governor == "performance":
        return Check(
            group,
            "frequency governor",
            governor,
            "ok",
            "the CPU frequency does not depend on the load",
        )
    return Check(
        group,
        "frequency governor",
        text_of(governor),
        "warn" if noise.slow_governor(root) else "note",
        "the CPU frequency follows the load: engines that sleep run slower than engines that spin",
        noise.GOVERNOR_REMEDY,
    )


def _turbo(group: str, turbo: Fact) -> list[Check]:
    if turbo is None:
        return []
    if not turbo:
        return [
            Check(group, "turbo", "off", "ok", "the CPU frequency does not depend on temperature")
        ]
    return [
        Check(
            group,
            "turbo",
            "on",
            "note",
            "the CPU frequency depends on temperature and on the number of busy cores: runs differ",
            "for less variation turn it off: write 1 to "
            "/sys/devices/system/cpu/intel_pstate/no_turbo, or 0 to "
            "/sys/devices/system/cpu/cpufreq/boost",
        )
    ]


def _hypervisor(group: str, kind: Fact, root: Path) -> Check:
    if kind is None and not environment.shows_hypervisor(root):
        return Check(
            group,
            "hypervisor",
            "unknown",
            "note",
            "the CPU flags and the firmware names cannot be read: this can be a virtual machine, "
            "where timers, interrupts and sleeping cost more",
            noise.SHOW_PROC,
        )
    if kind is None:
        return Check(
            group, "hypervisor", "none", "ok", "the CPUs are not shared with other machines"
        )
    share = noise.steal_share(root)
    stolen = share is not None and share > noise.STEAL_SHARE
    return Check(
        group,
        "hypervisor",
        f"{kind}" + ("" if share is None else f", {share:.1%} of CPU time stolen since boot"),
        "warn" if stolen else "note",
        "timers, interrupts and sleeping cost more in a virtual machine, and other guests can use "
        "its CPU time",
        "compare only results of the same kind of machine; to exclude these costs, measure without "
        "a hypervisor",
    )


def _noise(window_s: float, root: Path) -> list[Check]:
    group = "Noise now"
    names = {
        "busy": "other processes",
        "unwatched": "other processes",
        "steal": "stolen time",
        "throttled": "throttling",
    }
    found = [
        Check(
            group,
            names[finding.code],
            finding.amount,
            "note" if finding.code == "unwatched" else "warn",
            finding.fact,
            finding.remedy,
        )
        for finding in noise.look(window_s, root=root)
        if finding.code in names
    ]
    quiet = Check(
        group,
        names["busy"],
        "quiet",
        "ok",
        f"observed for {window_s:g} s; `bench` observes the whole run and warns",
    )
    return found or [quiet]
