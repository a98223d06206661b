"""Every quantity in every place: what is shown is the same everywhere, or shown nowhere."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module

import pytest

from iomodels import charts, exports
from iomodels.analysis import quantities
from iomodels.analysis.cells import grouped
from iomodels.analysis.quantities import QUANTITIES, named
from iomodels.analysis.quantity_definition import Quantity
from iomodels.charts import by_engine, cancelling, cpu_latency, overlap, scaling
from iomodels.charts.drawing.scene import scenes
from iomodels.comparison import wording
from iomodels.comparison.metrics import METRICS
from iomodels.comparison.runs import compare
from iomodels.report import tables
from iomodels.results.schema import Cell, OverlapParts, Run
from iomodels.statistics.rounds import median_interval

from ..factory import histogram_of, make_cell, make_run, make_trial

table = import_module("iomodels.cli.show.table")
console = import_module("iomodels.cli.show.console")
four_models = import_module("iomodels.charts.matrix")

KEYS = [quantity.key for quantity in QUANTITIES]
LATENCIES = {key for key in KEYS if key.startswith(("latency_ns.", "service_ns."))}
CANCELLING = {"cancelled_share", "cancel_ns.p50", "cancel_late_ns.p50"}
BEYOND_DEVICE = {"added_ns.p50"}


# What must be shown of which cell


def trial(number: int, operations: int = 2000):
    """Every quantity has a value of its own, so that none can be taken for another."""
    step = 1 + number / 100
    shares = ((0.6, 100_000), (0.35, 200_000), (0.045, 400_000), (0.005, 800_000))
    latencies = [round(ns * step) for part, ns in shares for _ in range(round(part * operations))]
    latencies += [100_000] * (operations - len(latencies))
    return make_trial(
        number,
        latency_ns=latencies,
        throughput_ops=8123.0 * step,
        throughput_bytes=3_330_000.0 * step,
        cpu_ns_per_op=14_000.0 * step,
        cpu_share=0.37,
        calls={"read": 2.5 * step, "select": 1.75},
        eagain_per_op=1.31 * step,
        added_ns=histogram_of([round(23_000 * step)]),
        service_ns=histogram_of([round(51_000 * step)]),
        cancel_ns=histogram_of([round(11_000 * step)]),
        cancel_late_ns=histogram_of([round(77_000 * step)]),
        counters={"cancels_done": 1.0 + number / 10, "cancels_too_late": 3.0, "threads": 18.0},
        memory_bytes=round(1_234_000 * step),
        overlap=0.62 * step,
        overlap_parts=OverlapParts(io_ns=60_000.0, cpu_ns=50_000.0, both_ns=79_000.0),
    )


def cell(engine: str, operations: int = 2000, **parameters: int) -> Cell:
    trials = [trial(number, operations) for number in range(7)]
    named_parameters = {f"load.{key}": value for key, value in parameters.items()}
    return make_cell(engine, trials, parameters=named_parameters)


def run(operations: int = 2000, **parameters: int) -> Run:
    """Two engines at two depths, so that every kind of picture has what it shows."""
    return make_run(
        [
            cell(engine, operations, depth=depth, **parameters)
            for depth in (1, 4)
            for engine in ("blocking", "select")
        ]
    )


CELLS: Mapping[str, tuple[Run, set[str]]] = {
    "plain": (run(), {*KEYS} - CANCELLING),
    "deadline": (run(deadline=1), {*KEYS} - LATENCIES - BEYOND_DEVICE),
    "computing": (run(compute=1000), {*KEYS} - CANCELLING - BEYOND_DEVICE),
    "short": (run(99), {*KEYS} - CANCELLING - {"latency_ns.p99", "latency_ns.p999"}),
}
"""Runs, and what there is to show of their cells: by rule, not by what the table says."""


# Where it is shown: of a run's first cell, the number as it is written there


Shown = dict[str, str]


def in_terminal(run: Run) -> Shown:
    cells = run.cells[:2]
    columns = table.columns(cells)
    output = io.StringIO()
    wide = console.QuietConsole(file=output, width=300, force_terminal=False, markup=False)
    for part in table.report(run, width=300):
        wide.print(part)
    entries = {column.name: column.value(cells[0]) for column in columns}
    (line, *_) = re.findall(r"^blocking .*$", output.getvalue(), re.MULTILINE)
    assert " ".join(filter(None, entries.values())) in " ".join(line.split())
    return by_key(entries, lambda quantity: quantity.column)


def on_page(run: Run) -> Shown:
    ((_, points),) = grouped(run.cells).items()
    shown = tables.table(points)
    row = shown.rows[0]
    entries = zip(shown.columns, row.entries, strict=True)
    return by_key({c.header: e.text for c, e in entries}, lambda quantity: quantity.column)


def exported(run: Run, name: str) -> str:
    return exports.render(exports.Export(exports.FORMATS[name], None), run)


def in_csv(run: Run) -> Shown:
    rows = csv.DictReader(io.StringIO(exported(run, "csv")))
    return {row["metric"]: row["median"] for row in first(rows)}


def first(rows):
    """Those of the first cell."""
    return [r for r in rows if r["engine"] == "blocking" and r["point"] in ("depth 1", "")]


def in_openmetrics(run: Run) -> Shown:
    openmetrics = import_module("iomodels.exports.openmetrics")
    lines = exported(run, "openmetrics").splitlines()
    shown = {}
    for quantity in QUANTITIES:
        name = openmetrics.Family.of(quantity).name
        percentile = quantity.key.partition(".")[2]
        quantile = f'quantile="{quantities.PERCENTILES[percentile]}"' if percentile else ""
        for line in lines:
            mine = line.startswith(f'{name}{{cell="slow-device/depth 1/blocking"')
            if mine and 'estimate="median"' in line and quantile in line and "call=" not in line:
                assert quantity.key not in shown
                shown[quantity.key] = line.split()[-1]
    return shown


def in_bencher(run: Run) -> Shown:
    bencher = import_module("iomodels.exports.bencher")
    report = json.loads(exported(run, "bencher"))["slow-device/depth 1/blocking"]
    slugs = {bencher.slug_of(quantity.key): quantity.key for quantity in QUANTITIES}
    return {slugs[slug]: repr(metric["value"]) for slug, metric in report.items()}


def in_github_benchmark(run: Run) -> Shown:
    entries = [
        entry
        for name in ("github-benchmark-bigger", "github-benchmark-smaller")
        for entry in json.loads(exported(run, name))
    ]
    prefix = "slow-device/depth 1/blocking "
    values = {
        entry["name"].removeprefix(prefix): repr(entry["value"])
        for entry in entries
        if entry["name"].startswith(prefix)
    }
    return by_key(values, lambda quantity: quantity.title)


def in_pyperf(run: Run) -> Shown:
    prefix = "slow-device/depth 1/blocking "
    values = {}
    for benchmark in json.loads(exported(run, "pyperf"))["benchmarks"]:
        name = benchmark["metadata"]["name"]
        if name.startswith(prefix):
            rounds = [value * 1e9 for each in benchmark["runs"] for value in each["values"]]
            values[name.removeprefix(prefix)] = f"{median_interval(rounds).median:.5g}"
    return by_key(values, lambda quantity: quantity.title)


def in_markdown(run: Run) -> Shown:
    markdown = import_module("iomodels.exports.markdown")
    lines = exported(run, "markdown").splitlines()
    row = next(line for line in lines if line.startswith("| blocking |"))
    entries = [entry.strip().partition(" (")[0] for entry in row.strip("|").split("|")][1:]
    keys = [quantity.key for quantity in markdown.NUMBERS]
    return {k: entry for k, entry in zip(keys, entries, strict=True) if entry != "–"}


def in_matrix(run: Run) -> Shown:
    (scene,) = scenes([run])
    if not four_models.CHART.has_a_place(scene):
        return {}
    shown = four_models.headlines(scene.points[0].cells[0])
    entries = {title: value for title, value, _ in shown}
    drawn = {t.get_text() for t in charts.matrix(run, "slow-device").draw().axes[0].texts}
    assert set(entries.values()) <= drawn
    return by_key(entries, lambda quantity: quantity.axis_title)


def in_pictures(run: Run) -> Shown:
    """What the pictures that there are of this run say of the cell."""
    (scene,) = scenes([run])
    own = {
        by_engine.CHART: [c.quantity for panel in by_engine.PANELS for c in panel.columns],
        cancelling.CHART: [c.quantity for panel in cancelling.PANELS for c in panel.columns],
        scaling.CHART: list(scaling.PANELS),
        cpu_latency.CHART: list(cpu_latency.AXES),
        overlap.CHART: [overlap.OVERLAP],
    }
    shown = {}
    for chart, shows in own.items():
        if chart.has_a_place(scene):
            assert chart.draw(scene).axes
            for quantity in shows:
                interval = quantity.interval(scene.points[0].cells[0].cell)
                if interval is not None:
                    shown[quantity.key] = quantity.unit.show(interval.median)
    return shown


def in_gate(run: Run) -> Shown:
    """The gate compares a cell with itself, and so what is not shown beside other engines too."""
    comparison = compare(run, run, base_name="a", new_name="b", metric_keys=list(METRICS))
    mine = [c for c in comparison.changes if c.engine == "blocking" and c.label == "depth 1"]
    found = {c.metric: c for c in mine if c.metric in METRICS}
    return {
        METRICS[key].key: wording.value(change, change.base)
        for key, change in found.items()
        if change.verdict == "same" or change.reason is None or "operations" not in change.reason
    }


def by_key(entries: Mapping[str, str], name: Callable[[Quantity], str]) -> Shown:
    keys = {name(quantity): quantity.key for quantity in QUANTITIES}
    return {
        keys[title]: text
        for title, text in entries.items()
        if title in keys and text not in ("", quantities.NOT_TOLD)
    }


PLACES: Mapping[str, Callable[[Run], Shown]] = {
    function.__name__.removeprefix("in_").removeprefix("on_"): function
    for function in (
        *(in_terminal, on_page, in_csv, in_openmetrics, in_bencher, in_github_benchmark),
        *(in_pyperf, in_markdown, in_matrix, in_pictures, in_gate),
    )
}

NUMBER = {
    "terminal": lambda q, x: q.unit.short(x),
    "csv": lambda q, x: repr(x),
    "openmetrics": lambda q, x: repr(x * (1e-9 if q.unit.name == "ns" else 1.0)),
    "bencher": lambda q, x: repr(x),
    "github_benchmark": lambda q, x: repr(x),
    "pyperf": lambda q, x: f"{x:.5g}",
    "gate": lambda q, x: q.unit.show(x) + (" ops/s" if q.unit.name == "ops/s" else ""),
}
"""How a place writes a number; all others write it as its unit does."""

HAS_PLACE = {
    "terminal": lambda q: bool(q.heading),
    "page": lambda q: bool(q.heading),
    "csv": lambda q: q.is_exported,
    "openmetrics": lambda q: q.is_exported,
    "bencher": lambda q: q.is_headline,
    "github_benchmark": lambda q: q.is_headline and q.has_ratios,
    "gate": lambda q: q.is_gated,
}
"""Where the quantity itself says whether it is there; a picture chooses what it shows."""


@cache
def shown(place: str, kind: str) -> Shown:
    return PLACES[place](CELLS[kind][0])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", KEYS)
def test_a_quantity_is_the_same_wherever_it_is_shown(key: str, place: str) -> None:
    quantity = named(key)
    for kind, (measured, there_is) in CELLS.items():
        interval = quantity.interval(measured.cells[0])
        assert (interval is not None) == (key in there_is), kind
        told = shown(place, kind).get(key)
        if place == "gate" and kind == "deadline":
            continue
        if interval is None:
            assert told is None, kind
            continue
        if place in HAS_PLACE:
            assert (told is not None) == HAS_PLACE[place](quantity), kind
        if told is not None:
            write = NUMBER.get(place, lambda q, x: q.unit.show(x))
            assert told == write(quantity, interval.median), kind


@pytest.mark.parametrize("place", PLACES)
def test_every_place_shows_something_and_nothing_else(place: str) -> None:
    found = {key for kind in CELLS for key in shown(place, kind)}
    assert found
    if place == "csv":
        assert found == {q.key for q in QUANTITIES if q.is_exported} | {
            f"calls_per_op.{name}" for name in ("read", "select")
        }
    else:
        assert found <= set(KEYS)


def test_a_cell_without_numbers_has_none_anywhere() -> None:
    nothing = make_cell("aio", [], status="n/a", reason="not here")
    assert not [q.key for q in QUANTITIES if q.interval(nothing)]


NEW_QUANTITY = """
from iomodels.analysis import quantities
from iomodels.analysis.quantity_definition import Quantity, Unit
quantities.QUANTITIES += (
    Quantity(
        key="switches_per_op",
        title="context switches per operation",
        unit=Unit("switches", lambda value: f"{value:.1f}"),
        bigger_is_better=False,
        of_trial=lambda trial: trial.context_switches_per_op.voluntary,
        heading="switches",
        meaning="times that it slept, per operation",
        importance=16,
        is_headline=True,
        is_gated=True,
    ),
)
from tests.analysis import test_quantities as places
for place in sorted(places.PLACES):
    print(place, places.shown(place, "plain").get("switches_per_op"))
