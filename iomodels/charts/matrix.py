"""The article's Figure 1 with measured numbers: who waits, and how, in four quadrants.

Each quadrant has the flow of its engine in miniature (application left, kernel right, time down;
not to scale: `iomodels trace` draws that) and what it came to here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from iomodels.engines import DESCRIPTORS, Descriptor
from iomodels.units import format_count, format_duration

from .chart import Chart
from .scene import Scene, ScenePoint, Series, why
from .sheet import MARGIN_IN, TEXT_WIDTH_IN, sheet
from .style import (
    FAINT,
    FINE_PT,
    GROUND,
    HEADING_PT,
    INK,
    SMALL_PT,
    SOFT,
    hue,
    text_colour,
    wrap,
)

SIDE_IN, TOP_IN = 0.3, 0.3
QUADRANT_IN = (TEXT_WIDTH_IN - SIDE_IN) / 2, 2.55
APPLICATION, KERNEL = 0.45, 1.35
"""Where the two lanes of a miniature stand, in inches from the quadrant's left edge."""
NUMBERS_AT = 1.72
FLOW_TOP, FLOW_BOTTOM = 1.78, 0.2
CENTRED: dict[str, Any] = {"fontsize": FINE_PT, "ha": "center", "va": "center", "color": INK}
MATRIX = tuple(d for d in DESCRIPTORS.values() if d.in_matrix)


@dataclass(frozen=True)
class Step:
    """One line of a miniature, at `at` from 0 (begin) to 1 (end)."""

    kind: Literal["call", "return", "blocked", "computes", "tries"]
    at: float
    text: str = ""
    until: float = 0.0


FLOWS = {
    "blocking": (
        Step("call", 0.1, "read"),
        Step("blocked", 0.1, "blocked", 0.92),
        Step("return", 0.92, "data"),
    ),
    "nonblocking": (
        Step("call", 0.1, "read"),
        Step("return", 0.22, "EAGAIN"),
        Step("call", 0.34, "read"),
        Step("return", 0.46, "EAGAIN"),
        Step("tries", 0.6),
        Step("call", 0.8, "read"),
        Step("return", 0.92, "data"),
    ),
    "select": (
        Step("call", 0.1, "read"),
        Step("return", 0.22, "EAGAIN"),
        Step("call", 0.34, "select"),
        Step("blocked", 0.34, "blocked", 0.68),
        Step("return", 0.68, "ready"),
        Step("call", 0.8, "read"),
        Step("return", 0.92, "data"),
    ),
    "aio": (
        Step("call", 0.1, "aio_read"),
        Step("return", 0.22, "queued"),
        Step("computes", 0.22, "free to compute", 0.92),
        Step("return", 0.92, "notification"),
    ),
}


def draw(scene: Scene) -> Figure:
    """Columns: blocking and non-blocking; rows: synchronous and asynchronous."""
    point = best_point(scene)
    width, height = QUADRANT_IN
    area = (TEXT_WIDTH_IN, TOP_IN + 2 * height)
    at = f" at {point.label}" if point.label else ""
    on = sheet(
        scene,
        f"The four models as measured{at}",
        area[1],
        explained=[
            f"{scene.rounds_note.replace('bars:', 'grey:')} The flows are not to scale.",
        ],
        missing=False,
    )
    ax = on.axes(MARGIN_IN, 0.0, *area)
    ax.set_xlim(0, area[0])
    ax.set_ylim(0, area[1])
    ax.set_axis_off()
    _headings(ax)
    for descriptor in MATRIX:
        left = SIDE_IN + (0 if descriptor.blocking else width)
        bottom = height if descriptor.synchronous else 0.0
        _quadrant(ax, left, bottom, descriptor, of_engine(point, descriptor.name))
    return on.figure


def quadrants(point: ScenePoint) -> int:
    """How many of the four models were measured there."""
    found = (of_engine(point, descriptor.name) for descriptor in MATRIX)
    return sum(1 for series in found if series is not None and series.measured)


def best_point(scene: Scene) -> ScenePoint:
    """The first point at which the most of the four models were measured."""
    return max(scene.points, key=quadrants)


def of_engine(point: ScenePoint, name: str) -> Series | None:
    """The engine's cell: without options if there is one, and measured if one was."""
    of_it = [s for s in point.cells if s.cell.engine.partition(":")[0] == name]
    return min(of_it, key=lambda s: (not s.measured, ":" in s.cell.engine), default=None)


def _headings(ax: Axes) -> None:
    width, height = QUADRANT_IN
    style = CENTRED | {"fontsize": HEADING_PT, "weight": "bold"}
    for column, text in enumerate(("Blocking", "Non-blocking")):
        ax.text(SIDE_IN + (column + 0.5) * width, 2 * height + TOP_IN / 2, text, **style)
    for row, text in enumerate(("Asynchronous", "Synchronous")):
        ax.text(SIDE_IN / 2, (row + 0.5) * height, text, rotation=90, **style)


