"""A row for each cell, two panels side by side: markers with their intervals, and the numbers.

On a narrow picture the panels stand below each other. What they show is the business of the charts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iomodels.analysis.quantity_definition import Quantity
from iomodels.results.schema import Interval

from . import scales
from .scene import Scene, ScenePoint, Series, some_of, thinned, why
from .sheet import MARGIN_IN, Sheet, row_name_in, row_names, sheet, size_in
from .style import FINE_PT, HIDING, INK, SMALL_PT, SOFT, shortened, text_colour, width_in, wrap

ROW_IN = 0.235
MAX_ROWS = 60
MAX_NARROW_ROWS = 30
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
    block_in = HEAD_IN + len(rows) * ROW_IN + AXIS_IN
    blocks = 2 if scene.is_narrow else 1
    # A narrow row has no room for a whole reason.
    missing = scene.is_narrow
    on = sheet(scene, subject, blocks * block_in, explained=list(explained), missing=missing)
    names_in = (width_in(row.text, SMALL_PT) for row in rows if row.series)
    label_in = min(max(names_in, default=0), row_name_in(scene)) + 0.1
    numbers_in = [len(panel.columns) * NUMBER_IN for panel in panels]
    if scene.is_narrow:
        panel_in = scene.text_width_in - label_in - max(numbers_in)
    else:
        panel_in = (scene.text_width_in - label_in - sum(numbers_in) - GAP_IN) / 2
    left, bottom = MARGIN_IN + label_in, (blocks - 1) * block_in
    for number, panel in enumerate(panels):
        ax = on.axes(left, bottom + AXIS_IN, panel_in, len(rows) * ROW_IN)
        unit = panel.columns[0].quantity.unit
        scales.of_unit(ax.xaxis, panel.title, unit, _values(rows, panel.columns))
        _panel(ax, rows, panel.columns)  # what its limits cut is marked
        if number == 0 or scene.is_narrow:
            _row_texts(on, rows, label_in, bottom, scene)
        if scene.is_narrow:
            bottom -= block_in
        else:
            left += panel_in + numbers_in[number] + GAP_IN
    return on.figure


def mixed(scene: Scene, panels: Sequence[Panel]) -> str:
    """What to say where one of these has a logarithmic axis and the other has not; else ""."""
    rows = _rows(_points(scene), row_names(scene))
    return scales.mixed(*(_values(rows, panel.columns) for panel in panels))


def left_out(scene: Scene) -> str:
    """Which points have no room, in words; nothing where all are there."""
    return some_of(_points(scene), scene)


def _points(scene: Scene) -> tuple[ScenePoint, ...]:
    filled = max((len(p.cells) + 1 for p in scene.points), default=1)
    most = MAX_NARROW_ROWS if scene.is_narrow else MAX_ROWS
    return thinned(scene.points, max(2, most // filled))


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
        low, high = ax.get_xlim()
        for edge, marker, is_cut in (
            (low, "<", interval.low < low <= interval.high),
            (high, ">", interval.high > high >= interval.low),
        ):
            if is_cut:
                arrow: Any = {"marker": marker, "markersize": 4, "color": look.colour}
                ax.plot([edge], [number], linestyle="none", clip_on=False, label="cut", **arrow)
    small = {"markerfacecolor": "none", "markersize": SMALL_MARKER_PT}
    point = look.point if column.main else look.point | small
    ax.plot(
        [interval.median],
        [number],
        linestyle="none",
        label=f"{series.label}|{column.heading}",
        **point,
    )


def _row_texts(
    on: Sheet, rows: Sequence[ChartRow], label_in: float, bottom_in: float, scene: Scene
) -> None:
    for number, row in enumerate(rows):
        bottom = bottom_in + AXIS_IN + (len(rows) - number - 0.5) * ROW_IN
        if row.series is None:
            text = shortened(row.text, SMALL_PT, scene.text_width_in, "bold")
            look = {"weight": "bold", "color": INK, "va": "center", "bbox": HIDING}
            on.text(MARGIN_IN, bottom, text, SMALL_PT, **look)
            continue
        text = shortened(row.text, SMALL_PT, label_in - 0.08)
        missing = not row.series.measured
        colour = SOFT if missing else text_colour(row.series.look.colour)
        on.text(MARGIN_IN, bottom, text, SMALL_PT, color=colour, va="center")
        if missing:
            reason = wrap(why(row.series), FINE_PT, scene.text_width_in - label_in, lines=2)
            on.text(
                MARGIN_IN + label_in,
                bottom,
                "\n".join(reason),
                FINE_PT,
                color=SOFT,
                va="center",
                linespacing=1.05,
                bbox=HIDING,
            )
