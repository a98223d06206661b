"""Under a deadline: which share of the cancelled requests ended by it, and how long that took.

Throughput and latency are those of the quick requests there, so this stands in their place.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axis import Axis
from matplotlib.figure import Figure

from iomodels.analysis import findings
from iomodels.base.units import format_duration
from iomodels.results.schema import Interval

from .drawing import rows, scales
from .drawing.chart import Chart
from .drawing.scene import Scene, Series


def suits(scene: Scene) -> bool:
    """Whether any request was asked to end at its deadline."""
    return any(_share(series) for point in scene.points for series in point.series)


def _share(series: Series) -> Interval | None:
    return findings.cancelled(series.cell)


def _by_it(series: Series) -> Interval | None:
    return findings.until_end_ns(series.cell, "cancel_ns")


def _too_late(series: Series) -> Interval | None:
    return findings.until_end_ns(series.cell, "cancel_late_ns")


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _shares(axis: Axis, title: str, values: Sequence[float]) -> None:
    """Always from none to all of them."""
    scales.shares(axis, title)


PANELS = (
    rows.Panel(
        "ended by it (% of those overdue)",
        _shares,
        [rows.RowQuantity("share", _share, _percent)],
    ),
    rows.Panel(
        "from asking to the end",
        scales.durations,
        [
            rows.RowQuantity("by it", _by_it, format_duration),
            rows.RowQuantity("too late", _too_late, format_duration, main=False),
        ],
    ),
)


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
    share = _share(series)
    if share is None:
        return ""
    ended = _by_it(series)
    took = f", p50 {format_duration(ended.median)} from asking to the end" if ended else ""
    return f"{_percent(share.median)} ended by it{took}"


CHART = Chart("cancelling", "Cancelling, by engine", suits, draw, explained, _spoken, times=False)
