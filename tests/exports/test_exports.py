"""Exports of measurements, each read by the program it is for, or checked by its schema."""

from __future__ import annotations

import csv
import importlib
import io
import itertools
import json
import math
import re
import subprocess
import sys

import jsonschema
import pyperf
import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as classic_families

from iomodels import exports
from iomodels.base.escape import visible
from iomodels.exports import csv_rows, markdown, openmetrics
from iomodels.exports.content.cells import measured, named

from ..factory import histogram_of, make_cell, make_run, make_trial
from ..hostile_names import runs, texts

few = settings(max_examples=40)

# The rules of https://bencher.dev/bmf.json, and its limits on names.
BENCHER = {
    "type": "object",
    "propertyNames": {"minLength": 1, "maxLength": 1024},
    "additionalProperties": {
        "type": "object",
        "propertyNames": {"pattern": "^[a-z0-9-]{1,64}$"},
        "additionalProperties": {
            "type": "object",
            "required": ["value"],
            "additionalProperties": False,
            "properties": {
                key: {"type": "number"} for key in ("value", "lower_value", "upper_value")
            },
        },
    },
}
# README of github-action-benchmark, "Custom benchmarks"; the range as its reader's pattern has it.
GITHUB_BENCHMARK = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "unit", "value"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "unit": {"type": "string", "minLength": 1},
            "value": {"type": "number"},
            "range": {"type": "string", "pattern": r"^(\+-|±)\s*\d.+$"},
            "extra": {"type": "string"},
        },
    },
}


def render(name: str, run) -> str:
    return exports.render(exports.parse(f"{name}=-", "measurements"), run)


@pytest.fixture
def run():
    """One cell of each kind: measured, not applicable, failed half-way."""
    trials = [make_trial(n, throughput_ops=1000.0 + n, latency_ns=100_000 + n) for n in range(7)]
    return make_run(
        [
            make_cell("blocking", trials),
            make_cell("null", trials),
            make_cell("aio", [], status="n/a", reason="no aio here", summary=None),
            make_cell("select", trials[:2], status="failed", reason="it broke"),
        ]
    )


def spreadsheet(text: str) -> list[dict[str, str]]:
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def families(text: str) -> dict[str, list]:
    assert text.endswith("# EOF\n")
    return {family.name: family.samples for family in text_string_to_metric_families(text)}


# The table of formats


@pytest.mark.parametrize("format", exports.FORMATS.values(), ids=list(exports.FORMATS))
def test_every_function_that_the_table_names_exists(format) -> None:
    module = importlib.import_module(f"iomodels.exports.{format.module}")
    for function in (format.measurements, format.verdicts, format.commands):
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


def parsed(text: str):
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def table_cells(text: str) -> list[list[str]]:
    """The rows of all tables, each cell as a reader sees it; it must be plain text."""
    rows: list[list[str]] = []
    tokens = parsed(text)
    for token, following in itertools.pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type == "td_open":
            assert {child.type for child in following.children} <= {"text"}, following.content
            rows[-1].append("".join(child.content for child in following.children))
    return [row for row in rows if row]


def html_in(text: str) -> set[str]:
    """The lines of HTML in it; everything else must be plain text in the blocks that we write."""
    tokens = parsed(text)
    types = {child.type for token in tokens for child in token.children or []}
    assert types <= {"text", "softbreak"}
    blocks = {token.type for token in tokens if token.nesting >= 0}
    lists = {token.level for token in tokens if token.type == "bullet_list_open"}
    ours = {"heading", "paragraph", "table", "thead", "tbody", "tr", "th", "td"}
    known = {f"{name}_open" for name in (*ours, "bullet_list", "list_item")}
    assert blocks <= known | {"inline", "html_block"}
    assert lists <= {0}
    return {token.content.strip() for token in tokens if token.type == "html_block"}


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


# OpenMetrics


def test_openmetrics_is_read_by_the_prometheus_client(run) -> None:
    found = families(render("openmetrics", run))
    throughput = {
        sample.labels["estimate"]: sample.value
        for sample in found["iomodels_throughput_operations_per_second"]
    }
    assert throughput == {"median": 1003, "low": 1000, "high": 1006}
    (p50,) = (
        sample.value
        for sample in found["iomodels_latency_seconds"]
        if sample.labels["quantile"] == "0.5" and sample.labels["estimate"] == "median"
    )
    assert math.isclose(p50, 100e-6, rel_tol=0.01)
    states = {s.labels["engine"]: s.value for s in found["iomodels_cell_measured"]}
    assert states == {"blocking": 1, "aio": 0, "select": 0}
    (calls,) = (
        s for s in found["iomodels_calls_per_operation"] if s.labels["estimate"] == "median"
    )
    assert (calls.labels["call"], calls.value) == ("read", 1)


