"""The pictures of the rounds and of the window show what was measured, when it was."""

from __future__ import annotations

import pytest

from iomodels import charts
from iomodels.charts.drawing.scene import scenes
from iomodels.statistics.histogram import percentile_ns

from .. import chart_runs
from ..chart_runs import artists, cells, drawn, texts
from ..factory import make_cell


def test_rounds_show_the_percentiles_of_each_round():
    run = chart_runs.four()
    figure = drawn("rounds", run)
    for cell in cells(run):
        (line,) = artists(figure, f"{cell.engine}|p50")
        assert list(line.get_xdata()) == [trial.round + 1 for trial in cell.trials]
        p50s = [percentile_ns(trial.latency_ns, 0.5) for trial in cell.trials]
        assert list(line.get_ydata()) == p50s
        (band,) = artists(figure, f"{cell.engine}|p10-p90")
        edges = band.get_paths()[0].vertices[:, 1]
        assert {percentile_ns(t.latency_ns, 0.9) for t in cell.trials} <= set(edges)
        assert {percentile_ns(t.latency_ns, 0.1) for t in cell.trials} <= set(edges)


@pytest.mark.parametrize(
    "run",
    [
        chart_runs.twelve(),
        chart_runs.twelve_swept(),
        chart_runs.long_points(),
        chart_runs.hostile_run(),
    ],
    ids=["twelve", "twelve swept", "long points", "hostile"],
)
def test_every_panel_of_the_rounds_has_a_title_of_its_own(run):
    (scene,) = scenes([run])
    titles = [ax.get_title(loc="left") for ax in drawn("rounds", run).axes]
    assert len(titles) == len(set(titles)) > 1
    for title in titles:
        whole = "".join(title.split()).replace("·", "")
        assert whole in {
            "".join((series.short + point.label).split())
            for point in scene.points
            for series in point.series
        }


def test_over_time_shows_each_round_when_it_was():
    run = chart_runs.four()
    figure = drawn("over-time", run)
    (line,) = artists(figure, "select|rounds")
    trials = next(c for c in run.cells if c.engine == "select").trials
    assert list(line.get_ydata()) == [trial.throughput_ops for trial in trials]
    # Every minute one, and three seconds after the earliest of all ("aio", by its length).
    assert list(line.get_xdata()) == [60 * n + 3 for n in range(7)]


def recorded(engine: str, timelines):
    """A cell whose rounds of 100 ms have these timelines."""
    return make_cell(
        engine, [chart_runs.trial(engine, n, timeline=line) for n, line in enumerate(timelines)]
    )


def test_over_time_shows_the_window_where_it_was_recorded():
    """Three rounds in five parts: 10, 20, 30 and 40 completions, and what drained at the end."""
    cell = recorded("aio", [[10 + n, 20, 30, 40 + n, 900] for n in range(3)])
    figure = drawn("over-time", chart_runs.run([cell]))
    (line,) = artists(figure, "aio|window")
    assert list(line.get_xdata()) == [10e6, 30e6, 50e6, 70e6]
    assert list(line.get_ydata()) == pytest.approx([11 / 0.02, 20 / 0.02, 30 / 0.02, 41 / 0.02])


def test_the_axis_of_the_window_has_room_for_every_engine():
    """One window is half as long as the other, and the last to be drawn."""
    cells = [
        make_cell(engine, [chart_runs.trial(engine, 0, timeline=[30] * 50, duration_ns=length_ns)])
        for engine, length_ns in (("blocking", 100_000_000), ("aio", 50_000_000))
    ]
    figure = drawn("over-time", chart_runs.run(cells))
    for engine, last_ns in (("blocking", 97e6), ("aio", 48.5e6)):
        (line,) = artists(figure, f"{engine}|window")
        assert line.get_xdata()[-1] == pytest.approx(last_ns)
        assert line.get_xdata()[-1] < line.axes.get_xlim()[1]


