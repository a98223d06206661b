"""A program under strace: all of its log comes, and only what was started here is ended."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from iomodels.base import signals
from iomodels.base.errors import NothingSeen, UsageError
from iomodels.observe.live import strace as live_strace
from iomodels.observe.live import watching as live_watching
from iomodels.observe.live.observing import observed
from iomodels.observe.live.strace import Strace, find_strace, why_not
from iomodels.observe.live.watching import WatchedCommand, WatchedProcess, run_plainly
from iomodels.trials.starting.forking import state_of

from ..processes import wait_until
from .straces import needs_strace, python

CALLS = ("pread64", "write", "nanosleep", "clock_nanosleep")
READS = 300
READING = f"""
import os, sys
zero = os.open("/dev/zero", os.O_RDONLY)
for _ in range({READS}):
    os.pread(zero, 77, 0)
"""
SLEEPING = "import time; time.sleep(60)"
READY = "import sys; sys.stdout.write('ready'); sys.stdout.flush();"


@pytest.fixture(scope="module")
def strace() -> Strace:
    needs_strace()
    return find_strace(CALLS)


@pytest.fixture
def held() -> Iterator[signals.Held]:
    with signals.held() as here:
        yield here


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is not ours to end."""
    code = "import time\nwhile True: time.sleep(0.01)"
    with subprocess.Popen(python(code)) as process:
        yield process
        process.kill()


def test_each_call_of_a_command_is_in_its_log(strace: Strace, held: signals.Held) -> None:
    watching = WatchedCommand(strace, python(READING), held)
    log = b"".join(watching.chunks())
    assert len(re.findall(rb"pread64\(3<.*, 77, 0\) = 77", log)) == READS
    assert watching.end.exit_code == 0
    assert watching.end.interrupted_by is None
    assert 0 < watching.end.watched_s < 30


def test_the_cost_of_a_call_is_measured(strace: Strace) -> None:
    assert 1e-6 < strace.call_s < 0.01


def test_the_end_of_a_command_is_told(strace: Strace, held: signals.Held) -> None:
    def end(code: str) -> live_watching.End:
        watching = WatchedCommand(strace, ["sh", "-c", code], held)
        b"".join(watching.chunks())
        return watching.end

    assert end("exit 3").exit_code == 3
    assert end("kill -9 $$").killed_by == signal.SIGKILL


