"""What `check` keeps is a comparison: where it is, and what `chart` and `report` make of it."""

from __future__ import annotations

import json
import re

import pytest
from iomodels.cli.shared import folders
from msgspec.structs import replace

from iomodels.base.errors import OutputError
from iomodels.comparison import document, verdict
from iomodels.results import read, save
from iomodels.results.schema import Run

from ..factory import make_cell, make_run, make_trial
from ..fresh import run_iomodels
from .running import QUICK, cli

__all__ = ["cli"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Run:
    """A run of which each round was 1000 times as slow: none of its cells is measured again."""
    folder = tmp_path_factory.mktemp("measured")
    asked = ("bench", "slow-device", "-e", "blocking", *QUICK, "-r", "6", "-o", "base.json")
    made = run_iomodels(*asked, cwd=folder)
    assert made.returncode == 0, made.stderr
    run = read.load(folder / "base.json")
    cells = [
        replace(c, trials=[replace(t, throughput_ops=t.throughput_ops / 1000) for t in c.trials])
        for c in run.cells
    ]
    return replace(run, cells=cells)


@pytest.fixture
def base(measured, tmp_path) -> None:
    save.save(measured, tmp_path / "base.json", force=False)


@pytest.mark.usefixtures("base")
def test_a_check_against_a_real_baseline_keeps_the_comparison(cli, tmp_path) -> None:
    done = cli("check", "--baseline", "base.json", "-o", "check.json", "--export", "json=v.json")
    assert done.returncode in (0, 1, 4), done.stderr
    kept = document.load(tmp_path / "check.json")
    assert (kept.base_name, verdict.EXIT_CODES[kept.outcome]) == ("base.json", done.returncode)
    assert "comparison: check.json" in done.stderr
    assert (tmp_path / "v.json").read_bytes() == (tmp_path / "check.json").read_bytes()
    assert not (tmp_path / "results").exists()
    # The same cells again, by default, and the comparisons in the folder are no runs.
    (tmp_path / "results").mkdir()
    (tmp_path / "base.json").rename(tmp_path / "results" / "base.json")
    (tmp_path / "check.json").rename(tmp_path / "results" / "before.json")
    again = cli("check", "--baseline", "results")
    assert again.returncode in (0, 1, 4), again.stderr
    said = re.search(r"comparison: (results/check-\S+\.json)", again.stderr)
    assert said, again.stderr
    assert document.load(tmp_path / said[1]).base_name == "base.json"


@pytest.mark.usefixtures("base")
def test_a_check_that_cannot_keep_its_comparison_unasked_ends_as_it_would(cli, tmp_path) -> None:
    (tmp_path / "results").write_text("no folder")
    done = cli("check", "--baseline", "base.json")
    assert done.returncode in (0, 1, 4), done.stderr
    assert "note: the comparison is not kept: " in done.stderr
    assert "Traceback" not in done.stderr
    with_json = cli("check", "--baseline", "base.json", "--json")
    assert "comparison:" not in with_json.stderr
    assert json.loads(with_json.stdout)["base_name"] == "base.json"


def recorded(folder) -> None:
    """`base.json`, and `slow.json`, which is 30 % slower."""
    for name, speed in (("base", 1000), ("slow", 700)):
        trials = [make_trial(n, throughput_ops=speed * (1 + n / 1000)) for n in range(7)]
        save.save(make_run([make_cell("blocking", trials)]), folder / f"{name}.json", force=False)


def test_a_kept_comparison_has_a_page_and_a_picture(cli, tmp_path) -> None:
    recorded(tmp_path)
    compared = cli("compare", "base.json", "slow.json", "-o", "kept.json", "--json")
    assert compared.returncode == 1
    assert compared.stderr == "comparison: kept.json\npage: iomodels report kept.json\n"
    assert (tmp_path / "kept.json").read_text() == compared.stdout
    drawn = cli("chart", "kept.json", "--format", "svg")
    assert (drawn.returncode, drawn.stdout) == (0, "kept/changes.svg\n"), drawn.stderr
    assert "702 ops/s" in (tmp_path / "kept" / "changes.svg").read_text()
    page = cli("report", "kept.json")
    assert (page.returncode, page.stderr) == (0, "report: kept.html\n")
    html = (tmp_path / "kept.html").read_text()
    assert "Regression: 1 slower" in html
    assert html.count("<svg") == 2, "for a screen and for a phone"


def test_a_comparison_is_taken_for_no_result(cli, tmp_path) -> None:
    recorded(tmp_path)
    assert cli("compare", "base.json", "slow.json", "-o", "kept.json").returncode == 1
    for arguments, said in (
        (("chart", "kept.json", "base.json"), "is drawn alone and as a whole"),
        (("chart", "kept.json", "--matrix"), "is drawn alone and as a whole"),
        (("chart", "kept.json", "--scenario", "x"), "is drawn alone and as a whole"),
        (("report", "kept.json", "--trace", "kept.json"), "kept.json is a comparison"),
        (("compare", "kept.json", "base.json"), "kept.json is not an iomodels result"),
        (("check", "--baseline", "kept.json"), "kept.json is not an iomodels result"),
    ):
        done = cli(*arguments)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
    (tmp_path / "results").mkdir()
    (tmp_path / "base.json").rename(tmp_path / "results" / "base.json")
    (tmp_path / "kept.json").rename(tmp_path / "results" / "kept.json")
    assert "latest: results/base.json" in cli("report").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--baseline", "base", "-o", "base/1.json", "--force"),
        ("check", "--baseline", "base", "--export", "json=base/1.json", "--force"),
        ("check", "--baseline", "base", "--export", "github=base/1.json"),
        ("check", "--baseline", "base", "-o", "link", "--force"),
        ("check", "--baseline", "latest", "-o", "results/1.json", "--force"),
        ("compare", "base/1.json", "results/1.json", "--export", "csv=results/1.json", "--force"),
    ],
)
def test_no_output_takes_the_place_of_a_recorded_run(cli, tmp_path, arguments) -> None:
    for name in ("base", "results"):
        (tmp_path / name).mkdir()
        recorded(tmp_path / name)
        (tmp_path / name / "base.json").rename(tmp_path / name / "1.json")
    (tmp_path / "results" / "slow.json").unlink()
    (tmp_path / "link").symlink_to("base/1.json")
    before = (tmp_path / "base" / "1.json").read_bytes()
    done = cli(*arguments)
    assert done.returncode == 2, done.stderr
    assert "name another output" in done.stderr
    assert (tmp_path / "base" / "1.json").read_bytes() == before
    assert (tmp_path / "results" / "1.json").read_bytes() == before


def test_a_comparison_in_the_folder_of_a_baseline_can_be_replaced(cli, tmp_path) -> None:
    recorded(tmp_path)
    again = ("compare", "base.json", "slow.json", "-o", "kept.json")
    assert cli(*again).returncode == 1
    assert cli(*again, "--force").returncode == 1
    folders.spare_inputs(tmp_path / "kept.json", [tmp_path])
    with pytest.raises(OutputError, match="is a run of the folder"):
        folders.spare_inputs(tmp_path / "slow.json", [tmp_path])


def test_a_broken_comparison_is_one_sentence(cli, tmp_path) -> None:
    recorded(tmp_path)
    assert cli("compare", "base.json", "slow.json", "-o", "kept.json").returncode == 1
    text = (tmp_path / "kept.json").read_text()
    (tmp_path / "kept.json").write_text(text.replace('"slower"', '"great"'))
    for command in ("chart", "report"):
        done = cli(command, "kept.json")
        assert done.returncode == 2
        assert "kept.json is not a sound iomodels comparison" in done.stderr
        assert done.stderr.count("\n") == 1
