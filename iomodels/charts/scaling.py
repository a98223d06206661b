"""How each engine scales with the parameter that is swept: depth, descriptors, block, rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iomodels.analysis.findings import latency_ns
from iomodels.base.units import format_count, format_duration
from iomodels.results.schema import Interval

from .drawing import scales
from .drawing.chart import Chart
from .drawing.labels import at_ends, margin_in
from .drawing.scene import Scene, Series, without_p99
from .drawing.sheet import Grid, heading, sheet
from .drawing.sweep import Line, draw_lines, facets, left_out, swept_key

PANEL_IN = 1.9


@dataclass(frozen=True)
class ScaledQuantity:
    """What one panel shows, and the kind of axis it takes."""

    title: str
    value: Callable[[Series], Interval | None]
    is_duration: bool = True


QUANTITIES = (
    ScaledQuantity(
        "throughput (operations/s)", lambda s: s.summary.throughput_ops, is_duration=False
    ),
    ScaledQuantity("CPU per operation", lambda s: s.summary.cpu_ns_per_op),
    ScaledQuantity("latency p50", lambda s: s.summary.latency_ns.p50),
    ScaledQuantity("latency p99", lambda s: latency_ns(s.cell, "p99")),
)


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
        for quantity in QUANTITIES
        if any(quantity.value(series) for line in lines for _, series in line.dots)
    ]
    grid = Grid(len(shown), 2, PANEL_IN, right_in=right, gap_in=0.05)
    on = sheet(scene, CHART.subject, grid.height_in, explained=explained(scene))
    for ax, (facet, lines, quantity) in zip(grid.panels(on), shown, strict=True):
        _panel(ax, quantity, key, lines, facet, right)
    return on.figure


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    key = swept_key(scene)
    shown = (series for point in scene.points for series in point.series)
    return [scene.rounds_note, without_p99(shown), left_out(scene, key) if key else ""]


def _panel(
    ax: Axes, quantity: ScaledQuantity, key: str, lines: Sequence[Line], facet: str, right_in: float
) -> None:
    values, ends = draw_lines(ax, quantity.title, lines, quantity.value)
    scales.swept(ax.xaxis, key, [x for line in lines for x, _ in line.dots])
    scale = scales.durations if quantity.is_duration else scales.counts
    scale(ax.yaxis, quantity.title, values)
    heading(ax, facet)
    at_ends(ax, ends, right_in)


def _spoken(series: Series) -> str:
    summary = series.summary
    return (
        f"{format_count(summary.throughput_ops.median)} operations/s, "
        f"p50 {format_duration(summary.latency_ns.p50.median)}, "
        f"CPU {format_duration(summary.cpu_ns_per_op.median)} per operation"
    )


def _suits(scene: Scene) -> bool:
    return swept_key(scene) is not None


CHART = Chart("scaling", "Scaling over what is swept", _suits, draw, explained, _spoken)
