"""The figures of traces with helper threads: each has a lane and a name, and what rests is cut."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from iomodels.charts.drawing import style
from iomodels.charts.flows import flow as flows
from iomodels.charts.flows import lanes
from iomodels.trace.flow import flow_of, pictured
from iomodels.trace.schema import Trace

from ..traces import make_event, make_trace
from .flow_figures import drawn, texts, time_of


def test_a_helpers_label_leads_to_its_own_lane() -> None:
    events = [
        make_event("request", 0, 1000),
        make_event("call", 0, 900, name="futex_wait"),
        make_event("call", 300, 800, thread=1),
    ]
    figure = drawn(make_trace(events, "threads"))
    leaders = [
        line.get_xdata()[0] for line in figure.axes[0].lines if line.get_color() == style.SOFT
    ]
    own = [x for x in leaders if x < lanes.KERNEL_IN[0]]
    assert sorted(own) == [lanes.APPLICATION_IN[0]] * 2 + [lanes.HELPER_IN[0]] * 2


RESULT_NS = 200_000
"""When the last request of `with_helpers` has its result."""


def with_helpers(count: int, *, resting: int = 0, tail_ns: int = 600_000) -> Trace:
    """A request on each of `count` threads, all at once; then they rest for so long.

    The first `resting` threads only wait for something to do.
    """
    threads = range(resting + 1, resting + count + 1)
    events = [make_event("request", 0, RESULT_NS) for _ in threads]
    events.append(make_event("call", 1_000, RESULT_NS - 500, name="futex_wait", result=0))
    rest = {"name": "futex_wait", "result": 0}
    for thread in range(1, resting + 1):
        events.append(make_event("call", 2_000, RESULT_NS + tail_ns, thread=thread, **rest))
    for n, thread in enumerate(threads):
        begin_ns, end_ns = 5_000 + 3_000 * n, 90_000 + 3_000 * n
        events += [
            make_event("call", begin_ns, end_ns, name="pread", result=4096, thread=thread),
            make_event("call", end_ns + 100, RESULT_NS + tail_ns, thread=thread, **rest),
        ]
    parameters = {"channel.kind": "file", "channel.cache": "direct", "load.depth": count}
    ordered = sorted(events, key=lambda event: event.start_ns)
    return make_trace(ordered, "threads", parameters=parameters)


def spans(figure: Figure) -> dict[float, list[tuple[float, float]]]:
    """Top and bottom of what threads do, by the middle of their lane."""
    found: dict[float, list[tuple[float, float]]] = {}
    for patch in figure.axes[0].patches:
        if isinstance(patch, Rectangle) and patch.get_hatch() == "////":
            middle = round(patch.get_x() + patch.get_width() / 2, 3)
            found.setdefault(middle, []).append((patch.get_y(), patch.get_y() + patch.get_height()))
    return found


def headings(figure: Figure) -> dict[str, float]:
    """Where the names of helper threads stand over their lanes."""
    return {
        text.get_text(): round(text.get_position()[0], 3)
        for text in figure.axes[0].texts
        if text.get_position()[1] < lanes.HEAD_IN and text.get_text().startswith("thread ")
    }


@pytest.mark.parametrize("count", [1, 2, 4, 5, 8, 30])
def test_a_helper_has_a_lane_of_its_own_with_its_name(count: int) -> None:
    trace = with_helpers(count)
    figure = drawn(trace)
    shown = min(count, lanes.HELPERS)
    heads = headings(figure)
    assert list(heads) == [f"thread {n + 1}" for n in range(shown)]
    found = spans(figure)
    assert set(found) == {*heads.values(), round(sum(lanes.APPLICATION_IN) / 2, 3)}
    for at, lane in found.items():
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(sorted(lane))), at
    for n, at in enumerate(heads.values()):
        begins_ns = [round(time_of(figure, trace, top)) for top, _ in sorted(found[at])]
        assert begins_ns == [5_000 + 3_000 * n, 90_100 + 3_000 * n]


@pytest.mark.parametrize(
    ("count", "said"),
    [(5, "1 more thread, not shown"), (8, "4 more threads, not shown")],
)
def test_helpers_without_a_lane_are_counted(count: int, said: str) -> None:
    trace = with_helpers(count)
    shown = texts(drawn(trace))
    assert said in shown
    assert said in flows.flow(trace).alt
    assert not [text for text in shown if "thread 5" in text]
    assert not [text for text in texts(drawn(with_helpers(4))) if "more thread" in text]


def test_the_helpers_shown_are_those_that_served() -> None:
    heads = headings(drawn(with_helpers(3, resting=2)))
    assert list(heads) == ["thread 3", "thread 4", "thread 5"]
    heads = headings(drawn(with_helpers(6, resting=2)))
    assert list(heads) == ["thread 3", "thread 4", "thread 5", "thread 6"]


def test_the_picture_ends_with_the_last_result() -> None:
    computing = make_event("computation", RESULT_NS, RESULT_NS + 90_000, result=0)
    whole = with_helpers(2)
    events = sorted([*whole.events, computing], key=lambda event: event.start_ns)
    for trace in (whole, make_trace(events, "threads")):
        figure = drawn(trace)
        foot = max(bottom for lane in spans(figure).values() for _, bottom in lane)
        assert time_of(figure, trace, foot) == pytest.approx(RESULT_NS, rel=0.01)
        said = texts(figure)
        assert "slow-device: 2 requests recorded; shown: all of them, since they overlap" in said
        assert flow_of(trace) == pictured(trace, lanes.HELPERS)


def test_what_happened_until_the_end_is_shown_where_a_request_has_no_result() -> None:
    events = [make_event("request", 0, None), *with_helpers(2).events]
    assert pictured(make_trace(events, "threads"), lanes.HELPERS).duration_ns == RESULT_NS + 600_000


def test_of_many_threads_those_that_wait_all_the_time_have_no_lane() -> None:
    idle = [
        make_event("call", 0, 900_000, thread=thread, name="read", result=8)
        for thread in range(1, 7)
    ]
    served = [
        make_event("call", 1_000, 60_000, thread=7, name="read", result=8),
        make_event("call", 61_000, 90_000, thread=7, name="write", result=8),
        make_event("request", 600, 95_000),
    ]
    events = sorted([*idle, *served], key=lambda event: event.start_ns)
    heads = headings(drawn(make_trace(events, "threads", begin_ns=500)))
    assert set(heads) == {"thread 7"}


def test_a_wait_that_began_before_is_drawn_from_the_edge_on() -> None:
    events = [
        make_event("call", 0, 400_000, name="futex_wait", result=0),
        make_event("request", 0, 100_000, thread=1),
        make_event("call", 1_000, 99_000, thread=1),
        make_event("request", 100_000, 220_000, thread=1),
        make_event("call", 101_000, 219_000, thread=1),
    ]
    trace = make_trace(events, "threads:handoff=none")
    figure = drawn(trace)
    foot = lanes.HEAD_IN + max(
        patch.get_height() for patch in figure.axes[0].patches if isinstance(patch, Rectangle)
    )
    assert spans(figure)[round(sum(lanes.APPLICATION_IN) / 2, 3)] == [
        pytest.approx((lanes.HEAD_IN, foot))
    ]
    assert any("futex_wait(), begun before" in text for text in texts(figure))
    assert "futex_wait(), begun before" in flows.flow(trace).alt


def test_nothing_is_painted_over_the_lane_of_another_thread() -> None:
    figure = drawn(with_helpers(4))
    axes = figure.axes[0]
    figure.canvas.draw()
    tops = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    own = [patch for patch in tops if patch.get_x() < lanes.KERNEL_IN[0] + 4]
    sides = {(patch.get_x(), patch.get_x() + patch.get_width()) for patch in own}
    assert len(sides) == 6  # the application, four threads and the kernel
    ways = [(line.get_zorder(), [float(x) for x in line.get_xdata()]) for line in axes.lines]
    ways += [
        (text.get_zorder(), [text.xyann[0], text.xy[0]])
        for text in axes.texts
        if getattr(text, "arrow_patch", None) is not None
    ]
    assert any(order < 1 for order, _ in ways)
    for order, xs in ways:
        for left, right in sides:
            passes = min(xs) < right - 0.01 and max(xs) > left + 0.01
            assert not passes or order < min(patch.get_zorder() for patch in tops), (xs, left)


def test_every_arrow_says_what_was_called() -> None:
    trace = with_helpers(4)
    figure = drawn(trace)
    flow = pictured(trace, lanes.HELPERS)
    begin = max(lane[1] for lane in lanes.FlowSheet(flow, "", 1.0).helpers.values())
    words = [
        text.get_text()
        for text in figure.axes[0].texts
        if begin < text.get_position()[0] < lanes.KERNEL_IN[0] + begin - lanes.APPLICATION_IN[1]
        and text.get_text()
        and text.get_position()[1] > lanes.HEAD_IN - 0.1
        and text.get_rotation() == 0
    ]
    assert len(words) == len(flow.moments)
    assert all("()" in text for text in words), words
