"""The pictures say what the file says: numbers are read back from what was drawn."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from iomodels import charts
from iomodels.analysis.quantities import LATENCY_P99, named
from iomodels.charts import percentiles
from iomodels.charts.drawing import style
from iomodels.charts.drawing.scene import scenes
from iomodels.statistics.histogram import merge, percentile_ns

from .. import chart_runs
from ..chart_runs import artists, cells, drawn, texts
from ..factory import make_cell, make_trial


@pytest.mark.parametrize("run", [chart_runs.four(), chart_runs.four(rounds=3)])
def test_by_engine_shows_medians_and_intervals(run):
    figure = drawn("by-engine", run)
    for cell in cells(run):
        for heading, interval in (
            ("median", cell.summary.throughput_ops),
            ("p50", cell.summary.latency_ns.p50),
            ("p99", cell.summary.latency_ns.p99),
        ):
            (marker,) = artists(figure, f"{cell.engine}|{heading}")
            assert list(marker.get_xdata()) == [interval.median]
            (bar,) = artists(figure, f"{cell.engine}|{heading}|interval")
            assert list(bar.get_xdata()) == [interval.low, interval.high]


def test_under_a_deadline_the_picture_is_about_cancelling():
    """Throughput and latency are those of the quick requests: there is no picture of them."""
    run = chart_runs.cancelling()
    names = [picture.name for picture in charts.pictures([run])]
    assert names == ["cancel-cancelling", "cancel-calls"]
    assert charts.matrices(run) == []
    figure = drawn("cancelling", run, scenario="cancel")
    for cell in run.cells:
        share = named("cancelled_share").interval(cell)
        for heading, interval in (("share", share), ("cancelled", cell.summary.cancel_ns.p50)):
            (marker,) = artists(figure, f"{cell.engine}|{heading}")
            assert list(marker.get_xdata()) == [interval.median]
    assert artists(figure, "aio|too late")
    assert not artists(figure, "select|too late"), "it was never too late"
    assert {"100.0 %", "–"} <= set(texts(figure))


@pytest.mark.parametrize(
    ("long", "shown"),
    [
        ("aio:notify=list,mode=nowait", ["aio:notify=poll", "aio:notify=list,mode=nowait"]),
        ("aio:notify=signal,chain=handler,threads=4", ["aio poll", "aio signal handler threads=4"]),
    ],
)
def test_names_are_short_for_all_engines_or_for_none(long, shown):
    run = chart_runs.run([chart_runs.cell(engine) for engine in ("aio:notify=poll", long)])
    assert [text for text in texts(drawn("by-engine", run)) if text.startswith("aio")] == shown


@pytest.mark.parametrize(
    ("engine", "short"),
    [
        ("select", "select"),
        ("aio:notify=list,mode=nowait", "aio list nowait"),
        ("aio:threads=4", "aio threads=4"),
        ("threads:handoff=none", "threads, no handoff"),
        ("io_uring:sqpoll=on,fixed=both", "io_uring sqpoll fixed both"),
    ],
)
def test_a_short_name_says_what_its_options_mean(engine, short):
    assert style.short_name(engine) == short


def test_one_round_has_no_interval_and_says_so():
    run = chart_runs.four(rounds=1)
    for picture in charts.pictures([run]):
        figure = picture.draw()
        labels = [a.get_label() for ax in figure.axes for a in (*ax.lines, *ax.collections)]
        assert not [label for label in labels if label.endswith("interval")]
    assert any("One round: no intervals" in text for text in texts(drawn("by-engine", run)))


def short(engine, operations, **others):
    """A cell whose trials have so many operations."""
    latencies = chart_runs.latencies_ns(100_000, operations)
    trials = [chart_runs.trial(engine, n, latency_ns=latencies) for n in range(7)]
    return make_cell(engine, trials, **others)


def described(kind, run):
    (scene,) = scenes([run])
    return next(chart for chart in charts.CHARTS if chart.name == kind).describe(scene)


NO_P99 = "No p99 where a trial has fewer than 100 operations."


@pytest.mark.parametrize(("operations", "told"), [(99, False), (100, True)])
def test_by_engine_has_no_p99_of_too_few_operations(operations, told):
    run = chart_runs.run([chart_runs.cell("blocking"), short("aio", operations)])
    figure = drawn("by-engine", run)
    assert bool(artists(figure, "aio|p99")) == told
    assert ("–" in texts(figure)) == (not told)
    assert (NO_P99 in " ".join(texts(figure))) == (not told)
    assert artists(figure, "blocking|p99")
    assert artists(figure, "aio|p50")
    _, _, aio = described("by-engine", run).rpartition("aio ")
    assert ("p99" in aio) == told


@pytest.mark.parametrize(
    ("few", "lines"),
    [((), ["blocking", "aio"]), (("aio",), ["blocking"]), (("blocking", "aio"), [])],
)
def test_scaling_has_no_p99_of_too_few_operations(few, lines):
    """And no panel where that leaves nothing."""
    cells = [
        short(engine, 99 if engine in few else 100, parameters={"load.depth": depth})
        for depth in (1, 4)
        for engine in ("blocking", "aio")
    ]
    figure = drawn("scaling", chart_runs.run(cells))
    assert [e for e in ("blocking", "aio") if artists(figure, f"{e}|latency p99")] == lines
    assert len(figure.axes) == (4 if lines else 3)
    assert len(artists(figure, "aio|latency p50")) == 1
    assert (NO_P99 in " ".join(texts(figure))) == bool(few)


@pytest.mark.parametrize(("operations", "told"), [(99, False), (100, True)])
def test_the_percentiles_in_words_are_those_in_the_picture(operations, told):
    run = chart_runs.run([short("aio", operations), short("select", operations)])
    (marks,) = artists(drawn("percentiles", run), "aio|marks")
    assert (max(marks.get_xdata()) > 99) == told
    assert ("p99 " in described("percentiles", run)) == told


@pytest.mark.parametrize(("operations", "told"), [(99, False), (100, True)])
def test_rounds_have_no_band_of_too_few_operations(operations, told):
    run = chart_runs.run([chart_runs.cell("blocking"), short("aio", operations)])
    figure = drawn("rounds", run)
    assert ("No band where a trial has too few operations" in " ".join(texts(figure))) != told
    assert bool(artists(figure, "aio|p1-p99")) == told
    assert artists(figure, "aio|p10-p90")
    assert artists(figure, "blocking|p1-p99")


@pytest.mark.parametrize(
    ("rounds", "said"), [(3, "their range"), (5, "their range"), (6, "95 % interval."), (7, "95 %")]
)
def test_what_the_bars_are_depends_on_the_rounds(rounds, said):
    shown = " ".join(texts(drawn("by-engine", chart_runs.four(rounds=rounds))))
    assert f"Medians over {rounds} rounds; bars: " in shown
    assert said in shown


def test_percentiles_are_those_of_all_rounds_together():
    run = chart_runs.four()
    figure = drawn("percentiles", run)
    for cell in cells(run):
        merged = merge(trial.latency_ns for trial in cell.trials)
        (marks,) = artists(figure, f"{cell.engine}|marks")
        quantiles = [1 - 1 / x for x in marks.get_xdata()]
        assert quantiles == pytest.approx(percentiles.MARKED[:4])  # of 2000 operations each
        expected = [percentile_ns(merged, q) for q in percentiles.MARKED[:4]]
        assert list(marks.get_ydata()) == expected
        (line,) = artists(figure, f"{cell.engine}|line")
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True):
            assert y == percentile_ns(merged, 1 - 1 / x)


@pytest.mark.parametrize(
    ("engines", "columns"),
    [
        (("aio", "select"), 2),
        (("aio", "aio:notify=signal,chain=handler"), 2),
        (("aio", "aio:notify=list,mode=nowait,chain=handler,threads=1000000"), 1),
    ],
)
def test_many_panels_of_percentiles_are_a_grid_while_names_leave_room(engines, columns):
    cells = [
        chart_runs.cell(engine, 2, parameters={"load.depth": depth})
        for depth in range(1, 9)
        for engine in engines
    ]
    figure = drawn("percentiles", chart_runs.run(cells))
    assert len({round(ax.bbox.x0) for ax in figure.axes}) == columns
    assert len(figure.axes) == (8 if columns == 2 else percentiles.MAX_ROWS)
    assert ("6 of 8 points are shown." in " ".join(texts(figure))) == (columns == 1)


@pytest.mark.parametrize(("width", "shown"), [(4.0, 5), (1.2, 4), (0.7, 3)])
def test_percentiles_drop_ticks_that_have_no_room(width, shown):
    ax = Figure(figsize=(10, 10)).add_axes((0, 0, width / 10, 0.5))
    ax.set(xscale="log", xlim=(1, 10_000))
    assert len(percentiles.ticks(ax)) == shown
    assert percentiles.ticks(ax)[-1] == 10_000


@pytest.mark.parametrize(("operations", "marked"), [(99, 2), (150, 3), (999, 3), (1000, 4)])
def test_a_line_of_percentiles_ends_where_the_tables_show_none(operations, marked):
    """In each trial; that seven of them together have more makes no percentile better."""
    latencies = [100_000 + 1000 * i for i in range(operations)]
    trials = [make_trial(n, latency_ns=latencies) for n in range(7)]
    run = chart_runs.run([make_cell("aio", trials)])
    (scene,) = scenes([run])
    (series,) = scene.points[0].series
    xs, _ = percentiles.curve(series)
    assert operations / 10 < xs[-1] <= operations
    shown = [1 - 1 / x for x in percentiles.marks(series)[0]]
    assert shown == pytest.approx(percentiles.MARKED[:marked])
    assert LATENCY_P99.has_too_few(trials) == (0.99 not in shown)


def test_the_marker_of_the_highest_percentile_is_whole():
    """Of 1000 operations it lies on the right edge of the axes, and half of it beyond."""
    latencies = chart_runs.latencies_ns(100_000, 1000)
    trials = [make_trial(n, latency_ns=latencies) for n in range(7)]
    figure = drawn("percentiles", chart_runs.run([make_cell("blocking", trials)]))
    (marks,) = artists(figure, "blocking|marks")
    pixels = chart_runs.pixels(figure)
    x, y = marks.axes.transData.transform((marks.get_xdata()[-1], marks.get_ydata()[-1]))
    assert x == pytest.approx(marks.axes.bbox.x1)
    blue = [round(255 * part) for part in to_rgb(style.HUES["blocking"])]
    for beside in (-2, 2):
        assert list(pixels[-int(y) - 1, int(x) + beside, :3]) == blue


def test_scaling_shows_each_engine_over_the_depths_it_was_measured_at():
    run = chart_runs.swept()
    figure = drawn("scaling", run)
    for engine in chart_runs.CALLS:
        measured = [c for c in run.cells if c.engine == engine and c.summary]
        (line,) = artists(figure, f"{engine}|throughput (operations/s)")
        assert list(line.get_xdata()) == [c.parameters["load.depth"] for c in measured]
        medians = [c.summary.throughput_ops.median for c in measured]
        assert list(line.get_ydata()) == medians
        (bars,) = artists(figure, f"{engine}|throughput (operations/s)|interval")
        ends = [[p.vertices[0][1], p.vertices[-1][1]] for p in bars.get_paths()]
        intervals = [c.summary.throughput_ops for c in measured]
        assert ends == [[i.low, i.high] for i in intervals]


def test_a_line_that_ends_early_is_named_where_it_ends():
    """aio ends at depth 4 of 16, blocking at 1: their names stand within the axes, near."""
    figure = drawn("scaling", chart_runs.swept())
    figure.draw_without_rendering()  # which places the annotations
    for ax in figure.axes:
        named = {text.get_text(): text for text in ax.texts}
        for engine, depth in (("blocking", 1), ("aio", 4)):
            assert named[engine].xy[0] == depth
            assert Text.get_window_extent(named[engine]).x1 <= ax.bbox.x1
        assert Text.get_window_extent(named["select"]).x0 > ax.bbox.x1


def test_a_leader_has_no_engines_colour_and_no_dashes():
    for run in (chart_runs.swept(), chart_runs.twelve_swept()):
        for ax in drawn("scaling", run).axes:
            leaders = [artist for artist in ax.collections if artist.get_label() == "leaders"]
            assert leaders
            for leader in leaders:
                assert leader.get_linestyle() == [(0, None)]  # solid
                assert max(leader.get_linewidth()) < 1
                for red, green, blue, _ in leader.get_edgecolor():
                    assert red == green == blue


def test_a_block_of_several_sizes_has_no_place_on_the_axis_and_is_named():
    sizes = (4096, 16384, "4 KiB/70:64 KiB/30")
    run = chart_runs.run(
        [chart_runs.cell(e, parameters={"load.block": b}) for b in sizes for e in ("aio", "select")]
    )
    figure = drawn("scaling", run)
    (line,) = artists(figure, "aio|throughput (operations/s)")
    assert list(line.get_xdata()) == [4096, 16384]
    assert any("Left out: block 4 KiB/70:64 KiB/30." in text for text in texts(figure))


def test_scaling_needs_a_sweep_of_numbers():
    assert not [p for p in charts.pictures([chart_runs.four()]) if p.name.endswith("scaling")]
    at = [chart_runs.cell("aio", parameters={"channel.cache": c}) for c in ("warm", "cold")]
    assert not [p for p in charts.pictures([chart_runs.run(at)]) if p.name.endswith("scaling")]


def test_cpu_against_latency():
    run = chart_runs.four()
    figure = drawn("cpu-latency", run)
    for cell in cells(run):
        (marker,) = [a for a in artists(figure, cell.engine) if hasattr(a, "get_xdata")]
        assert list(marker.get_xdata()) == [cell.summary.cpu_ns_per_op.median]
        assert list(marker.get_ydata()) == [cell.summary.latency_ns.p50.median]


def test_calls_are_written_as_numbers():
    figure = drawn("calls", chart_runs.four())
    written = {t.get_label(): t.get_text() for t in figure.axes[0].texts if "|" in t.get_label()}
    assert written["nonblocking|read"] == "120"
    assert written["nonblocking|EAGAIN"] == "119"
    assert written["aio|aio_error"] == "1.50"
    assert "blocking|select" not in written


def headings(figure):
    return [text.get_text() for text in figure.axes[0].texts if text.get_label() == "heading"]


@pytest.mark.parametrize("run", [chart_runs.four(), chart_runs.twelve()], ids=["four", "twelve"])
def test_the_names_of_calls_are_whole_and_unique(run):
    shown = headings(drawn("calls", run))
    made = {name for cell in cells(run) for name in cell.summary.calls_per_op}
    assert len(shown) == len(set(shown))
    assert set(shown) == made | {"EAGAIN"}


def test_calls_that_are_left_out_are_counted():
    calls = {f"call_{n}": 1.0 + n for n in range(15)}
    trials = [chart_runs.trial("aio", n, calls=calls) for n in range(7)]
    figure = drawn("calls", chart_runs.run([make_cell("aio", trials)]))
    assert headings(figure) == [f"call_{n}" for n in range(14, 2, -1)]
    assert "Not shown: 3 more calls, made less often." in " ".join(texts(figure))


def test_an_engine_has_the_same_name_in_the_calls_as_by_engine():
    """Overlaid, one name as it is written does not fit: so all are short, and none is cut."""
    runs = [chart_runs.run([chart_runs.cell(e) for e in chart_runs.TWELVE]) for _ in range(2)]
    (scene,) = scenes(runs, names=["base", "new"])
    names = {series.short for point in scene.points for series in point.cells}
    for kind in ("by-engine", "calls"):
        assert names <= set(texts(drawn(kind, *runs, names=["base", "new"]))), kind


@pytest.mark.parametrize(("rounds", "said"), [(1, "One round."), (7, "Medians over the rounds.")])
def test_calls_say_how_many_rounds_there_were(rounds, said):
    shown = " ".join(texts(drawn("calls", chart_runs.four(rounds))))
    assert said in shown
    assert (rounds == 1) == ("Medians" not in shown)


@pytest.mark.parametrize(("engine", "tried"), [("blocking", False), ("nonblocking", True)])
def test_calls_explain_eagain_where_there_was_any(engine, tried):
    figure = drawn("calls", chart_runs.run([chart_runs.cell(engine)]))
    assert any("EAGAIN" in text for text in texts(figure)) == tried


def test_a_number_of_calls_has_the_same_shade_in_every_picture():
    """Once beside 120 calls per operation, once alone."""
    together = chart_runs.run([chart_runs.cell("blocking"), chart_runs.cell("nonblocking")])
    shades = []
    for run in (together, chart_runs.run([chart_runs.cell("blocking")])):
        boxes = drawn("calls", run).axes[0].patches
        shades.append(boxes[0].get_facecolor())
    assert shades[0] == shades[1]


@pytest.mark.parametrize(("engines", "is_plane"), [(2, False), (3, True)])
def test_a_plane_has_three_engines_or_is_rows_with_numbers(engines, is_plane):
    names = list(chart_runs.CALLS)[:engines]
    figure = drawn("cpu-latency", chart_runs.run([chart_runs.cell(name) for name in names]))
    assert (len(figure.axes) == 1) == is_plane
    if not is_plane:
        for name in names:
            assert artists(figure, f"{name}|p50")


@pytest.mark.parametrize(
    ("engines", "depths", "drawn"), [(1, 2, False), (1, 3, True), (2, 2, True)]
)
def test_lines_have_three_dots_or_there_is_no_picture_of_them(engines, depths, drawn):
    made = [
        chart_runs.cell(engine, parameters={"load.depth": depth})
        for engine in list(chart_runs.CALLS)[:engines]
        for depth in range(1, 1 + depths)
    ]
    names = [picture.name for picture in charts.pictures([chart_runs.run(made)])]
    assert any(name.endswith("-scaling") for name in names) == drawn
