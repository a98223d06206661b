"""Throughput and latency by engine: a row for each cell, with its intervals and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iomodels.results import Interval
from iomodels.units import format_count, format_duration

from . import scales
from .chart import Chart, measured
from .scene import Scene, ScenePoint, Series, some_of, thinned, why
from .sheet import MARGIN_IN, ROW_NAME_IN, TEXT_WIDTH_IN, Sheet, row_names, sheet, size_in
from .style import FINE_PT, GROUND, INK, SMALL_PT, SOFT, shortened, text_colour, width_in, wrap

ROW_IN = 0.235
MAX_ROWS = 60
NUMBER_IN = 0.62
SMALL_MARKER_PT = 4.0
GAP_IN = 0.25
AXIS_IN = 0.42
HEAD_IN = 0.24

Value = Callable[[Series], Interval]


@dataclass(frozen=True)
class Quantity:
    """A column of numbers, and the markers that go with it."""

    heading: str
    value: Value
    show: Callable[[float], str]
    main: bool = True


@dataclass(frozen=True)
class Row:
    """A line of the picture: the heading of a point, or one of its cells."""

    text: str
    series: Series | None = None


THROUGHPUT = Quantity("median", lambda s: s.summary.throughput_ops, format_count)
P50 = Quantity("p50", lambda s: s.summary.latency_ns.p50, format_duration)
P99 = Quantity("p99", lambda s: s.summary.latency_ns.p99, format_duration, main=False)


def draw(scene: Scene) -> Figure:
    """Two panels that share their rows."""
    points = _points(scene)
    rows = _rows(points, row_names(scene))
    area_in = HEAD_IN + len(rows) * ROW_IN + AXIS_IN
    on = sheet(
        scene,
        CHART.subject,
        area_in,
        explained=explained(scene),
        missing=False,
    )
    label_in = min(max((width_in(r.text, SMALL_PT) for r in rows), default=0), ROW_NAME_IN) + 0.1
    left = MARGIN_IN + label_in
    room = TEXT_WIDTH_IN - label_in - 3 * NUMBER_IN - GAP_IN
    throughput = on.axes(left, AXIS_IN, room / 2, len(rows) * ROW_IN)
    latency_left = left + room / 2 + NUMBER_IN + GAP_IN
    latency = on.axes(latency_left, AXIS_IN, room / 2, len(rows) * ROW_IN)
    _panel(throughput, rows, [THROUGHPUT])
    _panel(latency, rows, [P50, P99])
    values = _values(rows, [THROUGHPUT])
    scales.counts(throughput.xaxis, "throughput (operations/s)", values)
    scales.durations(latency.xaxis, "latency", _values(rows, [P50, P99]))
    _row_texts(on, rows, label_in)
    return on.figure


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    markers = "Latency: large markers p50, small ones p99."
    return [f"{scene.rounds_note} {markers}", some_of(_points(scene), scene)]


def _points(scene: Scene) -> tuple[ScenePoint, ...]:
    filled = max((len(p.cells) + 1 for p in scene.points), default=1)
    return thinned(scene.points, max(2, MAX_ROWS // filled))


def _rows(points: Sequence[ScenePoint], name: Callable[[Series], str]) -> list[Row]:
    rows: list[Row] = []
    for point in points:
        rows += [Row(point.label)] if point.label else []
        rows += [Row(name(s), s) for s in point.cells]
    return rows


def _values(rows: Sequence[Row], quantities: Sequence[Quantity]) -> list[float]:
    intervals = [
        q.value(row.series)
        for row in rows
        if row.series and row.series.measured
        for q in quantities
    ]
    return [value for i in intervals for value in (i.low, i.high)]


def _panel(ax: Axes, rows: Sequence[Row], quantities: Sequence[Quantity]) -> None:
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    width_in_axes, _ = size_in(ax)
    for number, row in enumerate(rows):
        if row.series is None or not row.series.measured:
            continue
        for column, quantity in enumerate(quantities):
            x = 1 + (column + 0.92) * NUMBER_IN / width_in_axes
            _mark(ax, number, row.series, quantity)
            ax.text(
                x,
                number,
                quantity.show(quantity.value(row.series).median),
                transform=ax.get_yaxis_transform(),
                fontsize=SMALL_PT,
                ha="right",
                va="center",
            )
    for column, quantity in enumerate(quantities):
        x = 1 + (column + 0.92) * NUMBER_IN / width_in_axes
        ax.text(
            x,
            -0.7,
            quantity.heading,
            transform=ax.get_yaxis_transform(),
            fontsize=FINE_PT,
            color=SOFT,
            ha="right",
            va="bottom",
        )


def _mark(ax: Axes, number: int, series: Series, quantity: Quantity) -> None:
    """The median as a marker; its interval as a bar, where there is more than one round."""
    interval, look = quantity.value(series), series.look
    if series.summary.rounds > 1:
        ax.plot(
            [interval.low, interval.high],
            [number, number],
            color=look.colour,
            linewidth=3 if quantity.main else 1.6,
            alpha=0.45,
            solid_capstyle="butt",
            label=f"{series.label}|{quantity.heading}|interval",
        )
    small = {"markerfacecolor": "none", "markersize": SMALL_MARKER_PT}
    point = look.point if quantity.main else look.point | small
    ax.plot(
        [interval.median],
        [number],
        linestyle="none",
        label=f"{series.label}|{quantity.heading}",
        **point,
    )


def _row_texts(on: Sheet, rows: Sequence[Row], label_in: float) -> None:
    for number, row in enumerate(rows):
        bottom = AXIS_IN + (len(rows) - number - 0.5) * ROW_IN
        if row.series is None:
            text = shortened(row.text, SMALL_PT, TEXT_WIDTH_IN, "bold")
            on.text(MARGIN_IN, bottom, text, SMALL_PT, weight="bold", color=INK, va="center")
            continue
        text = shortened(row.text, SMALL_PT, label_in - 0.08)
        missing = not row.series.measured
        colour = SOFT if missing else text_colour(row.series.look.colour)
        on.text(MARGIN_IN, bottom, text, SMALL_PT, color=colour, va="center")
        if missing:
            reason = wrap(why(row.series), FINE_PT, TEXT_WIDTH_IN - label_in, lines=2)
            on.text(
                MARGIN_IN + label_in,
                bottom,
                "\n".join(reason),
                FINE_PT,
                color=SOFT,
                va="center",
                linespacing=1.05,
                bbox={"facecolor": GROUND, "edgecolor": "none", "pad": 0.5},
            )


def _spoken(series: Series) -> str:
    summary = series.summary
    return (
        f"{format_count(summary.throughput_ops.median)} operations/s, "
        f"p50 {format_duration(summary.latency_ns.p50.median)}, "
        f"p99 {format_duration(summary.latency_ns.p99.median)}"
    )


CHART = Chart("by-engine", "Throughput and latency by engine", measured, draw, explained, _spoken)
