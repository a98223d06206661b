"""The figures of traces with the rings that an application shares with the kernel: two more lanes,
to scale, and no more said of them than is known."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from msgspec import structs

from iomodels.charts.drawing import style
from iomodels.charts.flows import flow as flows
from iomodels.charts.flows import lanes
from iomodels.trace.flow import pictured
from iomodels.trace.schema import Trace

from ..ring_traces import enter, entering, polled, ring_trace, several
from .flow_figures import arrows, drawn, one_request, texts, time_of

HUE = style.hue("io_uring")
PALE = style.shade(HUE, lanes.PALE)


def lanes_of(trace: Trace) -> dict[str, tuple[float, float]]:
    """Left and right edge of each ring's lane."""
    return dict(lanes.FlowSheet(pictured(trace, lanes.HELPERS), "", 1.0).rings)


def spans(figure: Figure, trace: Trace, ring: str, colour: str) -> list[tuple[int, int]]:
    """From when to when a ring's lane has this colour."""
    left, _ = lanes_of(trace)[ring]
    return [
        (
            round(time_of(figure, trace, patch.get_y())),
            round(time_of(figure, trace, patch.get_y() + patch.get_height())),
        )
        for patch in figure.axes[0].patches
        if isinstance(patch, Rectangle)
        and patch.get_x() == left
        and to_hex(patch.get_facecolor()) == colour
    ]


@pytest.mark.parametrize("trace", [entering(), polled(), several()])
def test_what_the_rings_hold_stands_at_its_time(trace: Trace) -> None:
    figure = drawn(trace)
    for ring in pictured(trace, lanes.HELPERS).shared_rings:
        assert spans(figure, trace, ring.kind, HUE) == [*ring.there_ns]
        assert spans(figure, trace, ring.kind, PALE) == [*ring.unsure_ns]


def test_an_entry_goes_from_the_application_to_the_ring_and_back_from_the_other() -> None:
    trace = entering()
    figure = drawn(trace)
    submission, completion = lanes_of(trace).values()
    own, kernel = lanes.APPLICATION_IN[1], lanes.KERNEL_IN[0]
    assert own < submission[0] < submission[1] < completion[0] < completion[1] < kernel + 2
    (there,) = [y for _, end, y in arrows(figure) if end == submission[0]]
    assert time_of(figure, trace, there) == pytest.approx(5_500, abs=1)
    back = [time_of(figure, trace, y) for _, end, y in arrows(figure) if end == own]
    assert pytest.approx(125_700, abs=1) in back
    starts = [min(line.get_xdata()) for line in figure.axes[0].lines]
    assert not [x for x in starts if submission[0] < x < submission[1]]


def test_calls_pass_behind_the_rings() -> None:
    trace = entering()
    figure = drawn(trace)
    tops = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    ways = [(line.get_zorder(), [*line.get_xdata()]) for line in figure.axes[0].lines]
    for left, right in lanes_of(trace).values():
        passing = [order for order, xs in ways if min(xs) < left and max(xs) >= right]
        assert passing
        assert max(passing) < min(patch.get_zorder() for patch in tops)


@pytest.mark.parametrize("narrow", [False, True])
def test_each_ring_has_its_name_over_its_lane(narrow: bool) -> None:
    trace = entering()
    figure = drawn(trace, narrow=narrow)
    names = ("SQ", "CQ") if narrow else ("submission\nring", "completion\nring")
    layout = lanes.NARROW if narrow else lanes.WIDE
    flow = pictured(trace, lanes.HELPERS)
    rings = lanes.FlowSheet(flow, "", 1.0, layout=layout).rings.values()
    for name, lane in zip(names, rings, strict=True):
        (text,) = [text for text in figure.axes[0].texts if text.get_text() == name]
        assert text.get_position()[0] == pytest.approx(sum(lane) / 2)


def test_what_is_dark_and_what_is_pale_is_said() -> None:
    said = texts(drawn(entering()))
    assert "Dark in a ring's lane: an entry is there. Pale: perhaps." in said
    assert any("SQE, CQE: entries of the two rings" in text for text in said)
    assert not any("ring's lane" in text for text in texts(drawn(one_request())))


def test_where_no_call_is_needed_the_picture_says_so() -> None:
    said = texts(drawn(polled()))
    assert "no call" in said
    assert any("No call was needed: the kernel looks at the submission ring" in s for s in said)
    assert "No call was needed" in flows.flow(polled()).alt
    waited = [*polled().events, enter(46_000, 130_600, 0)]
    assert "no call" not in texts(drawn(ring_trace("io_uring:sqpoll=on", waited)))
    assert "no call" not in texts(drawn(entering()))


def test_who_looks_at_a_ring_all_the_time_is_not_idle() -> None:
    trace = polled()
    figure = drawn(trace)
    (span,) = [
        (patch.get_y(), patch.get_y() + patch.get_height())
        for patch in figure.axes[0].patches
        if isinstance(patch, Rectangle) and patch.get_hatch() == "...."
    ]
    times = [time_of(figure, trace, y) for y in span]
    assert times == [pytest.approx(45_700, abs=1), pytest.approx(130_700, abs=1)]
    said = texts(figure)
    assert "spinning" in said
    assert "45.70 µs\u2003spinning 85 µs" in said


def test_many_entries_are_one_arrow_and_a_line_each() -> None:
    trace = several(16)
    figure = drawn(trace)
    assert "80.00 µs\u2003SQE put × 16, in 1.52 µs" in "\n".join(texts(figure))
    (many,) = figure.axes[0].collections
    assert len(many.get_paths()) == 16
    submission, _ = lanes_of(trace)["sq_entry"]
    ends = {round(float(path.vertices[1][0]), 6) for path in many.get_paths()}
    assert ends == {round(submission, 6)}


def test_helper_threads_and_rings_have_room_beside_each_other() -> None:
    helper_call = structs.replace(enter(20_000, 60_000, 0), thread=1)
    helped = ring_trace("io_uring", [*entering().events, helper_call])
    sheet = lanes.FlowSheet(pictured(helped, lanes.HELPERS), "", 1.0)
    (helper,) = sheet.helpers.values()
    assert helper[1] < min(left for left, _ in sheet.rings.values())
