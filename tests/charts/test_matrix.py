"""The matrix: each model in its quadrant, with the flow that it took and its numbers."""

from __future__ import annotations

import re
from itertools import combinations, pairwise, product

import pytest

from iomodels import charts
from iomodels.analysis.quantities import named
from iomodels.base.units import format_count
from iomodels.charts.drawing.scene import scenes
from iomodels.charts.flows import miniature
from iomodels.engines.sources import DESCRIPTORS
from iomodels.results.schema import Interval
from iomodels.trace import words

from .. import chart_runs
from ..chart_runs import texts
from ..factory import make_cell
from .places import extents, shared

four_models = charts.four_models
SLOW = "slow-device"


def test_the_matrix_has_each_model_in_its_quadrant_with_its_numbers():
    run = chart_runs.swept()
    figure = charts.matrix(run, "slow-devices").draw()
    (ax,) = figure.axes
    placed = {text.get_text(): text.get_position() for text in ax.texts}
    left, right = placed["Blocking"][0], placed["Non-blocking"][0]
    assert left < right
    assert placed["Synchronous"][1] > placed["Asynchronous"][1]
    middle_x = (left + right) / 2
    middle_y = (placed["Synchronous"][1] + placed["Asynchronous"][1]) / 2
    for descriptor in DESCRIPTORS.values():
        if descriptor.in_matrix:
            x, y = placed[next(t for t in placed if t.startswith(f"{descriptor.name}: "))]
            assert (x < middle_x) == descriptor.blocking
            assert (y > middle_y) == descriptor.synchronous
    assert "… EAGAIN\n× 119 in all" in placed
    at_depth_1 = [c for c in run.cells if c.parameters["load.depth"] == 1]
    throughputs = [format_count(c.summary.throughput_ops.median) for c in at_depth_1]
    assert set(throughputs) <= set(placed)


def test_the_matrix_names_what_was_not_measured():
    missing = make_cell("aio", [], status="n/a", reason="not here")
    run = chart_runs.run([chart_runs.cell("blocking"), chart_runs.cell("select"), missing])
    shown = " ".join(texts(charts.matrix(run, "slow-device").draw()))
    assert "n/a: not here" in shown
    assert "not measured" in shown


@pytest.mark.parametrize(("operations", "told"), [(99, False), (100, True)])
def test_the_matrix_has_no_p99_of_too_few_operations(operations, told):
    trials = [chart_runs.trial("aio", n, operations=operations) for n in range(7)]
    run = chart_runs.run([chart_runs.cell("blocking"), make_cell("aio", trials)])
    (scene,) = scenes([run])
    found = {
        name: {title: value for title, value, _ in four_models.headlines(series)}["latency p99"]
        for name in ("blocking", "aio")
        if (series := four_models.of_engine(scene.points[0], name))
    }
    assert found["blocking"] != "–"
    assert (found["aio"] != "–") == told
    picture = charts.matrix(run, SLOW)
    shown = texts(picture.draw())
    assert ("–" in shown) == (not told)
    assert any("No p99 where" in text for text in shown) == (not told)


def flow_texts(name, *cells):
    """The steps of that engine's quadrant, as they are written."""
    (scene,) = scenes([chart_runs.run(list(cells))])
    series = four_models.of_engine(scene.points[0], name)
    return [step.text for step in miniature.flow_of(name, series)]


@pytest.mark.parametrize(
    ("engine", "has", "has_not"),
    [
        ("aio", ["aio_read", "aio_suspend", "blocked", "aio_error", "aio_return"], "notification"),
        ("aio:notify=poll", ["aio_error", "EINPROGRESS", "aio_return"], "blocked"),
        ("aio:notify=list", ["lio_listio", "blocked", "aio_return"], "notification"),
        ("aio:notify=list,mode=nowait", ["aio_suspend", "blocked"], "notification"),
        ("aio:notify=signal", ["free to compute", "notification"], "blocked"),
        ("aio:notify=callback,threads=4", ["free to compute", "notification"], "blocked"),
    ],
)
def test_the_matrix_draws_how_aio_was_told(engine, has, has_not):
    shown = [text.partition(" ×")[0] for text in flow_texts("aio", chart_runs.cell(engine))]
    assert [*dict.fromkeys(text for text in shown if text in has)] == has
    assert has_not not in shown