"""


def test_a_new_quantity_is_one_entry(pytestconfig: pytest.Config) -> None:
    """Nothing else is touched, and it is in the tables, in the files and in the gate."""
    done = subprocess.run(
        [sys.executable, "-c", NEW_QUANTITY],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = dict(line.split() for line in done.stdout.splitlines())
    assert shown.pop("csv") == shown.pop("openmetrics") == "1.0"
    assert shown.pop("bencher") == shown.pop("github_benchmark") == "1.0"
    assert shown.pop("terminal") == shown.pop("page") == "1.0"
    assert shown.pop("gate") == "1.0"
    assert set(shown.values()) == {"None"}, "the others choose what they show"


# Too few operations for a percentile


@pytest.mark.parametrize(
    ("percentile", "operations", "told"),
    [
        ("p50", 1, True),
        ("p90", 9, False),
        ("p90", 10, True),
        ("p99", 99, False),
        ("p99", 100, True),
        ("p999", 999, False),
        ("p999", 1000, True),
    ],
)
def test_a_percentile_needs_an_operation_that_may_lie_beyond_it(percentile, operations, told):
    """Half of the rounds may have fewer: a cell's number is the median over rounds, too."""
    trials = [make_trial(n, operations=operations if n > 2 else 1) for n in range(7)]
    one = make_cell("blocking", trials)
    found = named(f"latency_ns.{percentile}").interval(one)
    assert found == (getattr(one.summary.latency_ns, percentile) if told else None)


def test_without_trials_a_summary_is_believed():
    whole = make_cell("blocking")
    alone = make_cell("blocking", [], summary=whole.summary)
    assert named("latency_ns.p999").interval(alone) == whole.summary.latency_ns.p999
