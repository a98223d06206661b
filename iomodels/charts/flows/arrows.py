"""The arrows of a flow: every call, with its name on the way there and its result on the way back.

Both ends of an arrow stand at its true time. Between the lanes it is drawn in its label's row, so
that arrows at nearly the same time stay apart and there is room for their words. On its way to its
own lane it passes behind those of other threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iomodels.charts.drawing import style
from iomodels.charts.flows.lanes import BEHIND, DEVICE, FlowSheet, write
from iomodels.trace import words
from iomodels.trace.flow import Moment
from iomodels.trace.schema import SHARED_RINGS
from iomodels.trace.steps import Step

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEND_IN = 0.17
"""Within this distance of a lane an arrow leaves its row for its true time."""
HEAD_LENGTH_IN = 0.14
"""What is drawn of an arrow in front of other lanes: its head, in the gap beside its own."""
ABOVE_IN = 0.065
"""Where the middle of the words is, above their arrow."""
MAX_LINES = 200
"""So many of a fold's calls are drawn; of more, an even selection."""


def draw(axes: Axes, sheet: FlowSheet, rows: Iterable[tuple[Moment, float]]) -> None:
    """The arrows of these moments, each with the height of its row."""
    for moment, row in rows:
        step = moment.step
        if step.kind in ("computation", "spinning") or moment.phase == "before":
            continue
        way = _way(sheet, moment, row)
        if step.kind == "sq_entry":
            _many(axes, sheet, step, way)
            _there(axes, way, sheet.colour, 1.1)
        elif step.kind == "cq_entry":
            _many(axes, sheet, step, way)
            _back(axes, way, sheet.colour, 1.1)
        elif step.kind in ("signal", "callback"):
            _back(axes, way, DEVICE, 2.2)
        elif moment.phase == "leave":
            _back(axes, way, sheet.colour, 1.1)
        elif moment.phase == "whole":
            _many(axes, sheet, step, way)
            _there_and_back(axes, sheet, step, way)
        else:
            _there(axes, way, sheet.colour, 1.1)
        _words(axes, sheet, moment, way)


@dataclass(frozen=True)
class _Way:
    """From the lane's side to that of the kernel, or of a ring: `true` at both ends, `row` between
    the bends.

    `edge` is the side of the last lane on the way.
    """

    side: float
    edge: float
    far: float
    true: float
    row: float

    @property
    def bend(self) -> float:
        return min(BEND_IN, 0.4 * (self.far - self.edge))

    @property
    def left(self) -> float:
        return self.edge + self.bend

    @property
    def right(self) -> float:
        return self.far - self.bend


def _way(sheet: FlowSheet, moment: Moment, row: float) -> _Way:
    step = moment.step
    side, true = sheet.lane(step)[1], sheet.y(moment.at_ns)
    for kind, (left, _) in sheet.rings.items():
        if kind == step.kind:
            before = [right for _, right in sheet.rings.values() if right < left]
            return _Way(side, max(before, default=sheet.threads_edge), left, true, row)
    return _Way(side, sheet.edge, sheet.kernel[0], true, row)


def _there(axes: Axes, way: _Way, colour: str, width: float) -> None:
    _behind(axes, way, way.true, colour, width)
    shaft = (way.edge, way.left, way.right), (way.true, way.row, way.row)
    axes.plot(*shaft, color=colour, linewidth=width, zorder=3)
    _head(axes, (way.right, way.row), (way.far, way.true), colour, width)


def _back(axes: Axes, way: _Way, colour: str, width: float) -> None:
    shaft = (way.far, way.right, way.left), (way.true, way.row, way.row)
    axes.plot(*shaft, color=colour, linewidth=width, zorder=3)
    _home(axes, way, way.true, colour, width)


def _behind(axes: Axes, way: _Way, y: float, colour: str, width: float) -> None:
    """The part of it that other threads' lanes hide."""
    if way.edge > way.side:
        ends = (way.side, way.edge), (y, y)
        axes.plot(*ends, color=colour, linewidth=width, zorder=BEHIND)


def _home(axes: Axes, way: _Way, y: float, colour: str, width: float) -> None:
    """From the row into the thread's own lane."""
    start = way.left, way.row
    if way.edge > way.side:
        _behind(axes, way, y, colour, width)
        axes.plot((way.left, way.edge), (way.row, y), color=colour, linewidth=width, zorder=3)
        start = way.side + HEAD_LENGTH_IN, y
    _head(axes, start, (way.side, y), colour, width)


def _there_and_back(axes: Axes, sheet: FlowSheet, step: Step, way: _Way) -> None:
    """A short call, or the first of a fold: into the kernel when it began, out when it ended."""
    start_ns, end_ns = step.spans_ns[0]
    axes.plot(
        (way.left, way.right), (way.row, way.row), color=sheet.colour, linewidth=1.1, zorder=3
    )
    _head(axes, (way.right, way.row), (way.far, sheet.y(start_ns)), sheet.colour, 1.1)
    if end_ns is not None:
        _home(axes, way, sheet.y(end_ns), sheet.colour, 1.1)


def _head(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, width: float
) -> None:
    look: dict[str, Any] = {
        "arrowstyle": "-|>",
        "color": colour,
        "linewidth": width,
        "mutation_scale": 8,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.annotate("", xy=end, xytext=start, arrowprops=look, zorder=3 + width)


def _many(axes: Axes, sheet: FlowSheet, step: Step, way: _Way) -> None:
    """A thin line for each of the calls of a fold, where it was."""
    if step.count == 1:
        return
    every = math.ceil(step.count / MAX_LINES)
    at = [sheet.y(start_ns) for start_ns, _ in step.spans_ns[::every]]
    look: dict[str, Any] = {"linewidth": 0.4, "alpha": 0.45, "zorder": BEHIND}
    axes.hlines(at, way.side, way.far, color=sheet.colour, **look)


def _words(axes: Axes, sheet: FlowSheet, moment: Moment, way: _Way) -> None:
    """The longest that there is room for."""
    room = way.right - way.left
    for text in _texts_of(sheet, moment):
        if style.width_in(text, style.FINE_PT) <= room:
            break
    else:
        return
    box = style.HIDING | {"alpha": 0.85}
    look = {"ha": "center", "color": style.INK, "bbox": box, "zorder": 7}
    write(axes, (way.left + way.right) / 2, way.row - ABOVE_IN, text, style.FINE_PT, **look)


def _texts_of(sheet: FlowSheet, moment: Moment) -> list[str]:
    """What an arrow says, the fullest first."""
    step = moment.step
    if step.kind in SHARED_RINGS:
        return words.entries(step)
    if step.kind != "call":
        return [words.describe_occurrence(step, sheet.flow.duration_ns).partition(" on ")[0]]
    name, result = style.safe(f"{step.name}()"), style.safe(words.describe_result(step))
    if moment.phase == "enter":
        return [name]
    bare = result.replace(" × ", "").isdecimal()
    return [f"{name} → {result}", name if bare else result, name]
