"""Throughput and latency by engine, with their intervals."""

from __future__ import annotations

from matplotlib.figure import Figure

from iomodels.analysis.quantities import LATENCY_P50, LATENCY_P99, THROUGHPUT

from .drawing import rows
from .drawing.chart import Chart, measured, spoken
from .drawing.scene import Scene, Series, without_p99

PANELS = (
    rows.Panel(THROUGHPUT.axis_title, [rows.NumberColumn("median", THROUGHPUT)]),
    rows.Panel(
        "latency",
        [
            rows.NumberColumn("p50", LATENCY_P50),
            rows.NumberColumn("p99", LATENCY_P99, main=False),
        ],
    ),
)


def draw(scene: Scene) -> Figure:
    """Two panels that share their rows."""
    return rows.draw(scene, CHART.subject, PANELS, explained(scene))


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    markers = "Latency: large markers p50, small ones p99."
    shown = [series for point in scene.points for series in point.series]
    return [
        f"{scene.rounds_note} {markers}",
        rows.mixed(scene, PANELS),
        without_p99(shown),
        rows.left_out(scene),
    ]


def _spoken(series: Series) -> str:
    return spoken(series, THROUGHPUT, LATENCY_P50, LATENCY_P99)


CHART = Chart("by-engine", "Throughput and latency by engine", measured, draw, explained, _spoken)
