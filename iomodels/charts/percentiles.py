"""Latency by percentile up to 99.99 %, on the kind of axis that HdrHistogram made usual.

The axis is logarithmic in what is left above the percentile, so that each further nine takes the
same room. A line shows the latencies of all rounds together, and ends where they do: a percentile
that fewer operations than one stand for is not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from iomodels import statistics
from iomodels.results import Histogram
from iomodels.units import format_duration

from . import scales
from .chart import Chart
from .labels import Label, at_ends, margin_in
from .scene import Scene, ScenePoint, Series, some_of
from .sheet import Grid, heading, sheet

MARKED = (0.5, 0.9, 0.99, 0.999, 0.9999)
MOST = 0.9999
STEPS = 30
COLUMNS = 2
PANEL_IN = 2.3


def draw(scene: Scene) -> Figure:
    """A panel for each point, a line for each engine."""
    points = _points(scene)
    lines = {id(s): _merged(s) for point in points for s in point.series}
    columns = min(COLUMNS, len(points))
    right = margin_in(scene.engines, most_in=2.2 if columns == 1 else 1.25)
    grid = Grid(len(points), columns, PANEL_IN, right_in=right, gap_in=0.1)
    on = sheet(scene, CHART.subject, grid.height_in, explained=explained(scene))
    values = [y for line in lines.values() for y in curve(line)[1]]
    for point, ax in zip(points, grid.panels(on), strict=True):
        _panel(ax, point, lines, values, right)
    return on.figure


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    return [
        "All rounds together; a line ends where there are too few operations.",
        some_of(_points(scene), scene),
    ]


def curve(histogram: Histogram) -> tuple[list[float], list[float]]:
    """For a line: 1/(1 - q) and the latency in ns at q, `STEPS` to a decade, up to `MOST`.

    The last one is the highest percentile that an operation lies beyond.
    """
    n = statistics.count(histogram)
    steps = range(round(STEPS * math.log10(1 / (1 - MOST))) + 1)
    xs = [x for step in steps if (x := 10 ** (step / STEPS)) <= n]
    return xs, statistics.percentiles_ns(histogram, [1 - 1 / x for x in xs])


def marks(histogram: Histogram) -> tuple[list[float], list[float]]:
    """The marked percentiles that at least one operation lies beyond, as `curve` gives them."""
    n = statistics.count(histogram)
    shown = [q for q in MARKED if n * (1 - q) >= 1 - 1e-9]
    return [1 / (1 - q) for q in shown], statistics.percentiles_ns(histogram, shown)


def _points(scene: Scene) -> list[ScenePoint]:
    return [point for point in scene.shown if any(_merged(s) for s in point.series)]


def _merged(series: Series) -> Histogram:
    return statistics.merge(trial.latency_ns for trial in series.cell.trials)


def _panel(
    ax: Axes,
    point: ScenePoint,
    lines: dict[int, Histogram],
    values: Sequence[float],
    right_in: float,
) -> None:
    ends: list[Label] = []
    for series in point.series:
        xs, ys = curve(lines[id(series)])
        if not xs:
            continue
        ax.plot(xs, ys, label=f"{series.label}|line", **series.look.line)
        mark_xs, mark_ys = marks(lines[id(series)])
        ax.plot(
            mark_xs,
            mark_ys,
            linestyle="none",
            markersize=4,
            label=f"{series.label}|marks",
            **(series.look.point | {"markeredgewidth": 0.9}),
        )
        ends.append(Label(series.short, xs[-1], ys[-1], series.look.colour))
    ax.set_xscale("log")
    ax.set_xlim(1, 1 / (1 - MOST))
    ax.xaxis.set_major_locator(FixedLocator([2, 10, 100, 1000, 10_000]))
    ax.xaxis.set_minor_locator(FixedLocator([]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _percent(x)))
    ax.set_xlabel("percentile of operations (%)")
    scales.durations(ax.yaxis, "latency", values)
    heading(ax, point.label)
    at_ends(ax, ends, right_in)


def _percent(x: float) -> str:
    return f"{100 * (1 - 1 / x):.6g}"


def _spoken(series: Series) -> str:
    merged = _merged(series)
    if not statistics.count(merged):
        return ""
    p50, p99 = (format_duration(statistics.percentile_ns(merged, q)) for q in (0.5, 0.99))
    shown, latencies = marks(merged)
    last = f", {_percent(shown[-1])} % within {format_duration(latencies[-1])}" if shown else ""
    return f"p50 {p50}, p99 {p99}{last}"


def _suits(scene: Scene) -> bool:
    return any(
        statistics.count(trial.latency_ns)
        for point in scene.points
        for series in point.series
        for trial in series.cell.trials
    )


CHART = Chart("percentiles", "Latency by percentile", _suits, draw, explained, _spoken)