def test_the_matrix_says_how_often_aio_polled():
    cell = chart_runs.cell("aio:notify=poll")
    shown = texts(charts.matrix(chart_runs.run([cell, chart_runs.cell("select")]), SLOW).draw())
    assert "… aio_error\n× 420 in all" in shown


@pytest.mark.parametrize("engine", ["nonblocking", "select"])
@pytest.mark.parametrize("cache", ["warm", "cold", "direct"])
@pytest.mark.parametrize("compute", [0, 50_000])
def test_what_is_the_same_as_blocking_is_drawn_as_blocking_is(engine, cache, compute):
    parameters = {"channel.kind": "file", "channel.cache": cache, "load.compute": compute}
    cells = [
        make_cell(
            name,
            [chart_runs.trial(name, n, calls={"pread": 1.0}, eagain_per_op=0.0) for n in range(7)],
            parameters=parameters,
            note=None if name == "blocking" else "degenerate: same as blocking, since …",
        )
        for name in ("blocking", engine)
    ]
    run = chart_runs.run(cells)
    (scene,) = scenes([run])
    of = {name: four_models.of_engine(scene.points[0], name) for name in ("blocking", engine)}
    flow = miniature.flow_of(engine, of[engine])
    assert flow == miniature.flow_of("blocking", of["blocking"])
    assert any(step.kind == "blocked" for step in flow) == (cache != "warm")
    shown = texts(charts.matrix(run, SLOW).draw())
    assert "blocking: read / write" in shown
    assert f"{engine}: read / write, the same as blocking here" in shown


def test_the_matrix_claims_no_select_that_was_not_called():
    trials = [chart_runs.trial("select", n, calls={"read": 1.0}) for n in range(7)]
    cells = [chart_runs.cell("blocking"), make_cell("select", trials)]
    assert "select: read / write, always ready" in texts(
        charts.matrix(chart_runs.run(cells), SLOW).draw()
    )
    shown = texts(charts.matrix(chart_runs.four(), SLOW).draw())
    assert "select: select, then read / write" in shown


@pytest.mark.parametrize("engine", ["nonblocking", "select"])
@pytest.mark.parametrize(("cache", "said"), [("warm", "copies"), ("cold", "in the read")])
def test_a_read_that_is_always_ready_is_not_drawn_as_blocked(engine, cache, said):
    trials = [
        chart_runs.trial(engine, n, calls={"pread": 1.0}, eagain_per_op=0.0) for n in range(7)
    ]
    at = {"parameters": {"channel.kind": "file", "channel.cache": cache}}
    assert flow_texts(engine, make_cell(engine, trials, **at)) == ["read", said, "data"]


def test_select_that_was_called_is_drawn_though_nothing_was_tried_before():
    trials = [chart_runs.trial("select", n, eagain_per_op=0.0) for n in range(7)]
    assert flow_texts("select", make_cell("select", trials))[:2] == ["select", "blocked"]


def test_the_matrix_prefers_the_computation_that_takes_as_long_as_the_device():
    cells = [
        chart_runs.cell(engine, parameters={"load.compute": c, "channel.service": 1_000_000})
        for c in (0, 250_000, 1_000_000, 4_000_000)
        for engine in ("blocking", "aio")
    ]
    (scene,) = scenes([chart_runs.run(cells)])
    assert four_models.best_point(scene).varying["load.compute"] == 1_000_000


def test_half_a_matrix_is_drawn_only_for_those_who_name_the_scenario():
    half = chart_runs.run([chart_runs.cell("blocking"), chart_runs.cell("aio")])
    assert charts.matrices(half) == []
    assert charts.matrix(half, SLOW).draw()


def test_the_matrix_prefers_a_point_with_computation():
    run = chart_runs.overlapping()
    (scene,) = scenes([run])
    assert four_models.best_point(scene).varying["load.compute"] == 500_000
    shown = texts(charts.matrix(run, "overlap").draw())
    assert "computes" in shown


@pytest.mark.parametrize(
    ("engine", "before", "after"),
    [
        ("blocking", None, "read"),
        ("nonblocking", "EAGAIN", "read"),
        ("select", "EAGAIN", "select"),
        ("aio", "queued", "aio_suspend"),
        ("aio:notify=poll", "queued", "aio_error"),
        ("aio:notify=list", None, "lio_listio"),
        ("aio:notify=signal", "queued", "ppoll"),
        ("aio:notify=callback", "queued", "futex_wait"),
    ],
)
def test_every_engine_that_computes_shows_it_where_it_does(engine, before, after):
    cell = chart_runs.cell(engine, parameters={"load.compute": 50_000})
    shown = flow_texts(engine.partition(":")[0], cell)
    at = shown.index("computes")
    assert shown.count("computes") == 1
    assert (shown[at - 1] if at else None) == before
    assert shown[at + 1] == after
    plain = chart_runs.cell(engine)
    assert "computes" not in flow_texts(engine.partition(":")[0], plain)


