"""Direct labels: the name stands at its line or its point, and no two overlap."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from .sheet import size_in
from .style import SMALL_PT, shortened, text_colour, width_in

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points from the lower left corner of the axes."""

_LINE_PT = SMALL_PT * 1.25
_EARLY = 0.05
"""A line ends early if its end lies this much of the axes' width before the last end."""
_LEADER: dict[str, Any] = {"arrowstyle": "-", "color": "#a6a6a6", "linewidth": 0.5}
"""Thin, grey and solid: engines have colours, and some of them dots and dashes."""


@dataclass(frozen=True)
class Label:
    """A text for the point (x, y), in data units."""

    text: str
    x: float
    y: float
    colour: str


def margin_in(texts: Sequence[str], most_in: float = 2.0) -> float:
    """The width that labels at the ends of lines need, leader included."""
    widest = max((width_in(text, SMALL_PT) for text in texts), default=0.0)
    return min(widest, most_in) + 0.3


def at_ends(ax: Axes, labels: Sequence[Label], width: float) -> None:
    """Name each line at the right of the axes, pushed apart, with a leader from its end.

    `width` is the room there in inches (`margin_in`). A line that ends before the others do is
    named at its end, where there is room: a leader across the axes would look like a part of it.
    The limits of the axes must be set.
    """
    last = max((_axes_fraction(ax, label)[0] for label in labels), default=1.0)
    early = [label for label in labels if _axes_fraction(ax, label)[0] < last - _EARLY]
    named = _beside(ax, early, _along_lines(ax), must_fit=True) if early else []
    _at_the_right(ax, [label for label in labels if label not in named], width)


def _at_the_right(ax: Axes, labels: Sequence[Label], width: float) -> None:
    height_pt = size_in(ax)[1] * 72
    ordered = sorted(labels, key=lambda label: label.y)
    wanted = [_axes_fraction(ax, label)[1] * height_pt for label in ordered]
    for label, y_pt in zip(ordered, _apart(wanted, height_pt), strict=True):
        ax.annotate(
            shortened(label.text, SMALL_PT, width - 0.25),
            xy=_axes_fraction(ax, label),
            xycoords="axes fraction",
            xytext=(1.0 + 0.16 * 72 / _width_pt(ax), y_pt / height_pt),
            textcoords="axes fraction",
            fontsize=SMALL_PT,
            color=text_colour(label.colour),
            verticalalignment="center",
            arrowprops=_LEADER | {"relpos": (0.0, 0.5), "shrinkA": 1, "shrinkB": 3},
            annotation_clip=False,
        )


def beside_points(ax: Axes, labels: Sequence[Label], obstacles: Sequence[Label] = ()) -> None:
    """Name each point close by, where neither another point nor another label is.

    `obstacles` are further points to be left free. The limits of the axes must be set.
    """
    size = _size_pt(ax)
    _beside(ax, labels, [_around(_axes_fraction(ax, label), size) for label in obstacles])


def _beside(
    ax: Axes, labels: Sequence[Label], obstacles: Sequence[Box], *, must_fit: bool = False
) -> list[Label]:
    """Name these points close by; returns which: with `must_fit` those that have room, uncut."""
    size = _size_pt(ax)
    taken = [_around(_axes_fraction(ax, label), size) for label in labels] + list(obstacles)
    named = []
    for label in sorted(labels, key=lambda label: -label.y):
        at = _axes_fraction(ax, label)
        text = label.text if must_fit else shortened(label.text, SMALL_PT, size[0] / 72 / 2)
        cost, box = _best_place(text, (at[0] * size[0], at[1] * size[1]), size, taken)
        if must_fit and cost > 0:
            continue
        named.append(label)
        taken.append(box)
        ax.annotate(
            text,
            xy=(label.x, label.y),
            xytext=(box[0] - at[0] * size[0], (box[1] + box[3]) / 2 - at[1] * size[1]),
            textcoords="offset points",
            fontsize=SMALL_PT,
            color=text_colour(label.colour),
            verticalalignment="center",
            annotation_clip=False,
            arrowprops=_LEADER | {"shrinkA": 0, "shrinkB": 4},
        )
    return named


