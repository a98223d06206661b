"""The figures of traces: what they show is what was recorded, to scale, and nothing overlaps."""

from __future__ import annotations

import errno
import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from iomodels.charts.drawing import style
from iomodels.charts.drawing.picture import render
from iomodels.charts.flows import flow as flows
from iomodels.charts.flows import lanes
from iomodels.trace.flow import flow_of
from iomodels.trace.schema import Trace
from iomodels.trace.words import UNSURE, eagain

from .. import ring_traces
from ..traces import DRAWN, WAITING, make_event, make_trace, record, recorded, tries
from .flow_figures import arrows, drawn, one_request, texts, time_of
from .places import extents, shared


def hatched(figure: Figure, hatch: str) -> list[tuple[float, float]]:
    """Top and bottom of the rectangles with this hatch, in the application's own lane."""
    return [
        (patch.get_y(), patch.get_y() + patch.get_height())
        for patch in figure.axes[0].patches
        if isinstance(patch, Rectangle)
        and patch.get_hatch() == hatch
        and patch.get_x() == lanes.APPLICATION_IN[0]
    ]


def test_spans_and_arrows_stand_at_their_times() -> None:
    trace = one_request()
    figure = drawn(trace)
    ((top, bottom),) = hatched(figure, "////")
    assert time_of(figure, trace, top) == pytest.approx(10_000, abs=1)
    assert time_of(figure, trace, bottom) == pytest.approx(900_000, abs=1)
    there, back = sorted(arrows(figure), key=lambda arrow: arrow[2])
    assert time_of(figure, trace, there[2]) == pytest.approx(10_000, abs=1)
    assert time_of(figure, trace, back[2]) == pytest.approx(900_000, abs=1)
    assert there[0] < there[1]  # to the kernel …
    assert back[0] > back[1]  # … and back
    (ready,) = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    assert time_of(figure, trace, float(ready.get_ydata()[0])) == pytest.approx(800_000, abs=1)


def test_the_labels_are_the_recorded_numbers() -> None:
    said = "\n".join(texts(drawn(one_request())))
    assert "0.010 ms\u2003read()" in said
    assert "0.900 ms\u2003read() → 8 bytes, after 890 µs" in said
    assert "0.800 ms\u2003device ready" in said
    assert "200 µs" in said  # the scale bar
    assert "A CPU" in said
    assert "Linux 6.1.0" in said


def test_no_text_needs_spaces_that_svg_takes_away() -> None:
    assert not [text for text in texts(drawn(one_request())) if "  " in text]


def test_a_fold_draws_every_call_where_it_was() -> None:
    trace = make_trace([make_event("request", 0, 100_000), *tries(150)], "nonblocking")
    figure = drawn(trace)
    assert "read() → EAGAIN × 150" in texts(figure)
    (many,) = figure.axes[0].collections
    heights = [float(path.vertices[0][1]) for path in many.get_paths()]
    times = [round(time_of(figure, trace, y)) for y in heights]
    assert times == [200 * n for n in range(150)]


def overlapping(*started_ns: int) -> Trace:
    """Devices of 80 µs each that were started at these times, and a `select` that waits."""
    device = [make_event("request", 0, 125_000) for _ in started_ns]
    for at_ns in started_ns:
        ready_ns = at_ns + 80_000
        device += [
            make_event("device_start", at_ns, at_ns + 1_000, result=0),
            make_event("device_ready", ready_ns, ready_ns + 1_000, result=80_000),
        ]
    events = [*device, make_event("call", 30_000, 120_000, name="select", result=16)]
    return make_trace(sorted(events, key=lambda event: event.start_ns), "select")


def device_bars(figure: Figure, alpha: float) -> list[tuple[float, float]]:
    """Top and bottom of the device's spans of this shade, in the kernel's lane."""
    return [
        (patch.get_y(), patch.get_y() + patch.get_height())
        for patch in figure.axes[0].patches
        if isinstance(patch, Rectangle)
        and patch.get_x() == lanes.KERNEL_IN[0]
        and patch.get_alpha() == alpha
    ]


def test_the_start_is_as_uncertain_as_the_end() -> None:
    """Both lie within the call that arms the timer: their bounds are in the file."""
    events = [
        make_event("request", 0, 100_000),
        make_event("device_start", 1_000, 5_000, result=0),
        make_event("device_ready", 81_000, 85_000, result=80_000),
    ]
    trace = make_trace(events)
    figure = drawn(trace)
    times = [[round(time_of(figure, trace, y)) for y in bar] for bar in device_bars(figure, 0.8)]
    assert times == [[1_000, 5_000], [81_000, 85_000]]
    said = texts(figure)
    assert "1.00 µs\u2003device starts\n(within 4 µs)" in said
    assert "81.00 µs\u2003device ready\n(within 4 µs)" in said
    assert any(UNSURE in text.replace("\n", " ") for text in said)
    assert UNSURE in flows.flow(trace).alt


