"""The files of `iomodels report`: those that it reads are not believed, those there are kept."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import import_module

import pytest

from iomodels.base.errors import NothingMeasured, ResultError
from iomodels.report.page import MAX_CELLS, MAX_LINES, other_origin, page
from iomodels.report.text import MAX_TEXT, breakable
from iomodels.results import save
from iomodels.results.schema import Notice, Tool
from iomodels.trace.schema import encode

from .. import chart_runs
from ..factory import make_cell, make_run, make_trial
from ..traces import make_trace
from .hostile import ATTACKS, hostile_run
from .page_reader import Page

main = import_module("iomodels.cli.main")


# What comes from elsewhere


def test_the_policy_allows_this_script_and_this_style_and_nothing_else():
    read = Page(page(make_run()))
    rules = dict(
        rule.strip().split(" ", 1) for rule in read.meta["Content-Security-Policy"].split(";")
    )
    assert rules.pop("default-src") == "'none'"
    for kind in ("style", "script"):
        digest = hashlib.sha256(read.content[kind].encode()).digest()
        assert rules.pop(f"{kind}-src") == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert set(rules.values()) == {"'none'"}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_of_a_file_becomes_markup(attack):
    plain = Page(page(hostile_run("harmless")))
    read = Page(page(hostile_run(attack)))  # which refuses a page whose elements do not nest
    assert [len(table.rows) for table in read.tables] == [len(t.rows) for t in plain.tables]
    assert read.content["style"] == plain.content["style"]
    assert read.content["script"] == plain.content["script"]
    assert [level for level, _ in read.headings] == [level for level, _ in plain.headings]


def test_what_would_act_unseen_is_written_out():
    text = page(hostile_run("\x1b[31m\x00\u202e\u2028"))
    assert not set("\x1b\x00\u202e\u2028") & set(text)
    assert r"\x1b[31m\x00\u202e\u2028" in text


def test_long_texts_are_cut():
    run = make_run(environment={"kernel": "x" * 1_000_000})
    assert "x" * MAX_TEXT + "…" in page(run)
    assert len(page(run)) < 100_000


def test_a_run_too_large_for_a_page_is_refused():
    cell = make_cell(trials=[], status="n/a", reason="no")
    with pytest.raises(ResultError, match=f"{MAX_CELLS + 1} cells"):
        page(make_run([cell] * (MAX_CELLS + 1)))
    with pytest.raises(ResultError, match="entries in warnings"):
        page(make_run(warnings=[Notice("a", "b")] * (MAX_LINES + 1)))
    with pytest.raises(NothingMeasured, match="no cells"):
        page(make_run([]))


def test_a_trace_of_another_machine_or_core_is_said_to_be_one():
    run = make_run([make_cell("blocking")])
    same = make_trace(environment=dict(run.environment), tool=run.tool)
    assert other_origin(run, same) == ""
    assert other_origin(run, make_trace(environment={}, tool=run.tool)) == ""
    kernel = {**run.environment, "kernel": "1.2.3"}
    said = other_origin(run, make_trace(environment=kernel, tool=run.tool))
    assert f"kernel 1.2.3 (the run: {run.environment['kernel']})" in said
    other = make_trace(environment=dict(run.environment), tool=Tool("0.1.0", "another"))
    assert "measured core another" in other_origin(run, other)


# The command line


@pytest.fixture
def result(tmp_path):
    path = tmp_path / "run.json"
    save.save(make_run(), path, force=False)
    return path


def test_the_page_appears_beside_the_result_and_is_never_overwritten(result, capsys):
    assert main.run(["report", str(result)]) == 0
    written = result.with_suffix(".html")
    assert capsys.readouterr() == ("", f"report: {written}\n")
    assert written.read_text().startswith("<!DOCTYPE html>")

    written.write_text("mine")
    assert main.run(["report", str(result)]) == 2
    assert "--force" in capsys.readouterr().err
    assert written.read_text() == "mine"
    assert main.run(["report", str(result), "--force"]) == 0
    assert written.read_text().startswith("<!DOCTYPE html>")
    assert len(list(result.parent.iterdir())) == 2


def test_the_result_itself_is_never_written_over(result, capsys):
    before = result.read_bytes()
    assert main.run(["report", str(result), "-o", str(result), "--force"]) == 2
    assert result.read_bytes() == before
    assert "to another file" in capsys.readouterr().err


def test_a_result_in_which_nothing_was_measured_is_reported_with_its_reasons(tmp_path, capsys):
    path = tmp_path / "run.json"
    cells = [make_cell(name, [], status="failed", reason="broke") for name in ("select", "aio")]
    save.save(make_run(cells), path, force=False)
    assert main.run(["report", str(path)]) == 0
    text = path.with_suffix(".html").read_text()
    assert text.count(">broke<") == 2
    assert "<svg" not in text


@pytest.mark.parametrize("path", [".", "/", "", "missing.json"])
def test_a_result_that_is_no_file_is_one_sentence(tmp_path, monkeypatch, capsys, path):
    monkeypatch.chdir(tmp_path)
    assert main.run(["report", path]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_traces_are_files_or_a_folder_and_the_folder_of_the_page_is_made(result, capsys):
    folder = result.parent / "traces"
    folder.mkdir()
    names = [folder / f"trace-{engine}.json" for engine in ("blocking", "select")]
    for name in names:
        name.write_bytes(encode(make_trace()))
    pages = []
    for n, given in enumerate(([folder], names)):
        where = result.parent / "new" / f"{n}.html"
        assert main.run(["report", str(result), "-o", str(where), "--trace", *map(str, given)]) == 0
        pages.append(where.read_text())
    assert pages[0] == pages[1]
    capsys.readouterr()
    assert main.run(["report", str(result), "--trace", str(result.parent)]) == 2
    assert "there is no trace in" in capsys.readouterr().err
    assert main.run(["report", str(result), str(result)]) == 2
    assert "one result" in capsys.readouterr().err


def test_a_trace_that_is_none_is_one_sentence(result, capsys):
    assert main.run(["report", str(result), "--trace", str(result)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "is not an iomodels trace" in err
    assert list(result.parent.iterdir()) == [result]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 2),
        (b'{"schema": "pyperf/1"}', 2),
        (save.encode(make_run())[:1000], 2),
        (save.encode(make_run([])), 3),
    ],
)
def test_what_cannot_be_reported_is_one_sentence(tmp_path, capsys, content, code):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    assert main.run(["report", str(path)]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("iomodels: ")
    assert list(tmp_path.iterdir()) == [path]


def test_the_page_shows_what_other_machine_a_trace_is_of_and_no_scenario_twice(tmp_path):
    run = make_run([make_cell("blocking", [make_trial(n) for n in range(6)])])
    save.save(run, tmp_path / "run.json", force=False)
    environment = {**run.environment, "kernel": "1.2.3"}
    (tmp_path / "trace.json").write_bytes(encode(make_trace(environment=environment)))
    words = ["report", str(tmp_path / "run.json"), "--trace", str(tmp_path / "trace.json")]
    assert main.run(words) == 0
    html = (tmp_path / "run.html").read_text()
    assert "Not recorded as the run was: kernel 1.2.3" in html
    summaries = re.findall(r"<summary[^>]*>([^<]*)<", html)
    assert len(summaries) > 2
    assert not any("scenario" in title for title in summaries), summaries


def test_the_page_has_what_answers_first_and_every_picture_when_asked(tmp_path):
    path = tmp_path / "four.json"
    save.save(chart_runs.four(rounds=2), path, force=False)

    def pictures(*options):
        assert main.run(["report", str(path), "--force", *options]) == 0
        text = path.with_suffix(".html").read_text()
        return re.findall(r"<summary>([^<]*): in words", text)

    few, every = pictures(), pictures("--all")
    assert len(few) == 4 + 1  # the matrix
    assert few[0] == "Throughput and latency by engine"
    assert set(few) < set(every)
    assert len(every) == 6 + 1


def test_the_name_of_an_engine_ends_its_line_before_an_option():
    assert breakable("select") == "select"
    assert breakable("aio:notify=list,mode=nowait") == "aio:<wbr>notify=list,<wbr>mode=nowait"
    assert breakable("<b>:&,\x1b") == "&lt;b&gt;:<wbr>&amp;,<wbr>\\x1b"
