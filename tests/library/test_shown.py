"""A run shows itself: in one line, as a notebook's tables, and as rows for pandas."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import pytest

import iomodels
from iomodels.analysis.quantities import QUANTITIES, in_table, named
from iomodels.library import notebook, rows
from iomodels.library.shown import Comparison, Run
from iomodels.results.schema import Notice

from ..factory import make_cell, make_run, make_trial

HOSTILE = '<script>alert("1")</script>\x1b[2J'


def a_run() -> Run:
    cells = [
        make_cell(engine, parameters={"load.depth": depth, "load.block": 4096, "load.compute": 500})
        for depth in (1, 4)
        for engine in ("blocking", "aio")
    ]
    cells.append(make_cell("select", [], status="n/a", reason="it cannot", summary=None))
    cells.append(make_cell("null"))
    return Run.of(make_run(cells))


class Reader(HTMLParser):
    """The tags of a text, and the texts between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


# ------------------------------------------------------------------ one line


def test_a_run_is_one_line():
    run = a_run()
    assert repr(run) == "<iomodels.Run slow-device: 5 cells, 7 rounds, 2026-01-01T00:00:00Z>"
    assert str(run) == repr(run)
    for part in (run.cells, run.cells[0].trials):
        assert all(len(repr(each)) < 200 and "\n" not in repr(each) for each in part)


def test_many_scenarios_are_counted_and_hostile_names_are_harmless():
    many = Run.of(make_run([make_cell(scenario=f"s{n}") for n in range(30)]))
    assert "30 scenarios" in repr(many)
    hostile = Run.of(make_run([make_cell(HOSTILE + "\n", scenario=HOSTILE + "\n")]))
    for text in (repr(hostile), repr(hostile.cells[0])):
        assert "\x1b" not in text
        assert "\n" not in text


def test_a_comparison_is_one_line():
    comparison = iomodels.compare(a_run(), a_run())
    assert isinstance(comparison, Comparison)
    assert repr(comparison).startswith("<iomodels.Comparison slow-device: Passed")
    assert "\n" not in repr(comparison)
    assert len(repr(comparison)) < 200


# ------------------------------------------------------------------ notebooks


def test_a_notebook_shows_the_table_of_quantities():
    run = a_run()
    page = Reader(run._repr_html_())
    assert page.tags.count("table") == 1
    shown = page.texts
    cell = run.cells[0]
    for quantity in QUANTITIES:
        found = in_table(quantity, cell) if quantity.heading else None
        if found:
            assert quantity.column in shown
            assert quantity.unit.show(found.median) in shown
    assert "n/a: it cannot" in shown
    assert "warning: Another process keeps a CPU busy." in shown


def test_what_a_file_holds_is_escaped():
    cell = make_cell(HOSTILE, scenario=HOSTILE, note=HOSTILE)
    run = Run.of(make_run([cell], questions={HOSTILE: HOSTILE}, warnings=[Notice("x", HOSTILE)]))
    for text in (run._repr_html_(), iomodels.compare(run, run)._repr_html_()):
        assert "script" not in Reader(text).tags
        assert "\x1b" not in text
        assert "&lt;script&gt;" in text


def test_a_long_run_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr(notebook, "MAX_ROWS", 3)
    page = Reader(a_run()._repr_html_())
    assert page.tags.count("tr") == 1 + 3
    assert "2 more rows: to_rows() has all" in page.texts


def test_a_comparison_shows_its_changes():
    page = Reader(iomodels.compare(a_run(), a_run())._repr_html_())
    assert "slow-device, depth 1, block 4 KiB, compute 500 ns, blocking" in page.texts or any(
        "blocking" in text for text in page.texts
    )
    assert "throughput_ops" in page.texts


# ------------------------------------------------------------------ rows


def test_all_rows_have_the_same_keys_in_the_same_order():
    for of, count in (("cells", 5), ("trials", 28)):
        found = a_run().to_rows(of)
        assert len(found) == count
        assert len({tuple(row) for row in found}) == 1
        for value in (value for row in found for value in row.values()):
            assert value is None or isinstance(value, str | int | float | bool)
        text = io.StringIO()
        writer = csv.DictWriter(text, found[0])
        writer.writeheader()
        writer.writerows(found)
        assert len(list(csv.DictReader(io.StringIO(text.getvalue())))) == count


