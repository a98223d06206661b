"""What a reader must know of the machine to judge the numbers measured on it.

Everything comes from /proc, /sys and the C library, and nothing is changed. Whatever a machine
does not show is None, never an error. Host and user names, paths and the values of environment
variables are left out: result files are made to be published. That is why a device is named as
the kernel numbers it (`dm-0`): names of volumes and shares often hold a host name.
"""

from __future__ import annotations

import os
import re
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from iomodels.base.system import allowed_cpus
from iomodels.machine.proc import ROOT, Fact, cgroup_folders, read, read_int
from iomodels.machine.storage import storage_of

ARM_PARTS = {
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd0c"): "Neoverse-N1",
    ("0x41", "0xd40"): "Neoverse-V1",
    ("0x41", "0xd49"): "Neoverse-N2",
    ("0x41", "0xd4f"): "Neoverse-V2",
    ("0x41", "0xd8e"): "Neoverse-N3",
}
"""Common server and board cores, by implementer and part (Linux, asm/cputype.h)."""

VIRTUAL_VENDORS = re.compile(
    r"QEMU|KVM|VMware|VirtualBox|innotek|Xen|Virtual Machine|Amazon EC2|Google|DigitalOcean"
    r"|Parallels|OpenStack|Bochs|BHYVE|Hetzner|Alibaba|Apple Virtualization|Firecracker",
    re.IGNORECASE,
)
"""DMI vendors and products that mean a virtual machine where the CPU has no flag that says so."""

CONTAINER_CGROUPS = re.compile(r"docker|kubepods|containerd|libpod|lxc|machine\.slice")


def describe(folder: Path = Path("/var/tmp"), *, root: Path = ROOT) -> dict[str, Fact]:
    """The machine as a flat mapping, for a result's `environment`; None where it does not tell.

    `folder` is where the data files go: its file system and device are described, not its path.
    """
    return {
        "kernel": read(root / "proc/sys/kernel/osrelease"),
        "architecture": os.uname().machine,
        "libc": libc(root),
        "aio": aio_implementation(root),
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        **_processors(root),
        **_surroundings(root),
        **_clocks(root),
        **_limits(),
        "aio_nr": read_int(root / "proc/sys/fs/aio-nr"),
        "aio_max_nr": read_int(root / "proc/sys/fs/aio-max-nr"),
        "memory_bytes": _memory_bytes(root),
        "page_size_bytes": resource.getpagesize(),
        **storage_of(folder, root).facts,
    }


# C library


def libc(root: Path = ROOT) -> str | None:
    """The C library and its version, as in `glibc 2.36` or `musl 1.2.4`."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return musl(root)


def musl(root: Path = ROOT) -> str | None:
    """musl and its version. It answers no question about itself: its loader names it when run."""
    import subprocess

    loader = next(iter(sorted(root.glob("lib/ld-musl-*.so.1"))), None)
    if loader is None:
        return None
    try:
        said = subprocess.run([loader], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return "musl"
    version = re.search(r"^Version ([0-9.]+)", said.stderr, re.MULTILINE)
    return f"musl {version[1]}" if version else "musl"


def aio_implementation(root: Path = ROOT) -> str | None:
    """Who carries out `aio_read` here (glibc's rt/aio_misc.c; musl's src/aio/aio.c)."""
    name = (libc(root) or "").partition(" ")[0]
    return {
        "glibc": "glibc: threads in user space, one at work per descriptor",
        "musl": "musl: threads in user space, one per request",
    }.get(name)


# Processors


def cpu_model(cpuinfo: str) -> str | None:
    """The CPU's name, from the text of /proc/cpuinfo; several are joined by " + " (big.LITTLE)."""
    for key in ("model name", "cpu model", "uarch", "cpu"):
        if names := _values(cpuinfo, key):
            return " + ".join(dict.fromkeys(names))
    implementers, parts = _values(cpuinfo, "CPU implementer"), _values(cpuinfo, "CPU part")
    names = [
        ARM_PARTS.get((implementer, part), f"ARM implementer {implementer} part {part}")
        for implementer, part in zip(implementers, parts, strict=False)
    ]
    return " + ".join(dict.fromkeys(names)) or None


