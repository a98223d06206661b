"""The pairs of an A/B are kept as they end, each arm's as a run that can be read."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iomodels.analysis.assembled import load

from ..fresh import run_iomodels

ASKED = ("check", "slow-device", "-e", "blocking", "--a", "channel.service=200 us")
ASKED += ("--b", "load.depth=1")

BRIEF = ("--threshold", "90%", "--budget", "4s")  # hardly more than the first pairs


def trials(folder: Path) -> list[int]:
    return [file.read_bytes().count(b'"trial":') for file in folder.glob("*.partial")]


@pytest.fixture
def measuring(tmp_path):
    """An A/B of which three pairs are kept."""
    with subprocess.Popen(
        [sys.executable, "-m", "iomodels", *ASKED, "-r", "500"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            deadline = time.monotonic() + 40
            while min(trials(tmp_path / "results"), default=0) < 3:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_what_is_left_of_each_arm_can_be_read(tmp_path, measuring, number) -> None:
    measuring.send_signal(number)
    _, said = measuring.communicate(timeout=60)
    a, b = sorted((tmp_path / "results").glob("*.partial"))  # beside the comparison
    assert a.name.endswith("-a.json.partial")
    runs = [load(file) for file in (a, b)]
    assert [run.cells[0].parameters["channel.service"] for run in runs] == [200_000, 100_000]
    rounds = [[trial.round for trial in run.cells[0].trials] for run in runs]
    assert rounds[1] == rounds[0][: len(rounds[1])]
    assert len(rounds[1]) >= 3
    compared = run_iomodels("compare", str(a), str(b), cwd=tmp_path)
    # The arms differ in a key, so they have no cell in common, and it is said which key.
    assert compared.returncode == 3, compared.stderr
    assert "channel.service" in compared.stdout + compared.stderr
    refused = run_iomodels("bench", "--resume", str(a), cwd=tmp_path)
    assert refused.returncode == 2
    assert "one arm of an interrupted A/B" in " ".join(refused.stderr.split())
    if number == signal.SIGHUP:
        assert measuring.returncode == 129
        assert f"kept: results/{a.name}" in said


def test_nothing_stays_of_one_that_ended(tmp_path) -> None:
    done = run_iomodels(*ASKED, "-r", "10", *BRIEF, cwd=tmp_path)
    assert done.returncode in (0, 1, 4), done.stderr
    (comparison,) = (tmp_path / "results").iterdir()
    assert f"comparison: results/{comparison.name}" in done.stderr


def test_where_nothing_can_be_kept_it_measures_all_the_same(tmp_path) -> None:
    (tmp_path / "results").write_text("no folder")
    done = run_iomodels(*ASKED, "-r", "10", *BRIEF, cwd=tmp_path)
    assert done.returncode in (0, 1, 4), done.stderr
    assert "measuring goes on, in memory" in " ".join(done.stderr.split())
    assert "slow-device" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