@pytest.mark.parametrize(
    ("slices", "per_slice", "parts", "said"),
    [
        (50, 20, 49, "Parts of the window are 2 ms long."),
        (50, 19, 24, "Parts of the window are 4 ms long."),
        (50, 5, 10, "Parts of the window are 10 ms long."),
        (50, 2, 5, "Parts of the window are 20 ms long."),
        (50, 0, 5, "20 ms long. Some have fewer than 20 operations"),
        (10, 5, 9, "10 ms long. Some have fewer than 20 operations"),
        (2, 1, 1, "50 ms long. Some have fewer than 20 operations"),
    ],
)
def test_a_part_of_the_window_is_as_long_as_twenty_operations(slices, per_slice, parts, said):
    """But there are five at least, of a timeline that has as many. What drained is not shown."""
    run = chart_runs.run([recorded("aio", [[per_slice] * (slices - 1) + [999]] * 3)])
    figure = drawn("over-time", run)
    (line,) = artists(figure, "aio|window")
    assert len(line.get_xdata()) == parts
    assert list(line.get_ydata()) == pytest.approx([per_slice * slices * 10] * parts)
    assert said in " ".join(texts(figure))


@pytest.mark.parametrize(
    ("lengths_ns", "said"),
    [
        ((100_000_000, 100_800_000), "Parts of the window are 10 ms long."),
        ((100_000_000, 200_000_000), "10 ms to 20 ms long, longer where operations are few."),
    ],
)
def test_the_lengths_of_parts_are_told_apart_where_they_differ(lengths_ns, said):
    cells = [
        make_cell(engine, [chart_runs.trial(engine, 0, timeline=[5] * 50, duration_ns=length_ns)])
        for engine, length_ns in zip(("blocking", "aio"), lengths_ns, strict=True)
    ]
    assert said in " ".join(texts(drawn("over-time", chart_runs.run(cells))))


def test_slices_that_are_one_part_are_added():
    """Slices of 2 ms with 3, 4, 5, 6 and 7 operations are a part of 10 ms with 25."""
    run = chart_runs.run([recorded("aio", [[3, 4, 5, 6, 7] * 10])])
    (line,) = artists(drawn("over-time", run), "aio|window")
    assert list(line.get_xdata()[:2]) == [5e6, 15e6]
    assert list(line.get_ydata()[:9]) == pytest.approx([2500] * 9)
    # The last slice is what drained, so that four are left.
    assert line.get_xdata()[-1] == pytest.approx(94e6)
    assert line.get_ydata()[-1] == pytest.approx((3 + 4 + 5 + 6) / 0.008)


@pytest.mark.parametrize("rounds", [3, 7])
def test_the_band_over_the_window_is_drawn_whole(rounds):
    """Rounds ten times apart: the scale has room for them, not only for their median."""
    cell = recorded("aio", [[10 * (1 + 9 * (n % 2))] * 5 for n in range(rounds)])
    figure = drawn("over-time", chart_runs.run([cell]))
    (band,) = artists(figure, "aio|window|interval")
    edges = band.get_paths()[0].vertices[:, 1]
    low, high = band.axes.get_ylim()
    assert (min(edges), max(edges)) == pytest.approx((10 / 0.02, 100 / 0.02))
    assert low <= min(edges) < max(edges) <= high


def test_over_time_of_one_round_is_its_window_alone():
    run = chart_runs.run([recorded("aio", [[1, 2, 9]])])
    figure = drawn("over-time", run)
    assert artists(figure, "aio|window")
    assert not artists(figure, "aio|rounds")
    assert not artists(figure, "aio|window|interval")
    assert len(figure.axes) == 1
    assert "One round: no intervals." in " ".join(texts(figure))


def test_over_time_needs_several_rounds_or_several_parts():
    for timeline in (None, [5]):
        run = chart_runs.run([recorded("aio", [timeline])])
        assert not [p for p in charts.pictures([run]) if p.name.endswith("over-time")]
