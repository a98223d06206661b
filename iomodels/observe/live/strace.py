"""strace on this machine: whether it is there and may trace, how it is called, what it costs.

All of that is found out by tracing a tiny program, before the user's own is started.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from iomodels.base.errors import NothingSeen
from iomodels.observe.live.log_pipe import LogPipe

PROGRAM = "strace"
MISSING = (
    "observe needs strace, and there is none on the PATH: install it, for example with "
    "`apt install strace`"
)
PROBE_TIMEOUT_S = 20.0
PROBE_CALLS = 400

_OPTIONS = (
    *("-f", "-q", "-ttt", "-T", "-yy"),
    *("-s", "0", "-e", "abbrev=execve", "-e", "signal=none"),
)
"""All threads and children, times of calls in µs, descriptors in words, and no byte of data (for
which it would leave out what arrays contain, too, but for `abbrev`)."""
_SECCOMP = "--seccomp-bpf"
"""The kernel stops the program only at the calls that are asked for. Not where strace attaches."""
_SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")

# It times its own calls, so that neither its start nor its end counts.
_TINY = f"""
import os, time
zero = os.open("/dev/zero", os.O_RDONLY)
begin = time.perf_counter_ns()
for _ in range({PROBE_CALLS}):
    os.pread(zero, 1, 0)
print((time.perf_counter_ns() - begin) / {PROBE_CALLS})
"""


@dataclass(frozen=True)
class Strace:
    """A strace that works here."""

    path: str
    calls: tuple[str, ...]
    """The system calls that are traced. Those that this kernel does not have are left out."""
    has_seccomp: bool
    call_s: float
    """How much longer a traced call takes than otherwise."""

    def command(self, log: str, *arguments: str, attaches: bool = False) -> list[str]:
        """The command line that writes the log to the file of this path."""
        seccomp = self.has_seccomp and not attaches
        return _command(self.path, self.calls, log, arguments, seccomp=seccomp)


def find_strace(calls: Iterable[str]) -> Strace:
    """The strace of the PATH, tried on a tiny program.

    Raises `NothingSeen` where there is none, or where it may not trace, with what to do.
    """
    path = shutil.which(PROGRAM)
    if path is None:
        raise NothingSeen(MISSING)
    names = tuple(dict.fromkeys([*calls, "execve"]))
    said = ""
    for has_seccomp in (True, False):
        found = _probed(path, names, seccomp=has_seccomp)
        if isinstance(found, Strace):
            return found
        said = found
    raise NothingSeen(why_not(said))


def why_not(said: str) -> str:
    """Why strace failed, by what it `said` itself, and what to do about it. Names no path."""
    if "not permitted" not in said and "denied" not in said:
        return "strace does not work here: try `strace true`, which says why"
    remedies = [
        "in a container, start it with `--cap-add SYS_PTRACE`",
        "else run as root, or with CAP_SYS_PTRACE",
    ]
    try:
        scope = int(_SCOPE.read_text())
    except (OSError, ValueError):
        scope = 0
    if scope == 3:  # which nothing but a restart undoes
        remedies = ["kernel.yama.ptrace_scope is 3, which forbids it until the next boot"]
    elif scope:
        remedies.insert(0, "allow it with `sysctl kernel.yama.ptrace_scope=0`")
    return "strace may not trace here (ptrace is not permitted): " + "; ".join(remedies)


def _command(
    path: str, calls: Sequence[str], log: str, arguments: Sequence[str], *, seccomp: bool
) -> list[str]:
    # `?`: no error where this kernel, or this strace, does not know the call.
    traced = ",".join(f"?{name}" for name in calls)
    fast = (_SECCOMP,) if seccomp else ()
    return [path, *_OPTIONS, *fast, "-e", f"trace={traced}", "-o", log, *arguments]


def _probed(path: str, calls: tuple[str, ...], *, seccomp: bool) -> Strace | str:
    """strace with what it costs here, or what it said when it failed."""
    tiny = [sys.executable, "-I", "-S", "-c", _TINY]
    with LogPipe() as pipe:
        try:
            with subprocess.Popen(
                _command(path, [*calls, "pread64"], pipe.path, ["--", *tiny], seccomp=seccomp),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            ) as process:
                deadline_s = time.monotonic() + PROBE_TIMEOUT_S

                def tick() -> None:
                    if time.monotonic() > deadline_s:
                        process.kill()

                log = b"".join(pipe.chunks(process, tick))
                out, said = process.communicate(timeout=PROBE_TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    if process.returncode or log.count(b"pread64(") < PROBE_CALLS:
        return said.decode(errors="replace")
    return Strace(path, calls, seccomp, call_s=float(out) / 1e9)
