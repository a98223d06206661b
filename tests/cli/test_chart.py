"""`iomodels chart` as a user meets it: files, exit codes, one sentence for what is wrong."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from iomodels.results.save import encode, save

from .. import chart_runs
from ..factory import make_cell
from ..fresh import run_iomodels

MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.fixture
def chart(tmp_path):
    """Runs `iomodels chart` in a folder that has a result, `four.json`."""
    save(chart_runs.four(rounds=2), tmp_path / "four.json", force=False)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_iomodels("chart", *arguments, cwd=tmp_path)

    return run


def assert_refused(done, code, *words):
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("iomodels: ")
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("format_", MAGIC)
def test_it_writes_a_file_for_each_picture_and_a_line_for_each_file(chart, tmp_path, format_):
    done = chart("four.json", "-o", "out/deep", "--format", format_, "--all")
    assert (done.returncode, done.stderr) == (0, "")
    written = sorted(path.relative_to(tmp_path) for path in (tmp_path / "out/deep").iterdir())
    assert sorted(done.stdout.split()) == [str(path) for path in written]
    assert len(written) == 6
    assert all((tmp_path / path).read_bytes().startswith(MAGIC[format_]) for path in written)


def test_nothing_is_overwritten_without_force(chart, tmp_path):
    taken = tmp_path / "out" / "slow-device-calls.png"
    taken.parent.mkdir()
    taken.write_text("mine")
    assert_refused(chart("four.json", "-o", "out"), 2, "exists already", "--force")
    assert [path.name for path in taken.parent.iterdir()] == [taken.name]
    assert taken.read_text() == "mine"
    assert chart("four.json", "-o", "out", "--force").returncode == 0
    assert taken.read_bytes().startswith(MAGIC["png"])


def test_without_a_folder_it_is_beside_the_result_and_has_its_name(chart, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "four.json").rename(tmp_path / "sub" / "four.json")
    done = chart("sub/four.json", "--format", "svg")
    assert done.returncode == 0
    assert {Path(line).parent for line in done.stdout.splitlines()} == {Path("sub/four")}
    assert_refused(chart("sub/four.json", "--format", "svg"), 2, "exists already", "--force")
    (tmp_path / "bare").write_bytes((tmp_path / "sub" / "four.json").read_bytes())
    done = chart("bare", "sub/four.json", "--format", "svg")
    assert {Path(line).parent for line in done.stdout.splitlines()} == {Path("bare-four")}
    done = chart("bare", "--matrix")
    assert done.stdout == "bare-pictures/slow-device-matrix.png\n"


def test_the_matrix(chart, tmp_path):
    done = chart("four.json", "-o", ".", "--matrix")
    assert (done.returncode, done.stdout) == (0, "slow-device-matrix.png\n")
    assert_refused(chart("four.json", "four.json", "-o", ".", "--matrix"), 2, "name one file")
    lone = chart_runs.run([chart_runs.cell("aio", 1)])
    save(lone, tmp_path / "lone.json", force=False)
    assert_refused(chart("lone.json", "-o", ".", "--matrix"), 3, "fewer than three", "--scenario")
    assert chart("lone.json", "-o", ".", "--matrix", "--scenario", "slow-device").returncode == 2
    done = chart("lone.json", "-o", "x", "--matrix", "--scenario", "slow-device")
    assert (done.returncode, done.stdout) == (0, "x/slow-device-matrix.png\n")


def test_two_results_are_overlaid(chart, tmp_path):
    save(chart_runs.four(rounds=2, scale=2), tmp_path / "new.json", force=False)
    done = chart("four.json", "new.json", "-o", "out", "--format", "svg")
    assert done.returncode == 0
    shown = (tmp_path / "out/slow-device-by-engine.svg").read_text()
    assert "select (four)" in shown
    assert "select (new)" in shown


def test_it_draws_what_answers_the_question_first_and_the_rest_when_asked(chart, tmp_path):
    few = chart("four.json", "-o", "few", "--format", "svg")
    every = chart("four.json", "-o", "every", "--format", "svg", "--all")
    assert few.stderr == "2 more pictures with --all\n"
    assert every.stderr == ""
    drawn = [[Path(line).stem for line in done.stdout.splitlines()] for done in (few, every)]
    assert drawn[0] == drawn[1][:4]
    assert len(drawn[1]) == 6
    assert drawn[0][0] == "slow-device-by-engine"


def test_there_may_be_nothing_to_draw(chart, tmp_path):
    nothing = chart_runs.run([make_cell("aio", [], status="n/a", reason="not here")])
    save(nothing, tmp_path / "nothing.json", force=False)
    assert_refused(chart("nothing.json", "-o", "out"), 3, "nothing to draw")
    assert not (tmp_path / "out").exists()


def test_an_unknown_scenario(chart):
    refused = chart("four.json", "-o", "out", "--scenario", "nowhere")
    assert_refused(refused, 2, "'nowhere'", "'slow-device'")


def test_a_folder_that_cannot_be(chart):
    assert_refused(chart("four.json", "-o", "four.json"), 2, "four.json", "-o DIR")


BAD = {
    "empty": lambda whole: b"",
    "cut off": lambda whole: whole[: len(whole) // 2],
    "not text": lambda whole: b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "foreign": lambda whole: b'{"schema": "other/1", "cells": []}',
    "of a later version": lambda whole: whole.replace(b"iomodels.run/1", b"iomodels.run/9"),
    "a number that is none": lambda whole: whole.replace(b'"seed":1', b'"seed":NaN'),
    "without a cell": lambda whole: json.dumps({**json.loads(whole), "cells": []}).encode(),
    "nested": lambda whole: b"[" * 100_000,
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_one_sentence(chart, tmp_path, fault):
    (tmp_path / "bad.json").write_bytes(BAD[fault](encode(chart_runs.four(rounds=1))))
    done = chart("bad.json", "-o", "out")
    assert_refused(done, 3 if fault == "without a cell" else 2)
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_one_sentence(chart):
    assert_refused(chart("none.json", "-o", "out"), 2, "none.json", "does not exist")
