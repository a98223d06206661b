"""CPU time against latency: what is paid for answering sooner (the price of waiting)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iomodels.analysis.quantities import CPU, LATENCY_P50
from iomodels.base.units import listed
from iomodels.results.schema import Interval

from .drawing import rows, scales
from .drawing.chart import Chart, measured, spoken
from .drawing.labels import Bar, Label, beside_points
from .drawing.scene import Scene, ScenePoint, Series, some_of
from .drawing.sheet import Grid, heading, sheet
from .drawing.style import MARKER_PT, safe, short_name

AXES = (CPU, LATENCY_P50)
"""Across and up."""
FEWEST = 3
ROWS = (
    rows.Panel(CPU.title, [rows.NumberColumn("median", CPU)]),
    rows.Panel(LATENCY_P50.title, [rows.NumberColumn("p50", LATENCY_P50)]),
)
COLUMNS = 2
PANEL_IN = 2.5


def draw(scene: Scene) -> Figure:
    """A panel for each point, a marker for each engine; down and left is better.

    Where no point has enough engines for that, a row for each.
    """
    points = _points(scene)
    if not points:
        return rows.draw(scene, CHART.subject, ROWS, explained(scene))
    columns = scene.columns(min(COLUMNS, len(points)))
    grid = Grid(scene.text_width_in, len(points), columns, PANEL_IN)
    on = sheet(scene, CHART.subject, grid.height_in, explained=explained(scene))
    cpu, latency = _values(points)
    for point, ax in zip(points, grid.panels(on), strict=True):
        _panel(ax, point, cpu, latency)
    return on.figure


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    points = _points(scene)
    if not points:
        return [scene.rounds_note, scales.mixed(*_values(scene.points)), rows.left_out(scene)]
    return [
        f"Down and left is better. {scene.rounds_note}",
        scales.mixed(*_values(points)),
        some_of(points, scene),
        f"Not shown: points with fewer than {FEWEST} engines." if _too_few(scene) else "",
    ]


def _too_few(scene: Scene) -> bool:
    return any(0 < _pairs(point) < FEWEST for point in scene.shown)


def _pairs(point: ScenePoint) -> int:
    return sum(_pair(series) is not None for series in point.series)


def _points(scene: Scene) -> list[ScenePoint]:
    """Those with enough engines for a plane: of two, numbers in rows say more."""
    return [point for point in scene.shown if _pairs(point) >= FEWEST]


def _values(points: Sequence[ScenePoint]) -> tuple[list[float], list[float]]:
    """All that is drawn across, and up."""
    pairs = [pair for point in points for s in point.series if (pair := _pair(s))]
    cpu = [v for i, _ in pairs for v in (i.low, i.high)]
    return cpu, [v for _, i in pairs for v in (i.low, i.high)]


def _pair(series: Series) -> tuple[Interval, Interval] | None:
    x, y = (quantity.interval(series.cell) for quantity in AXES)
    return (x, y) if x and y else None


def _panel(ax: Axes, point: ScenePoint, cpu: Sequence[float], latency: Sequence[float]) -> None:
    named: list[tuple[Series, float, float]] = []
    for series in point.series:
        pair = _pair(series)
        if pair is None:
            continue
        x, y = pair
        if series.summary.rounds > 1:
            bar: dict[str, Any] = {"color": series.look.colour, "alpha": 0.45, "linewidth": 2.5}
            ax.hlines(y.median, x.low, x.high, label=f"{series.label}|cpu", **bar)
            ax.vlines(x.median, y.low, y.high, label=f"{series.label}|latency", **bar)
        ax.plot([x.median], [y.median], linestyle="none", label=series.label, **series.look.point)
        named.append((series, x.median, y.median))
    scales.durations(ax.xaxis, AXES[0].axis_title, cpu)
    scales.durations(ax.yaxis, AXES[1].axis_title, latency)
    heading(ax, point.label)
    beside_points(ax, _labels(ax, named), _bars(point))


def _labels(ax: Axes, named: Sequence[tuple[Series, float, float]]) -> list[Label]:
    """One for each point; one for several runs of an engine that lie on each other."""
    groups: list[list[tuple[Series, float, float]]] = []
    for item in named:
        for group in groups:
            if item[0].cell.engine == group[0][0].cell.engine and _close(
                ax, item[1:], group[0][1:]
            ):
                group.append(item)
                break
        else:
            groups.append([item])
    labels = []
    for group in groups:
        series, x, y = group[0]
        text = series.short
        if len(group) > 1:
            text = f"{short_name(series.cell.engine)} ({listed([s.of_run for s, _, _ in group])})"
        labels.append(Label(safe(text), x, y, series.look.colour))
    return labels


def _close(ax: Axes, one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two markers would touch."""
    (x0, y0), (x1, y1) = (ax.transData.transform(point) for point in (one, other))
    return math.hypot(x1 - x0, y1 - y0) * 72 / ax.figure.dpi < 1.5 * MARKER_PT


def _bars(point: ScenePoint) -> list[Bar]:
    """What labels should leave free."""
    bars: list[Bar] = []
    for series in point.series:
        pair = _pair(series)
        if pair is None or series.summary.rounds == 1:
            continue
        x, y = pair
        bars.append(((x.low, y.median), (x.high, y.median)))
        bars.append(((x.median, y.low), (x.median, y.high)))
    return bars


def _spoken(series: Series) -> str:
    return spoken(series, *AXES)


CHART = Chart("cpu-latency", "CPU per operation and latency", measured, draw, explained, _spoken)
