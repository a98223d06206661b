"""How each engine scales with the parameter that is swept: depth, descriptors, block, rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iomodels.analysis import cells
from iomodels.analysis.quantities import CPU, LATENCY_P50, LATENCY_P99, THROUGHPUT
from iomodels.analysis.quantity_definition import Quantity

from .drawing import scales
from .drawing.chart import Chart, spoken
from .drawing.labels import at_ends, margin_in
from .drawing.scene import Scene, Series, without_p99
from .drawing.sheet import Grid, heading, panel_in, sheet
from .drawing.style import safe
from .drawing.sweep import Line, draw_lines, facets, left_out, swept_key

PANEL_IN = 1.9
PANELS = (THROUGHPUT, CPU, LATENCY_P50, LATENCY_P99)


def draw(scene: Scene) -> Figure:
    """A panel for each quantity, a line for each engine; another set for each other parameter.

    A quantity that nothing shown has gets no panel.
    """
    key = swept_key(scene)
    assert key is not None
    found = facets(scene, key)
    right = margin_in(scene.engines, most_in=1.3)
    shown = [
        (facet, lines, quantity)
        for facet, lines in found.items()
        for quantity in PANELS
        if any(quantity.interval(series.cell) for line in lines for _, series in line.dots)
    ]
    of_quantity = _values(found)
    grid = Grid(
        scene.text_width_in,
        len(shown),
        scene.columns(2),
        panel_in(scene, PANEL_IN),
        right_in=right,
        gap_in=0.05,
    )
    on = sheet(scene, CHART.title(scene), grid.height_in, explained=explained(scene))
    for ax, (facet, lines, quantity) in zip(grid.panels(on), shown, strict=True):
        _panel(ax, quantity, key, lines, facet, right, of_quantity[quantity.key])
    return on.figure


def _values(found: Mapping[str, Sequence[Line]]) -> dict[str, list[float]]:
    """All that is drawn of each quantity: its axes are alike in all panels."""
    drawn = [series.cell for lines in found.values() for line in lines for _, series in line.dots]
    return {
        quantity.key: [
            value
            for interval in map(quantity.interval, drawn)
            if interval
            for value in (interval.low, interval.high)
        ]
        for quantity in PANELS
    }


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    key = swept_key(scene)
    shown = (series for point in scene.points for series in point.series)
    values = _values(facets(scene, key)) if key else {}
    return [
        scene.rounds_note,
        scales.mixed(*values.values()),
        without_p99(shown),
        left_out(scene, key) if key else "",
    ]


def _panel(
    ax: Axes,
    quantity: Quantity,
    key: str,
    lines: Sequence[Line],
    facet: str,
    right_in: float,
    values: Sequence[float],
) -> None:
    title = quantity.axis_title
    _, ends = draw_lines(ax, title, lines, lambda series: quantity.interval(series.cell))
    scales.swept(ax.xaxis, key, [x for line in lines for x, _ in line.dots])
    scales.of_unit(ax.yaxis, title, quantity.unit, values)
    heading(ax, facet, right_in)
    at_ends(ax, ends, right_in)


def _spoken(series: Series) -> str:
    return spoken(series, THROUGHPUT, LATENCY_P50, CPU)


def _suits(scene: Scene) -> bool:
    key = swept_key(scene)
    return key is not None and bool(facets(scene, key))


def _over(scene: Scene) -> str:
    """`over depth`."""
    key = swept_key(scene)
    return f"over {safe(cells.in_words(key), 40)}" if key else ""


CHART = Chart(
    "scaling",
    "Throughput, CPU and latency",
    _suits,
    draw,
    explained,
    _spoken,
    detail=_over,
)
