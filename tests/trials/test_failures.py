"""What a user can do wrong, or a machine refuse: one sentence with a remedy, the right exit code,
no traceback, nothing lost. Each with the real thing: real limits, a real full file system."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iomodels import bench
from iomodels.analysis import assembled
from iomodels.base.errors import NothingMeasured
from iomodels.machine import storage
from iomodels.results import read

from ..fresh import run_iomodels, running_iomodels

QUICK = ["--quick", "-r", "1", "-d", "0.05"]
SECCOMP = str(Path(__file__).parents[1] / "seccomp.py")
TIMERFD_CREATE = {"x86_64": 283, "aarch64": 85}


def iomodels(
    *arguments: str, cwd: Path, limits: dict[int, int] | None = None, prefix: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        for name, value in (limits or {}).items():
            resource.setrlimit(name, (value, value))

    if not limits and not prefix:
        return run_iomodels(*arguments, cwd=cwd)
    return subprocess.run(
        [*prefix, sys.executable, "-m", "iomodels", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=limit if limits else None,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in done.stderr + done.stdout
    return " ".join(done.stderr.split())


def test_too_few_descriptors_is_a_failed_cell_with_the_remedy(tmp_path: Path) -> None:
    done = iomodels(
        "bench",
        "slow-device",
        "-e",
        "select",
        "-s",
        "load.depth=64",
        *QUICK,
        "-o",
        "r.json",
        cwd=tmp_path,
        limits={resource.RLIMIT_NOFILE: 40},
    )
    assert done.returncode == 3
    assert "too few file descriptors" in said(done)
    assert "ulimit -n" in said(done)
    assert list(tmp_path.iterdir()) == [], "a result file of a run that measured nothing"


def test_one_failed_cell_leaves_the_others_and_exits_with_1(tmp_path: Path) -> None:
    done = iomodels(
        "bench",
        "slow-device",
        "-e",
        "select",
        "-s",
        "load.depth=2,64",
        *QUICK,
        "-o",
        "r.json",
        cwd=tmp_path,
        limits={resource.RLIMIT_NOFILE: 40},
    )
    assert done.returncode == 1, said(done)
    statuses = [c.status for c in read.load(tmp_path / "r.json").cells if c.engine == "select"]
    assert statuses == ["ok", "failed"]


@pytest.mark.skipif(
    platform.machine() not in TIMERFD_CREATE, reason="the system call's number is not known here"
)
def test_a_missing_system_call_is_named(tmp_path: Path) -> None:
    deny = (sys.executable, SECCOMP, str(TIMERFD_CREATE[platform.machine()]))
    done = iomodels("bench", "slow-device", *QUICK, cwd=tmp_path, prefix=deny)
    assert done.returncode == 3
    assert "timerfd_create" in said(done)
    assert "seccomp" in said(done)


def test_an_existing_output_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("precious")
    done = iomodels("bench", "slow-device", *QUICK, "-o", str(path), cwd=tmp_path)
    assert done.returncode == 2
    assert "--force" in said(done)
    assert path.read_text() == "precious"
    assert "trials" not in said(done)


def test_a_missing_folder_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    done = iomodels("bench", "slow-device", *QUICK, "-o", "no/where/r.json", cwd=tmp_path)
    assert done.returncode == 2
    assert "no/where" in said(done)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs needs privileges that this process lacks")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_for_the_data_file_is_a_failed_cell(small_disk: Path) -> None:
    done = iomodels(
        "bench",
        "cached-read",
        "-s",
        f"channel.folder={small_disk}",
        *QUICK,
        "-o",
        "r.json",
        cwd=small_disk.parent,
    )
    assert done.returncode == 3
    assert "No space left on device" in said(done)
    assert "smaller channel.size" in said(done)
    assert list(small_disk.iterdir()) == []


def test_a_data_file_for_which_there_is_no_room_is_not_begun(small_disk: Path) -> None:
    """Both sizes are named; what free space there is, only the look beforehand says."""
    with pytest.raises(NothingMeasured) as caught:
        bench("cached-read", settings={"channel.folder": [str(small_disk)]}, rounds=1)
    assert re.search(
        r"no data file of 64 MiB could be made in channel.folder: No space left on device, "
        r"[\d.]+ [KM]iB are free there; choose",
        str(caught.value),
    )


def test_direct_io_on_a_tmpfs_is_not_applicable(small_disk: Path) -> None:
    done = iomodels(
        "bench",
        "direct-read",
        "-s",
        f"channel.folder={small_disk}",
        "-s",
        "channel.size=64 KiB",
        *QUICK,
        "--json",
        cwd=small_disk.parent,
    )
    assert done.returncode == 3
    assert "there is no device" in said(done)


def test_a_disk_that_is_full_at_the_end_loses_nothing(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(244 * 1024))
    few = ("bench", "slow-device", "-e", "blocking,select")
    done = iomodels(*few, *QUICK, "-r", "4", "-o", "r.json", cwd=small_disk)
    assert done.returncode == 5, said(done)
    assert "cannot write r.json" in said(done)
    assert re.search(r"; the first \d+ trials are kept in r\.json\.partial$", said(done).strip())
    assert "measuring goes on, in memory" in " ".join(said(done).split())
    assert "ops/s" in done.stdout, "the table is there all the same"
    assert not (small_disk / "r.json").exists()
    kept = assembled.load(small_disk / "r.json.partial")
    assert any(cell.trials for cell in kept.cells)


def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a read-only tmpfs needs privileges that this process lacks")
    try:
        done = iomodels("bench", "slow-device", *QUICK, "-o", str(folder / "r.json"), cwd=tmp_path)
        data = iomodels(
            "bench", "cached-read", "-s", f"channel.folder={folder}", *QUICK, cwd=tmp_path
        )
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    assert done.returncode == 2
    assert "Read-only" in said(done) or "read-only" in said(done)
    assert data.returncode == 2
    assert f"channel.folder is {folder}, where" in said(data)
    assert "Read-only file system" in said(data)


def test_json_goes_to_standard_output_and_nothing_else(tmp_path: Path) -> None:
    done = iomodels("bench", "slow-device", "-e", "blocking", *QUICK, "--json", cwd=tmp_path)
    assert done.returncode == 0, said(done)
    assert json.loads(done.stdout)["schema"] == "iomodels.run/1"
    assert list(tmp_path.iterdir()) == []


ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", ENDING, ids=lambda n: n.name)
def test_an_interrupt_saves_what_there_is_and_leaves_no_process(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "iomodels", "bench", "slow-device", "-e", "blocking"]
        + ["-r", "1000", "-d", "0.05", "--warmup", "0", "-o", "r.json"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    partial = tmp_path / "r.json.partial"
    with process:
        wait_until(lambda: lines_in(partial) >= 4 or process.poll() is not None)
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    assert "result: r.json" in errors
    cell = next(c for c in read.load(tmp_path / "r.json").cells if c.engine == "blocking")
    assert cell.status == "partial"
    assert cell.trials
    assert not partial.exists()
    # A child that was just being started ends with its parent: at once, but not before it.
    wait_until(lambda: not processes_in_session(process.pid), timeout_s=2)


def test_an_interrupt_before_anything_is_measured_leaves_no_file(tmp_path: Path) -> None:
    words = ("slow-device", "-e", "blocking", "-d", "60", "-o", "r.json")
    with running_iomodels("bench", *words, cwd=tmp_path) as process:
        process.wait_until((tmp_path / "r.json.partial").exists)
        process.send_signal(signal.SIGINT)
        assert (process.wait(), process.stdout) == (130, "")
        errors = process.stderr
    assert errors.endswith("interrupted before anything was measured: there is no result\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", ENDING, ids=lambda n: n.name)
def test_an_interrupt_while_the_data_file_is_made_ends_at_once(
    tmp_path: Path, number: signal.Signals
) -> None:
    """And the file is gone: it has no name, and its room on the disk is given back."""
    size = 2 << 30
    words = ("-s", f"channel.size={size} B", "-s", f"channel.folder={tmp_path}", "-o", "r.json")
    begun: list[Path] = []

    def is_begun() -> bool:
        begun[:] = nameless(process.pid, larger_than=50 << 20)
        return bool(begun)

    with running_iomodels(
        "bench", "cached-read", "-e", "blocking", *words, cwd=tmp_path
    ) as process:
        process.wait_until(is_begun)
        with begun[0].open("rb") as made:
            process.send_signal(number)
            assert process.wait() == 128 + number, process.stderr
            assert os.fstat(made.fileno()).st_size < size, "the rest of it was made first"
        assert "Traceback" not in process.stderr
    assert list(tmp_path.iterdir()) == []


def nameless(pid: int, larger_than: int) -> Iterator[Path]:
    """The open files of the process that have no name, and more bytes than this."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if str(link.readlink()).endswith("(deleted)") and link.stat().st_size > larger_than:
                yield link


def lines_in(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def wait_until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def processes_in_session(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == session:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found


def test_files_on_two_file_systems_are_refused_together(tmp_path: Path) -> None:
    """A result names one file system, and all of its cells would be compared with that."""
    if storage.file_system_of(Path("/dev/shm")) == storage.file_system_of(Path("/var/tmp")):
        pytest.skip("/dev/shm and /var/tmp are one file system here")
    for name, folder in (("one", "/var/tmp"), ("two", "/dev/shm")):
        text = 'title = "A"\nquestion = "?"\n[channel]\nkind = "file"\nsize = "64 KiB"\n'
        text += f'folder = "{folder}"\n'
        (tmp_path / f"{name}.toml").write_text(text)
    done = iomodels("bench", "one.toml", "two.toml", *QUICK, cwd=tmp_path)
    assert done.returncode == 2
    assert "files on several file systems (one on " in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert iomodels("bench", "two.toml", *QUICK, cwd=tmp_path).returncode == 0
