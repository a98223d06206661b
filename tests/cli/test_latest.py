"""`latest`, or no result: the newest in results/, which standard error names."""

from __future__ import annotations

import os
import shutil

import pytest

from .running import QUICK, cli

__all__ = ["cli"]


@pytest.fixture
def with_results(cli, tmp_path):
    """Runs `iomodels` in a folder with two results, newer files that are none, and a link."""
    old, new = tmp_path / "results" / "a.json", tmp_path / "results" / "b.json"
    done = cli("bench", "slow-device", "-e", "blocking", *QUICK, "-o", "first.json")
    assert done.returncode == 0, done.stderr
    old.parent.mkdir()
    shutil.copy(tmp_path / "first.json", old)
    shutil.copy(tmp_path / "first.json", new)
    others = {"text.json": "no json", "other.json": '{"schema": "other/1"}', "list.json": "[]"}
    for name, text in others.items():
        (old.parent / name).write_text(text)
    (old.parent / "cut.json").write_bytes(new.read_bytes()[:-20])
    shutil.copy(new, old.parent / "c.json.partial")
    (old.parent / "gone.json").symlink_to("nowhere")
    os.mkfifo(old.parent / "pipe.json")
    os.utime(old, ns=(1, 1))
    os.utime(new, ns=(2, 2))
    return cli


@pytest.mark.parametrize("arguments", [["report"], ["report", "latest"]])
def test_the_newest_result_is_taken_and_named(with_results, tmp_path, arguments) -> None:
    done = with_results(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == "latest: results/b.json"
    assert (tmp_path / "results" / "b.html").exists()


def test_compare_takes_it_as_the_newer_one(with_results) -> None:
    done = with_results("compare", "results/a.json")
    assert "latest: results/b.json" in done.stderr
    assert done.returncode in (0, 4), done.stderr
    assert with_results("compare", "latest", "results/a.json").returncode == done.returncode


def test_chart_and_check_take_it(with_results, tmp_path) -> None:
    done = with_results("chart", "-o", "out", "--format", "svg")
    assert done.stderr.splitlines()[0] == "latest: results/b.json"
    assert list((tmp_path / "out").iterdir())
    done = with_results("check", "--baseline", "latest", "-r", "1")
    assert "latest: results/b.json" in done.stderr
    assert done.returncode in (0, 4), done.stderr


@pytest.mark.parametrize("command", [["report"], ["chart", "-o", "x"], ["compare", "latest"]])
def test_without_any_it_says_what_to_do(cli, tmp_path, command) -> None:
    done = cli(*command)
    assert done.returncode == 2
    assert "there is no result in results/ here: run iomodels bench first" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_file_of_that_name_is_named_by_its_path(with_results, tmp_path) -> None:
    shutil.copy(tmp_path / "first.json", tmp_path / "latest")
    done = with_results("report", "./latest")
    assert done.returncode == 0, done.stderr