@pytest.mark.parametrize("name", ["blocking", "nonblocking", "select", "aio"])
def test_a_flow_runs_down_within_its_lanes(name):
    (scene,) = scenes([chart_runs.computing()])
    flow = miniature.flow_of(name, four_models.of_engine(scene.points[0], name))
    arrows = [step.at for step in flow if step.kind in ("call", "return", "again")]
    assert arrows == sorted(set(arrows))
    spans = [(step.at, step.until) for step in flow if step.kind in ("blocked", "busy")]
    assert all(begin < end <= other for (begin, end), (other, _) in pairwise([*spans, (1.0, 1.0)]))


def test_aio_is_answered_by_the_c_library_as_in_its_trace():
    shown = texts(charts.matrix(chart_runs.four(), SLOW).draw())
    assert shown.count(words.other_side("aio")) == 1
    assert shown.count(words.other_side("select")) == 3


AIO = ("aio", *(f"aio:notify={how}" for how in ("poll", "list", "signal", "callback")))
LAYOUTS = [*product(AIO, (0, 50_000), (False, True))]
SAMPLE = [
    layout for layout in LAYOUTS if layout[0] in ("aio", "aio:notify=signal") or all(layout[1:])
]


@pytest.mark.parametrize(
    ("aio", "compute", "narrow"),
    [
        layout if layout in SAMPLE else pytest.param(*layout, marks=pytest.mark.longest)
        for layout in LAYOUTS
    ],
)
def test_no_two_words_of_the_matrix_meet(aio, compute, narrow):
    run = chart_runs.computing(aio)
    for cell in run.cells:
        cell.parameters["load.compute"] = compute
    picture = charts.matrix(run, SLOW)
    figure = picture.draw_narrow() if narrow else picture.draw()
    figure.canvas.draw()
    boxes = extents(figure.axes[0].texts)
    for one, other in combinations(boxes, 2):
        width, height = shared(one, other)
        assert min(width, height) < 1, (one, other)  # pixels at 100 dpi
        same_line = abs(one[2] - other[2]) < 3
        assert not same_line or width < -3, (one, other)  # and they do not read as one
    assert all(0 <= x0 <= x1 <= figure.bbox.width for _, x0, _, x1, _ in boxes)


def test_calls_per_operation_are_summed_by_round_as_in_the_report():
    """Rounds that balance one call against another: the medians add up to what no round made."""
    calls = [{"aio_read": 1.0, "aio_error": e, "aio_suspend": 5.0 - e} for e in (1, 1, 1, 4, 4)]
    calls += [{"aio_read": 1.0, "aio_error": 2.0, "aio_suspend": 9.0}] * 2
    trials = [chart_runs.trial("aio", n, calls=each) for n, each in enumerate(calls)]
    cell = make_cell("aio", trials)
    assert named("calls_per_op").interval(cell) == Interval(6.0, 6.0, 12.0)
    (scene,) = scenes([chart_runs.run([cell])])
    shown = four_models.headlines(scene.points[0].cells[0])
    assert ("calls per operation", "6.00", "6.00 – 12") in shown


@pytest.mark.parametrize("name", [*DESCRIPTORS, "an engine that another version has"])
def test_each_flow_of_the_matrix_is_drawn_and_of_others_none(name):
    at_home = name in DESCRIPTORS and DESCRIPTORS[name].in_matrix
    assert bool(miniature.flow_of(name, None)) == at_home


def test_what_has_no_quadrant_is_named_with_its_numbers():
    engines = ("blocking", "select", "aio", "aio:notify=signal", "threads")
    run = chart_runs.run([chart_runs.cell(engine) for engine in engines])
    said = " ".join(texts(charts.matrix(run, SLOW).draw()))
    assert re.search(
        r"Also measured: aio:notify=signal \(6.67k operations/s, p50 1\d\d µs\), threads \(", said
    )
    assert "Also measured" not in " ".join(texts(charts.matrix(chart_runs.four(), SLOW).draw()))