def test_openmetrics_is_read_by_node_exporter_too(run) -> None:
    """Its collector reads the older text format, of which these types are the gauges' kin."""
    text = render("openmetrics", run)
    types = [line.split()[3] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert types
    assert set(types) <= {"gauge", "counter", "untyped"}
    assert text.endswith("\n# EOF\n")
    classic = {family.name: family for family in classic_families(text)}
    assert classic["iomodels_run_info"].type == "gauge"
    assert set(classic) == {family.name for family in text_string_to_metric_families(text)}


@few
@given(runs())
def test_openmetrics_of_hostile_names_is_read_back_as_they_are_shown(run) -> None:
    found = families(render("openmetrics", run))
    engines = {sample.labels["engine"] for sample in found["iomodels_cell_measured"]}
    assert engines == {visible(cell.engine) for cell in run.cells if cell.engine != "null"}


@given(texts)
def test_a_label_never_leaves_its_quotes(value) -> None:
    text = f'a{{b="{openmetrics.label_value(value)}"}} 1\n# EOF\n'
    (family,) = text_string_to_metric_families("# TYPE a gauge\n" + text)
    assert family.samples[0].labels["b"] == visible(value)


# Services


def test_bencher_has_latency_in_ns_and_throughput_with_bounds(run) -> None:
    report = json.loads(render("bencher", run))
    jsonschema.validate(report, BENCHER)
    (measures,) = report.values()
    assert measures["throughput"] == {"value": 1003, "lower_value": 1000, "upper_value": 1006}
    assert math.isclose(measures["latency"]["value"], 100_000, rel_tol=0.01)


def test_github_benchmark_has_one_file_per_direction(run) -> None:
    bigger = json.loads(render("github-benchmark-bigger", run))
    smaller = json.loads(render("github-benchmark-smaller", run))
    jsonschema.validate(bigger + smaller, GITHUB_BENCHMARK)
    assert [entry["unit"] for entry in bigger] == ["ops/s"]
    assert {entry["unit"] for entry in smaller} == {"ns"}
    (throughput,) = bigger
    assert throughput["value"] == 1003
    assert float(throughput["range"].removeprefix("± ")) == 3
    assert "7 rounds" in throughput["extra"]


@few
@given(runs())
def test_services_get_each_measured_cell_under_a_name_of_its_own(run) -> None:
    count = len(list(measured(run)))
    report = json.loads(render("bencher", run))
    jsonschema.validate(report, BENCHER)
    assert len(report) == count
    for direction in ("bigger", "smaller"):
        entries = json.loads(render(f"github-benchmark-{direction}", run))
        jsonschema.validate(entries, GITHUB_BENCHMARK)
        assert len({entry["name"] for entry in entries}) == len(entries) >= count


# pyperf


@few
@given(runs())
def test_pyperf_loads_hostile_names(run) -> None:
    if list(measured(run)):  # pyperf has no empty suite
        suite = pyperf.BenchmarkSuite.loads(render("pyperf", run))
        assert len(suite) == 2 * len(list(measured(run)))


def test_pyperf_compares_two_exports(run, tmp_path) -> None:
    slower = [make_trial(n, latency_ns=200_000 + n, throughput_ops=500.0) for n in range(7)]
    (tmp_path / "base.json").write_text(render("pyperf", run))
    (tmp_path / "new.json").write_text(render("pyperf", make_run([make_cell("blocking", slower)])))

    def command(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "pyperf", *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
        ).stdout  # fmt: skip

    assert "2.00x slower" in command("compare_to", "base.json", "new.json")
    stats = command("stats", "base.json")
    assert "Total number of values: 7" in stats
    assert "Median +- MAD:   100 us" in stats


def test_pyperf_leaves_out_what_took_no_time() -> None:
    trials = [make_trial(n, cpu_ns_per_op=0.0) for n in range(7)]
    text = render("pyperf", make_run([make_cell("blocking", trials)]))
    assert pyperf.BenchmarkSuite.loads(text).get_benchmark_names() == [
        "slow-device/blocking latency p50"
    ]
