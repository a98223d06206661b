"""What `bench` measured is never lost: to a signal, a stream, a disk, a folder, a fault of ours."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from ..processes import children
from .running import cli, command_line, environment

__all__ = ["cli"]
load = import_module("iomodels").load
MANY = ("-e", "blocking", "-r", "1000", "-d", "0.02", "--warmup", "0")
FEW = ("-e", "blocking", "-r", "2", "-d", "0.05", "--warmup", "0")
SLOW_DISK = ("strace", "-f", "-o", "/dev/null", "-e", "trace=fsync")
SLOW_DISK += ("-e", "inject=fsync:delay_enter=1000000")


@contextmanager
def started(
    *arguments: str, folder: Path, before: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    """`bench`, which is killed where the test fails."""
    with subprocess.Popen(
        [*before, *command_line("bench", "slow-device", *arguments)],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition, process) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def trials_in(path: Path) -> int:
    return path.read_bytes().count(b'"trial":') if path.exists() else 0


@pytest.mark.skipif(
    not shutil.which("strace"), reason="strace, which makes the disk slow, is missing"
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("first", [None, signal.SIGINT], ids=["complete", "interrupted"])
def test_a_signal_waits_while_the_result_is_saved(tmp_path, number, first) -> None:
    amount = FEW if first is None else MANY
    asked = (*amount, "-o", "r.json", "--export", "csv=r.csv")
    with started(*asked, folder=tmp_path, before=SLOW_DISK) as process:
        wait_until(lambda: trials_in(tmp_path / "r.json.partial") >= 3, process)
        (pid,) = children(process.pid)  # that of strace
        if first is not None:
            os.kill(pid, first)
        wait_until(lambda: any(tmp_path.glob(".iomodels*.tmp")), process)
        os.kill(pid, number)
        shown, said = process.communicate(timeout=60)
    assert process.returncode == 128 + (first or number), said
    assert load(tmp_path / "r.json").cells[0].trials
    assert (tmp_path / "r.csv").read_text().startswith("scenario,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.csv", "r.json"]
    assert "ops/s" in shown
    assert "result: r.json" in said
    assert "Traceback" not in said


def test_nobody_reads_standard_error_any_more(tmp_path) -> None:
    """The measuring, the result and the table are what somebody waits for."""
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        command_line("bench", "slow-device", *FEW, "-o", "r.json"),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=theirs, text=True,
    )  # fmt: skip
    os.close(theirs)
    assert done.returncode == 5
    assert "ops/s" in done.stdout
    assert load(tmp_path / "r.json").cells[0].status == "ok"


@pytest.mark.parametrize("output", [(), ("-o", "out/r.json")])
def test_the_folder_is_removed_while_it_measures(tmp_path, output) -> None:
    folder = tmp_path / ("out" if output else "results")
    if output:
        folder.mkdir()
    asked = ("-r", "20", "-e", "blocking", "-d", "0.05", *output)
    with started(*asked, folder=tmp_path) as process:
        wait_until(lambda: any(map(trials_in, folder.glob("*.partial"))), process)
        shutil.rmtree(folder)
        shown, said = process.communicate(timeout=60)
    assert process.returncode == 5, said
    assert "ops/s" in shown
    assert "20 rounds" in shown or "partial" not in shown, "all of it was measured"
    assert "measuring goes on, in memory" in " ".join(said.split())
    assert said.splitlines()[-1].startswith("iomodels: cannot write ")
    assert "Traceback" not in said


CLOSED = [("bench", "slow-device", *FEW, "-o", "r.json"), ("doctor",), ("scenarios",), ("engines",)]
CLOSED += [("engines", "--json"), ("--help",), ("--version",), ("scenarios", "slow-device")]


@pytest.mark.parametrize("arguments", CLOSED, ids=" ".join)
def test_standard_output_is_closed(tmp_path, arguments) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command_line(*arguments)],
        cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert done.returncode == 5, done.stderr
    assert done.stderr.splitlines()[-1] == (
        "iomodels: standard output is closed: send it to a file or a pipe"
    )
    assert "Traceback" not in done.stderr
    if "-o" in arguments:
        assert load(tmp_path / "r.json").cells[0].status == "ok"


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-"])
def test_standard_error_is_closed(tmp_path, closed) -> None:
    """Nobody wants to be told, which is no fault; and no file gets what would be."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", "-c", f'exec "$@" {closed}', "sh", *command_line(*arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
        )

    done = run("bench", "slow-device", *FEW, "-o", "r.json")
    assert done.returncode == 0
    assert "ops/s" in done.stdout
    assert load(tmp_path / "r.json").cells[0].status == "ok"
    assert run("bench", "nosuch").returncode == 2


