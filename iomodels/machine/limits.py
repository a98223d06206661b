"""Limits that an engine can meet, and what asynchronous I/O there is, for `doctor`."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from iomodels.base.units import format_size
from iomodels.machine import probes
from iomodels.machine.check import Check
from iomodels.machine.proc import Fact, read, read_int, text_of

FD_SETSIZE = 1024
"""How many descriptors `select` can watch: a constant of the C library (select(2))."""
LEAST_DESCRIPTORS = 2 * 4000 + 192
"""For 4000 connections: both ends of each, and those of the tool."""
LEAST_PROCESSES = 256
LEAST_LOCKED_BYTES = 8 << 20
GLIBC_AIO_THREADS = 20
"""glibc's worker threads unless `aio_init` says otherwise (rt/aio_misc.c, `optim`)."""
AIO_REQUESTS = 1024
"""Room in `fs.aio-max-nr` that an engine can need: the kernel rounds up, by the number of CPUs."""
CAP_IPC_LOCK = 14
"""The number of the capability with which locked memory has no limit (capabilities(7))."""


def limits(facts: Mapping[str, Fact], root: Path) -> list[Check]:
    """The limits of this process."""
    group = "Limits"
    return [
        _open_files(group, facts),
        Check(
            group,
            "select's descriptors",
            f"numbers below {FD_SETSIZE}",
            "ok",
            "fixed in the C library (FD_SETSIZE), independent of the limit on open files; other "
            "engines have no such limit",
        ),
        _least(
            group,
            "pending signals",
            facts["limit_pending_signals"],
            FD_SETSIZE,
            "completion by signal and signal-driven I/O queue one signal per request; signals "
            "beyond the limit are lost, which the engines notice and count",
            "raise it: `ulimit -i 65536`, or `LimitSIGPENDING=`",
        ),
        _processes(group, facts),
        _locked_memory(group, facts["limit_locked_memory_bytes"], root),
    ]


def _open_files(group: str, facts: Mapping[str, Fact]) -> Check:
    soft, hard = facts["limit_open_files_soft"], facts["limit_open_files_hard"]
    few = isinstance(hard, int) and hard < LEAST_DESCRIPTORS
    return Check(
        group,
        "open files",
        f"{soft}, at most {hard}" if soft != hard else text_of(soft),
        "note" if few else "ok",
        "limits the depth if each request has its own descriptor (the default): a pipe or a socket "
        f"takes two, so 4000 connections need {LEAST_DESCRIPTORS}; each trial raises the soft "
        "limit to the hard limit",
        "for more depth: `ulimit -Hn 65536` as root, or `LimitNOFILE=`" if few else None,
    )


def _processes(group: str, facts: Mapping[str, Fact]) -> Check:
    """The user's limit, or the control group's if that is lower."""
    user, group_limit = facts["limit_processes"], facts["cgroup_pids_max"]
    if isinstance(group_limit, int) and not (isinstance(user, int) and user <= group_limit):
        limit: Fact = group_limit
        whose = "all of the container's or control group's together (its pids limit)"
        remedy = "raise it: `docker run --pids-limit 4096`, `TasksMax=` or `pids.max`"
    else:
        limit, whose, remedy = user, "of this user in total", "raise it: `ulimit -u 4096`"
    meaning = f"{whose}; each trial is a process, each AIO worker a thread"
    return _least(group, "processes and threads", limit, LEAST_PROCESSES, meaning, remedy)


def _locked_memory(group: str, limit: Fact, root: Path) -> Check:
    few = isinstance(limit, int) and limit < LEAST_LOCKED_BYTES and not _locks_freely(root)
    return Check(
        group,
        "locked memory",
        format_size(limit) if isinstance(limit, int) else text_of(limit),
        "note" if few else "ok",
        "io_uring counts its registered buffers against it, and before Linux 5.12 its rings; a "
        "process with CAP_IPC_LOCK (root) has no such limit",
        "raise it: `ulimit -l unlimited` as root, `LimitMEMLOCK=`, or `docker run --ulimit "
        "memlock=-1`"
        if few
        else None,
    )


def _locks_freely(root: Path) -> bool:
    for line in (read(root / "proc/self/status") or "").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value.strip() or "0", 16) >> CAP_IPC_LOCK & 1)
    return False


