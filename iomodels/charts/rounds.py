"""The latency of each round as a band of percentiles: whether the rounds are alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from iomodels.analysis.quantity_definition import fewest_operations, has_too_few
from iomodels.base.units import format_duration
from iomodels.results.schema import Trial
from iomodels.statistics import histogram

from .drawing import scales
from .drawing.chart import Chart
from .drawing.scene import Scene, ScenePoint, Series, some_of, thinned
from .drawing.sheet import Grid, sheet, size_in
from .drawing.style import SMALL_PT, text_colour, width_in, wrap

BANDS = ((0.01, 0.99, 0.18), (0.1, 0.9, 0.35))
"""The percentiles that bound each band, and its opacity."""
MAX_PANELS = 24
MAX_NARROW_PANELS = 12
MAX_COLUMNS = 4
PANEL_IN = 1.15
LEFT_IN = 0.62
LINE_IN = 0.16


def draw(scene: Scene) -> Figure:
    """A panel for each cell."""
    cells = _cells(scene)
    columns = _columns(scene, cells)
    limit_in = scene.text_width_in / columns - 0.2
    titles = [_title(point, series, limit_in) for point, series in cells]
    top_in = 0.12 + max(len(lines) for lines in titles) * LINE_IN
    grid = Grid(
        scene.text_width_in,
        len(cells),
        columns,
        PANEL_IN,
        left_in=LEFT_IN,
        right_in=0.0,
        gap_in=0.12,
        top_in=top_in,
    )
    on = sheet(scene, CHART.subject, grid.height_in, explained=explained(scene))
    values = [
        histogram.percentile_ns(trial.latency_ns, q)
        for _, series in cells
        for trial in _trials(series)
        for q in (0.5, *(q for low, high, _ in _bands(series) for q in (low, high)))
    ]
    for index, ((_, series), ax) in enumerate(zip(cells, grid.panels(on), strict=True)):
        _panel(ax, series, values)
        ax.set_title(
            "\n".join(titles[index]),
            x=-LEFT_IN / size_in(ax)[0] + 0.02,
            fontsize=SMALL_PT,
            color=text_colour(series.look.colour),
        )
        if index % columns:
            ax.set_ylabel("")
    return on.figure


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    cells = _cells(scene)
    points = [point for point, _ in groupby(point for point, _ in cells)]
    few = any(len(_bands(series)) < len(BANDS) for _, series in cells)
    return [
        "Line: p50; inner band: p10 to p90; outer band: p1 to p99."
        + (" No band where a trial has too few operations (10, 100)." if few else ""),
        some_of(points, scene),
    ]


def _bands(series: Series) -> list[tuple[float, float, float]]:
    """Those of `BANDS` whose percentiles the tables, too, would show."""
    trials = series.cell.trials
    return [band for band in BANDS if not has_too_few(trials, fewest_operations(band[1]))]


def _cells(scene: Scene) -> list[tuple[ScenePoint, Series]]:
    with_rounds = [p for p in scene.points if any(len(_trials(s)) > 1 for s in p.series)]
    most = max(len(point.series) for point in with_rounds)
    panels = MAX_NARROW_PANELS if scene.is_narrow else MAX_PANELS
    return [
        (point, series)
        for point in thinned(with_rounds, max(2, panels // most))
        for series in point.series
        if len(_trials(series)) > 1
    ]


def _columns(scene: Scene, cells: Sequence[tuple[ScenePoint, Series]]) -> int:
    """A row for each point if it fits; fewer where the words of an engine's name take more room."""
    engines = max(len(point.series) for point in scene.points)
    columns = engines if 2 < engines < MAX_COLUMNS else min(MAX_COLUMNS, len(cells))
    columns = scene.columns(columns)
    words = [word for _, series in cells for word in series.short.split(" ")]
    widest = max(width_in(word, SMALL_PT, "bold") for word in words)
    while columns > 1 and scene.text_width_in / columns - 0.2 < widest:
        columns -= 1
    return columns


def _title(point: ScenePoint, series: Series, limit_in: float) -> list[str]:
    """Engine and point, in one line or in several: nothing of either is cut."""
    line = f"{series.short} · {point.label}" if point.label else series.short
    if width_in(line, SMALL_PT, "bold") <= limit_in:
        return [line]
    return [
        part
        for text in (series.short, point.label)
        for part in wrap(text, SMALL_PT, limit_in, len(text), "bold")
    ]


def _trials(series: Series) -> list[Trial]:
    return [trial for trial in series.cell.trials if histogram.count(trial.latency_ns)]


def _panel(ax: Axes, series: Series, values: Sequence[float]) -> None:
    trials = _trials(series)
    numbers = [trial.round + 1 for trial in trials]
    look = series.look
    for low, high, alpha in _bands(series):
        ax.fill_between(
            numbers,
            [histogram.percentile_ns(trial.latency_ns, low) for trial in trials],
            [histogram.percentile_ns(trial.latency_ns, high) for trial in trials],
            color=look.colour,
            alpha=alpha,
            linewidth=0,
            label=f"{series.label}|p{100 * low:g}-p{100 * high:g}",
        )
    ax.plot(
        numbers,
        [histogram.percentile_ns(trial.latency_ns, 0.5) for trial in trials],
        color=look.colour,
        markersize=3.5,
        label=f"{series.label}|p50",
        **look.point,
    )
    ax.set_xlim(min(numbers) - 0.3, max(numbers) + 0.3)
    ax.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    ax.set_xlabel("round")
    scales.durations(ax.yaxis, "latency", values)


def _spoken(series: Series) -> str:
    p50s = [histogram.percentile_ns(trial.latency_ns, 0.5) for trial in _trials(series)]
    if len(p50s) < 2:
        return ""
    return f"p50 from {format_duration(min(p50s))} to {format_duration(max(p50s))} by round"


def _suits(scene: Scene) -> bool:
    return any(len(_trials(s)) > 1 for point in scene.points for s in point.series)


CHART = Chart("rounds", "Latency of each round", _suits, draw, explained, _spoken)
