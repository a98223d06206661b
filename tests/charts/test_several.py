"""What tells overlaid results apart: markers, and labels that results share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import iomodels
from iomodels.charts import calls
from iomodels.charts.drawing import style
from iomodels.charts.drawing.scene import scenes

from .. import chart_runs
from ..chart_runs import drawn, texts


def test_four_results_have_four_markers():
    points = [style.look("aio", run=run, runs=4).point for run in range(4)]
    assert len({(p["fillstyle"], p["markerfacecolor"]) for p in points}) == 4


@pytest.mark.parametrize(
    ("engine", "short"),
    [
        ("threads:handoff=none", "threads, no handoff"),
        ("aio:notify=list,mode=nowait", "aio list nowait"),
        ("threads:threads=4", "threads threads=4"),
    ],
)
def test_a_short_name_says_what_an_engine_is_without(engine, short):
    assert style.short_name(engine) == short


def test_runs_of_an_engine_that_lie_on_each_other_share_a_label():
    figure = drawn("cpu-latency", chart_runs.four(), chart_runs.four(), names=["base", "new"])
    assert "aio (base and new)" in texts(figure)
    assert "aio (new)" not in texts(figure)


def test_the_columns_of_calls_are_in_the_order_submit_wait_transfer_query():
    (scene,) = scenes([chart_runs.four()])
    assert calls.columns(scene) == [
        *("aio_read", "select", "aio_suspend", "read", "aio_error", "aio_return"),
        "EAGAIN",
    ]


def test_every_call_of_the_core_has_its_place_among_the_columns():
    core = Path(iomodels.__file__).parent / "core/calls.h"
    names = re.findall(r"^    X\((\w+), [A-Z]+\) *\\?$", core.read_text(), re.MULTILINE)
    assert "futex_wake" in names
    assert sorted(names) == sorted(name for kind in calls.KINDS for name in kind)
