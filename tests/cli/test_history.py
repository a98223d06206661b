"""A history from the command line: `bench --append`, `check --record` and `--last`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from iomodels.analysis import assembled
from iomodels.results import save
from iomodels.results.schema import ARM, Run

from ..factory import make_cell, make_run, make_trial
from ..fresh import run_iomodels
from .running import QUICK, cli, interrupting, start

__all__ = ["cli", "start"]

BENCH = ("bench", "slow-device", "-e", "blocking", *QUICK)


def runs_in(folder: Path) -> list[Run]:
    return [assembled.load(path) for path in sorted(folder.iterdir())]


def recorded(folder: Path, day: int, **others: object) -> None:
    """A run of a day in January, of a cell that is not measured."""
    folder.mkdir(exist_ok=True)
    run = make_run([make_cell()], created_utc=f"2026-01-{day:02}T00:00:00Z", seed=day)
    save.save(replace(run, **others), folder / f"{day:02}.json", force=False)


def test_append_makes_the_folder_and_adds_a_small_file_named_by_the_time(cli, tmp_path) -> None:
    for _ in range(2):
        done = cli(*BENCH, "--append", "of/here")
        assert done.returncode == 0, done.stderr
        (name,) = re.findall(r"added to of/here: (\S+\.json) \(\d+ KiB\)", done.stderr)
        assert re.fullmatch(r"\d{8}T\d{6}Z(-2)?\.json", name)
        assert f"result: of/here/{name}" in done.stderr
        text = (tmp_path / "of" / "here" / name).read_text()
        assert json.loads(text)["known_change"] == ""
        assert "timeline" not in text
    assert len(runs_in(tmp_path / "of" / "here")) == 2
    assert not (tmp_path / "results").exists(), "trials were kept there only while it measured"


def test_two_jobs_of_one_second_add_two_files(start, tmp_path) -> None:
    with ExitStack() as stack:
        asked = (*BENCH, "--append", "base")
        for job in [stack.enter_context(start(*asked)) for _ in range(3)]:
            assert job.wait() == 0, job.stderr
    assert len(runs_in(tmp_path / "base")) == 3
    assert not list((tmp_path / "base").glob(".*")), "nothing else is left there"


def test_with_an_output_both_are_written(cli, tmp_path) -> None:
    done = cli(*BENCH, "--append", "base", "-o", "whole.json")
    assert done.returncode == 0, done.stderr
    (added,) = runs_in(tmp_path / "base")
    whole = assembled.load(tmp_path / "whole.json")
    assert (added.seed, added.created_utc) == (whole.seed, whole.created_utc)
    assert whole.cells[0].latency_ns is None
    assert added.cells[0].latency_ns


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("bench", "--change", "x"), "--change needs --append"),
        (("bench", "--append", "b", "--change", " "), "a known change has no words"),
        (("bench", "--append", "b", "--change", "x" * 501), "501 characters"),
        (("bench", "--append", "file"), "file"),
        (("check", "--baseline", "file", "--record"), "exactly one folder"),
        (("check", "--baseline", "b", "file", "--record"), "exactly one folder"),
        (("check", "--a", "load.depth=1", "--record"), "--record needs --baseline"),
        (("check", "--a", "load.depth=1", "--last", "2"), "--last needs --baseline"),
        (("check", "--baseline", "file", "--last", "0"), "--last"),
    ],
)
def test_misuse_is_one_sentence_before_anything_is_measured(cli, tmp_path, arguments, said) -> None:
    (tmp_path / "file").touch()
    done = cli(*arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_interrupted_run_is_not_added_and_can_go_on(cli, start, tmp_path) -> None:
    asked = (*BENCH, "-r", "4", "--append", "base", "--change", "a new disk")
    with start(*asked, program=interrupting(signal.SIGTERM, after=3)) as process:
        assert process.wait() == 143, process.stderr
        err = process.stderr
    assert "nothing was added to base" in err
    assert not (tmp_path / "base").exists()
    (kept,) = (tmp_path / "results").iterdir()
    assert f"kept: results/{kept.name}" in err
    (again,) = re.findall(r"to continue: iomodels (.*)", err)
    assert again.endswith("--append base --change 'a new disk'")
    done = cli("bench", "--resume", f"results/{kept.name}", "--append", "base", "--change", "a")
    assert done.returncode == 0, done.stderr
    assert "KiB); the history starts again: a" in done.stderr
    (run,) = runs_in(tmp_path / "base")
    assert len(run.cells[0].trials) == 4
    assert run.known_change == "a"
    assert not list((tmp_path / "results").iterdir())


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    """A folder with a run of nine rounds: of a check three may be lost on a busy machine."""
    folder = tmp_path_factory.mktemp("measured")
    done = run_iomodels(*BENCH, "-r", "9", "-d", "0.04", "--append", "base", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "base"


@pytest.fixture
def base(measured, tmp_path) -> Path:
    shutil.copytree(measured, tmp_path / "base")
    return tmp_path / "base"


CHECK = ("check", "--baseline", "base", "--record", "--threshold", "90%")


def changed(base: Path, change: object) -> None:
    (path,) = base.iterdir()
    assert callable(change)
    run = change(assembled.load(path))
    path.unlink()
    save.save(run, path, force=False)


def far_slower(run: Run) -> Run:
    """What is measured now is a gain, however busy the machine is: a window of 20 ms in which one
    operation ends is faster."""
    cells = [
        replace(
            cell, trials=[replace(t, throughput_ops=t.throughput_ops / 1000) for t in cell.trials]
        )
        for cell in run.cells
    ]
    return replace(run, cells=cells)


def test_record_adds_a_run_that_passed(cli, base, tmp_path) -> None:
    changed(base, far_slower)
    done = cli(*CHECK)
    assert done.returncode == 0, done.stderr
    assert re.search(r"added to base: \S+\.json", done.stderr)
    first, second = runs_in(base)
    assert second.seed == first.seed
    assert second.cells[0].latency_ns, "small, too"
    assert not list(tmp_path.glob("results/*.partial")), "nothing is kept after a normal end"
    done = cli("check", "--baseline", "base", "--threshold", "90%", "--json")
    assert len(json.loads(done.stdout)["history"]) == 3
    assert len(runs_in(base)) == 2, "only --record adds"


TOGETHER = """
import os
from iomodels.cli.start import main
from iomodels.machine import noise
real = noise.preflight
def preflight():
    os.read(0, 1)
    return real()
