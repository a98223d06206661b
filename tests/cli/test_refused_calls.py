"""System calls that a container refuses (seccomp): one sentence, a documented exit code.

A fault is injected into every such call of the command and of all processes that it starts.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from iomodels.base.exit_codes import Exit
from iomodels.results import read, save

from .. import chart_runs
from .running import QUICK, environment

BENCH = ("-e", "blocking", *QUICK, "-o", "run.json")
COMMANDS = {
    "doctor": ("doctor",),
    "timer": ("bench", "slow-device", *BENCH),
    "file": ("bench", "cached-read", "-s", "channel.size=1MiB", *BENCH),
    "socket": ("bench", "echo", "-e", "select", *QUICK, "-o", "run.json"),
    "a/b": ("check", "slow-device", "-e", "blocking", "--b", "load.batch=1", "-r", "10"),
    "chart": ("chart", "four.json", "-o", "pictures", "--format", "svg"),
    "trace": ("trace", "blocking", "-o", "traces"),
}
SAMPLE = [
    *(("doctor", call) for call in ("memfd_create", "sched_getaffinity", "getrusage", "uname")),
    *(("timer", call) for call in ("memfd_create", "prlimit64", "poll", "prctl", "setpgid")),
    *(("timer", call) for call in ("clock_nanosleep", "timerfd_create")),
    *(("chart", "sched_getaffinity"), ("trace", "memfd_create")),
]
START = re.compile(
    "execve|brk|mmap|munmap|mprotect|read|pread64|write|close|fstat|newfstatat|openat|open|stat|"
    "lseek|ioctl|fcntl|getdents64|rt_sigaction|rt_sigprocmask|rt_sigreturn|exit|exit_group|"
    "arch_prctl|set_tid_address|set_robust_list|rseq|futex|getrandom|readlink|access"
)
"""Without these neither Python nor the C library starts, and nothing of ours could say so."""

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed (Debian: apt install strace)"
)


def run_traced(command: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    if command == "chart":
        save.save(chart_runs.four(rounds=2), folder / "four.json", force=False)
    done = subprocess.run(
        [
            *("strace", "-f", "-qq", "-e", "signal=none", "-o", str(folder / "strace"), *options),
            *(sys.executable, "-m", "iomodels", *COMMANDS[command]),
        ],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=100,
        check=False,
    )
    if "PTRACE" in done.stderr:
        pytest.skip("strace may not trace here (ptrace is not permitted)")
    return done


def assert_is_handled(command: str, call: str, folder: Path) -> None:
    inject = f"inject={call}:error=EPERM"
    done = run_traced(command, folder, "--seccomp-bpf", "-e", f"trace={call}", "-e", inject)
    what = f"{command}, {call}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode in set(Exit) - {Exit.INTERNAL}, what
    assert "Traceback" not in done.stderr, what
    assert "internal error" not in done.stderr, what
    if done.returncode not in (Exit.DONE, Exit.FAILED, Exit.INCONCLUSIVE):
        assert re.search(r"^iomodels: .", done.stderr, re.MULTILINE), what
    if command == "doctor" or done.returncode == Exit.DONE:
        assert not list(folder.rglob("*.tmp")), what
    result = folder / "run.json"
    if result.exists():
        assert all(trial.operations for cell in read.load(result).cells for trial in cell.trials)
    elif command in ("timer", "file", "socket"):
        assert done.returncode not in (Exit.DONE, Exit.FAILED), what


@needs_strace
@pytest.mark.parametrize(("command", "call"), SAMPLE)
def test_a_refused_call_is_a_sentence_or_makes_no_difference(tmp_path, command, call):
    assert_is_handled(command, call, tmp_path)


@cache
def calls_of(command: str, folder: Path) -> list[str]:
    """The names of all calls that the command and its processes make."""
    folder.mkdir(exist_ok=True)
    run_traced(command, folder, "-e", "trace=all")
    lines = (folder / "strace").read_text(errors="replace").splitlines()
    found = {match[1] for line in lines if (match := re.match(r"\d+ +(\w+)\(", line))}
    return sorted(call for call in found if not START.fullmatch(call))


@needs_strace
@pytest.mark.longest
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_call_that_is_refused_is_handled(tmp_path, command):
    calls = calls_of(command, tmp_path / "calls")
    assert len(calls) > 10
    failures = []
    for call in calls:
        folder = tmp_path / call
        folder.mkdir()
        try:
            assert_is_handled(command, call, folder)
        except (AssertionError, subprocess.TimeoutExpired) as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)
