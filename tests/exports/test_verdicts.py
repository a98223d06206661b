"""Exports of verdicts, each read by the program it is for, or checked by its schema."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from junitparser import Error, Failure, JUnitXml, Skipped
from lxml import etree

from iomodels import exports
from iomodels.base.escape import visible
from iomodels.comparison import schema as changes
from iomodels.comparison import wording
from iomodels.comparison.schema import Comparison, Difference
from iomodels.exports import github, junit, markdown
from iomodels.results.schema import Interval, Notice

from ..hostile_names import comparisons, make_change, make_comparison, texts
from .reading import few, html_in, spreadsheet, table_cells

changes_table = import_module("iomodels.cli.show.changes_table")
XSD = etree.XMLSchema(etree.parse(Path(__file__).parents[1] / "data" / "junit.xsd"))
COMMAND = re.compile(r"::(error|warning) title=([^:,\r\n]*)::([^\r\n]*)")


def render(name: str, comparison: Comparison) -> str:
    return exports.render(exports.parse(f"{name}=-", "verdicts"), comparison)


@pytest.fixture
def comparison():
    """One change of each verdict."""
    return make_comparison(
        [
            make_change(verdict="same", engine="blocking", ratio=Interval(1.0, 0.99, 1.01)),
            make_change(verdict="slower", engine="aio"),
            make_change(verdict="inconclusive", engine="select", reason="too noisy: pin it"),
            make_change(verdict="vanished", engine="threads", new=None, ratio=None, rounds=0),
            make_change(verdict="failed", engine="poll", new=None, ratio=None, reason="it broke"),
            make_change(verdict="new", engine="epoll", base=None, ratio=None),
            make_change(verdict="faster", engine="nonblocking", ratio=Interval(2.5, 2.4, 2.6)),
        ]
    )


# JUnit


def checked(text: str) -> etree._Element:
    root = etree.fromstring(text.encode())
    XSD.assertValid(root)
    return root


def test_junit_fails_what_fails_the_gate_and_skips_what_cannot_be_told(comparison) -> None:
    text = render("junit", comparison)
    checked(text)
    (suite,) = JUnitXml.fromstring(text.encode())
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (7, 1, 2, 1)
    kinds = {
        case.name.split(", ")[2].partition(":")[0]: [(type(r), r.type) for r in case.result]
        for case in suite
    }
    assert kinds["aio"] == [(Failure, "regression")]
    assert kinds["threads"] == [(Error, "vanished")]
    assert kinds["poll"] == [(Error, "failed")]
    assert kinds["select"] == [(Skipped, "inconclusive")]
    assert not kinds["blocking"] + kinds["epoll"] + kinds["nonblocking"]
    (select,) = (case for case in suite if "select" in case.name)
    assert "too noisy: pin it" in select.result[0].message


def test_junit_holds_the_warnings(comparison) -> None:
    warned = msgspec.structs.replace(comparison, warnings=[Notice("busy", "others were busy")])
    suite = checked(render("junit", warned)).find("testsuite")
    assert suite.findtext("system-out") == "warning: others were busy"


def test_junit_of_what_cannot_be_compared_is_not_green() -> None:
    comparison = make_comparison(
        [],
        outcome="not comparable",
        differences=[Difference("cpu", "EPYC", "Xeon")],
        warnings=[Notice("machine", "another machine")],
    )
    (suite,) = JUnitXml.fromstring(render("junit", comparison).encode())
    assert suite.errors == 1
    assert "cpu" in next(iter(suite)).result[0].message


def test_a_suspect_is_a_failure_everywhere_and_has_its_limit() -> None:
    """It never passes, so that a list of skipped tests must not have it."""
    suspect = make_change(verdict="inconclusive", suspect=True, limit=0.07, reason="too noisy")
    told = make_comparison(
        [suspect, make_change(verdict="inconclusive", engine="select")], outcome="inconclusive"
    )
    (suite,) = JUnitXml.fromstring(render("junit", told).encode())
    assert (suite.failures, suite.skipped) == (1, 1)
    (case,) = (case for case in suite if "aio" in case.name)
    assert "suspect: looks worse by 12 %, limit 7 %" in case.result[0].message
    first, second = github.commands(told).splitlines()
    assert first.startswith("::error title=suspect%3A slow-device")
    assert second.startswith("::warning title=inconclusive%3A ")
    text = render("markdown", told)
    assert text.startswith("## Inconclusive: 1 suspect, 1 inconclusive\n")
    assert "looks worse by 12 %, limit 7 %" in text
    assert [row[0] for row in table_cells(text)] == ["suspect", "inconclusive"]
    rows = spreadsheet(render("csv", told))
    assert [(row["limit"], row["suspect"]) for row in rows] == [("0.07", "true"), ("", "false")]


def test_every_form_counts_alike(comparison) -> None:
    exact = {"metric": "calls_per_op.read", "ratio": None, "verdict": "same"}
    told = msgspec.structs.replace(
        comparison, changes=[*comparison.changes, make_change(engine="aio", **exact)]
    )
    counts = wording.counts(told)
    assert counts.endswith("1 same")
    assert counts in render("markdown", told).splitlines()[0]
    assert f'value="{counts}"' in render("junit", told)
    shown = "".join(str(part) for part in changes_table.report(told))
    assert f"{wording.headline(told)}." in shown


@few
@given(comparisons())
def test_junit_of_hostile_names_is_valid_and_every_name_is_unique(comparison) -> None:
    root = checked(render("junit", comparison))
    names = [case.get("name") for case in root.iter("testcase")]
    assert len(set(names)) == len(names)
    assert len(names) == len(comparison.changes) + (comparison.outcome == "not comparable")
    assert int(root.get("tests")) == len(names)


@given(texts)
def test_xml_text_survives_the_round_trip(value) -> None:
    element = etree.Element("x")
    element.text = junit.text(value)  # lxml refuses what XML cannot hold
    assert (etree.fromstring(etree.tostring(element)).text or "") == junit.text(value)


# GitHub


def test_annotations_are_errors_then_warnings(comparison) -> None:
    lines = github.commands(comparison).splitlines()
    found = [COMMAND.fullmatch(line) for line in lines]
    assert all(found)
    assert [match[1] for match in found] == ["error", "error", "error", "warning"]
    assert "slower%3A slow-device%2C depth 4%2C aio" in lines[2]
    assert "-12 %25" in lines[2]


def test_an_annotation_of_what_cannot_be_compared_says_why() -> None:
    told = make_comparison(
        [make_change(verdict="same")],
        outcome="not comparable",
        warnings=[Notice("machine", "another machine: kernel"), Notice("busy", "busy")],
    )
    assert github.commands(told) == (
        "::error title=Not comparable::1 same; another machine: kernel\n"
    )


def test_a_pass_says_why_what_cannot_be_told_lets_it() -> None:
    unknown = [make_change(verdict="inconclusive"), make_change(verdict="same", engine="select")]
    told = make_comparison(unknown, outcome="passed")
    assert render("markdown", told).startswith(
        "## Passed: no loss shown, 1 inconclusive, 1 same "
        "(no cell looks worse by more than its limit)"
    )
    same = make_comparison(unknown, outcome="passed", warnings=[Notice("same-run", "the same")])
    assert "Passed: both are the same run" in render("markdown", same)
    assert render("markdown", make_comparison(unknown[1:], outcome="passed")).startswith(
        "## Passed: 1 same\n"
    )


def test_there_are_ten_annotations_at_most_and_the_last_counts_the_others() -> None:
    changes = [make_change(engine=f"engine-{n}") for n in range(25)]
    lines = github.commands(make_comparison(changes)).splitlines()
    assert len(lines) == 10
    assert "16 more" in lines[-1]
    assert len(github.commands(make_comparison(changes[:10])).splitlines()) == 10
    assert "more" not in github.commands(make_comparison(changes[:10]))


@few
@given(comparisons())
def test_a_hostile_name_gives_no_command_of_its_own(comparison) -> None:
    for line in github.commands(comparison).splitlines(keepends=True):
        assert COMMAND.fullmatch(line.removesuffix("\n"))


@given(texts)
def test_a_command_comes_out_of_the_runner_as_it_was_shown(value) -> None:
    title, data = github.title(value), github.data(value)
    for code, character in (("%3A", ":"), ("%2C", ",")):
        title = title.replace(code, character)
    for code, character in (("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        title, data = title.replace(code, character), data.replace(code, character)
    assert data == visible(value)
    assert title == visible(value)


def test_the_step_summary_is_added_to_what_others_wrote(comparison, tmp_path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("# another step\n")
    export = exports.parse(f"github={path}", "verdicts")
    exports.check([export], force=False)
    exports.write(export, comparison, force=False)
    text = path.read_text()
    assert text.startswith("# another step\n\n## Regression")
    assert exports.render_commands(export, comparison).count("::error ") == 3


def test_a_large_step_summary_stays_below_what_github_takes() -> None:
    name = "x" * 200
    changes = [make_change(scenario=name, engine=str(n), reason=name) for n in range(20_000)]
    text = render("github", make_comparison(changes))
    assert len(text.encode()) < 1024 * 1024
    assert "19000 more" in text


# Markdown, CSV, JSON


def test_markdown_says_the_outcome_and_every_number(comparison) -> None:
    text = render("markdown", comparison)
    assert text.startswith("## Regression: 1 vanished, 1 failed, 1 slower, 1 inconclusive")
    rows = {row[1]: row for row in table_cells(text)}
    assert rows["slow-device, depth 4, aio"] == [
        "slower", "slow-device, depth 4, aio", "throughput_ops", "-12 % (-13 % to -11 %)",
        "1k ops/s", "880 ops/s", "", "40", "3 %", "4.8 %",
    ]  # fmt: skip
    assert next(iter(rows.values()))[0] == "vanished"


@pytest.mark.parametrize("interval", [changes.OF_ROUNDS, changes.OF_RUNS, changes.OF_PAIRS])
def test_every_form_says_of_what_its_intervals_are(comparison, interval) -> None:
    told = msgspec.structs.replace(comparison, interval=interval)
    assert f"intervals, {interval}." in render("markdown", told)
    assert {row["interval"] for row in spreadsheet(render("csv", told))} == {interval}
    assert json.loads(render("json", told))["interval"] == interval


@few
@given(comparisons())
def test_hostile_names_stay_in_their_cells_of_the_table(comparison) -> None:
    text = render("markdown", comparison)
    rows = table_cells(text)
    assert len(rows) == len(comparison.changes)
    assert all(len(row) == len(markdown.CHANGE_COLUMNS) for row in rows)
    assert [row[1].strip() for row in rows] == [
        visible(wording.cell_name(change)).strip()
        for change in wording.by_urgency(comparison.changes)
    ]
    assert html_in(text) <= {"<details><summary>The same</summary>", "</details>"}


@few
@given(comparisons())
def test_csv_has_a_row_per_change_and_no_formula(comparison) -> None:
    rows = spreadsheet(render("csv", comparison))
    assert [row["verdict"] for row in rows] == [c.verdict for c in comparison.changes]
    for row, change in zip(rows, comparison.changes, strict=True):
        assert (float(row["ratio"]) if row["ratio"] else None) == (
            change.ratio.median if change.ratio else None
        )
        for key in ("scenario", "point", "engine", "metric", "reason"):
            assert not row[key].lstrip(" ").startswith(tuple("=+-@＝＋－＠\t\r\n"))


def test_json_is_the_comparison_itself(comparison) -> None:
    text = render("json", comparison)
    assert json.loads(text)["schema"] == "iomodels.comparison/1"
    assert msgspec.json.decode(text, type=Comparison) == comparison
