"""Direct labels: each is read as the name of its own point, and of no other."""

from __future__ import annotations

import math

import pytest
from matplotlib.text import Text

from iomodels.charts.drawing import style

from .. import chart_runs
from ..chart_runs import drawn
from ..factory import make_cell

# CPU per operation and latency p50 in µs, as measured on a busy machine at depths 1, 16 and 64.
CROWDED = [
    {
        "blocking": (11.1, 108.8),
        "nonblocking": (105.1, 104.7),
        "select": (215.3, 116.5),
        "threads": (313.9, 154.1),
        "aio": (177.8, 122.1),
        "aio:notify=poll": (5241, 7913),
        "aio:notify=list": (177.8, 133.6),
        "aio:notify=list,mode=nowait": (320.9, 133.6),
        "aio:notify=signal": (33.1, 118.0),
        "aio:notify=signal,chain=handler": (499.0, 139.8),
        "aio:notify=callback": (1249, 2892),
    },
    {
        "nonblocking": (8.64, 121.1),
        "select": (13.9, 129.3),
        "threads": (12.6, 191.0),
        "aio": (47.7, 506.9),
        "aio:notify=poll": (31.2, 314.4),
        "aio:notify=list": (35.2, 338.9),
        "aio:notify=list,mode=nowait": (61.3, 388.1),
        "aio:notify=signal": (51.2, 833.5),
        "aio:notify=signal,chain=handler": (53.7, 657.4),
        "aio:notify=callback": (119.9, 1323),
    },
    {
        "nonblocking": (2.79, 149.0),
        "select": (2.68, 151.0),
        "threads": (10.1, 252.4),
        "aio": (58.0, 3039),
        "aio:notify=poll": (42.9, 1815),
        "aio:notify=list": (45.1, 1782),
        "aio:notify=list,mode=nowait": (28.1, 780.3),
        "aio:notify=signal": (204.2, 16744),
        "aio:notify=signal,chain=handler": (131.0, 6570),
        "aio:notify=callback": (306.1, 9142),
    },
]


def crowded():
    """A point for each, so that each has half the width of a picture."""
    return chart_runs.run(
        [
            make_cell(
                engine,
                [
                    chart_runs.trial(
                        engine, 0, latency_ns=round(1000 * p50), cpu_ns_per_op=1000 * cpu
                    )
                ],
                parameters={"load.depth": depth},
            )
            for depth, measured in zip((1, 16, 64), CROWDED, strict=True)
            for engine, (cpu, p50) in measured.items()
        ]
    )


def panels(run, kind="cpu-latency"):
    """The panels' labels as text, point, box; and their leaders: all in points."""
    with style.context():
        figure = drawn(kind, run)
        figure.draw_without_rendering()
        points = 72 / figure.dpi
        for ax in figure.axes:
            labels = [
                (text.get_text(), ax.transData.transform(text.xy) * points, boxed(text, points))
                for text in ax.texts
            ]
            drawn_lines = [c for c in ax.collections if c.get_label() == "leaders"]
            leaders = [
                ax.transAxes.transform(line) * points
                for lines in drawn_lines
                for line in lines.get_segments()
            ]
            yield ax, labels, leaders


def boxed(text, points):
    box = Text.get_window_extent(text)
    return [edge * points for edge in (box.x0, box.y0, box.x1, box.y1)]


def away(point, box):
    """How far the point is from the box."""
    x, y = point
    return math.hypot(max(box[0] - x, 0, x - box[2]), max(box[1] - y, 0, y - box[3]))


def along(leader):
    start, end = leader
    return [start + (end - start) * n / 100 for n in range(101)]


