"""`bench --resume`, and the readers of what a killed run left."""

from __future__ import annotations

import json
import signal
from importlib import import_module
from pathlib import Path

import pytest
from msgspec.structs import replace

from iomodels.results import partial, save
from iomodels.results.partial import KeptLine, PartialWriter

from ..factory import make_cell, make_run, make_trial
from ..fresh import run_iomodels, running_iomodels
from .running import QUICK, cli, interrupting, start

__all__ = ["cli", "start"]
load = import_module("iomodels").load
ASKED = ("-e", "blocking,select", "-r", "3", "-d", "0.02", "--warmup", "0", "--seed", "7")


@pytest.fixture(scope="module")
def left(tmp_path_factory) -> bytes:
    """What is left of a run that was killed after four trials."""
    folder = tmp_path_factory.mktemp("killed")
    asked = ("bench", "slow-device", *ASKED, "-o", "r.json")
    program = interrupting(signal.SIGKILL, after=4)
    with running_iomodels(*asked, cwd=folder, program=program) as process:
        assert process.wait() == -signal.SIGKILL, process.stderr
    return (folder / "r.json.partial").read_bytes()


@pytest.fixture
def killed(left, tmp_path) -> Path:
    (tmp_path / "r.json.partial").write_bytes(left)
    return tmp_path / "r.json.partial"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The same run, which nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    done = run_iomodels("bench", "slow-device", *ASKED, "-o", "whole.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return load(folder / "whole.json")


def order(run):
    return sorted((t.order, c.engine, t.round) for c in run.cells for t in c.trials)


@pytest.mark.parametrize("name", ["r.json", "r.json.partial"])
def test_it_measures_what_is_missing_in_the_same_order(cli, tmp_path, killed, whole, name) -> None:
    before = {t.order: t for cell in load(killed).cells for t in cell.trials}
    done = cli("bench", "--resume", name)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    run = load(tmp_path / "r.json")
    assert order(run) == order(whole)
    after = {t.order: t for cell in run.cells for t in cell.trials}
    assert all(after[n].started_utc == trial.started_utc for n, trial in before.items())
    assert {cell.status for cell in run.cells} == {"ok"}
    assert "continued" in {notice.code for notice in run.warnings}
    assert (run.asked, run.questions) == (whole.asked, whole.questions)

    again = cli("bench", "--resume", "r.json")
    assert again.returncode == 2
    assert again.stderr == "iomodels: r.json is complete: there is nothing to continue\n"


def test_a_result_that_ctrl_c_saved_is_continued(cli, start, tmp_path) -> None:
    asked = ("bench", "slow-device", *ASKED, "-o", "r.json")
    with start(*asked, program=interrupting(signal.SIGINT, after=4)) as process:
        assert process.wait() == 130, process.stderr
    assert "partial" in {cell.status for cell in load(tmp_path / "r.json").cells}
    assert cli("bench", "--resume", "r.json").returncode == 0
    assert {cell.status for cell in load(tmp_path / "r.json").cells} == {"ok"}


def test_every_reader_takes_what_a_killed_run_left_and_says_so(cli, tmp_path, killed) -> None:
    run = load(killed)
    assert any(cell.trials for cell in run.cells)
    (notice,) = (notice for notice in run.warnings if notice.code == "partial-file")
    assert "r.json.partial holds the" in notice.message
    assert "bench --resume continues it" in notice.message
    assert cli("report", killed.name, "-o", "page.html").returncode == 0
    assert "run that did not end" in (tmp_path / "page.html").read_text()
    assert cli("chart", killed.name, "-o", "pictures", "--format", "svg").returncode == 0
    compared = cli("compare", killed.name, killed.name)
    assert compared.returncode in (0, 4), compared.stderr
    assert "incomplete" in compared.stdout


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cpu": "Another"}, "cpu was Another, and is"),
        ({"kernel": None}, "kernel was None, and is"),
        ("version", "iomodels was 0.0.1, and is"),
        ("core", "the measured core is another one"),
    ],
)
def test_another_machine_or_version_is_refused(cli, tmp_path, killed, changed, said) -> None:
    run, lines = partial.read(killed.read_bytes(), killed)
    if isinstance(changed, dict):
        run = replace(run, environment={**run.environment, **changed})
    elif changed == "version":
        run = replace(run, tool=replace(run.tool, version="0.0.1"))
    else:
        run = replace(run, tool=replace(run.tool, core_hash="0" * 16))
    killed.unlink()
    with PartialWriter(tmp_path / "r.json", run, known=lines):
        pass
    before = killed.read_bytes()
    done = cli("bench", "--resume", "r.json")
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.startswith("iomodels: r.json.partial cannot be continued here")
    assert len(done.stderr.splitlines()) == 1
    assert killed.read_bytes() == before


@pytest.mark.parametrize(
    "also", [("slow-device",), ("-e", "aio"), ("-r", "3"), ("--seed", "0"), ("-s", "load.depth=4")]
)
def test_what_would_change_the_run_is_refused(cli, also) -> None:
    done = cli("bench", "--resume", "r.json", *also)
    assert done.returncode == 2
    assert "--resume continues a run as it was" in done.stderr


def test_hostile_settings_are_refused(cli, tmp_path) -> None:
    for settings in ({"rounds": 10**9}, {"rounds": "x"}, {}, {"rounds": 2, "duration_s": 1e300}):
        run = replace(make_run([make_cell()]), settings=settings)
        with PartialWriter(tmp_path / "r.json", run, force=True) as writer:
            writer.append(KeptLine(0, make_trial()))
        done = cli("bench", "--resume", "r.json")
        assert done.returncode == 2, settings
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_another_run_s_result_is_not_replaced(cli, tmp_path, killed) -> None:
    save.save(make_run(), tmp_path / "r.json", force=False)
    done = cli("bench", "--resume", "r.json")
    assert done.returncode == 2
    assert "another run's result" in done.stderr
    assert json.loads((tmp_path / "r.json").read_text())["seed"] == make_run().seed


def test_two_runs_of_one_second_have_two_names(start, tmp_path) -> None:
    asked = ("bench", "slow-device", "-e", "blocking", *QUICK)
    folders = import_module("iomodels.cli.shared.folders")
    with start(*asked) as one, start(*asked) as two:
        assert [process.wait() for process in (one, two)] == [0, 0]
    assert len(list((tmp_path / "results").iterdir())) == 2
    taken = tmp_path / "run.json"
    taken.with_stem("run-2").touch()
    assert folders.free_name(taken).name == "run-3.json"