def test_a_stream_that_somebody_made_non_blocking_is_waited_for(tmp_path) -> None:
    """A terminal or a pipe shared with a program that did, such as ssh."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with subprocess.Popen(command_line("scenarios", "--json"), stdout=theirs) as process:
        os.close(theirs)
        with open(ours, "rb") as reader:
            assert reader.read().endswith(b"\n")
    assert process.returncode == 0


CRASHING = """
import sys
from iomodels.cli import bench, main
from iomodels.measure import runner
{fault}
main.main(["bench", "slow-device", "-e", "blocking", "-r", "2", "-d", "0.02", "-o", "r.json"])
"""
WHILE_MEASURING = """
def crash(*_, **__): raise ZeroDivisionError("a fault\\nof ours")
runner.notices.of_cells = crash
"""
WHILE_SHOWING = """
def crash(*_, **__): raise ZeroDivisionError("a fault\\nof ours")
bench._show = crash
"""


@pytest.mark.parametrize(
    ("fault", "kept"), [(WHILE_MEASURING, "r.json.partial"), (WHILE_SHOWING, "r.json")]
)
def test_an_unforeseen_fault_is_one_sentence_and_says_where_the_trials_are(
    tmp_path, fault, kept
) -> None:
    command = [sys.executable, "-c", CRASHING.format(fault=fault)]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 70
    last = done.stderr.splitlines()[-1]
    assert last.startswith("iomodels: internal error: ZeroDivisionError: a fault of ours (")
    assert last.endswith(f"kept in {kept}" if "partial" in kept else f"measured is in {kept}")
    assert "Traceback" not in done.stderr
    assert any(cell.trials for cell in load(tmp_path / kept).cells)

    (tmp_path / kept).unlink()
    shown = subprocess.run(
        command, cwd=tmp_path, env=environment(IOMODELS_DEBUG="1"), capture_output=True, text=True
    )
    assert shown.returncode == 70
    assert "Traceback" in shown.stderr


def catches_hangups(process: subprocess.Popen[str]) -> bool:
    """Which is nothing that Python does by itself: our first line has run."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGHUP - 1) & 1)


def has_loaded(process: subprocess.Popen[str], library: str) -> bool:
    return library in Path(f"/proc/{process.pid}/maps").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("after", ["", "_core.abi3", "msgspec"])
def test_a_signal_while_modules_load_is_one_line(tmp_path, number, after) -> None:
    with started("--rounds", "1000", folder=tmp_path) as process:
        wait_until(lambda: catches_hangups(process) and has_loaded(process, after), process)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert "Traceback" not in said
    assert process.returncode == 128 + number


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (("chart", "r.json", "-o", "out", "--format", "svg"), 2),
        (("trace", "blocking", "-n", "1", "-o", "out", "--format", "svg"), 2),
    ],
)
def test_files_are_written_though_nobody_reads_their_names(cli, tmp_path, arguments, files) -> None:
    assert cli("bench", "slow-device", *FEW, "-e", "select", "-o", "r.json").returncode == 0
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command_line(*arguments),
            cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 5, done.stderr
    assert len(list((tmp_path / "out").iterdir())) >= files
    said = [line for line in done.stderr.splitlines() if line.startswith("iomodels: ")]
    assert said == [
        "iomodels: standard output cannot be written (No space left on device): send it elsewhere"
    ]