RUNS = {"crowded": crowded(), "twelve": chart_runs.twelve(), "swept": chart_runs.swept()}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_leader_goes_from_a_point_to_the_near_side_of_its_label(run):
    for _, labels, leaders in panels(run):
        for start, end in leaders:
            _, point, box = min(labels, key=lambda label: away(end, label[2]))
            assert math.dist(start, point) == pytest.approx(4, abs=0.1)
            assert away(end, box) < 3
            assert math.dist(start, end) <= away(start, box) + 3


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_leader_goes_through_no_other_label_and_no_other_marker(run):
    for _, labels, leaders in panels(run):
        for leader in leaders:
            own, _, _ = min(labels, key=lambda label: away(leader[1], label[2]))
            for text, point, box in labels:
                if text != own:
                    assert min(away(place, box) for place in along(leader)) > 0, (own, text)
                    assert min(math.dist(place, point) for place in along(leader)) > 2, (own, text)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_no_axis_strikes_a_label(run):
    for ax, labels, _ in panels(run):
        left, bottom = (edge * 72 / ax.figure.dpi for edge in (ax.bbox.x0, ax.bbox.y0))
        for text, _, box in labels:
            assert box[0] > left, text
            assert box[1] > bottom, text


def uneven(spread, middles):
    """Of each engine rounds that differ by so much, around such a CPU time and latency in µs."""
    factors = [spread ** (n / 3 - 1) for n in range(7)]
    return chart_runs.run(
        [
            make_cell(
                engine,
                [
                    chart_runs.trial(
                        engine, n, latency_ns=round(1000 * p50 * f), cpu_ns_per_op=1000 * cpu * f
                    )
                    for n, f in enumerate(factors)
                ],
            )
            for engine, (cpu, p50) in middles.items()
        ]
    )


UNEVEN = {
    "apart": uneven(3, {"blocking": (4, 90), "select": (20, 400), "aio": (70, 900)}),
    "close": uneven(2, {"blocking": (9, 80), "select": (11, 100), "aio": (16, 120)}),
    "wide": uneven(8, {"blocking": (4, 90), "nonblocking": (30, 40), "aio": (10, 160)}),
}


@pytest.mark.parametrize("run", [*UNEVEN.values(), RUNS["twelve"]], ids=[*UNEVEN, "twelve"])
def test_no_interval_strikes_a_label(run):
    for ax, labels, _ in panels(run):
        points = 72 / ax.figure.dpi
        bars = [
            (collection.get_label(), ax.transData.transform(segment) * points)
            for collection in ax.collections
            if "|" in collection.get_label()
            for segment in collection.get_segments()
        ]
        assert len(bars) >= 2 * len(labels)
        for text, _, box in labels:
            for name, (start, end) in bars:
                width = min(box[2], max(start[0], end[0])) - max(box[0], min(start[0], end[0]))
                height = min(box[3], max(start[1], end[1])) - max(box[1], min(start[1], end[1]))
                assert min(width, height) < 0, (text, name)


def over_time(*lines):
    """Of engines with so many operations per second in three rounds, the last at so many minutes.

    The only panel's labels and its right edge.
    """
    cells = [
        make_cell(
            engine,
            [
                chart_runs.trial(
                    engine,
                    n,
                    throughput_ops=throughput,
                    started_utc=f"2026-01-01T00:{last * n // 2:02}:00Z",
                )
                for n in range(3)
            ],
        )
        for engine, throughput, last in lines
    ]
    ((ax, labels, _),) = panels(chart_runs.run(cells), "over-time")
    return labels, ax.bbox.x1 * 72 / ax.figure.dpi


def test_no_line_lies_between_a_label_of_a_time_and_its_own():
    """Blocking ends early, and just above and below it there are lines that go on."""
    lines = ("nonblocking", 10_300.0, 20), ("blocking", 10_000.0, 16), ("select", 9_700.0, 20)
    labels, right = over_time(*lines)
    (box,) = [box for text, _, box in labels if text == "blocking"]
    assert box[0] > right


def test_a_label_of_a_time_stands_by_its_line_or_at_the_right():
    """Eight lines end early at one place, where there is not room for eight names."""
    early = [(engine, 10_000.0 + n, 16) for n, engine in enumerate(chart_runs.TWELVE[:8])]
    labels, right = over_time(("io_uring", 2_000.0, 20), *early)
    beside = [(text, away(point, box)) for text, point, box in labels if box[0] < right]
    assert 0 < len(beside) < 8
    for text, distance in beside:
        assert distance < 20, text
