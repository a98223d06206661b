"""`--export` as a user meets it: refused before measuring, written at the end."""

from __future__ import annotations

import json
import resource
import signal
from importlib import import_module
from pathlib import Path

import pytest

from iomodels import exports

from ..factory import make_run
from ..processes import has_a_round
from ..trials.test_failures import iomodels
from .running import QUICK, cli, start

__all__ = ["cli", "start"]
exporting = import_module("iomodels.cli.shared.exporting")
BENCH = ("bench", "slow-device", "-s", "load.depth=1", "-e", "blocking", *QUICK)


def test_exports_are_written_and_the_table_stays(cli, tmp_path) -> None:
    done = cli(*BENCH, "--export", "bencher=b.json", "--export", "csv=c.csv")
    assert done.returncode == 0, done.stderr
    assert "blocking" in done.stdout
    (cell,) = json.loads((tmp_path / "b.json").read_text()).values()
    assert "latency" in cell
    assert (tmp_path / "c.csv").read_text().startswith("scenario,")


def test_an_export_to_standard_output_is_alone_there(cli) -> None:
    done = cli(*BENCH, "--export", "github-benchmark-bigger=-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["unit"] == "ops/s"
    assert "ops/s" in done.stderr


def test_exports_are_written_when_a_cell_failed(tmp_path) -> None:
    done = iomodels(
        "bench", "slow-device", "-e", "select", "-s", "load.depth=2,64", *QUICK,
        "--export", "csv=c.csv",
        cwd=tmp_path,
        limits={resource.RLIMIT_NOFILE: 40},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    rows = (tmp_path / "c.csv").read_text().splitlines()
    assert any(",depth 64,select,failed," in row for row in rows)
    assert any(",depth 2,select,ok," in row for row in rows)


def test_an_export_that_fails_does_not_take_the_others_along(tmp_path) -> None:
    texts = (f"csv={tmp_path}/gone/a.csv", f"markdown={tmp_path}/b.md")
    asked = [exports.parse(text, "measurements") for text in texts]
    end = import_module("iomodels.cli.shared.ending").Ending()
    exporting.write_files(asked, make_run(), force=False, ending=end)
    assert ["gone" in str(failure) for failure in end.failures] == [True]
    assert end.code(0) == 5
    assert (tmp_path / "b.md").read_text().startswith("# iomodels")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--export", "xml=a"), "there is no export format 'xml'"),
        (("--export", "junit=a.xml"), "'junit' is no export of measurements: there are csv"),
        (("--export", "csv"), "has no path"),
        (("--export", "csv="), "has no path"),
        (("--export", "csv=there"), "--force"),
        (("--export", "csv=no/such/folder.csv"), "does not exist"),
        (("--export", "csv=a", "--export", "markdown=./a"), "two outputs go to a"),
        (("--export", "csv=-", "--export", "markdown=-"), "two outputs go to standard output"),
        (("-o", "r.json", "--export", "csv=r.json"), "two outputs go to r.json"),
        (("--json", "--export", "csv=-"), "use one of them"),
    ],
)
def test_what_cannot_be_written_is_refused_before_measuring(
    cli, tmp_path: Path, arguments, said
) -> None:
    (tmp_path / "there").write_text("mine")
    done = cli(*BENCH, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert (tmp_path / "there").read_text() == "mine"


def test_force_replaces_an_export(cli, tmp_path) -> None:
    (tmp_path / "there").write_text("mine")
    assert cli(*BENCH, "--force", "--export", "csv=there").returncode == 0
    assert (tmp_path / "there").read_text().startswith("scenario,")


@pytest.mark.parametrize(
    "arguments",
    [
        (*BENCH, "--export", "csv=out.csv", "--force"),
        (*BENCH, "-o", "out.csv"),
        ("check", "slow-device", "-e", "blocking", "--b", "load.batch=1", "-o", "out.csv"),
    ],
    ids=["an export", "a result", "a comparison"],
)
def test_a_second_job_with_the_same_output_is_refused_when_it_begins(
    cli, start, tmp_path, arguments
) -> None:
    """And the first does not lose it at its end."""
    first_run = (*BENCH[:-6], *("-r", "1000", "-d", "0.05"), "-o", "first.json")
    partial = tmp_path / "first.json.partial"
    with start(*first_run, "--export", "csv=out.csv") as first:
        first.wait_until(lambda: has_a_round(partial))
        second = cli(*arguments)
        first.send_signal(signal.SIGINT)
        assert first.wait() == 130, first.stderr
    assert second.returncode == 2
    assert second.stderr.startswith("iomodels: out.csv is an output of a run that is still going")
    assert (tmp_path / "out.csv").read_text().startswith("scenario,")
    assert {path.name for path in tmp_path.iterdir()} == {"first.json", "out.csv"}


def test_what_jobs_share_on_purpose_is_refused_to_none(cli, tmp_path) -> None:
    """The step summary, to which each adds its part."""
    with exporting.reserved([exports.parse("github=summary.md", "verdicts")]):
        assert list(tmp_path.iterdir()) == []