noise.preflight = preflight
main()
"""
"""Measuring begins when the other end of standard input is closed."""


def test_two_checks_of_one_second_keep_their_trials_apart(base, start, tmp_path) -> None:
    changed(base, far_slower)
    waited_for, begin = os.pipe()
    how = {"program": TOGETHER, "streams": (waited_for, None, None)}
    with start(*CHECK, "--json", **how) as one, start(*CHECK, "--json", **how) as two:
        os.close(waited_for)
        for job in (one, two):
            job.wait_until(lambda job=job: "trials (" in job.stderr)
        os.close(begin)
        assert [job.wait() for job in (one, two)] == [0, 0], one.stderr + two.stderr
    assert len(runs_in(base)) == 3
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").iterdir())


def fewer_calls(run: Run) -> Run:
    cells = [
        replace(cell, trials=[replace(t, calls_per_op={"read": 0.2}) for t in cell.trials])
        for cell in run.cells
    ]
    return replace(run, cells=cells)


def another_core(run: Run) -> Run:
    return replace(run, tool=replace(run.tool, core_hash="another"))


def far_faster(run: Run) -> Run:
    """Too few rounds for a verdict, and an estimate far beyond the threshold."""
    cells = [
        replace(cell, trials=[replace(t, throughput_ops=1e9) for t in cell.trials[:2]])
        for cell in run.cells
    ]
    return replace(run, cells=cells)


def test_record_takes_no_rounds_of_its_own(cli, tmp_path) -> None:
    recorded(tmp_path / "base", 1)
    done = cli("check", "--baseline", "base", "--record", "-r", "3")
    assert done.returncode == 2
    assert "number of rounds later checks have, too: give no -r with it" in " ".join(
        done.stderr.split()
    )
    assert len(list((tmp_path / "base").iterdir())) == 1


@pytest.mark.parametrize(("change", "code"), [(fewer_calls, 1), (another_core, 3), (far_faster, 4)])
def test_record_adds_nothing_that_did_not_pass(cli, base, change, code) -> None:
    changed(base, change)
    done = cli(*CHECK)
    assert done.returncode == code, done.stderr
    assert "nothing was added to base: the outcome is" in done.stderr
    assert len(list(base.iterdir())) == 1


def test_check_says_where_a_history_starts_again(cli, base) -> None:
    recorded(base, 1, known_change="older still")
    recorded(base, 2, known_change="a \x1b[31mnew[bold] kernel\n")
    recorded(base, 3)
    done = cli("check", "--baseline", "base", "--threshold", "90%")
    text = " ".join((done.stdout + done.stderr).split())
    assert "1 older run is not used: the history starts again with 02.json" in text
    assert "\x1b" not in text
    assert r"(a \x1b[31mnew[bold] kernel" in text


def test_one_arm_of_an_ab_is_no_baseline(cli, tmp_path) -> None:
    recorded(tmp_path / "base", 1, settings={"rounds": 7, "duration_s": 0.1, ARM: "a"})
    done = cli("check", "--baseline", "base")
    assert done.returncode == 2
    assert "one arm of an A/B, which is no baseline" in done.stderr


def test_a_small_file_is_compared_drawn_and_exported(cli, base) -> None:
    (name,) = (f"base/{path.name}" for path in base.iterdir())
    assert cli("compare", name, name).returncode == 0
    assert cli("report", name, "-o", "page.html").returncode == 0
    assert cli("chart", name, "-o", "pictures", "--format", "svg").returncode == 0


def test_a_folder_has_a_picture_and_a_page_of_its_trends(cli, tmp_path) -> None:
    for day in range(1, 9):
        speed = 10_000.0 if day < 5 else 8_000.0
        made = make_cell(trials=[make_trial(n, throughput_ops=speed + n + day) for n in range(7)])
        recorded(tmp_path / "ci", day, cells=[made], known_change="a new disk" * (day == 5))
    drawn = cli("chart", "ci", "--format", "svg")
    assert (drawn.returncode, drawn.stdout) == (0, "ci-pictures/trend.svg\n"), drawn.stderr
    picture = (tmp_path / "ci-pictures" / "trend.svg").read_text()
    assert "throughput \N{MINUS SIGN}20 % since 2026-01-05 (a)" in picture
    assert cli("report", "ci").returncode == 0
    page = (tmp_path / "ci.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "History: ci" in page
    assert "throughput \N{MINUS SIGN}20 % since 2026-01-05 (a new disk)." in page
    here = run_iomodels("report", ".", "-o", "../here.html", cwd=tmp_path / "ci")
    assert here.returncode == 0, here.stderr
    assert str(tmp_path) not in (tmp_path / "here.html").read_text()


def test_one_run_has_no_trend_and_a_folder_is_drawn_alone(cli, tmp_path) -> None:
    recorded(tmp_path / "ci", 1)
    for command in ("chart", "report"):
        done = cli(command, "ci")
        assert (done.returncode, done.stdout) == (3, "")
        assert "there is no trend in ci: it needs two runs" in done.stderr
        (tmp_path / "none").mkdir(exist_ok=True)
        assert cli(command, "none").returncode == 2
    done = cli("chart", "ci", "ci/01.json")
    assert done.returncode == 2
    assert "drawn alone" in done.stderr


FOLDER_GONE = """
import os
from iomodels.cli.start import main
from iomodels.results.partial import PartialWriter
real = PartialWriter.append
def append(self, line):
    real(self, line)
    PartialWriter.append = real
    os.rename("base", "gone")
PartialWriter.append = append
main()
"""
"""Once the first trial is kept."""


def test_a_run_that_record_cannot_write_is_kept(base, start, tmp_path) -> None:
    """The folder goes away while it measures."""
    changed(base, far_slower)
    with start(*CHECK, program=FOLDER_GONE) as process:
        assert process.wait() == 5, process.stderr
        err = process.stderr
    assert "nothing was added to base" in err
    (kept,) = re.findall(r"kept: (results/check-\S+\.json\.partial)", err)
    assert len(assembled.load(tmp_path / kept).cells[0].trials) >= 6
