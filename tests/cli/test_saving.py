"""What `bench` measured is never lost: to a signal, a stream, a disk, a folder, a fault of ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from iomodels.results.save import save

from .. import chart_runs
from ..processes import wait_until
from .running import command_line, environment, start, trials_in

__all__ = ["start"]
load = import_module("iomodels").load
MANY = ("-e", "blocking", "-r", "1000", "-d", "0.02", "--warmup", "0")
FEW = ("-e", "blocking", "-r", "2", "-d", "0.02", "--warmup", "0")
SLOW_DISK = """
import os
from iomodels.cli.start import main
real = os.fsync
def fsync(descriptor):
    os.read(0, 1)
    real(descriptor)
os.fsync = fsync
main()
"""
"""Where each fsync lasts until the other end of standard input is closed."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("first", [None, signal.SIGINT], ids=["complete", "interrupted"])
def test_a_signal_waits_while_the_result_is_saved(start, tmp_path, number, first) -> None:
    amount = FEW if first is None else MANY
    asked = ("bench", "slow-device", *amount, "-o", "r.json", "--export", "csv=r.csv")
    waited_for, disk = os.pipe()
    with start(*asked, program=SLOW_DISK, streams=(waited_for, None, None)) as process:
        os.close(waited_for)
        if first is not None:
            process.wait_until(lambda: trials_in(tmp_path / "r.json.partial") >= 3)
            process.send_signal(first)
        process.wait_until(lambda: any(tmp_path.glob(".iomodels*.tmp")))
        process.send_signal(number)
        os.close(disk)
        assert process.wait() == 128 + (first or number), process.stderr
        shown, said = process.stdout, process.stderr
    assert load(tmp_path / "r.json").cells[0].trials
    assert (tmp_path / "r.csv").read_text().startswith("scenario,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.csv", "r.json"]
    assert "ops/s" in shown
    assert "result: r.json" in said
    assert "Traceback" not in said


def test_nobody_reads_standard_error_any_more(start, tmp_path) -> None:
    """The measuring, the result and the table are what somebody waits for."""
    ours, theirs = os.pipe()
    os.close(ours)
    streams = (None, None, theirs)
    with start("bench", "slow-device", *FEW, "-o", "r.json", streams=streams) as process:
        os.close(theirs)
        assert process.wait() == 5
        assert "ops/s" in process.stdout
    assert load(tmp_path / "r.json").cells[0].status == "ok"


FOLDER_GONE = """
import shutil
from pathlib import Path
from iomodels.cli.start import main
from iomodels.results.partial import PartialWriter
real = PartialWriter.append
def append(self, line):
    real(self, line)
    PartialWriter.append = real
    (kept,) = Path().rglob("*.partial")
    shutil.rmtree(kept.parent)
PartialWriter.append = append
main()
"""
"""Once the first trial is kept."""


@pytest.mark.parametrize("output", [(), ("-o", "out/r.json")])
def test_the_folder_is_removed_while_it_measures(start, tmp_path, output) -> None:
    if output:
        (tmp_path / "out").mkdir()
    asked = ("-r", "3", "-e", "blocking", "-d", "0.02", "--warmup", "0", *output)
    with start("bench", "slow-device", *asked, program=FOLDER_GONE) as process:
        assert process.wait() == 5, process.stderr
        shown, said = process.stdout, process.stderr
    assert "ops/s" in shown
    assert "3 rounds" in shown or "partial" not in shown, "all of it was measured"
    assert "measuring goes on, in memory" in " ".join(said.split())
    assert said.splitlines()[-1].startswith("iomodels: cannot write ")
    assert "Traceback" not in said


CLOSED = [("bench", "slow-device", *FEW, "-o", "r.json"), ("doctor",), ("scenarios",), ("engines",)]
CLOSED += [("engines", "--json"), ("--help",), ("--version",), ("scenarios", "slow-device")]
WITHOUT_OUTPUT = """
import os, sys
from iomodels.cli.start import main
os.close(1)
sys.stdout = None
main()
"""
"""As Python begins when standard output is closed."""


def test_python_begins_so_when_standard_output_is_closed() -> None:
    script = "import os, sys; assert sys.stdout is None; assert os.open('/', 0) == 1"
    begun = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-S", "-c", script]
    assert subprocess.run(begun).returncode == 0


@pytest.mark.parametrize("arguments", CLOSED, ids=" ".join)
def test_standard_output_is_closed(start, tmp_path, arguments) -> None:
    with start(*arguments, program=WITHOUT_OUTPUT) as process:
        assert process.wait() == 5, process.stderr
        said = process.stderr
    assert said.splitlines()[-1] == (
        "iomodels: standard output is closed: send it to a file or a pipe"
    )
    assert "Traceback" not in said
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
    start, tmp_path, fault, kept
) -> None:
    with start(program=CRASHING.format(fault=fault)) as process:
        assert process.wait() == 70
        said = process.stderr
    last = said.splitlines()[-1]
    assert last.startswith("iomodels: internal error: ZeroDivisionError: a fault of ours (")
    assert last.endswith(f"kept in {kept}" if "partial" in kept else f"measured is in {kept}")
    assert "Traceback" not in said
    assert any(cell.trials for cell in load(tmp_path / kept).cells)

    (tmp_path / kept).unlink()
    debugged = "import os\nos.environ['IOMODELS_DEBUG'] = '1'\n" + CRASHING.format(fault=fault)
    with start(program=debugged) as process:
        assert process.wait() == 70
        assert "Traceback" in process.stderr


@contextmanager
def started(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A new Python, which is killed where the test fails."""
    with subprocess.Popen(
        command_line(*arguments),
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
    with started("bench", "slow-device", "--rounds", "1000", folder=tmp_path) as process:
        wait_until(lambda: catches_hangups(process) and has_loaded(process, after))
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
def test_files_are_written_though_nobody_reads_their_names(
    start, tmp_path, arguments, files
) -> None:
    save(chart_runs.four(rounds=2), tmp_path / "r.json", force=False)
    full = os.open("/dev/full", os.O_WRONLY)
    with start(*arguments, streams=(None, full, None)) as process:
        os.close(full)
        assert process.wait() == 5, process.stderr
        written = process.stderr
    assert len(list((tmp_path / "out").iterdir())) >= files
    said = [line for line in written.splitlines() if line.startswith("iomodels: ")]
    assert said == [
        "iomodels: standard output cannot be written (No space left on device): send it elsewhere"
    ]
