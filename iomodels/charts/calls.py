"""Calls per operation, by name, and how many of them found nothing ready (EAGAIN)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from iomodels.analysis.quantities import calls_of, named
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.units import counted, format_per_operation

from .drawing.chart import Chart
from .drawing.scene import Scene, ScenePoint, Series, some_of, thinned
from .drawing.sheet import MARGIN_IN, row_name_in, row_names, sheet
from .drawing.style import GROUND, INK, SMALL_PT, SOFT, safe, shortened, text_colour, width_in

EAGAIN = "EAGAIN"
MAX_ROWS = 60
MAX_CALLS = 12
MAX_NARROW_CALLS = 4
ROW_IN = 0.25
HEAD_IN = 0.34
MAX_LABEL_IN = 2.2
MOST_COLUMN_IN = 1.2
MAX_NAME = 30
DARKEST = 10_000.0
"""From so many calls per operation on, the shade is the darkest."""
KINDS = (
    ("aio_read", "aio_write", "aio_fsync", "lio_listio", "io_submit", "io_uring_enter"),
    (
        *("select", "ppoll", "epoll_wait", "epoll_pwait2", "aio_suspend", "io_getevents"),
        *("sigtimedwait", "futex_wait", "futex_wake", "sigprocmask", "sched_yield"),
    ),
    ("read", "write", "pread", "pwrite", "preadv2", "readahead", "fsync", "fdatasync"),
    ("aio_error", "aio_return", "aio_cancel", "io_cancel"),
    (
        *("epoll_ctl", "epoll_create", "fcntl", "io_setup", "io_destroy"),
        *("io_uring_setup", "io_uring_register"),
    ),
)
"""Calls that submit, that wait, that transfer, that ask for the state and the result, and that set
up."""
_DARK = "#2f5d8a"


def draw(scene: Scene) -> Figure:
    """A table whose cells are shaded by their number, on a logarithmic scale."""
    rows = _rows(_points(scene), row_names(scene))
    names = columns(scene)
    widest_in = max(width_in(text, SMALL_PT) for text, series in rows if series)
    most_in = row_name_in(scene) if scene.is_narrow else MAX_LABEL_IN
    label_in = min(widest_in, most_in) + 0.15
    column_in = min((scene.text_width_in - label_in) / len(names), MOST_COLUMN_IN)
    headings = [safe(name, MAX_NAME) for name in names]
    heading_in = max(width_in(text, SMALL_PT) for text in headings)
    level = heading_in <= column_in - 0.04
    head_in = HEAD_IN if level else heading_in + 0.15
    on = sheet(
        scene,
        CHART.subject,
        head_in + len(rows) * ROW_IN + 0.05,
        explained=explained(scene),
    )
    ax = on.axes(MARGIN_IN + label_in, 0.05, column_in * len(names), len(rows) * ROW_IN)
    _cells(ax, rows, names)
    _axes(ax, len(names), len(rows))
    _headings(ax, headings, 0 if level else 90)
    _row_names(ax, rows, label_in, column_in, scene.text_width_in)
    return on.figure


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    several = any(s.summary.rounds > 1 for point in scene.points for s in point.series)
    said = [
        "Medians over the rounds." if several else "One round.",
        "EAGAIN: calls that found nothing ready." if EAGAIN in columns(scene) else "",
        "Shade: the number, on one logarithmic scale in all pictures.",
    ]
    return [
        " ".join(filter(None, said)),
        _left_out(scene),
        some_of(_points(scene), scene),
    ]


def columns(scene: Scene) -> list[str]:
    """The call names by what they do (`KINDS`), unknown ones after them; EAGAIN last, where there
    was any.

    Where there is not room for all, those of the most calls.
    """
    any_eagain = any(
        series.summary.eagain_per_op.median > 0 for point in scene.points for series in point.series
    )
    shown = sorted(_names(scene)[: _most(scene)], key=_kind)
    return shown + ([EAGAIN] if any_eagain else [])


def _kind(name: str) -> int:
    known = [call for kind in KINDS for call in kind]
    return known.index(name) if name in known else len(known)


def _most(scene: Scene) -> int:
    return MAX_NARROW_CALLS if scene.is_narrow else MAX_CALLS


def _names(scene: Scene) -> list[str]:
    """All call names, those of the most calls first."""
    most: dict[str, float] = {}
    for point in scene.points:
        for series in point.series:
            for name, interval in series.summary.calls_per_op.items():
                most[name] = max(most.get(name, 0.0), interval.median)
    return sorted(most, key=lambda name: -most[name])


UNCOUNTED = "not counted"
"""What stands for the calls of an engine in Python."""


def _left_out(scene: Scene) -> str:
    more = len(_names(scene)) - _most(scene)
    if more <= 0:
        return ""
    return f"Not shown: {counted(more, 'more call')}, made less often."


def number(series: Series, name: str) -> float | None:
    """The median of calls per operation; None where the engine does not make that call."""
    interval = _quantity(name).interval(series.cell)
    return interval.median if interval else None


def _quantity(name: str) -> Quantity:
    return named("eagain_per_op") if name == EAGAIN else calls_of(name)


def _points(scene: Scene) -> tuple[ScenePoint, ...]:
    points = [point for point in scene.points if point.series]
    most = max(len(point.series) + 1 for point in points)
    return thinned(points, max(2, MAX_ROWS // most))


def _rows(
    points: Sequence[ScenePoint], name: Callable[[Series], str]
) -> list[tuple[str, Series | None]]:
    rows: list[tuple[str, Series | None]] = []
    for point in points:
        rows += [(point.label, None)] if point.label else []
        rows += [(name(series), series) for series in point.series]
    return rows


def _cells(ax: Axes, rows: Sequence[tuple[str, Series | None]], names: Sequence[str]) -> None:
    shades = LinearSegmentedColormap.from_list("calls", [GROUND, _DARK])
    norm = Normalize(0.0, math.log10(1 + 10 * DARKEST), clip=True)
    for y, (_, series) in enumerate(rows):
        if series is None:
            continue
        if not series.summary.counts_calls:
            ax.text(-0.4, y, UNCOUNTED, va="center", fontsize=SMALL_PT, color=SOFT)
            continue
        for x, name in enumerate(names):
            value = number(series, name)
            if value is None:
                continue
            shade = float(norm(math.log10(1 + 10 * value)))
            box = (x - 0.49, y - 0.46)
            ax.add_patch(Rectangle(box, 0.98, 0.92, facecolor=shades(shade * 0.9), linewidth=0))
            ax.text(
                x,
                y,
                format_per_operation(value),
                ha="center",
                va="center",
                fontsize=SMALL_PT,
                color=GROUND if shade > 0.8 else INK,
                label=f"{series.label}|{name}",
            )


def _axes(ax: Axes, columns: int, rows: int) -> None:
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.grid(visible=False)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _headings(ax: Axes, texts: Sequence[str], rotation: float) -> None:
    """Whole, and so turned where one does not fit its column."""
    look: Any = {"ha": "center", "va": "bottom", "fontsize": SMALL_PT, "label": "heading"}
    for x, text in enumerate(texts):
        ax.text(x, -0.6, text, rotation=rotation, **look)


def _row_names(
    ax: Axes,
    rows: Sequence[tuple[str, Series | None]],
    label_in: float,
    column_in: float,
    text_width_in: float,
) -> None:
    left = -0.5 - label_in / column_in
    for y, (text, series) in enumerate(rows):
        look: Any = {"va": "center", "fontsize": SMALL_PT}
        if series:
            name, colour = shortened(text, SMALL_PT, label_in - 0.1), series.look.colour
            ax.text(left, y, name, color=text_colour(colour), **look)
        else:
            heading = shortened(text, SMALL_PT, text_width_in, "bold")
            ax.text(left, y, heading, weight="bold", color=INK, **look)


def _spoken(series: Series) -> str:
    if not series.summary.counts_calls:
        return UNCOUNTED
    said = [
        f"{safe(name, 40)} {format_per_operation(interval.median)}"
        for name, interval in series.summary.calls_per_op.items()
    ]
    eagain = series.summary.eagain_per_op.median
    return ", ".join(said + ([f"EAGAIN {format_per_operation(eagain)}"] if eagain else []))


def _suits(scene: Scene) -> bool:
    return bool(columns(scene))


CHART = Chart("calls", "Calls per operation", _suits, draw, explained, _spoken, times=False)
