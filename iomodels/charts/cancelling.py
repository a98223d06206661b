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
    rows.Panel("ended by it (% of those overdue)", [rows.NumberColumn("share", SHARE)]),
    rows.Panel(
        "from asking to the end",
        [rows.NumberColumn("by it", BY_IT), rows.NumberColumn("too late", TOO_LATE, main=False)],
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
        "The end: large markers p50 of requests that cancelling ended, small ones of those for "
        "which it came too late, and which ended by themselves."
    )
    return [f"{scene.rounds_note} {markers}", rows.left_out(scene)]


def _spoken(series: Series) -> str:
    share, ended = SHARE.interval(series.cell), BY_IT.interval(series.cell)
    if share is None:
        return ""
    took = f", p50 {BY_IT.unit.show(ended.median)} from asking to the end" if ended else ""
    return f"{SHARE.unit.show(share.median)} ended by it{took}"


CHART = Chart("cancelling", "Cancelling, by engine", suits, draw, explained, _spoken, times=False)
