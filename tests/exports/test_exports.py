"""Exports of measurements, each read by the program it is for, or checked by its schema."""

from __future__ import annotations

import importlib
import json
import re

import jsonschema
import pytest
from hypothesis import given
from msgspec.structs import replace

from iomodels import exports
from iomodels.base.escape import visible
from iomodels.exports import csv_rows, markdown
from iomodels.exports.content.cells import named

from ..factory import histogram_of, make_cell, make_run, make_trial
from ..hostile_names import runs, texts
from .reading import BENCHER, families, few, html_in, render, spreadsheet, table_cells

# The table of formats


@pytest.mark.parametrize("format", exports.FORMATS.values(), ids=list(exports.FORMATS))
def test_every_function_that_the_table_names_exists(format) -> None:
    module = importlib.import_module(f"iomodels.exports.{format.module}")
    for function in (format.measurements, format.verdicts, format.answers, format.commands):
        assert function is None or callable(getattr(module, function))
    assert format.measurements or format.verdicts


@pytest.mark.parametrize("name", exports.names("measurements"))
def test_a_cell_without_a_measurement_is_no_null_and_no_zero(run, name) -> None:
    text = render(name, run)
    assert "null" not in text.replace('"null"', "").replace(",null,", "")
    assert not re.search(r"\b(nan|inf|none)\b", text, re.IGNORECASE)
    if name.startswith(("github-", "bencher", "pyperf")):
        assert "aio" not in text
        assert "select" not in text


# CSV


def test_csv_has_every_quantity_with_its_interval(run) -> None:
    rows = spreadsheet(render("csv", run))
    (throughput,) = (
        row for row in rows if row["engine"] == "blocking" and row["metric"] == "throughput_ops"
    )
    assert [float(throughput[key]) for key in ("low", "median", "high")] == [1000, 1003, 1006]
    assert throughput["rounds"] == "7"
    (failed,) = (row for row in rows if row["engine"] == "select")
    assert (failed["status"], failed["reason"], failed["median"]) == ("failed", "it broke", "")


@few
@given(runs())
def test_csv_of_hostile_names_round_trips_and_holds_no_formula(run) -> None:
    rows = spreadsheet(render("csv", run))
    cells = [each.cell for each in named(run)]
    assert {row["engine"].removeprefix("'") for row in rows} == {
        visible(cell.engine).removeprefix("'") for cell in cells
    }
    for row in rows:
        for value in row.values():
            assert not value.lstrip(" ").startswith(tuple("=+-@＝＋－＠\t\r\n"))


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@A1", " =1", "\t=1", "\r=1", "＝1"])
def test_a_formula_in_csv_is_text(formula) -> None:
    assert csv_rows.text(formula).startswith("'")
    assert csv_rows.text("aio:notify=poll") == "aio:notify=poll"


# Percentiles of too few operations

AS_P99 = {
    "csv": "latency_ns.p99,",
    "openmetrics": 'quantile="0.99"',
    "bencher": "latency-p99",
    "github-benchmark-smaller": "latency p99",
}
"""How a format that carries p99 writes it."""


@pytest.mark.parametrize("name", AS_P99)
@pytest.mark.parametrize(("operations", "told"), [(99, False), (100, True)])
def test_a_p99_of_too_few_operations_is_left_out(name, operations, told) -> None:
    trials = [make_trial(n, operations=operations) for n in range(7)]
    text = render(name, make_run([make_cell("blocking", trials)]))
    assert (AS_P99[name] in text) == told


def test_no_other_format_has_a_p99(run) -> None:
    having = {n for n in exports.names("measurements") if re.search("p99|0[.]99", render(n, run))}
    assert having - {"json", "markdown", "github"} == set(AS_P99)


@pytest.mark.parametrize(
    ("operations", "left"),
    [(9, []), (99, ["p90"]), (999, ["p90", "p99"]), (1000, ["p90", "p99", "p999"])],
)
def test_each_percentile_needs_operations_of_its_own(operations, left) -> None:
    trials = [make_trial(n, operations=operations) for n in range(7)]
    rows = spreadsheet(render("csv", make_run([make_cell("blocking", trials)])))
    metrics = [row["metric"] for row in rows if row["metric"].startswith("latency_ns.")]
    assert metrics == ["latency_ns.p50", *(f"latency_ns.{each}" for each in left)]


