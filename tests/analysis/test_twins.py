"""Python's models beside C: each is compared with its twin, round by round, and with no other."""

from __future__ import annotations

import io
from importlib import import_module

import msgspec
import pytest
from rich.console import Console

from iomodels.analysis.twins import twins
from iomodels.engines.kinds.twins import twin_of
from iomodels.engines.sources import SOURCES
from iomodels.engines.spec import parse, variants
from iomodels.results.schema import Cell, Run

from ..factory import make_cell, make_run, make_trial

FACTORS = (1.0, 1.1, 1.2, 0.9, 0.8, 1.0, 1.05)


def cell(engine: str, ops: float, cpu_ns: float, **others: object) -> Cell:
    """Of seven rounds; what is slow in one is so for all engines."""
    trials = [
        make_trial(number, throughput_ops=ops * factor, cpu_ns_per_op=cpu_ns / factor)
        for number, factor in enumerate(FACTORS)
    ]
    fields: dict[str, object] = {"scenario": "cached-read", **others}
    return make_cell(engine, trials, **fields)  # type: ignore[arg-type]


def beside(**others: object) -> Run:
    return make_run(
        [
            cell("python:null", 5e6, 90.0, **others),
            cell("null", 1e7, 40.0, **others),
            cell("python:blocking", 250_000, 3_000, **others),
            cell("threads", 100_000, 9_000, **others),
            cell("blocking", 1_000_000, 1_000, **others),
        ]
    )


def shown(run: Run) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    for part in import_module("iomodels.cli.show.ending.twins").table(run):
        console.print(part)
    return console.export_text()


def test_an_engine_stands_below_its_twin_and_is_compared_with_that_alone() -> None:
    (work,) = twins(beside())
    assert [row.cell.engine for row in work.rows] == ["blocking", "python:blocking"]
    assert [row.is_twin for row in work.rows] == [True, False]
    slower, more_cpu = work.rows[1].slower, work.rows[1].more_cpu
    assert slower
    assert more_cpu
    # Exact, although the rounds differ by half: they are paired.
    for ratio, expected in ((slower, 4.0), (more_cpu, 3.0)):
        found = ratio.interval
        assert [found.low, found.median, found.high] == pytest.approx([expected] * 3)


def test_without_a_pair_there_is_no_table() -> None:
    run = beside()
    for left_out in ("blocking", "python:blocking"):
        cells = [each for each in run.cells if each.engine != left_out]
        assert twins(make_run(cells)) == []
        assert shown(make_run(cells)) == ""
    # Under a deadline only quick requests are left.
    assert twins(beside(parameters={"load.deadline": 1_000_000})) == []


def test_each_point_of_a_scenario_is_a_work_of_its_own() -> None:
    cells = [each for depth in (1, 4) for each in beside(parameters={"load.depth": depth}).cells]
    works = twins(make_run(cells))
    assert [work.name for work in works] == ["cached-read, depth 1", "cached-read, depth 4"]


def test_what_could_not_be_measured_is_there_with_the_reason() -> None:
    *others, missing, threads, blocking = beside().cells
    reason = "install it: pip install iomodels[x]"
    missing = msgspec.structs.replace(missing, status="n/a", reason=reason, trials=[], summary=None)
    run = make_run([*others, missing, threads, blocking])
    (work,) = twins(run)
    assert work.rows[1].missing == f"n/a: {reason}"
    lines = shown(run).splitlines()
    (entry,) = (line.split() for line in lines if "python:blocking" in line)
    assert entry == ["python:blocking*", "n/a"]
    assert f"* n/a: {reason}" in lines


def test_the_table_fits_80_columns_and_says_where_it_was_measured() -> None:
    environment = {"cpu": "A CPU", "cores_online": 2, "kernel": "6.1.0", "python": "3.12.1"}
    text = shown(msgspec.structs.replace(beside(), environment=environment))
    assert max(map(len, text.splitlines())) <= 80
    (entry,) = (line.split() for line in text.splitlines() if "python:blocking" in line)
    numbers = ["250k", "3µs", "4.00", "(4.00–4.00)", "3.00", "(3.00–3.00)"]
    assert entry == ["python:blocking", *numbers]
    said = " ".join(text.split())
    assert "A CPU, 2 CPUs, Linux 6.1.0, Python 3.12.1." in said
    assert "Medians over 7 rounds;" in said
    assert "with the 95 % interval." in said


def test_a_long_name_breaks_at_its_options_and_marks_are_explained() -> None:
    name = "python:uvloop:api=protocol"
    cells = [cell("epoll", 1_000, 3_000), cell(name, 1_010, 6_000), cell("python:asyncio", 250, 9)]
    text = shown(make_run(cells))
    first, second = text[text.index("python:uvloop:") :].splitlines()[:2]
    assert first.split()[0] == "python:uvloop:"
    assert first.split()[-2:] == ["2.00", "(2.00–2.00)"]
    assert second.strip() == "api=protocol"
    assert "=0.99" in first
    assert "Marks: = the same within 5 %." in " ".join(text.split())


def test_an_engine_of_another_python_has_the_same_twin() -> None:
    for engine in ("python:asyncio:python=3.13.0", "python:asyncio:api=sock,python=3.14.0t"):
        assert twin_of(engine, on_files=False) == "epoll"
        assert twin_of(engine, on_files=True) == "threads"


PYTHON = [name for name, source in SOURCES.items() if source.python]


@pytest.mark.parametrize("name", PYTHON)
@pytest.mark.parametrize("channel", ["file", "socket"])
def test_a_twin_is_an_engine_in_c_that_can_do_the_same_work(name: str, channel: str) -> None:
    able = "files" if channel == "file" else "streams"
    for spec in variants(name):
        twin = twin_of(spec.canonical, on_files=channel == "file")
        if twin is None or not spec.caps[able] or spec.answers(channel, {})["cannot"]:
            continue
        assert parse(twin).canonical == twin
        assert not SOURCES[parse(twin).name].python
        assert parse(twin).caps[able]
        assert parse(twin).answers(channel, {})["cannot"] is None


def test_an_engine_that_is_not_known_here_has_no_twin() -> None:
    for engine in ("blocking", "python:made-up", "someones:x=1", "", ":", "python:blocking:x="):
        assert twin_of(engine, on_files=True) in (None, "blocking")
        assert (twin_of(engine, on_files=True) is None) != engine.startswith("python:blocking")