def _least(group: str, name: str, limit: Fact, least: int, meaning: str, remedy: str) -> Check:
    low = isinstance(limit, int) and limit < least
    return Check(
        group, name, text_of(limit), "warn" if low else "ok", meaning, remedy if low else None
    )


# Asynchronous I/O


def asynchronous(facts: Mapping[str, Fact], root: Path) -> list[Check]:
    """What there is of it: in the C library, and two interfaces of the kernel."""
    group = "Asynchronous I/O"
    return [
        Check(group, "POSIX AIO", text_of(facts["aio"]), "ok", _aio_meaning(facts["libc"])),
        _kernel_aio(group),
        _kernel_aio_room(group, facts),
        _io_uring(group, facts["seccomp"], root),
    ]


def _aio_meaning(libc: Fact) -> str:
    if str(libc).startswith("glibc"):
        return (
            f"{GLIBC_AIO_THREADS} threads by default (iomodels asks for one per request in "
            "flight); requests on one descriptor run one after another, so depth needs descriptors"
        )
    return "each request uses a thread of the C library: it is created, or woken up"


def _kernel_aio(group: str) -> Check:
    error = probes.kernel_aio_error()
    works = error == errno.EINVAL
    if works:
        value, remedy = "available", None
    elif error is None:
        value, remedy = "unknown", "run `iomodels engines`, which says whether kaio works here"
    elif error == errno.ENOSYS:
        value, remedy = "missing", "use a kernel built with CONFIG_AIO, outside of a sandbox"
    else:
        value, remedy = f"not allowed ({os.strerror(error)})", _UNCONFINED
    return Check(
        group,
        "kernel AIO",
        value,
        "ok" if works else "note",
        "io_setup and io_submit (libaio), the engine kaio: asynchronous on files with direct I/O",
        remedy,
    )


def _kernel_aio_room(group: str, facts: Mapping[str, Fact]) -> Check:
    used, most = facts["aio_nr"], facts["aio_max_nr"]
    full = (
        isinstance(used, int)
        and isinstance(most, int)
        and (used > 0.9 * most or most - used < AIO_REQUESTS)
    )
    return Check(
        group,
        "fs.aio-nr of aio-max-nr",
        f"{text_of(used)} of {text_of(most)}",
        "note" if full else "ok",
        "requests of kernel AIO that all processes have reserved; the engine kaio reserves one for "
        "each request in flight, and is n/a where too few are left. POSIX AIO, and so the engine "
        "aio, does not use it and is not limited by it",
        "`sysctl fs.aio-max-nr=1048576`, or end programs that use io_setup (databases)"
        if full
        else None,
    )


_UNCONFINED = "run without a sandbox, or with `--security-opt seccomp=unconfined`"


def _io_uring(group: str, seccomp: Fact, root: Path) -> Check:
    setting = read_int(root / "proc/sys/kernel/io_uring_disabled")
    error = probes.io_uring_error()
    works = error in (errno.EFAULT, errno.EINVAL)
    value, remedy = ("available", None) if works else _without_io_uring(error, setting, seccomp)
    return Check(
        group,
        "io_uring",
        value,
        "ok" if works else "note",
        "rings that a process shares with the kernel: the engine io_uring"
        + ("" if works else ", which is n/a without"),
        remedy,
    )


def _without_io_uring(error: int, setting: int | None, seccomp: Fact) -> tuple[str, str]:
    """What is in its way, and what to do. Some sandboxes say that the call does not exist."""
    if setting and error != errno.ENOSYS:
        allowed = "`sysctl kernel.io_uring_disabled=0`, if the policy of this machine allows it"
        some = ", or be root or in the group that `kernel.io_uring_group` names"
        return (
            f"disabled (kernel.io_uring_disabled={setting})",
            allowed + (some if setting == 1 else ""),
        )
    if error == errno.ENOSYS and seccomp == "filter":
        return "missing, or not allowed by the seccomp filter", (
            f"{_UNCONFINED}; the kernel must be 5.1 or later, built with CONFIG_IO_URING"
        )
    if error == errno.ENOSYS:
        return "missing", "use a kernel 5.1 or later, built with CONFIG_IO_URING"
    return f"not allowed ({os.strerror(error)})", _UNCONFINED
