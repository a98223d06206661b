"""What is said of engines in Python beside those in C: each its harness, and no calls."""

from __future__ import annotations

import csv
import io

import pytest
from msgspec.structs import replace

from iomodels.analysis import findings
from iomodels.analysis.assembled import assembled
from iomodels.analysis.quantities import QUANTITIES, calls_of, exported, named
from iomodels.comparison import exact_counters
from iomodels.engines.spec import parse_list
from iomodels.exports import csv_rows
from iomodels.library import rows
from iomodels.measure.plan import Plan, make_plan
from iomodels.results.schema import Cell, Trial
from iomodels.workload.scenario import load

from ..factory import make_cell, make_python_trial, make_run, make_trial

ROUNDS = range(7)
NULL_OPS = {"null": 2e7, "python:null": 1e7}


def in_c(**values: float) -> list[Trial]:
    return [make_trial(n, **values) for n in ROUNDS]


def in_python(**values: float) -> list[Trial]:
    return [make_python_trial(n, **values) for n in ROUNDS]


def beside() -> list[Cell]:
    return [
        make_cell("blocking", in_c()),
        make_cell("python:blocking", in_python()),
        make_cell("null", in_c(throughput_ops=NULL_OPS["null"])),
        make_cell("python:null", in_python(throughput_ops=NULL_OPS["python:null"])),
    ]


def test_each_cell_has_the_harness_in_its_own_language() -> None:
    run = assembled(make_run(beside()))
    costs = [cell.summary.harness_ns_per_op for cell in run.cells if cell.summary]
    assert [cost.median for cost in costs if cost] == [50, 100, 50, 100]
    without = assembled(make_run([cell for cell in beside() if cell.engine != "python:null"]))
    assert without.cells[1].trials[0].harness_ns_per_op is None


def test_a_plugin_in_python_is_told_by_its_trials() -> None:
    assert make_cell("somebodys", in_python()).language == "Python"
    assert make_cell("somebodys", in_c()).language == "C"
    assert make_cell("null", [replace(t, calls_per_op={}) for t in in_c()]).language == "C"


def planned(engines: str, scenario: str = "slow-device") -> Plan:
    return make_plan(
        [load(scenario)], parse_list([engines]), rounds=1, duration_s=1, warmup_s=0, seed=1
    )


@pytest.mark.parametrize(
    ("engines", "scenario", "nulls"),
    [
        ("blocking,select", "slow-device", ["null"]),
        ("blocking,python:blocking", "slow-device", ["null", "python:null"]),
        ("python:blocking", "slow-device", ["null", "python:null"]),
        ("python:null,python:blocking", "slow-device", ["python:null", "null"]),
        ("select,python:blocking", "open-loop", ["null"]),  # where Python's can do nothing
    ],
)
def test_the_harness_in_python_is_measured_where_engines_in_python_are(
    engines: str, scenario: str, nulls: list[str]
) -> None:
    plan = planned(engines, scenario)
    assert [cell.engine.name for cell in plan.cells if cell.is_harness] == nulls
    assert all(t.duration_s == 0.05 for t in plan.trials if t.cell.is_harness)
    first = plan.cells[0].point
    assert all(cell.point == first for cell in plan.cells if cell.is_harness)


def test_calls_that_nobody_counted_have_no_value() -> None:
    cell = beside()[1]
    for quantity in (named("calls_per_op"), named("eagain_per_op"), calls_of("read")):
        assert quantity.interval(cell) is None
    assert {q.key for q, _ in exported(cell)} < {q.key for q in QUANTITIES} - {"eagain_per_op"}
    zero = make_cell("blocking", [replace(t, calls_per_op={}) for t in in_c()])
    counted = named("calls_per_op").interval(zero)
    assert counted is not None
    assert counted.median == 0


def test_files_for_others_leave_them_out() -> None:
    run = make_run(beside())
    table = csv.DictReader(io.StringIO(csv_rows.of_run(run)))
    of_python = [row for row in table if row["engine"] == "python:blocking"]
    assert not [row for row in of_python if "call" in row["metric"] or "eagain" in row["metric"]]
    for row in rows.of_run(run, "cells"):
        counted = row["engine"] == "blocking"
        assert (row["calls_per_op"] is not None) == counted
        assert (row["eagain_per_op"] is not None) == counted
        assert (row["read_calls_per_op"] is not None) == counted
    for row in rows.of_run(run, "trials"):
        assert (row["calls_per_op"] is not None) == (row["engine"] == "blocking")


def test_the_gate_judges_no_calls_of_theirs() -> None:
    assert list(exact_counters.compare(in_python(), in_python())) == []
    assert list(exact_counters.compare(in_c(), in_python())) == []
    assert exact_counters.unjudged(in_c(), in_python()) == 0
    assert [each.verdict for each in exact_counters.compare(in_c(), in_c())] == ["same"]


def test_no_sentence_is_about_their_calls() -> None:
    slower = [make_python_trial(n, throughput_ops=5000, latency_ns=200_000) for n in ROUNDS]
    cells = [make_cell("blocking", in_c()), make_cell("python:blocking", slower)]
    said = " ".join(findings.sentences(cells))
    assert "python:blocking" in said
    assert "call" not in said
