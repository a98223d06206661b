"""The article's Figure 1 with measured numbers: who waits, and how, in four quadrants.

Each quadrant has the flow of its engine in miniature (application left, kernel or C library right,
time down; not to scale: `iomodels trace` draws that) and what it came to here.
"""

from __future__ import annotations

import math

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
from iomodels.base.units import format_count, format_per_operation, from_to
from iomodels.engines import engine_text
from iomodels.engines.catalog import Descriptor
from iomodels.engines.sources import DESCRIPTORS

from .drawing.chart import Chart, spoken
from .drawing.scene import Scene, ScenePoint, Series, why, without_p99
from .drawing.sheet import MARGIN_IN, sheet
from .drawing.style import (
    FAINT,
    FINE_PT,
    GROUND,
    HEADING_PT,
    INK,
    SMALL_PT,
    SOFT,
    hue,
    shortened,
    text_colour,
    wrap,
)
from .flows.miniature import CENTRED, calls_of, draw_flow, flow_calls

SIDE_IN, TOP_IN = 0.3, 0.3
HEIGHT_IN = 3.1
"""Of a quadrant."""
NUMBERS_AT = 1.76
ROW_IN = 0.31
CLOSER_IN = 0.14
"""How much nearer to the edge the numbers are on a narrow picture."""
MOST_CALLS, MOST_OTHERS = 4, 6
"""How many calls of an engine, and engines without a quadrant, are named."""
FIGURE_1 = "slow-device"
"""The scenario that the article's figures show."""
MATRIX = tuple(d for d in DESCRIPTORS.values() if d.in_matrix)


def draw(scene: Scene) -> Figure:
    """Columns: blocking and non-blocking; rows: synchronous and asynchronous. On a narrow picture
    the four stand below each other."""
    point = best_point(scene)
    width = scene.text_width_in if scene.is_narrow else (scene.text_width_in - SIDE_IN) / 2
    area = scene.text_width_in, 4 * HEIGHT_IN if scene.is_narrow else TOP_IN + 2 * HEIGHT_IN
    at = f" at {point.label}" if point.label else ""
    on = sheet(
        scene,
        f"{CHART.title(scene)}{at}",
        area[1],
        explained=explained(scene),
        missing=False,
    )
    ax = on.axes(MARGIN_IN, 0.0, *area)
    ax.set_xlim(0, area[0])
    ax.set_ylim(0, area[1])
    ax.set_axis_off()
    if not scene.is_narrow:
        _headings(ax, width)
    for row, descriptor in enumerate(reversed(MATRIX)):
        left = 0.0 if scene.is_narrow else SIDE_IN + (0 if descriptor.blocking else width)
        bottom = HEIGHT_IN * (row if scene.is_narrow else descriptor.synchronous)
        series = of_engine(point, descriptor.name)
        _quadrant(ax, (left, bottom, width), descriptor, series, named=scene.is_narrow)
    return on.figure


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    point = best_point(scene)
    shown = (of_engine(point, descriptor.name) for descriptor in MATRIX)
    return [
        f"{scene.rounds_note.replace('bars:', 'grey:')} The flows are not to scale.",
        without_p99(series for series in shown if series is not None and series.measured),
        _others(point),
    ]


def _others(point: ScenePoint) -> str:
    """The engines that were measured and have no quadrant, with their main numbers."""
    shown = [of_engine(point, descriptor.name) for descriptor in MATRIX]
    others = [series for series in point.series if series not in shown]
    said = [f"{series.label} ({_in_short(series)})" for series in others[:MOST_OTHERS]]
    if len(others) > MOST_OTHERS:
        said.append(f"{len(others) - MOST_OTHERS} more engines")
    return f"Also measured: {', '.join(said)}." if said else ""


def _in_short(series: Series) -> str:
    throughput, latency = (q.interval(series.cell) for q in (THROUGHPUT, LATENCY_P50))
    parts = [
        f"{format_count(throughput.median)} operations/s" if throughput else "",
        f"p50 {LATENCY_P50.unit.show(latency.median)}" if latency else "",
    ]
    return ", ".join(part for part in parts if part)


def quadrants(point: ScenePoint) -> int:
    """How many of the four models were measured there."""
    found = (of_engine(point, descriptor.name) for descriptor in MATRIX)
    return sum(1 for series in found if series is not None and series.measured)


def most_quadrants(scene: Scene) -> int:
    """How many were measured at the point that is drawn."""
    return quadrants(best_point(scene)) if scene.points else 0


def best_point(scene: Scene) -> ScenePoint:
    """The point with the most of the four models; of such one with computation, of such the one
    whose computation takes about as long as its device.

    Without computation an asynchronous model has nothing to do while it waits, and where one of
    both takes much longer there is little to gain.
    """
    return max(scene.points, key=lambda point: (quadrants(point), _balance(point)))


def _balance(point: ScenePoint) -> float:
    """0 where computation and service take the same time, less the more they differ; least without
    computation, and of those without a known service time the same."""
    parameters = point.series[0].cell.parameters if point.series else {}
    compute, service = parameters.get("load.compute"), parameters.get("channel.service")
    if not isinstance(compute, (int, float)) or compute <= 0:
        return -math.inf
    if not isinstance(service, (int, float)) or service <= 0:
        return -1e9
    return -abs(math.log(compute / service))


def of_engine(point: ScenePoint, name: str) -> Series | None:
    """The engine's cell: without options if there is one, and measured if one was."""
    of_it = [s for s in point.cells if engine_text.name_of(s.cell.engine) == name]
    return min(of_it, key=lambda s: (not s.measured, ":" in s.cell.engine), default=None)