def _quadrant(
    ax: Axes, left: float, bottom: float, descriptor: Descriptor, series: Series | None
) -> None:
    width, height = QUADRANT_IN
    box = Rectangle(
        (left + 0.04, bottom + 0.04),
        width - 0.08,
        height - 0.08,
        facecolor=GROUND,
        edgecolor=FAINT,
        linewidth=1.2,
    )
    ax.add_patch(box)
    colour = hue(descriptor.name)
    top = bottom + height
    name = series.label if series else descriptor.name
    ax.text(
        left + 0.16,
        top - 0.24,
        descriptor.title,
        fontsize=HEADING_PT,
        weight="bold",
        color=text_colour(colour),
        va="center",
    )
    ax.text(
        left + 0.16,
        top - 0.45,
        f"{name}: {descriptor.calls}",
        fontsize=FINE_PT,
        color=SOFT,
        va="center",
    )
    _flow(ax, left, bottom, _steps(descriptor.name, series), colour, _times(series))
    _numbers(ax, left + NUMBERS_AT, top - 0.75, series)


def _steps(name: str, series: Series | None) -> tuple[Step, ...]:
    """The engine's flow; that of a plain read where it never had to try again, as on files."""
    never_waited = series is not None and series.measured and not series.summary.eagain_per_op.high
    return FLOWS["blocking" if name in ("nonblocking", "select") and never_waited else name]


def _times(series: Series | None) -> str:
    """How often the middle part is repeated for one operation, as measured."""
    if series is None or not series.measured:
        return "… and again"
    return f"EAGAIN × {format_count(series.summary.eagain_per_op.median)}"


def _flow(
    ax: Axes, left: float, bottom: float, steps: Sequence[Step], colour: str, times: str
) -> None:
    application, kernel = left + APPLICATION, left + KERNEL
    top, end = bottom + FLOW_TOP, bottom + FLOW_BOTTOM

    def y(at: float) -> float:
        return top - at * (top - end)

    for x, text in ((application, "application"), (kernel, "kernel")):
        ax.plot([x, x], [top, end], color=SOFT, linewidth=0.8)
        ax.text(x, top + 0.08, text, fontsize=FINE_PT, color=SOFT, ha="center", va="center")
    for step in steps:
        if step.kind in ("blocked", "computes"):
            _span(ax, application, y(step.at), y(step.until), step, colour)
        elif step.kind == "tries":
            middle = (application + kernel) / 2
            ax.text(middle, y(step.at), times, **CENTRED)
        else:
            there, back = (application, kernel), (kernel, application)
            ends = there if step.kind == "call" else back
            _arrow(ax, ends, y(step.at), step.text, colour)


def _span(ax: Axes, x: float, top: float, end: float, step: Step, colour: str) -> None:
    """A blocked span is filled, one of computing is open."""
    blocked = step.kind == "blocked"
    box = Rectangle(
        (x - 0.06, end),
        0.12,
        top - end,
        facecolor=colour if blocked else GROUND,
        edgecolor=colour,
        alpha=0.55 if blocked else 1.0,
        linewidth=1.0,
    )
    ax.add_patch(box)
    ax.text(x - 0.16, (top + end) / 2, step.text, rotation=90, **CENTRED)


def _arrow(ax: Axes, ends: tuple[float, float], y: float, text: str, colour: str) -> None:
    ax.add_patch(
        FancyArrowPatch(
            (ends[0], y),
            (ends[1], y),
            arrowstyle="-|>",
            mutation_scale=7,
            color=colour,
            linewidth=1.1,
            shrinkA=0,
            shrinkB=0,
        )
    )
    if text:
        ax.text(sum(ends) / 2, y + 0.015, text, **(CENTRED | {"va": "bottom"}))


def _numbers(ax: Axes, left: float, top: float, series: Series | None) -> None:
    if series is None or not series.measured:
        reason = why(series) if series else "not in this run"
        room = QUADRANT_IN[0] - NUMBERS_AT - 0.15
        lines = wrap(reason, SMALL_PT, room, lines=8)
        ax.text(left, top, "\n".join(lines), fontsize=SMALL_PT, color=SOFT, va="top")
        return
    for row, (title, value, interval) in enumerate(headlines(series)):
        y = top - row * 0.3
        ax.text(left, y, title, fontsize=FINE_PT, color=SOFT, va="center")
        ax.text(left, y - 0.13, value, fontsize=SMALL_PT, color=INK, va="center", weight="bold")
        at = left + QUADRANT_IN[0] - NUMBERS_AT - 0.14
        ax.text(at, y - 0.13, interval, fontsize=FINE_PT, color=SOFT, va="center", ha="right")


def headlines(series: Series) -> list[tuple[str, str, str]]:
    """What each number is, its median and its interval, in words."""
    summary = series.summary
    calls = sum(interval.median for interval in summary.calls_per_op.values())
    rows = [
        ("operations/s", summary.throughput_ops, format_count),
        ("latency p50", summary.latency_ns.p50, format_duration),
        ("latency p99", summary.latency_ns.p99, format_duration),
        ("CPU per operation", summary.cpu_ns_per_op, format_duration),
        ("CPU busy", summary.cpu_share, _percent),
    ]
    several = summary.rounds > 1
    shown = [
        (title, show(i.median), f"{show(i.low)} – {show(i.high)}" if several else "")
        for title, i, show in rows
    ]
    return [*shown, ("calls per operation", format_count(calls), "")]


def _percent(share: float) -> str:
    percent = share * 100
    return f"{percent:.1f} %" if percent < 9.95 else f"{percent:.0f} %"


def _spoken(series: Series) -> str:
    return ", ".join(f"{title} {value}" for title, value, _ in headlines(series))


def _suits(scene: Scene) -> bool:
    """With two of the four it compares something."""
    return bool(scene.points) and quadrants(best_point(scene)) > 1


CHART = Chart("matrix", "The four models as measured", _suits, draw, _spoken)