def test_where_no_device_is_known_nothing_is_said_of_it() -> None:
    trace = make_trace([make_event("request", 0, 1000), make_event()])
    assert not any("timer" in text for text in texts(drawn(trace)))
    assert UNSURE not in flows.flow(trace).alt


def test_devices_that_work_at_once_are_one_span_and_their_events_are_folded() -> None:
    trace = overlapping(*range(0, 16_000, 1_000))
    figure = drawn(trace)
    ((top, bottom),) = device_bars(figure, 0.3)
    assert time_of(figure, trace, top) == pytest.approx(0, abs=1)
    assert time_of(figure, trace, bottom) == pytest.approx(95_000, abs=1)
    said = texts(figure)
    assert said.count("device at work") == 1
    assert "0.00 µs\u2003device starts × 16,\nin 16 µs" in said
    assert "80.00 µs\u2003device ready × 16,\nin 16 µs" in said
    (ready,) = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    times = [round(time_of(figure, trace, float(y))) for y in ready.get_ydata()]
    assert times == list(range(80_000, 96_000, 1_000))


def test_devices_that_work_one_after_the_other_are_several_spans() -> None:
    trace = overlapping(0, 40_000)
    figure = drawn(trace)
    assert len(device_bars(figure, 0.3)) == 1
    apart = make_trace(
        [
            make_event("request", 0, 100_000),
            make_event("device_ready", 30_000, 31_000, result=30_000),
            make_event("device_ready", 90_000, 91_000, result=30_000),
        ]
    )
    assert len(device_bars(drawn(apart), 0.3)) == 2


def test_the_number_in_the_picture_is_the_counter() -> None:
    trace = record("nonblocking", settings={"channel.service": "1 ms"}, requests=1)
    flow = flow_of(trace)
    labels = [text for text in texts(drawn(trace)) if flows.APART in text]
    shown = [text for text in labels if "EAGAIN" in text]
    numbers = [int(text.split("× ")[1].split(",")[0]) if "×" in text else 1 for text in shown]
    assert sum(numbers) == eagain(flow) == trace.eagain["read"]


@pytest.mark.parametrize(
    ("engine", "figure"),
    [
        ("blocking", 2),
        ("nonblocking", 3),
        ("select", 4),
        ("aio:notify=signal", 5),
        ("aio:notify=callback", 5),
    ],
)
def test_titles_name_the_figure_of_the_article(engine: str, figure: int) -> None:
    picture = flows.flow(recorded(engine))
    assert picture.title == f"Figure {figure}, as recorded: {engine}"
    assert picture.title in texts(picture.draw())
    assert picture.alt.startswith(f"What {engine} did")


@pytest.mark.parametrize("engine", ["aio", "aio:notify=poll", "aio:notify=list"])
def test_aio_that_is_not_told_of_its_completion_is_not_figure_5(engine: str) -> None:
    trace = recorded(engine)
    assert flows.flow(trace).title == f"As recorded: {engine}"


@pytest.mark.parametrize("engine", ["blocking", "nonblocking", "select", "aio", "threads"])
def test_a_flow_that_is_no_figure_claims_no_number(engine: str) -> None:
    """A cached read: it ends in the call in which it began."""
    name = "aio_read" if engine == "aio" else "pread"
    events = [make_event("request", 0, 1000), make_event("call", 0, 900, name=name)]
    trace = make_trace(events, engine, parameters={"channel.cache": "warm"})
    assert flows.flow(trace).title == f"As recorded: {engine}"


def test_the_picture_says_what_was_asked_and_what_was_added() -> None:
    trace = recorded("aio")
    said = " ".join(texts(drawn(trace)))
    assert trace.question in said
    assert "Computation of 40 µs was added" in said
    assert "Computation of 40 µs was added" in flows.flow(trace).alt
    assert "CPU" in said.split("iomodels")[-1]
    assert "4 requests recorded" in said


def test_arrows_carry_names_there_and_results_back() -> None:
    said = texts(drawn(one_request()))
    assert "read()" in said
    assert "read() → 8 bytes" in said
    short = [make_event("request", 0, 100_000), *tries(1)]
    assert "read() → EAGAIN" in texts(drawn(make_trace(short, "nonblocking")))


def test_arrows_at_the_same_time_are_drawn_apart() -> None:
    """A return and a call right after it: two shafts, and their heads at opposite lanes."""
    events = [
        make_event("request", 0, 1_000_000),
        make_event("call", 0, 900_000, name="select", result=1),
        make_event("call", 900_010, 900_400),
    ]
    figure = drawn(make_trace(events, "select"))
    back, there, again = sorted(arrows(figure), key=lambda arrow: arrow[2])[-3:]
    assert back[2] == pytest.approx(there[2], abs=0.01)
    assert back[0] > back[1] == lanes.APPLICATION_IN[1]
    assert there[0] < there[1] == lanes.KERNEL_IN[0]
    assert again[1] == lanes.APPLICATION_IN[1]
    shafts = [
        line.get_ydata()[1]
        for line in figure.axes[0].lines
        if line.get_color() == style.hue("select")
    ]
    assert abs(shafts[-1] - shafts[-2]) > 0.1


