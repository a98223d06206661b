"""Names of files: not UTF-8, the same in two folders, one file by two names."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from msgspec.structs import replace

from iomodels import exports
from iomodels.results import save

from .. import chart_runs
from ..factory import make_cell, make_run, make_trial
from .running import QUICK, cli

__all__ = ["cli"]

ODD = os.fsdecode(b"r\xe9sultat.json")


@pytest.fixture
def odd(tmp_path):
    """A folder with a result whose name is Latin-1."""
    run = replace(chart_runs.four(rounds=6), environment=make_run().environment)
    save.save(run, tmp_path / ODD, force=False)
    return tmp_path


def formats(subject):
    return [[f"--export={name}=out"] for name in exports.names(subject)]


@pytest.mark.parametrize(
    "more",
    [[], ["--json"], *(["--format", f] for f in ("markdown", "json", "csv")), *formats("verdicts")],
    ids=" ".join,
)
def test_compare_says_every_name(cli, odd, more):
    done = cli("compare", ODD, ODD, *more)
    assert done.returncode == 0, done.stderr
    if more == ["--json"]:
        assert json.loads(done.stdout)["base_name"] == "r\\xe9sultat.json"


def test_chart_and_report_say_every_name(cli, odd):
    shutil.copy(odd / ODD, odd / "other.json")
    done = cli("chart", ODD, "other.json", "-o", os.fsdecode(b"d\xe9"), "--format", "svg")
    assert done.returncode == 0, done.stderr
    picture = next((odd / os.fsdecode(b"d\xe9")).glob("*by-engine.svg"))
    assert r"r\xe9sultat" in picture.read_text(encoding="utf-8")
    assert cli("report", ODD).returncode == 0
    assert (odd / os.fsdecode(b"r\xe9sultat.html")).exists()


def test_a_missing_file_is_one_sentence(cli, tmp_path):
    done = cli("compare", ODD, ODD)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize("format_", exports.names("measurements"))
def test_bench_writes_to_every_name(cli, tmp_path, format_):
    scenario = "title='t'\nquestion='?'\n[channel]\nkind='timer'\nservice='10 us'\n"
    name = os.fsdecode(b"mine.t\xe9")
    (tmp_path / name).write_text(scenario)
    out = os.fsdecode(b"\xe9.out")
    done = cli(
        "bench", f"./{name}", "-e", "blocking", *QUICK, "-o", ODD, "--export", f"{format_}={out}"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / out).stat().st_size > 0
    assert json.loads((tmp_path / ODD).read_bytes())["asked"]["scenarios"] == [r"mine.t\xe9"]


def test_files_of_one_name_are_told_apart(cli, tmp_path):
    for folder, speed in (("a", 1000.0), ("b", 500.0)):
        (tmp_path / folder).mkdir()
        trials = [make_trial(n, throughput_ops=speed + n) for n in range(7)]
        cells = [make_cell("blocking", trials, status="partial", reason="interrupted")]
        save.save(make_run(cells), tmp_path / folder / "r.json", force=False)
    done = cli("compare", "a/r.json", "b/r.json", COLUMNS="200")
    assert "a/r.json: 1 of 1 cells" in done.stdout
    assert "b/r.json: 1 of 1 cells" in done.stdout


def test_one_scenario_may_be_named_in_two_ways(cli, tmp_path):
    text = "title='t'\nquestion='?'\n[channel]\nkind='timer'\nservice='10 us'\n"
    (tmp_path / "mine.toml").write_text(text)
    done = cli(
        "bench", "mine.toml", str(tmp_path / "mine.toml"), "-e", "blocking", *QUICK, "--json"
    )
    assert done.returncode == 0, done.stderr
    engines = [cell["engine"] for cell in json.loads(done.stdout)["cells"]]
    assert sorted(engines) == ["blocking", "null"]


def test_a_byte_order_mark_is_read_over(cli, tmp_path):
    text = "title='t'\nquestion='?'\n[channel]\nkind='timer'\nservice='10 us'\n"
    (tmp_path / "mine.toml").write_text("\ufeff" + text, encoding="utf-8")
    done = cli("bench", "mine.toml", "-e", "blocking", *QUICK, "-o", "r.json")
    assert done.returncode == 0, done.stderr
    result = (tmp_path / "r.json").read_bytes()
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + result)
    assert cli("report", "marked.json").returncode == 0
