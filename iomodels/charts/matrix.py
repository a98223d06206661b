"""The article's Figure 1 with measured numbers: who waits, and how, in four quadrants.

Each quadrant has the flow of its engine in miniature (application left, kernel or C library right,
time down; not to scale: `iomodels trace` draws that) and what it came to here.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from iomodels.analysis.quantities import (
    CPU,
    LATENCY_P50,
    LATENCY_P99,
    NOT_TOLD,
    THROUGHPUT,
    named,
)
from iomodels.engines.catalog import DESCRIPTORS, Descriptor

from .drawing.chart import Chart, spoken
from .drawing.scene import Scene, ScenePoint, Series, why, without_p99
from .drawing.sheet import MARGIN_IN, TEXT_WIDTH_IN, sheet
from .drawing.style import (
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
from .flows.miniature import CENTRED, calls_of, draw_flow

SIDE_IN, TOP_IN = 0.3, 0.3
QUADRANT_IN = (TEXT_WIDTH_IN - SIDE_IN) / 2, 2.75
NUMBERS_AT = 1.72
MATRIX = tuple(d for d in DESCRIPTORS.values() if d.in_matrix)


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
        explained=explained(scene),
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


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    point = best_point(scene)
    shown = (of_engine(point, descriptor.name) for descriptor in MATRIX)
    return [
        f"{scene.rounds_note.replace('bars:', 'grey:')} The flows are not to scale.",
        without_p99(series for series in shown if series is not None and series.measured),
    ]


def quadrants(point: ScenePoint) -> int:
    """How many of the four models were measured there."""
    found = (of_engine(point, descriptor.name) for descriptor in MATRIX)
    return sum(1 for series in found if series is not None and series.measured)


def best_point(scene: Scene) -> ScenePoint:
    """The point with the most of the four models; of such one with computation, of such the first.

    Without computation an asynchronous model has nothing to do while it waits.
    """
    return max(scene.points, key=lambda point: (quadrants(point), _computes(point)))


def _computes(point: ScenePoint) -> bool:
    return any(series.cell.parameters.get("load.compute") for series in point.series)


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
        f"{name}: {calls_of(descriptor, series)}",
        fontsize=FINE_PT,
        color=SOFT,
        va="center",
    )
    draw_flow(ax, left, bottom, descriptor.name, series, colour)
    _numbers(ax, left + NUMBERS_AT, top - 0.85, series)


def _numbers(ax: Axes, left: float, top: float, series: Series | None) -> None:
    if series is None or not series.measured:
        reason = why(series) if series else "not in this run"
        room = QUADRANT_IN[0] - NUMBERS_AT - 0.15
        lines = wrap(reason, SMALL_PT, room, lines=8)
        ax.text(left, top, "\n".join(lines), fontsize=SMALL_PT, color=SOFT, va="top")
        return
    for row, (title, value, interval) in enumerate(headlines(series)):
        y = top - row * 0.32
        ax.text(left, y, title, fontsize=FINE_PT, color=SOFT, va="center")
        ax.text(left, y - 0.13, value, fontsize=SMALL_PT, color=INK, va="center", weight="bold")
        at = left + QUADRANT_IN[0] - NUMBERS_AT - 0.14
        ax.text(at, y - 0.13, interval, fontsize=FINE_PT, color=SOFT, va="center", ha="right")


NUMBERS = (
    *(THROUGHPUT, LATENCY_P50, LATENCY_P99, CPU),
    *(named("cpu_share"), named("calls_per_op")),
)


def headlines(series: Series) -> list[tuple[str, str, str]]:
    """What each number is, its median and its interval, in words; a dash where it has none."""
    several = series.summary.rounds > 1
    rows = [(q, q.interval(series.cell), q.unit.show) for q in NUMBERS]
    return [
        (q.axis_title, show(i.median), f"{show(i.low)} – {show(i.high)}" if several else "")
        if i is not None
        else (q.axis_title, NOT_TOLD, "")
        for q, i, show in rows
    ]


def _spoken(series: Series) -> str:
    return spoken(series, *NUMBERS)


def _suits(scene: Scene) -> bool:
    """With two of the four it compares something."""
    return bool(scene.points) and quadrants(best_point(scene)) > 1


CHART = Chart(
    "matrix",
    "The four models as measured",
    _suits,
    draw,
    explained,
    _spoken,
    can_be_narrow=False,
)
