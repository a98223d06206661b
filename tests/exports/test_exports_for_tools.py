"""Exports for other programs, each read by that program or checked by its schema.

They are Prometheus, Bencher, github-action-benchmark and pyperf.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys

import jsonschema
import pyperf
from hypothesis import given
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as classic_families

from iomodels.base.escape import visible
from iomodels.exports import github_benchmark, openmetrics
from iomodels.exports.content.cells import measured

from .. import chart_runs
from ..factory import make_cell, make_run, make_trial
from ..hostile_names import runs, texts
from .reading import BENCHER, families, few, render

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


def test_no_headline_of_a_dashboard_of_ratios_is_near_0() -> None:
    """Overlap of 0 is noise of either sign: one run's over the next one's is anything."""
    runs = [chart_runs.overlapping(), chart_runs.cancelling()]
    for run in runs:
        for written in (github_benchmark.bigger(run), github_benchmark.smaller(run)):
            for entry in json.loads(written):
                assert not entry["name"].endswith(" overlap")
                assert entry["value"] > 0
