"""How each engine scales with the parameter that is swept: depth, descriptors, block, rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iomodels.results import Interval, Summary
from iomodels.units import format_count, format_duration

from . import scales
from .chart import Chart
from .labels import Label, at_ends, margin_in
from .scene import Scene, ScenePoint, Series
from .sheet import Grid, sheet
from .style import Look

MAX_FACETS = 3
PANEL_IN = 1.9


@dataclass(frozen=True)
class Quantity:
    """What one panel shows, and the kind of axis it takes."""

    title: str
    value: Callable[[Summary], Interval]
    is_duration: bool = True


QUANTITIES = (
    Quantity("throughput (operations/s)", lambda s: s.throughput_ops, is_duration=False),
    Quantity("CPU per operation", lambda s: s.cpu_ns_per_op),
    Quantity("latency p50", lambda s: s.latency_ns.p50),
    Quantity("latency p99", lambda s: s.latency_ns.p99),
)


@dataclass(frozen=True)
class Line:
    """One engine over the sweep, x ascending."""

    label: str
    short: str
    look: Look
    dots: tuple[tuple[float, Series], ...]


def draw(scene: Scene) -> Figure:
    """A panel for each quantity, a line for each engine; another set for each other parameter."""
    key = scales.swept_key(scene)
    assert key is not None
    facets = _facets(scene, key)
    right = margin_in(scene.engines, most_in=1.3)
    grid = Grid(len(QUANTITIES) * len(facets), 2, PANEL_IN, right_in=right, gap_in=0.05)
    left_out = _facet_count(scene, key) - len(facets)
    on = sheet(
        scene,
        CHART.subject,
        grid.height_in,
        explained=[
            scene.rounds_note,
            f"{left_out} more combinations of the other parameters are left out"
            if left_out > 0
            else "",
        ],
    )
    panels = iter(grid.panels(on))
    for facet, lines in facets.items():
        for quantity in QUANTITIES:
            _panel(next(panels), quantity, key, lines, facet, right)
    return on.figure


def _facets(scene: Scene, key: str) -> dict[str, list[Line]]:
    """The lines, by what the other swept parameters are."""
    groups: dict[str, list[ScenePoint]] = {}
    for point in scene.points:
        groups.setdefault(_others(point, key), []).append(point)
    kept = list(groups.items())[:MAX_FACETS]
    return {facet: _lines(points, key) for facet, points in kept}


def _facet_count(scene: Scene, key: str) -> int:
    return len({_others(point, key) for point in scene.points})


def _others(point: ScenePoint, key: str) -> str:
    return scales.label_without(point, key)


def _lines(points: Sequence[ScenePoint], key: str) -> list[Line]:
    found: dict[str, list[tuple[float, Series]]] = {}
    for point in points:
        x = scales.number(point, key)
        if x is not None:
            for series in point.series:
                found.setdefault(series.label, []).append((x, series))
    return [
        Line(label, dots[0][1].short, dots[0][1].look, tuple(sorted(dots, key=lambda d: d[0])))
        for label, dots in found.items()
    ]


def _panel(
    ax: Axes, quantity: Quantity, key: str, lines: Sequence[Line], facet: str, right_in: float
) -> None:
    values: list[float] = []
    ends: list[Label] = []
    for line in lines:
        xs = [x for x, _ in line.dots]
        intervals = [quantity.value(series.summary) for _, series in line.dots]
        medians = [interval.median for interval in intervals]
        name = f"{line.label}|{quantity.title}"
        ax.plot(xs, medians, label=name, **(line.look.line | line.look.point))
        bars = [
            (x, i) for (x, s), i in zip(line.dots, intervals, strict=True) if s.summary.rounds > 1
        ]
        ax.vlines(
            [x for x, _ in bars],
            [i.low for _, i in bars],
            [i.high for _, i in bars],
            color=line.look.colour,
            alpha=0.45,
            linewidth=3,
            label=f"{name}|interval",
        )
        values += [v for i in intervals for v in (i.low, i.high)]
        ends.append(Label(line.short, xs[-1], medians[-1], line.look.colour))
    scales.swept(ax.xaxis, key, [x for line in lines for x, _ in line.dots])
    scale = scales.durations if quantity.is_duration else scales.counts
    scale(ax.yaxis, quantity.title, values)
    ax.set_title(facet)
    at_ends(ax, ends, right_in)


def _spoken(series: Series) -> str:
    summary = series.summary
    return (
        f"{format_count(summary.throughput_ops.median)} operations/s, "
        f"p50 {format_duration(summary.latency_ns.p50.median)}, "
        f"CPU {format_duration(summary.cpu_ns_per_op.median)} per operation"
    )


def _suits(scene: Scene) -> bool:
    return scales.swept_key(scene) is not None


CHART = Chart("scaling", "Scaling over what is swept", _suits, draw, _spoken)
