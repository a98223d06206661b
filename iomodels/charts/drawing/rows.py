"""A row for each cell, two panels side by side: markers with their intervals, and the numbers.

What the panels show is the business of `by_engine` and `cancelling`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iomodels.analysis.quantity_definition import Quantity
from iomodels.results.schema import Interval

from . import scales
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


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers, and the markers that go with it; `main` ones are large."""

    heading: str
    quantity: Quantity
    main: bool = True

    def value(self, series: Series) -> Interval | None:
        return self.quantity.interval(series.cell)


@dataclass(frozen=True)
class Panel:
    """Quantities of one unit on one axis."""

    title: str
    columns: Sequence[NumberColumn]


@dataclass(frozen=True)
class ChartRow:
    """A line of the picture: the heading of a point, or one of its cells."""

    text: str
    series: Series | None = None


def draw(
    scene: Scene, subject: str, panels: tuple[Panel, Panel], explained: Sequence[str]
) -> Figure:
    """Two panels that share their rows. `explained` stands below the picture."""
    rows = _rows(_points(scene), row_names(scene))
    area_in = HEAD_IN + len(rows) * ROW_IN + AXIS_IN
    on = sheet(scene, subject, area_in, explained=list(explained), missing=False)
    label_in = min(max((width_in(r.text, SMALL_PT) for r in rows), default=0), ROW_NAME_IN) + 0.1
    numbers_in = [len(panel.columns) * NUMBER_IN for panel in panels]
    panel_in = (TEXT_WIDTH_IN - label_in - sum(numbers_in) - GAP_IN) / 2
    left = MARGIN_IN + label_in
    for panel, of_numbers_in in zip(panels, numbers_in, strict=True):
        ax = on.axes(left, AXIS_IN, panel_in, len(rows) * ROW_IN)
        _panel(ax, rows, panel.columns)
        unit = panel.columns[0].quantity.unit
        scales.of_unit(ax.xaxis, panel.title, unit, _values(rows, panel.columns))
        left += panel_in + of_numbers_in + GAP_IN
    _row_texts(on, rows, label_in)
    return on.figure


def left_out(scene: Scene) -> str:
    """Which points have no room, in words; nothing where all are there."""
    return some_of(_points(scene), scene)


def _points(scene: Scene) -> tuple[ScenePoint, ...]:
    filled = max((len(p.cells) + 1 for p in scene.points), default=1)
    return thinned(scene.points, max(2, MAX_ROWS // filled))


def _rows(points: Sequence[ScenePoint], name: Callable[[Series], str]) -> list[ChartRow]:
    rows: list[ChartRow] = []
    for point in points:
        rows += [ChartRow(point.label)] if point.label else []
        rows += [ChartRow(name(s), s) for s in point.cells]
    return rows


def _values(rows: Sequence[ChartRow], columns: Sequence[NumberColumn]) -> list[float]:
    intervals = [
        column.value(row.series)
        for row in rows
        if row.series and row.series.measured
        for column in columns
    ]
    return [value for i in intervals if i is not None for value in (i.low, i.high)]


def _panel(ax: Axes, rows: Sequence[ChartRow], columns: Sequence[NumberColumn]) -> None:
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    width_in_axes, _ = size_in(ax)
    for number, row in enumerate(rows):
        if row.series is None or not row.series.measured:
            continue
        for place, column in enumerate(columns):
            x = 1 + (place + 0.92) * NUMBER_IN / width_in_axes
            interval = column.value(row.series)
            if interval is not None:
                _mark(ax, number, row.series, column, interval)
            ax.text(
                x,
                number,
                "–" if interval is None else column.quantity.unit.show(interval.median),
                transform=ax.get_yaxis_transform(),
                fontsize=SMALL_PT,
                ha="right",
                va="center",
            )
    for place, column in enumerate(columns):
        x = 1 + (place + 0.92) * NUMBER_IN / width_in_axes
        ax.text(
            x,
            -0.7,
            column.heading,
            transform=ax.get_yaxis_transform(),
            fontsize=FINE_PT,
            color=SOFT,
            ha="right",
            va="bottom",
        )


def _mark(ax: Axes, number: int, series: Series, column: NumberColumn, interval: Interval) -> None:
    """The median as a marker; its interval as a bar, where there is more than one round."""
    look = series.look
    if series.summary.rounds > 1:
        ax.plot(
            [interval.low, interval.high],
            [number, number],
            color=look.colour,
            linewidth=3 if column.main else 1.6,
            alpha=0.45,
            solid_capstyle="butt",
            label=f"{series.label}|{column.heading}|interval",
        )
    small = {"markerfacecolor": "none", "markersize": SMALL_MARKER_PT}
    point = look.point if column.main else look.point | small
    ax.plot(
        [interval.median],
        [number],
        linestyle="none",
        label=f"{series.label}|{column.heading}",
        **point,
    )


def _row_texts(on: Sheet, rows: Sequence[ChartRow], label_in: float) -> None:
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