def test_values_are_those_of_the_one_table():
    run = a_run()
    for row, cell in zip(run.to_rows(), run.cells, strict=False):
        assert (row["engine"], row["status"]) == (cell.engine, cell.status)
        for quantity in QUANTITIES:
            found = quantity.interval(cell)
            wanted = (found.median, found.low, found.high) if found else (None,) * 3
            keys = (rows.column(quantity), rows.column(quantity, "low"))
            assert (row[keys[0]], row[keys[1]]) == wanted[:2]
            assert row[rows.column(quantity, "high")] == wanted[2]


def test_keys_end_in_their_unit():
    row = a_run().to_rows()[0]
    assert row["load.depth"] == 1
    assert row["load.block_bytes"] == 4096
    assert row["load.compute_ns"] == 500
    for key in ("latency_p50_low_ns", "cpu_high_ns_per_op", "throughput_low_ops", "overlap_low"):
        assert key in row
    assert row["read_calls_per_op"] == 1.0
    assert rows.column(named("latency_ns.p999"), "high") == "latency_p999_high_ns"
    assert "latency_p50_low_ns" not in a_run().to_rows("trials")[0]


def test_a_column_has_one_type():
    """polars refuses a column in which texts and numbers meet."""
    cells = [make_cell("aio", parameters={"channel.opens": opens}) for opens in ("per-request", 1)]
    cells.append(make_cell("aio"))
    found = Run.of(make_run(cells)).to_rows()
    assert [row["channel.opens"] for row in found] == ["per-request", "1", None]
    for key in found[0]:
        kinds = {type(row[key]) for row in found} - {type(None)}
        assert len(kinds) <= 1 or kinds == {int, float}, key


def test_a_trial_has_its_own_values():
    trials = [make_trial(n, throughput_ops=1000.0 * (n + 1)) for n in range(7)]
    found = Run.of(make_run([make_cell("aio", trials)])).to_rows("trials")
    assert [row["throughput_ops"] for row in found] == [1000.0 * (n + 1) for n in range(7)]
    assert [row["round"] for row in found] == list(range(7))
    assert all(row["latency_p99_ns"] is not None for row in found)


def test_what_must_not_be_shown_is_none():
    few = make_cell("aio", [make_trial(n, latency_ns=[1000] * 50) for n in range(7)])
    late = make_cell("select", parameters={"load.deadline": 1000})
    dead = make_cell("threads", status="failed", reason="it died")
    run = Run.of(make_run([few, late, dead]))
    for of in ("cells", "trials"):
        by_engine = {row["engine"]: row for row in run.to_rows(of)}
        assert by_engine["aio"]["latency_p99_ns"] is None
        assert by_engine["aio"]["latency_p50_ns"] is not None
        assert by_engine["select"]["latency_p50_ns"] is None
        assert by_engine["threads"]["throughput_ops"] is None
        assert by_engine["threads"]["reason"] == "it died"


def test_the_harness_is_no_row_unless_it_is_all_there_is():
    assert "null" not in {row["engine"] for row in a_run().to_rows()}
    assert [row["engine"] for row in Run.of(make_run([make_cell("null")])).to_rows()] == ["null"]
    assert Run.of(make_run([])).to_rows() == []


def test_a_comparison_has_a_row_for_each_change():
    comparison = iomodels.compare(a_run(), a_run())
    found = comparison.to_rows()
    assert [row["metric"] for row in found] == [change.metric for change in comparison.changes]
    assert len({tuple(row) for row in found}) == 1


@pytest.mark.parametrize("of", ["cell", None, 3])
def test_other_rows_there_are_not(of):
    with pytest.raises(iomodels.UsageError, match='must be "cells" or "trials"'):
        a_run().to_rows(of)


# ------------------------------------------------------------------ files


def test_a_run_is_saved_and_read_back(tmp_path):
    path = tmp_path / "run.json"
    run = a_run()
    run.save(path)
    assert iomodels.load(path) == run
    with pytest.raises(iomodels.OutputError, match="exists already"):
        run.save(path)
    run.save(path, force=True)
    comparison = iomodels.compare(str(path), run)
    assert (comparison.base_name, comparison.new_name) == ("run.json", "new")