def test_a_command_has_its_own_environment_and_descriptors(
    strace: Strace, held: signals.Held, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code = f"""
import os
seen = (dict(os.environ), sorted(map(int, os.listdir("/proc/self/fd"))))
open({str(out)!r}, "w").write(repr(seen))
"""
    command = [sys.executable, "-c", code]
    environment = {b"MINE": b"1", b"PATH": b"/"}
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        run_plainly(command, held, environment=environment)
        without = out.read_text()
        b"".join(WatchedCommand(strace, command, held, environment=environment).chunks())
    finally:
        os.close(read)
        os.close(write)
    assert out.read_text() == without
    _, descriptors = ast.literal_eval(without)
    assert write in descriptors
    assert "'MINE': '1'" in without


def test_no_command_is_a_sentence(strace: Strace, held: signals.Held, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n")
    with pytest.raises(UsageError, match="no such command"):
        WatchedCommand(strace, ["no-such-command-here"], held)
    with pytest.raises(UsageError, match="cannot be executed"):
        WatchedCommand(strace, [str(plain)], held)
    plain.write_text("#!/no/such/interpreter\n")
    plain.chmod(0o755)
    watching = WatchedCommand(strace, [str(plain)], held)
    b"".join(watching.chunks())
    assert watching.end.exit_code == 1


def test_when_the_time_is_over_the_command_gets_sigterm(strace: Strace, held: signals.Held) -> None:
    watching = WatchedCommand(strace, python(SLEEPING), held, seconds=0.3)
    b"".join(watching.chunks())
    assert watching.end.time_is_over
    assert watching.end.killed_by == signal.SIGTERM


def test_what_ignores_sigterm_is_killed_with_all_that_it_started(
    strace: Strace, held: signals.Held, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(live_watching, "PATIENCE_S", 0.3)
    mark = tmp_path / "pid"
    code = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); pid = os.fork()\n"
        f"if pid: open({str(mark)!r}, 'w').write(str(pid))\n"
        "time.sleep(60)"
    )
    watching = WatchedCommand(strace, python(code), held, seconds=60)

    def end() -> None:
        """The time is over when it ignores that, and not before."""
        wait_until(lambda: mark.exists() and mark.read_text() != "")
        watching._seconds = 0

    thread = threading.Thread(target=end)
    thread.start()
    b"".join(watching.chunks())
    thread.join()
    assert watching.end.killed_by == signal.SIGKILL
    assert state_of(int(mark.read_text())) in ("", "Z"), "ended, and perhaps not waited for"


@pytest.mark.parametrize("looks_late", [False, True])
def test_what_a_command_leaves_running_is_watched_until_ctrl_c(
    strace: Strace, held: signals.Held, monkeypatch: pytest.MonkeyPatch, looks_late: bool
) -> None:
    """Also where it has ended before anybody looked for it."""
    find, begin_s = WatchedCommand._find_main, time.monotonic() + (0.5 if looks_late else 0)
    monkeypatch.setattr(
        WatchedCommand,
        "_find_main",
        lambda watching: find(watching) if time.monotonic() > begin_s else None,
    )
    monkeypatch.setattr(live_watching, "LINGERING_S", 0.1)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        os.kill(os.getpid(), signal.SIGINT)

    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(60)"
    watching = WatchedCommand(strace, python(daemon), held, say)
    b"".join(watching.chunks())
    assert watching.end.exit_code == 0
    assert watching.end.interrupted_by == signal.SIGINT
    assert any("the command has ended" in text for text in said)


def test_ctrl_c_reaches_the_command_once_and_ends_nothing_else(
    strace: Strace, held: signals.Held, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(live_watching, "has_terminal", lambda: False)
    ready, count = tmp_path / "ready", tmp_path / "count"
    code = f"""
import signal, time, pathlib
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
pathlib.Path({str(ready)!r}).touch()
while not seen: time.sleep(0.01)
time.sleep(0.2)
pathlib.Path({str(count)!r}).write_text(str(len(seen)))
raise SystemExit(7)
"""

    watching = WatchedCommand(strace, python(code), held)

    def interrupt() -> None:
        wait_until(lambda: ready.exists() and watching._main is not None)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    b"".join(watching.chunks())
    thread.join()
    assert watching.end.exit_code == 7
    assert watching.end.interrupted_by == signal.SIGINT
    assert count.read_text() == "1"


def test_an_error_here_ends_the_command(strace: Strace, held: signals.Held) -> None:
    watching = WatchedCommand(strace, python("import time\nwhile True: time.sleep(0.01)"), held)

    def fail() -> None:
        with watching.stream() as stream:
            assert stream.read1(10)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert watching.end.killed_by == signal.SIGKILL


def test_a_process_that_runs_is_watched_and_left_running(
    strace: Strace, held: signals.Held, sleeper: subprocess.Popen[bytes]
) -> None:
    # From the start of strace, which may need much of it where ten others want the CPU.
    watching = WatchedProcess(strace, sleeper.pid, held, seconds=1)
    log = b"".join(watching.chunks())
    assert b"nanosleep(" in log
    assert watching.end.time_is_over
    assert sleeper.poll() is None
    status = Path(f"/proc/{sleeper.pid}/status").read_text()
    assert "TracerPid:\t0\n" in status
    assert not re.search(r"^State:\s+[Tt]", status, re.MULTILINE)


def test_what_cannot_be_attached_to_is_a_sentence(
    strace: Strace, held: signals.Held, sleeper: subprocess.Popen[bytes]
) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    for pid, complaint in [(gone.pid, "no such process"), (os.getpid(), "iomodels itself")]:
        with pytest.raises(UsageError, match=complaint):
            WatchedProcess(strace, pid, held)
    first = WatchedProcess(strace, sleeper.pid, held, seconds=30)
    with first.stream() as stream:
        assert stream.read1(10)
        with pytest.raises(UsageError, match="another program traces it"):
            WatchedProcess(strace, sleeper.pid, held)
    assert sleeper.poll() is None


def test_the_time_without_strace_is_that_of_the_command(held: signals.Held) -> None:
    assert 0.2 <= run_plainly(python("import time; time.sleep(0.2)"), held) < 5


@pytest.mark.parametrize(
    ("scope", "remedy"),
    [
        ("0", "--cap-add SYS_PTRACE"),
        ("1", "sysctl kernel.yama.ptrace_scope=0"),
        ("3", "until the next boot"),
    ],
)
def test_where_tracing_is_not_allowed_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scope: str, remedy: str
) -> None:
    (tmp_path / "scope").write_text(scope)
    monkeypatch.setattr(live_strace, "_SCOPE", tmp_path / "scope")
    said = "strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted"
    assert remedy in why_not(said)


def test_without_a_strace_that_works_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NothingSeen, match="apt install strace"):
        find_strace(CALLS)
    refused = tmp_path / "strace"
    refused.write_text(
        "#!/bin/sh\necho 'ptrace(PTRACE_TRACEME): Operation not permitted' >&2\nexit 1\n"
    )
    refused.chmod(0o755)
    with pytest.raises(NothingSeen, match="ptrace is not permitted"):
        find_strace(CALLS)


def test_a_strace_without_the_filter_is_used_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, strace: Strace
) -> None:
    old = tmp_path / "strace"
    old.write_text(
        "#!/bin/sh\n"
        'for word; do [ "$word" = --seccomp-bpf ] && echo unrecognized option >&2 && exit 1; done\n'
        f'exec {strace.path} "$@"\n'
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = find_strace(CALLS)
    assert not found.has_seccomp
    assert "--seccomp-bpf" not in found.command("log")


def test_threads_of_a_process_that_runs_already_are_of_one_program(
    strace: Strace, held: signals.Held, tmp_path: Path
) -> None:
    (tmp_path / "data").write_bytes(b"x" * (1 << 20))
    code = f"""
import os, threading
data = os.open({str(tmp_path / "data")!r}, os.O_RDONLY)
def work(number):
    while True:
        for block in range(number, 256, 3):
            os.pread(data, 4096, block * 4096)
def begin(number):
    threading.Thread(target=work, args=[number], daemon=True).start()
begin(0)
input()
begin(1), begin(2)
print(flush=True)
threading.Event().wait()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as reader:
        try:
            watching = WatchedProcess(strace, reader.pid, held, seconds=0.5)
            assert reader.stdout is not None
            assert reader.stdin is not None
            reader.stdin.write(b"begin two more, before strace is there\n")
            reader.stdin.flush()
            reader.stdout.readline()
            works = observed(watching, strace).observation.works
        finally:
            reader.kill()
    assert [(work.kind, work.threads) for work in works] == [("file", 3)]