def test_many_without_a_quadrant_are_counted():
    run = chart_runs.run([chart_runs.cell(engine) for engine in chart_runs.TWELVE])
    (said,) = four_models.explained(scenes([run])[0])[2:]
    assert said.count("operations/s") == 6
    assert "2 more engines" in said


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ({"read": 2.0, "select": 1.0}, "select"),
        ({"read": 2.0, "select": 1.05}, "select"),
        ({"read": 2.0, "select": 0.07}, "select × 0.07"),
        ({"read": 2.0, "select": 3.5}, "select × 3.50"),
    ],
)
def test_the_flow_agrees_with_the_calls_per_operation(calls, said):
    trials = [chart_runs.trial("select", n, calls=calls) for n in range(7)]
    cell = make_cell("select", trials)
    assert flow_texts("select", cell)[2] == said
    (scene,) = scenes([chart_runs.run([cell])])
    words = four_models.calls_in_words(scene.points[0].cells[0])
    # In the order of the flow: the first read() is before select().
    assert words == ", ".join(f"{name} {count:.2f}" for name, count in calls.items())


def test_the_calls_are_named_in_the_order_of_the_flow():
    calls = {"aio_error": 3.0, "aio_return": 1.0, "aio_read": 1.0, "aio_suspend": 0.9}
    trials = [chart_runs.trial("aio", n, calls=calls) for n in range(7)]
    (scene,) = scenes([chart_runs.run([make_cell("aio", trials)])])
    words = four_models.calls_in_words(scene.points[0].cells[0])
    assert words == "aio_read 1.00, aio_suspend 0.90, aio_error 3.00, aio_return 1.00"


@pytest.mark.parametrize(("eagain", "tried"), [(0.0, False), (0.3, False), (0.7, True), (1, True)])
def test_a_try_in_vain_is_drawn_where_most_operations_have_one(eagain, tried):
    trials = [chart_runs.trial("select", n, eagain_per_op=eagain) for n in range(7)]
    assert ("EAGAIN" in flow_texts("select", make_cell("select", trials))) == tried


@pytest.mark.parametrize(
    ("engine", "operation", "has"),
    [
        ("blocking", "write", ["write", "blocked", "done"]),
        ("blocking", "mixed", ["read / write", "blocked", "done"]),
        ("aio", "write", ["aio_write", "queued", "aio_suspend", "blocked"]),
    ],
)
def test_a_flow_that_writes_says_so(engine, operation, has):
    cell = chart_runs.cell(engine, parameters={"load.operation": operation})
    assert flow_texts(engine, cell)[: len(has)] == has


@pytest.mark.parametrize("engine", ["blocking", "nonblocking", "select"])
def test_a_write_that_must_be_on_the_disk_waits_in_the_sync(engine):
    at = {"load.operation": "write", "load.sync": "data", "channel.cache": "warm"}
    calls = {"pwrite": 1.0, "fdatasync": 1.0}
    trials = [chart_runs.trial(engine, n, calls=calls, eagain_per_op=0.0) for n in range(7)]
    note = None if engine == "blocking" else "degenerate: same as blocking, since …"
    cell = make_cell(engine, trials, parameters=at, note=note)
    assert flow_texts(engine, cell) == ["write", "done", "fdatasync", "blocked", "done"]


def test_the_flow_of_an_exchange_says_that_the_read_is_drawn():
    at = {"parameters": {"channel.kind": "socket", "channel.exchange": "echo"}}
    run = chart_runs.run([chart_runs.cell(engine, **at) for engine in ("blocking", "select")])
    shown = texts(charts.matrix(run, SLOW).draw())
    assert "blocking: read / write; drawn: the read" in shown


def test_a_model_that_was_not_measured_is_drawn_without_its_colour():
    from matplotlib.colors import same_color
    from matplotlib.patches import FancyArrowPatch

    from iomodels.charts.drawing import style

    run = chart_runs.run([chart_runs.cell("blocking"), chart_runs.cell("select")])
    arrows = [
        patch.get_edgecolor()
        for patch in charts.matrix(run, SLOW).draw().axes[0].patches
        if isinstance(patch, FancyArrowPatch)
    ]
    for name, drawn in (("blocking", True), ("select", True), ("nonblocking", False)):
        assert any(same_color(arrow, style.hue(name)) for arrow in arrows) == drawn
    assert any(same_color(arrow, style.FAINT) for arrow in arrows)
