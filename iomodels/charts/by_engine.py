"""Throughput and latency by engine, with their intervals."""

from __future__ import annotations

from matplotlib.figure import Figure

from iomodels.analysis.findings import latency_ns
from iomodels.base.units import format_count, format_duration
from iomodels.results.schema import Interval

from .drawing import rows, scales
from .drawing.chart import Chart, measured
from .drawing.scene import Scene, Series, without_p99


def _p99(series: Series) -> Interval | None:
    return latency_ns(series.cell, "p99")


PANELS = (
    rows.Panel(
        "throughput (operations/s)",
        scales.counts,
        [rows.RowQuantity("median", lambda s: s.summary.throughput_ops, format_count)],
    ),
    rows.Panel(
        "latency",
        scales.durations,
        [
            rows.RowQuantity("p50", lambda s: s.summary.latency_ns.p50, format_duration),
            rows.RowQuantity("p99", _p99, format_duration, main=False),
        ],
    ),
)


def draw(scene: Scene) -> Figure:
    """Two panels that share their rows."""
    return rows.draw(scene, CHART.subject, PANELS, explained(scene))


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    markers = "Latency: large markers p50, small ones p99."
    shown = (series for point in scene.points for series in point.series)
    return [f"{scene.rounds_note} {markers}", without_p99(shown), rows.left_out(scene)]


def _spoken(series: Series) -> str:
    summary, p99 = series.summary, _p99(series)
    told = [
        f"{format_count(summary.throughput_ops.median)} operations/s",
        f"p50 {format_duration(summary.latency_ns.p50.median)}",
    ]
    return ", ".join(told + [f"p99 {format_duration(p99.median)}"] if p99 else told)


CHART = Chart("by-engine", "Throughput and latency by engine", measured, draw, explained, _spoken)
