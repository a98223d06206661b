"""Latency by percentile up to 99.99 %, on the kind of axis that HdrHistogram made usual.

The axis is logarithmic in what is left above the percentile, so that each further nine takes the
same room. A line shows the latencies of all rounds together, and ends where the tables show no
percentile, either: of too few operations in a trial.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from iomodels.analysis.quantities import LATENCY_P99
from iomodels.analysis.quantity_definition import fewest_operations, has_too_few
from iomodels.base.units import format_duration
from iomodels.results.schema import Histogram
from iomodels.statistics.histogram import count, merge, percentile_ns, percentiles_ns

from .drawing import scales
from .drawing.chart import Chart
from .drawing.labels import Label, at_ends, margin_in
from .drawing.scene import Scene, ScenePoint, Series, some_of, thinned
from .drawing.sheet import Grid, heading, panel_in, sheet, size_in
from .drawing.style import SMALL_PT, width_in

MARKED = (0.5, 0.9, 0.99, 0.999, 0.9999)
MOST = 0.9999
STEPS = 30
COLUMNS = 2
PANEL_IN = 2.3
MAX_ROWS = 6
FEW_PANELS = 3
MOST_LABEL_IN = {False: 2.2, True: 1.1}
"""By whether the picture is narrow."""
TICKS = (2.0, 10.0, 100.0, 1000.0, 10_000.0)


def draw(scene: Scene) -> Figure:
    """A panel for each point, a line for each engine."""
    points = _points(scene)
    columns = _columns(scene, points)
    right = margin_in(scene.engines, most_in=MOST_LABEL_IN[scene.is_narrow])
    grid = Grid(
        scene.text_width_in,
        len(points),
        columns,
        panel_in(scene, PANEL_IN),
        right_in=right,
        gap_in=0.1,
    )
    on = sheet(scene, CHART.subject, grid.height_in, explained=explained(scene))
    curves = [curve(series) for point in points for series in point.series]
    values = [y for _, ys in curves for y in ys]
    furthest = max((x for xs, _ in curves for x in xs), default=1.0)
    for point, ax in zip(points, grid.panels(on), strict=True):
        _panel(ax, point, values, right, max(furthest, 10.0))
    return on.figure


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    return [
        "All rounds together. A line ends at the highest percentile that has enough operations in "
        "each trial (p99: 100).",
        some_of(_points(scene), scene),
    ]


def curve(series: Series) -> tuple[list[float], list[float]]:
    """For a line: 1/(1 - q) and the latency in ns at q, `STEPS` to a decade, up to `MOST`.

    The last one is the highest percentile that the tables, too, would show of so many operations.
    """
    steps = range(round(STEPS * math.log10(1 / (1 - MOST))) + 1)
    qs = [1 - 10 ** (-step / STEPS) for step in steps]
    return _shown(series, qs)


def marks(series: Series) -> tuple[list[float], list[float]]:
    """The marked percentiles, as far as `curve` goes."""
    return _shown(series, MARKED)


def _shown(series: Series, qs: Sequence[float]) -> tuple[list[float], list[float]]:
    merged = _merged(series)
    few = series.cell.trials
    kept = [q for q in qs if not has_too_few(few, fewest_operations(q))] if count(merged) else []
    return [1 / (1 - q) for q in kept], percentiles_ns(merged, kept)


def _points(scene: Scene) -> list[ScenePoint]:
    """Of those that a picture shows; fewer where each takes a row of its own."""
    points = [point for point in scene.shown if any(_merged(s) for s in point.series)]
    return points if _columns(scene, points) > 1 else list(thinned(points, MAX_ROWS))


def _columns(scene: Scene, points: Sequence[ScenePoint]) -> int:
    """One where labels beside a panel would leave it too little; of few panels, too little is less
    than two thirds of its place, and many are a grid rather than a long column."""
    columns = scene.columns(min(COLUMNS, len(points)))
    place_in = scene.text_width_in / columns
    share = 0.33 if len(points) <= FEW_PANELS else 0.45
    return (
        1
        if margin_in(scene.engines, most_in=MOST_LABEL_IN[scene.is_narrow]) > place_in * share
        else columns
    )


def _merged(series: Series) -> Histogram:
    """Of all rounds; a small file has only that."""
    cell = series.cell
    return cell.latency_ns or merge(trial.latency_ns for trial in cell.trials)


def _panel(
    ax: Axes, point: ScenePoint, values: Sequence[float], right_in: float, end: float
) -> None:
    ends: list[Label] = []
    for series in point.series:
        xs, ys = curve(series)
        if not xs:
            continue
        ax.plot(xs, ys, label=f"{series.label}|line", **series.look.line)
        mark_xs, mark_ys = marks(series)
        ax.plot(
            mark_xs,
            mark_ys,
            linestyle="none",
            markersize=4,
            clip_on=False,  # the highest percentile lies on the edge
            zorder=2.9,
            label=f"{series.label}|marks",
            **(series.look.point | {"markeredgewidth": 0.9}),
        )
        ends.append(Label(series.short, xs[-1], ys[-1], series.look.colour))
    ax.set_xscale("log")
    ax.set_xlim(1, end)
    ax.xaxis.set_major_locator(FixedLocator(ticks(ax)))
    ax.xaxis.set_minor_locator(FixedLocator([]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _percent(x)))
    ax.set_xlabel("percentile of operations (%)")
    scales.durations(ax.yaxis, "latency", values)
    heading(ax, point.label, right_in)
    at_ends(ax, ends, right_in)


def ticks(ax: Axes) -> list[float]:
    """Those of `TICKS` whose texts have room, from the highest percentile down."""
    width, decades = size_in(ax)[0], math.log10(ax.get_xlim()[1])
    kept: list[float] = []
    free_in = math.inf
    for x in reversed([tick for tick in TICKS if tick <= ax.get_xlim()[1] * (1 + 1e-9)]):
        middle, half = width * math.log10(x) / decades, width_in(_percent(x), SMALL_PT) / 2
        if middle + half <= free_in:
            kept.append(x)
            free_in = middle - half - 0.05
    return kept[::-1]


def _percent(x: float) -> str:
    return f"{100 * (1 - 1 / x):.6g}"


def _spoken(series: Series) -> str:
    merged = _merged(series)
    if not count(merged):
        return ""
    said = [f"p50 {format_duration(percentile_ns(merged, 0.5))}"]
    shown, latencies = marks(series)
    if not LATENCY_P99.has_too_few(series.cell.trials):
        said.append(f"p99 {format_duration(percentile_ns(merged, 0.99))}")
    said += [f"{_percent(shown[-1])} % within {format_duration(latencies[-1])}"] if shown else []
    return ", ".join(said)


def _suits(scene: Scene) -> bool:
    return any(
        count(trial.latency_ns)
        for point in scene.points
        for series in point.series
        for trial in series.cell.trials
    )


CHART = Chart("percentiles", "Latency by percentile", _suits, draw, explained, _spoken)
