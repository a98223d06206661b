"""Workers that a launcher starts as another process: measured, watched and ended like a child."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from iomodels.base.errors import ArmError, Paused, TrialError
from iomodels.trials import child as trials_child
from iomodels.trials import worker
from iomodels.trials.child import Child
from iomodels.trials.launch import Launch, find_launch
from iomodels.trials.preparation import Preparation
from iomodels.trials.record import Record, new_record
from iomodels.trials.starting import forking

from ..check.test_arm import make_python
from ..planned import planned
from ..processes import children
from .launchers import FORKING, MARK, await_none, marked, prefix_of
from .test_trial import leaves_no_child_and_no_descriptor

__all__ = ["leaves_no_child_and_no_descriptor"]  # a fixture that every test here has


@pytest.fixture
def mark() -> Iterator[str]:
    """In the environment of all that a test starts, of which nothing may be left."""
    one = uuid.uuid4().hex
    yield one
    await_none(one)


def launch_of(name: str, mark: str) -> Launch:
    return find_launch(None, prefix_of(name), {MARK: mark})


@contextmanager
def started(
    launch: Launch, duration_s: float = 0.05, **settings: str
) -> Iterator[tuple[Child, Record]]:
    made, one = planned("slow-device", "blocking", duration_s=duration_s, **settings)
    with (
        Preparation(made.seed) as preparation,
        preparation.command(one) as command,
        new_record() as record,
        Child(command, record, launch) as child,
    ):
        child.open()
        yield child, record


def worker_of(mark: str) -> int:
    """The one that runs Python; those before it are its launchers."""
    (one,) = [
        pid for pid in marked(mark) if Path(f"/proc/{pid}/exe").readlink().name.startswith("python")
    ]
    return one


@pytest.mark.parametrize("name", FORKING)
def test_a_worker_behind_a_launcher_measures_and_leaves_nothing(name: str, mark: str) -> None:
    launch = launch_of(name, mark)
    assert launch.forks
    with started(launch) as (child, record):
        assert worker_of(mark) not in children(os.getpid())
        child.run_slice(0.05, lambda operations: None)
        child.close()
        assert record.field("window_operations") > 0
        assert record.field("window_user_ns") + record.field("window_system_ns") > 0


def test_a_launcher_that_becomes_the_worker_is_no_fork(mark: str) -> None:
    assert not find_launch(None, ("/usr/bin/env",), {MARK: mark}).forks


@pytest.mark.parametrize("name", ["another-session", "pid-namespace", "bubblewrap", "two"])
def test_a_hung_worker_is_killed_and_its_launcher_with_it(
    name: str, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials_child, "ANSWER_TIMEOUT_S", 0.3)
    with started(launch_of(name, mark), channel__service="10 min") as (child, _):
        assert worker_of(mark)
        with pytest.raises(TrialError, match=r"hung: no answer for 0\.[34] s"):
            child.run_slice(0.05, lambda operations: None)
    assert marked(mark) == []


@pytest.mark.parametrize("name", FORKING)
def test_the_end_of_a_worker_is_noticed_at_once(name: str, mark: str) -> None:
    ended = r"the trial's process (was ended by|ended early with)"
    with started(launch_of(name, mark)) as (child, _), pytest.raises(TrialError, match=ended):
        child.run_slice(60, kill_once(lambda: worker_of(mark)))


def kill_once(pid: Callable[[], int]) -> Callable[[int], None]:
    return lambda operations: os.kill(pid(), signal.SIGKILL)


def test_it_is_noticed_though_the_launcher_keeps_the_output_open(
    mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials_child, "END_TIMEOUT_S", 0.2)
    launch = find_launch(None, ("/bin/sh", "-c", '"$@"; sleep 300', "-"), {MARK: mark})
    begun_s = time.monotonic()
    with started(launch) as (child, _), pytest.raises(TrialError, match="said nothing more"):
        child.run_slice(60, kill_once(lambda: worker_of(mark)))
    assert time.monotonic() - begun_s < 30


def test_what_a_launcher_leaves_behind_ends_with_it(mark: str) -> None:
    launch = find_launch(None, ("/bin/sh", "-c", 'sleep 300 & "$@"; exit $?', "-"), {MARK: mark})
    with started(launch) as (child, _):
        child.run_slice(0.05, lambda operations: None)
        child.close()
    await_none(mark)


@pytest.mark.parametrize("name", ["shell", "pid-namespace"])
def test_a_stopped_worker_voids_the_trial(name: str, mark: str) -> None:
    with started(launch_of(name, mark)) as (child, _):
        pid, stopped_s = worker_of(mark), 0.0

        def stop_and_go_on(operations: int) -> None:
            nonlocal stopped_s
            if not stopped_s:
                stopped_s = time.monotonic()
                os.kill(pid, signal.SIGSTOP)
            elif time.monotonic() > stopped_s + 0.5:
                os.kill(pid, signal.SIGCONT)

        with pytest.raises(Paused, match="did not run for"):
            child.run_slice(1, stop_and_go_on)


def test_a_launcher_that_says_more_than_anybody_reads_is_no_hang(mark: str) -> None:
    """No line ends, and it never stops."""
    with pytest.raises(ArmError, match=r"does not start a Python|did not start Python"):
        find_launch(None, ("/bin/sh", "-c", "head -c 9000000 /dev/zero", "-"), {MARK: mark})


def test_where_no_socket_can_be_had_it_is_a_sentence(
    mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(forking.socket, "socketpair", refused)
    with pytest.raises(ArmError, match=r"Operation not permitted.*seccomp profile"):
        find_launch(None, (), {MARK: mark})


# The whole command


def begun(mark: str, name: str, folder: Path) -> subprocess.Popen[str]:
    """An A/B that measures for a minute, once a worker runs behind the launcher."""
    prefix = " ".join(f"'{word}'" for word in prefix_of(name))
    command = [sys.executable, "-P", "-m", "iomodels", "check", "slow-device", "-e", "blocking"]
    process = subprocess.Popen(
        [*command, "-r", "400", "--b", f"prefix={prefix}"],
        env=os.environ | {MARK: mark},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (folder / "results").exists() or len(marked(mark)) < 4:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("shell", signal.SIGINT),
        ("pid-namespace", signal.SIGTERM),
        ("shell", signal.SIGKILL),
        ("another-session", signal.SIGKILL),
        ("pid-namespace", signal.SIGKILL),
    ],
)
def test_whatever_ends_the_command_leaves_no_process(
    name: str, number: signal.Signals, mark: str, tmp_path: Path
) -> None:
    with begun(mark, name, tmp_path) as process:
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    await_none(mark)


# What is refused before anything is measured


CLOSES = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ((sys.executable, "-c", CLOSES), "does not hand on open files.*--allow container"),
        (("/bin/sh", "-c", '"$@" | cat', "-"), "cannot be seen from here"),
        (("/usr/bin/setsid",), "ends before what it starts"),
        (("/bin/sh", "-c", 'echo hello; "$@"', "-"), "writes to standard output itself"),
        (("/bin/false",), "does not start a Python that has iomodels.*--allow container"),
    ],
)
def test_a_launcher_that_cannot_be_used_is_refused_with_what_to_do(
    prefix: tuple[str, ...], words: str, mark: str
) -> None:
    with pytest.raises(ArmError, match=words) as caught:
        find_launch(None, prefix, {MARK: mark})
    assert "\n" not in str(caught.value)


def test_a_worker_of_an_older_version_is_refused_behind_a_launcher(
    tmp_path: Path, mark: str
) -> None:
    python = make_python(tmp_path / "old", "0.9")
    home = next((tmp_path / "old").glob("lib/python*/site-packages/iomodels/trials/worker.py"))
    home.write_text(Path(worker.__file__ or "").read_text().replace("ANY_PARENT", "_ANY_PARENT"))
    assert find_launch(str(python), (), {MARK: mark}).installation.version == "0.9"
    with pytest.raises(ArmError, match=r"which iomodels 0\.9 does not support"):
        find_launch(str(python), prefix_of("shell"), {MARK: mark})


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LD_PRELOAD": "/no/such.so"}, "'/no/such.so' is not loaded into the trial's Python"),
        ({"LD_PRELOAD": "/etc/passwd"}, "'/etc/passwd' is not loaded"),
        ({"LD_PRELOAD": "libm.so.6:nosuch.so"}, "'nosuch.so' is not loaded"),
        ({"LD_LIBRARY_PATH": "/usr/lib:/no/such"}, "there is no folder '/no/such'"),
    ],
)
def test_what_the_loader_would_ignore_in_silence_is_refused(
    environment: Mapping[str, str], words: str, mark: str
) -> None:
    with pytest.raises(ArmError, match=words):
        find_launch(None, (), {**environment, MARK: mark})


def test_a_library_of_another_architecture_is_refused(tmp_path: Path, mark: str) -> None:
    """The right header, and the other class: as a library of 32 bits is."""
    found = Path(f"/proc/{os.getpid()}/exe").read_bytes()
    other = tmp_path / "other.so"
    other.write_bytes(found[:4] + bytes([3 - found[4]]) + found[5:])
    with pytest.raises(ArmError, match=r"other\.so' is not loaded into the trial's Python"):
        find_launch(None, (), {"LD_PRELOAD": str(other), MARK: mark})


def test_a_prefix_that_takes_the_library_away_again_is_noticed(mark: str) -> None:
    library = built_library()
    asked = {"LD_PRELOAD": str(library), MARK: mark}
    assert not find_launch(None, (), asked).forks
    with pytest.raises(ArmError, match="is not loaded into the trial's Python"):
        find_launch(None, ("/usr/bin/env", "-u", "LD_PRELOAD"), asked)


def built_library() -> Path:
    """A real one that Python itself does not have: of those that every system has, any."""
    mapped = Path("/proc/self/maps").read_text()
    for folder in map(Path, ("/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/lib")):
        for name in ("libutil.so.1", "libanl.so.1", "libnss_files.so.2"):
            if (folder / name).exists() and name not in mapped:
                return folder / name
    pytest.skip("no small library of the C library was found to preload")


def test_the_numbers_of_a_process_in_its_namespaces() -> None:
    me = os.getpid()
    assert forking.own_number(me) == me
    assert forking.is_behind(me, os.getppid())
    assert not forking.is_behind(os.getppid(), me)
    assert forking.state_of(me) == "R"
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert (forking.own_number(gone.pid), forking.state_of(gone.pid)) == (None, "")
