"""Throughput and latency by engine, with their intervals."""

from __future__ import annotations

from matplotlib.figure import Figure

from iomodels.units import format_count, format_duration

from . import rows, scales
from .chart import Chart, measured
from .scene import Scene, Series

PANELS = (
    rows.Panel(
        "throughput (operations/s)",
        scales.counts,
        [rows.Quantity("median", lambda s: s.summary.throughput_ops, format_count)],
    ),
    rows.Panel(
        "latency",
        scales.durations,
        [
            rows.Quantity("p50", lambda s: s.summary.latency_ns.p50, format_duration),
            rows.Quantity("p99", lambda s: s.summary.latency_ns.p99, format_duration, main=False),
        ],
    ),
)


def draw(scene: Scene) -> Figure:
    """Two panels that share their rows."""
    return rows.draw(scene, CHART.subject, PANELS, explained(scene))


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    markers = "Latency: large markers p50, small ones p99."
    return [f"{scene.rounds_note} {markers}", rows.left_out(scene)]


def _spoken(series: Series) -> str:
    summary = series.summary
    return (
        f"{format_count(summary.throughput_ops.median)} operations/s, "
        f"p50 {format_duration(summary.latency_ns.p50.median)}, "
        f"p99 {format_duration(summary.latency_ns.p99.median)}"
    )


CHART = Chart("by-engine", "Throughput and latency by engine", measured, draw, explained, _spoken)
