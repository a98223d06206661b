"""How much of the shorter of I/O and computation each engine hides, over the computation."""

from __future__ import annotations

import itertools
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iomodels.analysis.notices import overlap_bound
from iomodels.analysis.quantities import named
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.units import listed

from .drawing import rows, scales
from .drawing.chart import Chart, spoken
from .drawing.labels import Label, at_ends, margin_in
from .drawing.scene import Scene, Series
from .drawing.sheet import Grid, heading, panel_in, sheet
from .drawing.style import SOFT
from .drawing.sweep import Line, at_edges, cut_bars, draw_lines, facets, left_out

OVERLAP, SPEED_UP = named("overlap"), named("speed_up")
COMPUTE = "load.compute"
PANEL_IN = 2.3
ROWS = (
    rows.Panel(OVERLAP.axis_title, [rows.NumberColumn("overlap", OVERLAP)]),
    rows.Panel(SPEED_UP.axis_title, [rows.NumberColumn("speed-up", SPEED_UP)]),
)
"""Of one amount of computation."""


def draw(scene: Scene) -> Figure:
    """Overlap at the left, what it brings at the right."""
    found = facets(scene, COMPUTE)
    if not found:
        return rows.draw(scene, CHART.subject, ROWS, explained(scene))
    right = margin_in(scene.engines, most_in=1.3)
    columns = scene.columns(2)
    grid = Grid(
        scene.text_width_in,
        2 * len(found),
        columns,
        panel_in(scene, PANEL_IN),
        right_in=right,
        gap_in=0.05,
    )
    on = sheet(scene, CHART.subject, grid.height_in, explained=explained(scene))
    panels = iter(grid.panels(on))
    for facet, lines in found.items():
        for quantity in (OVERLAP, SPEED_UP):
            ax = next(panels)
            _panel(ax, quantity, lines, right)
            heading(ax, facet, right)
    return on.figure


def _panel(ax: Axes, quantity: Quantity, lines: list[Line], right_in: float) -> None:
    for level in quantity.unit.ends or ():
        ax.axhline(level, color=SOFT, linewidth=0.8, linestyle=(0, (2, 2)))
    title = quantity.axis_title
    values, ends = draw_lines(ax, title, lines, lambda series: quantity.interval(series.cell))
    dots = [dot for line in lines for dot in line.dots]
    found = [(x, i, s.look.colour) for x, s in dots if (i := quantity.interval(s.cell))]
    scales.swept(ax.xaxis, COMPUTE, [x for x, _, _ in found])
    scales.of_unit(ax.yaxis, title, quantity.unit, values)
    low, high = ax.get_ylim()
    at_ends(ax, [replace(end, y=min(max(end.y, low), high)) for end in ends], right_in)
    cut_bars(ax, found)
    shown = quantity.unit.show
    at_edges(ax, [Label(shown(i.median), x, i.median, colour) for x, i, colour in found])


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    return [
        "Overlap: share of the shorter of I/O and computation that is hidden behind the longer. "
        "Speed-up: time of both one after the other, divided by the time of both at once.",
        _doubts(scene),
        _beyond(scene),
        scene.rounds_note,
        left_out(scene, COMPUTE) if facets(scene, COMPUTE) else rows.left_out(scene),
    ]


def _doubts(scene: Scene) -> str:
    """Which engines have more, or less, than can be; "" for none."""
    cells = [series for point in scene.points for series in point.series]
    beyond = [series.short for series in cells if overlap_bound(series.cell) is not None]
    if not beyond:
        return ""
    return (
        f"Some overlaps of {listed(list(dict.fromkeys(beyond)))} are impossible values: the "
        "parts are measured one after another, and the machine was not equally fast in all of "
        "them."
    )


def _beyond(scene: Scene) -> str:
    """What arrows at the edges are, where a panel has one; else ""."""
    found = facets(scene, COMPUTE)
    sets = [[s for line in lines for _, s in line.dots] for lines in found.values()]
    rest = [series for point in scene.points for series in point.series]
    for cells, quantity in itertools.product(sets or [rest], (OVERLAP, SPEED_UP)):
        intervals = [i for series in cells if (i := quantity.interval(series.cell))]
        values = [value for i in intervals for value in (i.low, i.high)]
        low, high = scales.limits(values, quantity.unit.ends or (0.0, 1.0))
        if quantity.unit.ends and any(not low <= value <= high for value in values):
            return "An arrow at an edge: a number or a bar beyond the axis."
    return ""


def _spoken(series: Series) -> str:
    return spoken(series, OVERLAP, SPEED_UP)


def _suits(scene: Scene) -> bool:
    return any(
        isinstance(series.cell.parameters.get(COMPUTE), int) and OVERLAP.interval(series.cell)
        for point in scene.points
        for series in point.series
    )


CHART = Chart("overlap", "Overlap of I/O and computation", _suits, draw, explained, _spoken)