def cpu_list(cpus: Iterable[int]) -> str:
    """CPU numbers as the kernel writes them: `0-3,8`."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][1] + 1:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def _processors(root: Path) -> dict[str, Fact]:
    allowed = allowed_cpus()
    return {
        "cpu": cpu_model(read(root / "proc/cpuinfo") or ""),
        "cores_online": os.cpu_count(),
        "cores_allowed": len(allowed),
        "affinity": cpu_list(allowed),
        "smt": _switch(root / "sys/devices/system/cpu/smt/active"),
        "governor": governor(root),
        "turbo": _turbo(root),
        "mitigations": _mitigations(root),
    }


def governor(root: Path = ROOT) -> str | None:
    """The frequency governor; several are joined by commas where the cores differ."""
    files = root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
    return ", ".join(sorted({text for file in files if (text := read(file))})) or None


def _turbo(root: Path) -> bool | None:
    cpu = root / "sys/devices/system/cpu"
    no_turbo = _switch(cpu / "intel_pstate/no_turbo")
    return _switch(cpu / "cpufreq/boost") if no_turbo is None else not no_turbo


def _switch(path: Path) -> bool | None:
    return {"0": False, "1": True}.get(read(path) or "")


def _mitigations(root: Path) -> str | None:
    """The CPU flaws that the kernel works around, and those it leaves open."""
    files = sorted(root.glob("sys/devices/system/cpu/vulnerabilities/*"))
    states = {file.name: read(file) or "" for file in files}
    parts = [
        f"{label}: {', '.join(names)}"
        for label, start in (("mitigated", "Mitigation"), ("vulnerable", "Vulnerable"))
        if (names := [name for name, state in states.items() if state.startswith(start)])
    ]
    return "; ".join(parts) or ("none needed" if states else None)


# What surrounds the process


def _surroundings(root: Path) -> dict[str, Fact]:
    return {
        "hypervisor": hypervisor(root),
        "container": in_container(root),
        "cgroup_quota_cores": cgroup_quota_cores(root),
        "cgroup_pids_max": cgroup_pids_max(root),
        "seccomp": _seccomp(root),
    }


def hypervisor(root: Path = ROOT) -> str | None:
    """The hypervisor's kind, or None on bare metal.

    On x86 the CPU flag decides and the rest only names it. Elsewhere there is no such flag, and
    the firmware's vendor decides.
    """
    flags = _values(read(root / "proc/cpuinfo") or "", "flags")
    if flags and "hypervisor" not in flags[0].split():
        return None
    dmi = root / "sys/class/dmi/id"
    vendor, product = read(dmi / "sys_vendor") or "", read(dmi / "product_name") or ""
    firmware = f"{vendor} {product}".strip()
    tree = read(root / "proc/device-tree/hypervisor/compatible") or ""
    told = read(root / "sys/hypervisor/type") or tree.replace("\0", " ") or None
    if flags:
        return firmware or told or _paravirtual_clock(root) or "of unknown kind"
    is_virtual = VIRTUAL_VENDORS.search(firmware) and not product.endswith(".metal")
    return told or (firmware if is_virtual else None)


def shows_hypervisor(root: Path = ROOT) -> bool:
    """Whether one would be noticed: `hypervisor` is None, too, where nothing can be read."""
    if _values(read(root / "proc/cpuinfo") or "", "flags"):
        return True
    shown = ("sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name")
    tree = root / "proc/device-tree"
    return any(read(root / name) for name in shown) or os.access(tree / "compatible", os.F_OK)


def _paravirtual_clock(root: Path) -> str | None:
    """A guest without firmware tables still gets its hypervisor's clock, which tells the kind."""
    clocks = read(root / "sys/devices/system/clocksource/clocksource0/available_clocksource") or ""
    kinds = {"kvm-clock": "KVM", "hyperv": "Hyper-V", "xen": "Xen"}
    return next((kind for clock, kind in kinds.items() if clock in clocks), None)


def in_container(root: Path = ROOT) -> bool:
    """Whether anything hints at a container. False is no proof: there is no sure sign."""
    marks = (".dockerenv", "run/.containerenv", "run/systemd/container")
    return (
        any(os.access(root / mark, os.F_OK) for mark in marks)
        or "KUBERNETES_SERVICE_HOST" in os.environ
        or bool(CONTAINER_CGROUPS.search(read(root / "proc/self/cgroup") or ""))
    )


def cgroup_quota_cores(root: Path = ROOT) -> float | None:
    """How many cores' worth of CPU time the tightest control group grants; None: no quota."""
    quotas = [_quota(folder) for folder in cgroup_folders("cpu", root)]
    return min((quota for quota in quotas if quota is not None), default=None)


def cgroup_pids_max(root: Path = ROOT) -> int | None:
    """How many processes and threads the tightest control group allows; None: no limit."""
    limits = [read_int(folder / "pids.max") for folder in cgroup_folders("pids", root)]
    return min((limit for limit in limits if limit is not None), default=None)


def _quota(folder: Path) -> float | None:
    """`cpu.max` of cgroup v2 ("max" is no quota), the two CFS files of v1 (-1 is no quota)."""
    if pair := re.fullmatch(r"(\d+) (\d+)", read(folder / "cpu.max") or ""):
        quota_us, period_us = int(pair[1]), int(pair[2])
    else:
        quota_us = read_int(folder / "cpu.cfs_quota_us") or 0
        period_us = read_int(folder / "cpu.cfs_period_us") or 0
    return quota_us / period_us if quota_us > 0 and period_us > 0 else None


def _seccomp(root: Path) -> str | None:
    modes = _values(read(root / "proc/self/status") or "", "Seccomp")
    return {"0": "off", "1": "strict", "2": "filter"}.get(modes[0]) if modes else None


# Clocks, limits, memory


def _clocks(root: Path) -> dict[str, Fact]:
    return {
        "clocksource": clocksource(root),
        "timer_slack_ns": read_int(root / "proc/self/timerslack_ns"),
    }


def clocksource(root: Path = ROOT) -> str | None:
    """The clock that the kernel keeps time by."""
    return read(root / "sys/devices/system/clocksource/clocksource0/current_clocksource")


def _limits() -> dict[str, Fact]:
    def limit(which: int, side: int) -> int | str | None:
        try:
            value = resource.getrlimit(which)[side]
        except OSError:  # a sandbox does not allow the call
            return None
        return "unlimited" if value == resource.RLIM_INFINITY else value

    return {
        "limit_open_files_soft": limit(resource.RLIMIT_NOFILE, 0),
        "limit_open_files_hard": limit(resource.RLIMIT_NOFILE, 1),
        "limit_pending_signals": limit(resource.RLIMIT_SIGPENDING, 0),
        "limit_processes": limit(resource.RLIMIT_NPROC, 0),
        "limit_locked_memory_bytes": limit(resource.RLIMIT_MEMLOCK, 0),
    }


def _memory_bytes(root: Path) -> int | None:
    size = re.search(r"^MemTotal: *(\d+) kB$", read(root / "proc/meminfo") or "", re.MULTILINE)
    return int(size[1]) * 1024 if size else None


def _values(text: str, key: str) -> list[str]:
    """The values of `key` in a `key : value` file."""
    return re.findall(rf"^{re.escape(key)}[ \t]*:[ \t]*(.+?)[ \t]*$", text, re.MULTILINE)
