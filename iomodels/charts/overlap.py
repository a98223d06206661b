"""How much of the shorter of I/O and computation each engine hides, over the computation."""

from __future__ import annotations

from matplotlib.figure import Figure

from iomodels.analysis.notices import overlap_bound
from iomodels.analysis.quantities import named
from iomodels.results.schema import Interval
from iomodels.statistics.rounds import median_interval

from .drawing import scales
from .drawing.chart import Chart, spoken
from .drawing.labels import at_ends, margin_in
from .drawing.scene import Scene, Series
from .drawing.sheet import Grid, heading, sheet
from .drawing.style import SOFT, joined
from .drawing.sweep import draw_lines, facets, left_out

OVERLAP = named("overlap")
COMPUTE = "load.compute"
PANEL_IN = 2.3


def draw(scene: Scene) -> Figure:
    """Overlap at the left, what it brings at the right."""
    found = facets(scene, COMPUTE)
    right = margin_in(scene.engines, most_in=1.3)
    grid = Grid(2 * len(found), 2, PANEL_IN, right_in=right, gap_in=0.05)
    on = sheet(
        scene,
        CHART.subject,
        grid.height_in,
        explained=explained(scene),
    )
    panels = iter(grid.panels(on))
    for facet, lines in found.items():
        for title, value, levels in (
            (OVERLAP.axis_title, _overlap, (0.0, 1.0)),
            ("speed-up (×)", speed_up, (1.0, 2.0)),
        ):
            ax = next(panels)
            for level in levels:
                ax.axhline(level, color=SOFT, linewidth=0.8, linestyle=(0, (2, 2)))
            values, ends = draw_lines(ax, title, lines, value)
            scales.swept(ax.xaxis, COMPUTE, [x for line in lines for x, s in line.dots if value(s)])
            scales.counts(ax.yaxis, title, [*values, *levels], log=False)
            heading(ax, facet)
            at_ends(ax, ends, right)
    return on.figure


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    return [
        "Overlap: share of the shorter of I/O and computation hidden behind the longer. "
        "Speed-up: both one after the other, over both at once.",
        _doubts(scene),
        scene.rounds_note,
        left_out(scene, COMPUTE),
    ]


def _doubts(scene: Scene) -> str:
    """Which engines have more, or less, than can be; "" for none."""
    cells = [series for point in scene.points for series in point.series]
    beyond = [series.short for series in cells if overlap_bound(series.cell) is not None]
    if not beyond:
        return ""
    return (
        f"Of {joined(list(dict.fromkeys(beyond)))} some overlap is more or less than can be: the "
        "machine was not as quick in all of the parts, which are measured one after another."
    )


def _overlap(series: Series) -> Interval | None:
    return OVERLAP.interval(series.cell)


def speed_up(series: Series) -> Interval | None:
    """(T_io + T_cpu) / T_both, median and interval over the rounds that have them."""
    parts = [trial.overlap_parts for trial in series.cell.trials if trial.overlap_parts]
    ratios = [(p.io_ns + p.cpu_ns) / p.both_ns for p in parts if p.both_ns > 0]
    return median_interval(ratios) if ratios else None


def _spoken(series: Series) -> str:
    overlap, faster = spoken(series, OVERLAP), speed_up(series)
    return f"{overlap}, speed-up {faster.median:.2f}" if overlap and faster else overlap


def _suits(scene: Scene) -> bool:
    return any(
        isinstance(series.cell.parameters.get(COMPUTE), int) and _overlap(series) is not None
        for point in scene.points
        for series in point.series
    )


CHART = Chart("overlap", "Overlap of I/O and computation", _suits, draw, explained, _spoken)
