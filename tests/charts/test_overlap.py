"""The picture of overlap says what the file says, on an axis that suits what can be."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from iomodels.charts.drawing import scales, sweep
from iomodels.results.schema import Interval

from .. import chart_runs
from ..chart_runs import artists, drawn, texts
from ..factory import make_cell


def test_overlap_and_speed_up():
    run = chart_runs.overlapping()
    figure = drawn("overlap-overlap", run)
    measured = [c for c in run.cells if c.engine == "aio" and c.summary.overlap]
    (line,) = artists(figure, "aio|overlap (0 none, 1 all)")
    assert list(line.get_xdata()) == [c.parameters["load.compute"] for c in measured]
    assert list(line.get_ydata()) == [c.summary.overlap.median for c in measured]
    (line,) = artists(figure, "aio|speed-up (1 none, 2 most)")
    # At 1 ms of both and an overlap of 0.9, two milliseconds of work take 1.1 ms.
    assert line.get_ydata()[1] == pytest.approx(2 / 1.1)


def test_overlap_without_its_parts_has_no_speed_up():
    """A file from elsewhere may lack them: the picture stays, with one panel empty."""
    fields = chart_runs.overlap_fields(1_000_000, 0.9) | {"overlap_parts": None}
    trials = [chart_runs.trial("aio", n, **fields) for n in range(7)]
    cell = make_cell("aio", trials, parameters={"load.compute": 1_000_000})
    figure = drawn("slow-device-overlap", chart_runs.run([cell]))
    assert artists(figure, "aio|overlap")
    assert not artists(figure, "aio|speed-up")


@pytest.mark.parametrize(
    ("engine", "overlap", "doubted"),
    [("aio", 1.0, False), ("aio", 2.3, True), ("blocking", 0.0, False), ("blocking", 0.8, True)],
)
def test_the_picture_of_overlap_says_what_cannot_be(engine, overlap, doubted):
    trials = [
        chart_runs.trial(engine, n, **chart_runs.overlap_fields(1_000_000, overlap))
        for n in range(7)
    ]
    parameters = {"load.compute": 1_000_000}
    odd = make_cell(engine, trials, scenario="overlap", parameters=parameters)
    whole = chart_runs.overlapping()
    others = [c for c in whole.cells if c.engine != engine]
    shown = " ".join(texts(drawn("overlap-overlap", chart_runs.run([*others, odd]))))
    assert (f"Some overlaps of {engine} are impossible values" in shown) == doubted


@pytest.mark.parametrize(("overlap", "written"), [(0.9, None), (1.3, None), (3.4, "3.40 ↑")])
def test_the_axis_of_overlap_suits_what_can_be(overlap, written):
    """A value that is far beyond is written at the edge, and does not press the others together."""
    whole = chart_runs.overlapping()
    trials = [
        chart_runs.trial("aio", n, **chart_runs.overlap_fields(1_000_000, overlap))
        for n in range(7)
    ]
    parameters = next(c.parameters for c in whole.cells if c.parameters.get("load.compute"))
    odd = make_cell("aio", trials, scenario="overlap", parameters=parameters)
    kept = [c for c in whole.cells if (c.engine, c.parameters) != ("aio", parameters)]
    ax = drawn("overlap-overlap", chart_runs.run([*kept, odd])).axes[0]
    low, high = ax.get_ylim()
    assert -0.6 < low < 0
    assert 1 < high < 1.6
    at_edge = [text.get_text() for text in ax.texts if "↑" in text.get_text()]
    assert at_edge == ([written] if written else [])


def test_overlap_at_a_single_amount_of_computation_is_a_row_with_its_number():
    whole = chart_runs.overlapping()
    computes = {c.parameters["load.compute"] for c in whole.cells}
    one = chart_runs.run([c for c in whole.cells if c.parameters["load.compute"] == max(computes)])
    figure = drawn("overlap-overlap", one)
    (marker,) = artists(figure, "aio|overlap")
    (cell,) = [c for c in one.cells if c.engine == "aio"]
    assert list(marker.get_xdata()) == [cell.summary.overlap.median]
    assert f"{cell.summary.overlap.median:.2f}" in texts(figure)


def of_overlap(*overlaps):
    """The picture of aio with these overlaps, at 1, 2 and more ms of computation."""
    cells = []
    for compute, overlap in enumerate(overlaps, start=1):
        trials = [
            chart_runs.trial("aio", n, **chart_runs.overlap_fields(compute * 1_000_000, overlap))
            for n in range(7)
        ]
        at = {"load.compute": compute * 1_000_000, "channel.service": 2_000_000}
        cells.append(make_cell("aio", trials, scenario="overlap", parameters=at))
    return chart_runs.run(cells)


@pytest.mark.parametrize("beyond", [False, True])
def test_arrows_at_an_edge_are_explained_where_there_is_one(beyond):
    figure = drawn("overlap-overlap", of_overlap(0.9, 0.9, 3.4 if beyond else 1.2))
    shown = " ".join(texts(figure))
    assert ("3.40 ↑" in shown) == beyond
    assert ("An arrow at an edge" in shown) == beyond


def test_with_computation_a_picture_says_what_latency_is():
    said = "Latency does not include computation before the request starts"
    assert said in " ".join(texts(drawn("overlap-by-engine", of_overlap(0.9, 0.9, 0.9))))
    assert said not in " ".join(texts(drawn("slow-device-by-engine", chart_runs.four())))


def test_a_linear_axis_has_labels_at_both_ends_of_the_sweep():
    values = [0.0, 0.25, 0.5, 1.0, 2.0, 4.0]
    assert scales._apart(values, values, 4.0) == [0.0, 1.0, 2.0, 4.0]


def test_a_bar_beyond_the_axis_ends_in_an_arrow():
    ax = Figure().add_subplot()
    ax.set_ylim(0, 1)
    cut, whole = Interval(0.5, 0.2, 3.0), Interval(0.5, 0.2, 0.8)
    sweep.cut_bars(ax, [(1.0, cut, "red"), (2.0, whole, "red")])
    (arrow,) = ax.lines
    assert (list(arrow.get_xdata()), list(arrow.get_ydata())) == ([1.0], [1.0])
    assert arrow.get_marker() == "^"


@pytest.mark.parametrize(("high", "arrows"), [(0.9, 0), (3.4, 1)])
def test_an_interval_that_a_rows_axis_cuts_ends_in_an_arrow(high, arrows):
    values = [0.2, *[0.5] * 5, high]
    trials = [
        chart_runs.trial("aio", n, **chart_runs.overlap_fields(1_000_000, value))
        for n, value in enumerate(values)
    ]
    cell = make_cell("aio", trials, parameters={"load.compute": 1_000_000})
    ax = drawn("slow-device-overlap", chart_runs.run([cell])).axes[0]
    assert len([line for line in ax.lines if line.get_label() == "cut"]) == arrows
