"""Pictures of runs that have engines in Python beside those in C."""

from __future__ import annotations

from iomodels import charts
from iomodels.results.schema import Run

from .. import chart_runs
from ..chart_runs import drawn, texts
from ..factory import make_cell, make_python_trial

PYTHON = ("python:blocking", "python:asyncio", "python:null")


def beside() -> Run:
    of_python = [
        make_cell(name, [make_python_trial(n) for n in range(chart_runs.ROUNDS)]) for name in PYTHON
    ]
    of_c = [chart_runs.cell(name) for name in ("blocking", "select")]
    return chart_runs.run([*of_c, *of_python])


def test_calls_that_nobody_counted_are_named_so() -> None:
    shown = texts(drawn("calls", beside()))
    assert shown.count("not counted") == 2
    (picture,) = [p for p in charts.pictures([beside()]) if p.name.endswith("calls")]
    assert "python:asyncio not counted" in picture.alt


def test_where_no_calls_were_counted_there_is_no_picture_of_them() -> None:
    run = beside()
    only = chart_runs.run([cell for cell in run.cells if cell.engine in PYTHON])
    assert not [p for p in charts.pictures([only]) if p.name.endswith("calls")]
    assert charts.pictures([only])


def test_the_harness_in_python_is_no_engine() -> None:
    for picture in charts.pictures([beside()]):
        assert not [text for text in texts(picture.draw()) if "null" in text]
