"""Under a deadline: which share of the cancelled requests ended by it, and how long that took.

Throughput and latency are those of the quick requests there, so this stands in their place.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from iomodels.analysis.quantities import named

from .drawing import rows
from .drawing.chart import Chart
from .drawing.scene import Scene, Series

SHARE = named("cancelled_share")
BY_IT = named("cancel_ns.p50")
TOO_LATE = named("cancel_late_ns.p50")

PANELS = (
    rows.Panel("cancelled (% of overdue requests)", [rows.NumberColumn("share", SHARE)]),
    rows.Panel(
        "time from cancel to completion",
        [
            rows.NumberColumn("cancelled", BY_IT),
            rows.NumberColumn("too late", TOO_LATE, main=False),
        ],
    ),
)


def suits(scene: Scene) -> bool:
    """Whether any request was asked to end at its deadline."""
    return any(SHARE.interval(series.cell) for point in scene.points for series in point.series)


def draw(scene: Scene) -> Figure:
    """Two panels that share their rows."""
    return rows.draw(scene, CHART.subject, PANELS, explained(scene))


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    markers = (
        "Time: large markers p50 of cancelled requests, small markers p50 of requests that "
        "completed before the cancel took effect."
    )
    return [f"{scene.rounds_note} {markers}", rows.left_out(scene)]


def _spoken(series: Series) -> str:
    share, ended = SHARE.interval(series.cell), BY_IT.interval(series.cell)
    if share is None:
        return ""
    took = f", p50 {BY_IT.unit.show(ended.median)} from cancel to completion" if ended else ""
    return f"{SHARE.unit.show(share.median)} of overdue requests cancelled{took}"


CHART = Chart(
    "cancelling", "Cancelled requests by engine", suits, draw, explained, _spoken, times=False
)