def _headings(ax: Axes, width: float) -> None:
    style = CENTRED | {"fontsize": HEADING_PT, "weight": "bold"}
    for column, text in enumerate(("Blocking", "Non-blocking")):
        ax.text(SIDE_IN + (column + 0.5) * width, 2 * HEIGHT_IN + TOP_IN / 2, text, **style)
    for row, text in enumerate(("Asynchronous", "Synchronous")):
        ax.text(SIDE_IN / 2, (row + 0.5) * HEIGHT_IN, text, rotation=90, **style)


def _quadrant(
    ax: Axes,
    place: tuple[float, float, float],
    descriptor: Descriptor,
    series: Series | None,
    *,
    named: bool,
) -> None:
    """At `place` (left, bottom, width); `named` with its row and column, where there are none."""
    left, bottom, width = place
    box = Rectangle(
        (left + 0.04, bottom + 0.04),
        width - 0.08,
        HEIGHT_IN - 0.08,
        facecolor=GROUND,
        edgecolor=FAINT,
        linewidth=1.2,
    )
    ax.add_patch(box)
    colour = hue(descriptor.name)
    measured = series is not None and series.measured
    top = bottom + HEIGHT_IN
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
    if named:
        look = CENTRED | {"color": SOFT, "ha": "right"}
        ax.text(left + width - 0.16, top - 0.24, _kind(descriptor), **look)
    calls = shortened(f"{name}: {calls_of(descriptor, series)}", FINE_PT, width - 0.3)
    ax.text(left + 0.16, top - 0.45, calls, fontsize=FINE_PT, color=SOFT, va="center")
    closer = CLOSER_IN if named else 0.0
    flow = left - closer / 2, bottom
    draw_flow(ax, *flow, descriptor.name, series, colour if measured else FAINT)
    numbers = left + NUMBERS_AT - closer
    _numbers(ax, (numbers, top - 0.85, left + width - numbers - 0.12), series)


def _kind(descriptor: Descriptor) -> str:
    synchronous = "synchronous" if descriptor.synchronous else "asynchronous"
    return f"{synchronous}, {'blocking' if descriptor.blocking else 'non-blocking'}"


def _numbers(ax: Axes, place: tuple[float, float, float], series: Series | None) -> None:
    """At `place`: left, top, and the room for them."""
    left, top, room = place
    if series is None or not series.measured:
        reason = why(series) if series else "not measured"
        lines = wrap(reason, SMALL_PT, room, lines=8)
        ax.text(left, top, "\n".join(lines), fontsize=SMALL_PT, color=SOFT, va="top")
        return
    for row, (title, value, interval) in enumerate(headlines(series)):
        y = top - row * ROW_IN
        ax.text(left, y, title, fontsize=FINE_PT, color=SOFT, va="center")
        ax.text(left, y - 0.13, value, fontsize=SMALL_PT, color=INK, va="center", weight="bold")
        at = left + room
        ax.text(at, y - 0.13, interval, fontsize=FINE_PT, color=SOFT, va="center", ha="right")
    composed = wrap(calls_in_words(series), FINE_PT, room, lines=3)
    y = top - len(NUMBERS) * ROW_IN + 0.1
    ax.text(left, y, "\n".join(composed), fontsize=FINE_PT, color=SOFT, va="top")


def calls_in_words(series: Series) -> str:
    """What the calls per operation are made of, in the order of the flow; "" of one call only.

    Of many, the most frequent. Those that the flow does not have are last.
    """
    calls = sorted(
        ((i.median, name) for name, i in series.summary.calls_per_op.items() if i.median >= 0.005),
        reverse=True,
    )
    in_flow = flow_calls(engine_text.name_of(series.cell.engine), series)
    order = {name: place for place, name in reversed(list(enumerate(in_flow)))}
    said = [
        f"{name} {format_per_operation(count)}"
        for count, name in sorted(
            calls[:MOST_CALLS], key=lambda call: order.get(call[1], len(in_flow))
        )
    ]
    return ", ".join(said) + (", …" if len(calls) > MOST_CALLS else "") if len(calls) > 1 else ""


NUMBERS = (
    *(THROUGHPUT, LATENCY_P50, LATENCY_P99, CPU),
    *(named("cpu_share"), named("calls_per_op")),
)


def headlines(series: Series) -> list[tuple[str, str, str]]:
    """What each number is, its median and its interval, in words; a dash where it has none."""
    several = series.summary.rounds > 1
    rows = [(q, q.interval(series.cell), q.unit.show) for q in NUMBERS]
    return [
        (q.axis_title, show(i.median), from_to(show(i.low), show(i.high)) if several else "")
        if i is not None
        else (q.axis_title, NOT_TOLD, "")
        for q, i, show in rows
    ]


def _spoken(series: Series) -> str:
    return spoken(series, *NUMBERS)


def _figure(scene: Scene) -> str:
    """Of the workload that the article's figures show, and all four models."""
    is_it = scene.scenario == FIGURE_1 and not scene.changes and most_quadrants(scene) == 4
    return "Figure 1, as measured: the four models" if is_it else ""


def _suits(scene: Scene) -> bool:
    """With two of the four it compares something."""
    return most_quadrants(scene) > 1


CHART = Chart(
    "matrix",
    "The four models as measured",
    _suits,
    draw,
    explained,
    _spoken,
    figure=_figure,
)