def _best_place(
    text: str, at: tuple[float, float], size: tuple[float, float], taken: Sequence[Box]
) -> tuple[float, Box]:
    """The nearest of some places around `at` that is in the axes and overlaps nothing: cost 0.

    If there is none, the one that costs least.
    """
    width = width_in(text, SMALL_PT) * 72
    places = []
    for distance in (7.0, 14.0, 24.0, 36.0, 50.0):
        for dx, dy in ((1, 0), (1, 1), (1, -1), (-1, 0), (-1, 1), (-1, -1), (0, 1), (0, -1)):
            left = at[0] + dx * distance - (width if dx < 0 else width / 2 if dx == 0 else 0)
            bottom = at[1] + dy * distance - _LINE_PT / 2
            box = (left, bottom, left + width, bottom + _LINE_PT)
            cost = sum(_overlap(box, other) for other in taken) + 10 * _outside(box, size)
            if cost == 0:
                return cost, box
            places.append((cost, box))
    return min(places)


def _overlap(a: Box, b: Box) -> float:
    across = min(a[2], b[2]) - max(a[0], b[0])
    up = min(a[3], b[3]) - max(a[1], b[1])
    return across * up if across > 0 and up > 0 else 0.0


def _outside(box: Box, size: tuple[float, float]) -> float:
    return (
        max(0.0, -box[0])
        + max(0.0, -box[1])
        + max(0.0, box[2] - size[0])
        + max(0.0, box[3] - size[1])
    )


def _around(at: tuple[float, float], size: tuple[float, float]) -> Box:
    x, y = at[0] * size[0], at[1] * size[1]
    return (x - 5, y - 5, x + 5, y + 5)


def _along_lines(ax: Axes) -> list[Box]:
    """Places that the lines of the axes go through, close to each other."""
    size = _size_pt(ax)
    found = []
    for line in ax.lines:
        xy = line.get_transform().transform(line.get_xydata())
        places = ax.transAxes.inverted().transform(xy)
        for (x0, y0), (x1, y1) in itertools.pairwise(places):
            steps = max(1, round(math.hypot((x1 - x0) * size[0], (y1 - y0) * size[1]) / 4))
            found += [
                ((x0 + (x1 - x0) * n / steps) * size[0], (y0 + (y1 - y0) * n / steps) * size[1])
                for n in range(steps + 1)
            ]
    return [(x - 1.5, y - 1.5, x + 1.5, y + 1.5) for x, y in found]


def _axes_fraction(ax: Axes, label: Label) -> tuple[float, float]:
    x, y = ax.transAxes.inverted().transform(ax.transData.transform((label.x, label.y)))
    return float(x), float(y)


def _width_pt(ax: Axes) -> float:
    return size_in(ax)[0] * 72


def _size_pt(ax: Axes) -> tuple[float, float]:
    width, height = size_in(ax)
    return width * 72, height * 72


def _apart(wanted: Sequence[float], height: float) -> list[float]:
    """The ascending positions, moved as little as needed to be a line apart, in 0 to `height`.

    Neighbours that would overlap become a block around their common middle.
    """
    blocks: list[tuple[float, int]] = []  # middle, members
    for y in wanted:
        middle, members = min(max(y, 0.0), height), 1
        while blocks and middle - blocks[-1][0] < _LINE_PT * (members + blocks[-1][1]) / 2:
            before, n = blocks.pop()
            middle = (before * n + middle * members) / (n + members)
            members += n
            reach = _LINE_PT * (members - 1) / 2
            middle = min(max(middle, reach), max(reach, height - reach))
        blocks.append((middle, members))
    return [
        middle + _LINE_PT * (index - (members - 1) / 2)
        for middle, members in blocks
        for index in range(members)
    ]
