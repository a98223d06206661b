"""Numbers that no machine gives and the reader accepts: each is a page, pictures and a verdict."""

from __future__ import annotations

import io
from importlib import import_module
from itertools import cycle

import msgspec
import pytest
from rich.console import Console

from iomodels import charts, exports
from iomodels.comparison.runs import compare
from iomodels.report.page import page
from iomodels.results.read import check_run
from iomodels.results.schema import Run

from .. import chart_runs
from ..factory import make_run

LARGEST, LEAST = 1.8e19, 2.0**-64
FILLS = {"0": [0.0], "largest": [LARGEST], "least": [LEAST], "mixed": [0.0, LARGEST, LEAST]}
WHOLE = {"round", "order", "depth_max"}


def filled(run: Run, fill: list[float]) -> Run:
    """The run with all that was measured replaced; its shape stays."""
    values = cycle(fill)

    def number(kind: type) -> float:
        return kind(next(values))

    def walk(value, name):
        if name in WHOLE or isinstance(value, str) or value is None:
            return value
        if isinstance(value, dict):
            if value.keys() >= {"median", "low", "high"}:
                return {"low": min(fill), "median": number(float), "high": max(fill)}
            return {key: walk(item, key) for key, item in value.items()}
        if name.endswith("_ns") and isinstance(value, list):
            return [[int(next(values)), 2000]] if value else value
        if isinstance(value, list):
            return [int(next(values)) for _ in value]
        return number(type(value))

    data = msgspec.to_builtins(run)
    for cell in data["cells"]:
        cell["trials"] = [walk(trial, "") for trial in cell["trials"]]
        cell["summary"] = walk(cell["summary"], "") if cell["summary"] else None
        if cell["summary"]:
            cell["summary"]["rounds"] = len(cell["trials"])
    return msgspec.convert(data, Run)


def every_kind() -> Run:
    """Four models, a sweep, computation, deadlines, overlap and a timeline, in one run."""
    parts = {
        "slow-device": chart_runs.four(),
        "slow-devices": chart_runs.swept(),
        "computing": chart_runs.computing(),
        "cancel": chart_runs.cancelling(),
        "windowed": chart_runs.windowed(),
        "overlap": chart_runs.overlapping(),
    }
    cells = [
        msgspec.structs.replace(cell, scenario=name)
        for name, run in parts.items()
        for cell in run.cells
    ]
    return chart_runs.run(cells, environment=make_run().environment)


@pytest.fixture(scope="module", params=FILLS)
def hostile(request):
    run = filled(every_kind(), FILLS[request.param])
    check_run(run)  # the reader takes it
    return run


def test_it_is_a_page(hostile):
    assert "<table" in page(hostile)


def pictured(run):
    """All of its pictures, each with its kind."""
    return [
        (picture.name.removeprefix(f"{picture.scenario}-"), picture)
        for picture in charts.pictures([run]) + charts.matrices(run)
    ]


def check_drawn(pictures):
    for picture in pictures:
        assert charts.render(picture, "svg").startswith(b"<?xml"), picture.name


def test_each_kind_of_picture_is_drawn(hostile):
    """Of one point; and of a sweep with computation, which every_kind has last."""
    several = pictured(hostile)
    last, first = dict(several), dict(reversed(several))
    assert len(first) > 8
    check_drawn(first.values())
    check_drawn(picture for kind, picture in last.items() if picture != first[kind])


@pytest.mark.longest
def test_every_picture_is_drawn(hostile):
    several = pictured(hostile)
    assert len(several) > 30
    check_drawn(picture for _, picture in several)


def test_it_is_compared_and_exported(hostile):
    sound = every_kind()
    for base, new in ((hostile, hostile), (sound, hostile), (hostile, sound)):
        comparison = compare(base, new, base_name="a", new_name="b")
        for name in exports.names("verdicts"):
            export = exports.parse(f"{name}=-", "verdicts")
            assert exports.encode(exports.render(export, comparison) + "\n")
    for name in exports.names("measurements"):
        text = exports.render(exports.parse(f"{name}=-", "measurements"), hostile)
        assert "nan" not in text.lower().replace("nanosecond", "")
        assert "inf" not in text.lower().replace("info", "")


def test_the_tables_show_it(hostile):
    table = import_module("iomodels.cli.show.table")
    printed = Console(width=200, file=io.StringIO())
    for part in table.report(hostile, width=200):
        printed.print(part)