@pytest.mark.parametrize(("operations", "told"), [(99, False), (100, True)])
def test_a_p99_of_too_few_operations_is_a_dash_in_markdown(operations, told) -> None:
    trials = [make_trial(n, operations=operations) for n in range(7)]
    text = render("markdown", make_run([make_cell("blocking", trials)]))
    (row,) = table_cells(text)
    assert (row[markdown.RUN_COLUMNS.index("latency p99")] != "–") == told
    assert ("fewer than 100 operations" in text) == (not told)


# Under a deadline


@pytest.fixture
def cancelling():
    """A quarter of the overdue requests were ended by cancelling, after 1 ms."""
    asked = {"cancels_done": 25.0, "cancels_too_late": 70.0, "cancels_already_complete": 5.0}
    ended = {"cancel_ns": histogram_of([1_000_000] * 25), "cancel_late_ns": histogram_of([2**21])}
    trials = [make_trial(n, counters=asked, **ended) for n in range(7)]
    return make_run(
        [
            make_cell("aio", trials, parameters={"load.deadline": 100_000}),
            make_cell("select", trials, parameters={"load.deadline": 0}),
        ]
    )


def test_what_cancelling_comes_to_is_exported(cancelling) -> None:
    rows = {(r["engine"], r["metric"]): r for r in spreadsheet(render("csv", cancelling))}
    assert float(rows["aio", "cancelled_share"]["median"]) == 0.25
    assert float(rows["aio", "cancel_ns.p50"]["median"]) == pytest.approx(1e6, rel=0.01)
    found = families(render("openmetrics", cancelling))
    for name, value in (("cancelled_ratio", 0.25), ("cancel_late_seconds", 2**21 / 1e9)):
        sample = next(s for s in found[f"iomodels_{name}"] if s.labels["engine"] == "aio")
        assert sample.value == pytest.approx(value, rel=0.01)
    report = json.loads(render("bencher", cancelling))
    jsonschema.validate(report, BENCHER)
    assert [m["cancelled"]["value"] for m in report.values() if "cancelled" in m] == [0.25]


def test_markdown_says_that_its_numbers_are_those_of_the_quick_requests(cancelling) -> None:
    text = render("markdown", cancelling)
    (said,) = [line for line in text.splitlines() if line.startswith("- aio: ")]
    assert "25 % of the overdue requests were ended by cancelling, 1 ms after" in said
    assert "- select: " not in text


def test_without_a_deadline_nothing_is_said_of_cancelling(cancelling) -> None:
    """What the end of a trial calls back is of no interest."""
    rows = [row for row in spreadsheet(render("csv", cancelling)) if row["engine"] == "select"]
    assert rows
    assert not [row["metric"] for row in rows if row["metric"].startswith("cancel")]
    assert "cancelled" not in render("markdown", make_run(cancelling.cells[1:]))


# Markdown


def test_markdown_says_what_the_tables_show_as_the_terminal_does() -> None:
    trials = [make_trial(n, cpu_ns_per_op=4000.0) for n in range(7)]
    usual = [make_trial(n, cpu_ns_per_op=2000.0) for n in range(7)]
    cells = [make_cell("blocking", usual), make_cell("aio", trials)]
    shown = render("markdown", make_run(cells))
    (sentence,) = (line for line in shown.splitlines() if "against blocking" in line)
    assert sentence.startswith("- aio against blocking: 2.00 times the CPU per operation")
    few = [replace(cell, trials=cell.trials[:3]) for cell in cells]
    assert "against blocking" not in render("markdown", make_run(few))


def test_markdown_has_the_numbers_and_the_reasons(run) -> None:
    text = render("markdown", run)
    (row, aio, select) = table_cells(text)
    assert row[:2] == ["blocking", "1k (1k to 1.01k)"]
    assert (aio[1], select[1]) == ("n/a", "failed")
    assert "no aio here" in text
    assert "it broke" in text


@few
@given(runs())
def test_a_hostile_name_stays_in_its_cell_of_a_markdown_table(run) -> None:
    text = render("markdown", run)
    rows = table_cells(text)
    assert all(len(row) == len(markdown.RUN_COLUMNS) for row in rows)
    assert {row[0].strip() for row in rows} == {
        visible(cell.engine).strip() for cell in run.cells if cell.engine != "null"
    }
    assert html_in(text) == set()


@given(texts)
def test_markdown_text_links_nowhere(value) -> None:
    escaped = markdown.text(value)
    assert not re.search(r"(?<!\\)://", escaped)
    assert "www." not in escaped