def test_a_duration_is_left_out_rather_than_cut() -> None:
    polls = [
        make_event(start_ns=n, end_ns=n + 1, name="aio_error", result=errno.EINPROGRESS)
        for n in range(99_000_000, 99_999_000, 99)
    ]
    trace = make_trace([make_event("request", 0, 100_000_000), *polls], "aio:notify=poll")
    (said,) = [text for text in texts(drawn(trace)) if text.startswith("99.000 ms")]
    assert said == f"99.000 ms\u2003aio_error() → EINPROGRESS × {len(polls)}"


@pytest.mark.parametrize("count", [1, 5])
def test_a_short_call_and_the_first_of_a_fold_come_back(count: int) -> None:
    """One arrow with two heads: in when the call began, out when it was over."""
    trace = make_trace([make_event("request", 0, 10_000), *tries(count)], "nonblocking")
    figure = drawn(trace)
    there, back = sorted(arrows(figure), key=lambda arrow: arrow[2])
    assert there[1] == lanes.KERNEL_IN[0]
    assert time_of(figure, trace, there[2]) == pytest.approx(0, abs=0.1)
    assert back[1] == lanes.APPLICATION_IN[1]
    assert time_of(figure, trace, back[2]) == pytest.approx(100, abs=0.1)


def test_a_call_that_is_not_back_has_no_arrow_back() -> None:
    events = [make_event("request", 0, None), make_event(start_ns=10, end_ns=None, result=None)]
    ((_, end, _),) = arrows(drawn(make_trace([*events, make_event("signal", 90, 91)])))[:1]
    assert end == lanes.KERNEL_IN[0]


def test_a_signal_comes_from_the_kernel() -> None:
    events = [make_event("request", 0, 1000), make_event("signal", 500, 600, result=34)]
    ((start, end, _),) = arrows(drawn(make_trace(events, "aio:notify=signal")))
    assert start > end == lanes.APPLICATION_IN[1]


def crowded() -> Trace:
    """As many moments as a picture has room for, nearly all at the same time."""
    names = ["aio_read", "aio_error", "aio_return"]
    some = [
        make_event(start_ns=90_000 + n, end_ns=90_001 + n, name=names[n % 3], thread=n % 7)
        for n in range(100)
    ]
    return make_trace([*some, make_event("device_start", 95_000, 99_000, result=0)])


OWN = {*WAITING, "aio:notify=poll", "threads:handoff=none"}
ALIKE = [name for name in DRAWN if ":" in name and name not in OWN]
"""Recorded flows that have the lanes and the waits of another one, or of one in `ring_traces`."""


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize(
    "which",
    [
        *(name for name in DRAWN if name not in ALIKE),
        *(pytest.param(name, marks=pytest.mark.longest) for name in ALIKE),
        *ring_traces.MADE,
        *("crowded", "depth 8", "depth 16", "long notes"),
    ],
)
def test_no_text_overlaps_another_or_leaves_the_picture(which: str, narrow: bool) -> None:
    if which == "crowded":
        trace = crowded()
    elif which in ring_traces.MADE:
        trace = ring_traces.MADE[which]
    elif which == "depth 8":
        trace = record("threads", settings={"load.depth": "8"})
    elif which == "depth 16":
        trace = record("aio", settings={"load.depth": "16"})
    elif which == "long notes":
        trace = one_request("x" * 200, scenario="y" * 300, notes=["a long note " * 40] * 9)
    else:
        trace = recorded(which)
    figure = drawn(trace, narrow=narrow)
    figure.canvas.draw()
    boxes = extents(figure.axes[0].texts)
    for one, other in itertools.combinations(boxes, 2):
        assert min(shared(one, other)) < 1, (one, other)  # pixels at 100 dpi
    width, height = figure.bbox.size
    for text, x0, y0, x1, y1 in boxes:
        assert 0 <= x0 <= x1 <= width, text
        assert 0 <= y0 <= y1 <= height, text


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=30).map(sorted),
    st.floats(0.01, 0.3),
)
def test_labels_are_spread_as_little_as_is_needed(wanted: list[float], gap: float) -> None:
    places = flows.spread(wanted, gap, 0, 10)
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(places))
    assert min(places) >= -1e-9
    assert max(places) <= 10 + 1e-9
    if all(b - a >= gap for a, b in itertools.pairwise(wanted)):
        assert places == pytest.approx(wanted)


@given(st.integers(1, 10**12))
def test_the_scale_bar_is_round_and_about_a_fifth(duration_ns: int) -> None:
    nice = flows.nice_ns(duration_ns)
    assert nice / 10 ** math.floor(math.log10(nice)) in (1, 2, 5)
    assert duration_ns < 10 or duration_ns / 13 < nice <= duration_ns / 5


@pytest.mark.parametrize("format_", ["png", "svg", "pdf"])
def test_the_same_trace_gives_the_same_bytes(format_: Any) -> None:
    first = render(flows.flow(one_request()), format_)
    assert first == render(flows.flow(one_request()), format_)
    assert len(first) > 1000
