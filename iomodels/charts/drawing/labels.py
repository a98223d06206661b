"""Direct labels: the name stands at its line or its point, and no two overlap."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from .sheet import size_in
from .style import HIDING, SMALL_PT, shortened, text_colour, width_in

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points from the lower left corner of the axes."""
Point = tuple[float, float]
"""In the same units."""
Bar = tuple[Point, Point]
"""From its lower to its upper end, upright or level, in data units."""
Leader = tuple[Point, Point]
"""From a point to its label."""
Costs = NDArray[numpy.float64]
Hits = NDArray[numpy.bool_]
Points = NDArray[numpy.float64]
Rows = NDArray[numpy.float64]
"""A box in each row, or the two points of a leader."""

_LINE_PT = SMALL_PT * 1.25
_PAD_PT = 1.0
"""What is left free between a label and what stands beside it."""
_EARLY = 0.05
"""A line ends early if its end lies this much of the axes' width before the last end."""
_LEADER: dict[str, Any] = {"colors": "#a6a6a6", "linewidths": 0.5, "label": "leaders"}
"""Thin, grey and solid: engines have colours, and some of them dots and dashes."""
_FROM_POINT_PT = 4.0
"""Where a leader begins: at the rim of a marker."""
_DISTANCES_PT = (7.0, 10.0, 14.0, 19.0, 24.0, 30.0, 36.0, 43.0, 50.0, 60.0, 70.0, 82.0, 95.0)
"""How far from its point a label may stand."""
_REACH_PT = {True: 14.0, False: 50.0}
"""How far from the end of a line, if only near it or if need be."""
_AROUND = (
    *((1.0, 0.0), (1.0, 1.0), (1.0, -1.0), (-1.0, 0.0), (-1.0, 1.0), (-1.0, -1.0)),
    *((0.0, 1.0), (0.0, -1.0), (1.0, 0.5), (1.0, -0.5), (-1.0, 0.5), (-1.0, -0.5)),
    *((0.4, 1.0), (-0.4, 1.0), (0.4, -1.0), (-0.4, -1.0)),
)
"""In which directions, the preferred ones first."""
_MARKER_PT, _HEART_PT = 5.0, 2.8
"""Half as wide as a marker, and as its middle: a leader through that would point at it."""

_BAR_PT = 4.0
"""Half as wide as a bar with a little room around it."""
# What is wrong with a place, from bad to worse. A label that fits costs less than `_COVERED`.
_CROSSED = 0.1
"""Each 4 pt of a line that a leader crosses: it is thin, and may if it must."""
_COVERED = 5.0
"""Each pt² of a marker, a bar or a line below a label."""
_WRITTEN_OVER = 20.0
"""Each pt² of another label."""
_OUTSIDE = 1000.0
"""Each pt beyond the axes, whose lines strike the label, and whose ticks are there."""
_STRUCK = 200.0
"""Each marker, label or leader that a leader goes through: it would seem to name that."""
_TURNS = 24
"""How often each label may move."""


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


def at_ends(ax: Axes, labels: Sequence[Label], width: float, *, near: bool = False) -> None:
    """Name each line at the right of the axes, pushed apart, with a leader from its end.

    `width` is the room there in inches (`margin_in`). A line that ends before the others do is
    named at its end, where there is room: a leader across the axes would look like a part of it.
    With `near` only where there is room close by, and no other line in between. The limits of the
    axes must be set.
    """
    last = max((_axes_fraction(ax, label)[0] for label in labels), default=1.0)
    early = [label for label in labels if _axes_fraction(ax, label)[0] < last - _EARLY]
    named = _beside_ends(ax, early, near) if early else []
    _at_the_right(ax, [label for label in labels if label not in named], width)


def _at_the_right(ax: Axes, labels: Sequence[Label], width: float) -> None:
    size = _size_pt(ax)
    ordered = sorted(labels, key=lambda label: label.y)
    ends = [_place(ax, label) for label in ordered]
    text_left = size[0] + 0.16 * 72
    leaders: list[Leader] = []
    for label, at, y in zip(ordered, ends, _apart([y for _, y in ends], size[1]), strict=True):
        text = shortened(label.text, SMALL_PT, width - 0.25)
        _write(ax, label, text, (text_left, y))
        leaders += filter(None, [_leader(at, (text_left - 1, y), 3.0)])
    _draw(ax, leaders)


def beside_points(ax: Axes, labels: Sequence[Label], bars: Sequence[Bar] = ()) -> None:
    """Name each point close by, where neither another point nor another label is.

    `bars` are to be left free, too. The limits of the axes must be set.
    """
    struck = [_along(ax, bar) for bar in bars]
    half_in = size_in(ax)[0] / 2
    cut = [replace(label, text=shortened(label.text, SMALL_PT, half_in)) for label in labels]
    _name(ax, _placed(ax, cut, _DISTANCES_PT, bars=struck))


def _beside_ends(ax: Axes, labels: Sequence[Label], near: bool) -> list[Label]:
    """Name the ends that have room close by, and return their labels."""
    distances = [distance for distance in _DISTANCES_PT if distance <= _REACH_PT[near]]
    lines, most = _along_lines(ax), _CROSSED if near else _COVERED
    fitting = list(labels)
    while fitting:
        places = _placed(ax, fitting, distances, lines=lines)
        worst = max(fitting, key=lambda label: places[label].cost)
        if places[worst].cost < most:
            _name(ax, places)
            break
        fitting.remove(worst)  # which leaves its room to the others
    return fitting


def _name(ax: Axes, places: Mapping[Label, Placed]) -> None:
    for label, place in places.items():
        left, bottom, _, top = place.box
        _write(ax, label, label.text, (left + _PAD_PT, (bottom + top) / 2))
    leaders = [place.leader for place in places.values()]
    _draw(ax, [((a, b), (c, d)) for a, b, c, d in leaders if not math.isnan(a)])


def _write(ax: Axes, label: Label, text: str, at: tuple[float, float]) -> None:
    """`at` is the middle of the left side, in points. The artist knows what it names: its `xy`."""
    point = _place(ax, label)
    ax.annotate(
        text,
        xy=(label.x, label.y),
        xytext=(at[0] - point[0], at[1] - point[1]),
        textcoords="offset points",
        fontsize=SMALL_PT,
        color=text_colour(label.colour),
        verticalalignment="center",
        annotation_clip=False,
        zorder=1.5,  # above the grid, below all lines
        bbox=HIDING,
    )


def _draw(ax: Axes, leaders: Sequence[Leader]) -> None:
    """All of one axes at once: a patch for each takes several times as long."""
    if not leaders:
        return
    width, height = _size_pt(ax)
    lines = [[(x / width, y / height) for x, y in leader] for leader in leaders]
    drawn = LineCollection(lines, transform=ax.transAxes, clip_on=False, zorder=2.8, **_LEADER)
    ax.add_collection(drawn, autolim=False)


# Where there is room


@dataclass(frozen=True)
class Places:
    """Where a label may stand, the nearest first: its boxes, the leaders to it, and their costs."""

    boxes: Rows
    leaders: Rows
    costs: Costs

    def at(self, number: int, cost: float) -> Placed:
        return Placed(self.boxes[number], self.leaders[number], cost)


@dataclass(frozen=True)
class Placed:
    """Where a label stands."""

    box: Points
    leader: Points
    cost: float


def _placed(
    ax: Axes,
    labels: Sequence[Label],
    distances: Sequence[float],
    *,
    bars: Sequence[Box] = (),
    lines: Sequence[Box] = (),
) -> dict[Label, Placed]:
    """A place for each label: the nearest that costs nothing, or the cheapest.

    Each goes where the others have left room, in turns, so that their order counts.
    """
    points = {label: _place(ax, label) for label in labels}
    free = _rows([*(_around(point, _MARKER_PT) for point in points.values()), *bars, *lines])
    places = {}
    for label, at in points.items():
        boxes = _boxes(width_in(label.text, SMALL_PT) * 72 + 2 * _PAD_PT, at, distances)
        leaders = numpy.array([_leader_or_none(at, box) for box in boxes])
        costs = _COVERED * _overlaps(boxes, free).sum(axis=1)
        costs += _OUTSIDE * _outside(boxes, _size_pt(ax))
        others = [point for other, point in points.items() if other is not label]
        hearts = _rows([_around(point, _HEART_PT) for point in others])
        costs += _STRUCK * _through(leaders, hearts).sum(axis=1)
        costs += _CROSSED * _through(leaders, _rows(lines)).sum(axis=1)
        places[label] = Places(boxes, leaders, costs)
    return _settled(places)


def _settled(places: Mapping[Label, Places]) -> dict[Label, Placed]:
    """In turns each label goes where the others have left room, until nothing is wrong.

    What is wrong with a place counts more each time that it was taken in vain, so that labels also
    leave places which no one of them would leave alone (Voudouris and Tsang, "Guided Local Search",
    1999).
    """
    best: dict[Label, Placed] = {}
    least = math.inf
    in_vain = {label: numpy.zeros(len(its.costs)) for label, its in places.items()}
    chosen: dict[Label, int] = {}
    longest_first = sorted(places, key=lambda label: -len(label.text))
    for _ in range(_TURNS):
        for label in longest_first:
            chosen[label] = int((_costs(label, places, chosen) + in_vain[label]).argmin())
        costs = {label: _costs(label, places, chosen)[number] for label, number in chosen.items()}
        if sum(costs.values()) < least:
            least = sum(costs.values())
            best = {label: places[label].at(chosen[label], costs[label]) for label in places}
        if least == 0:
            break
        for label, cost in costs.items():
            in_vain[label][chosen[label]] += cost / 2
    return best


def _costs(label: Label, places: Mapping[Label, Places], chosen: Mapping[Label, int]) -> Costs:
    """Of all its places, where the others stand as chosen."""
    own = places[label]
    others = [(places[other], number) for other, number in chosen.items() if other is not label]
    boxes = numpy.array([its.boxes[number] for its, number in others]).reshape(-1, 4)
    leaders = numpy.array([its.leaders[number] for its, number in others]).reshape(-1, 4)
    struck = _through(own.leaders, boxes).sum(axis=1)
    struck += _through(leaders, own.boxes).sum(axis=0)
    struck += _cross(own.leaders, leaders).sum(axis=1)
    written_over = _overlaps(own.boxes, boxes).sum(axis=1)
    costs: Costs = own.costs + _STRUCK * struck + _WRITTEN_OVER * written_over
    return costs


def _rows(boxes: Sequence[Box]) -> Rows:
    return numpy.array(boxes, dtype=float).reshape(-1, 4)


def _boxes(width: float, at: Point, distances: Sequence[float]) -> Rows:
    found = []
    for distance, (dx, dy) in itertools.product(distances, _AROUND):
        left = at[0] + dx * distance - (width if dx < 0 else width / 2 if dx == 0 else 0)
        bottom = at[1] + dy * distance - _LINE_PT / 2
        found.append((left, bottom, left + width, bottom + _LINE_PT))
    return numpy.array(found)


def _leader_or_none(at: Point, box: Box) -> tuple[float, ...]:
    """To the point of the box that is nearest; not a number where none is needed."""
    to = min(max(at[0], box[0]), box[2]), min(max(at[1], box[1]), box[3])
    leader = _leader(at, to, _FROM_POINT_PT)
    return (*leader[0], *leader[1]) if leader else (math.nan,) * 4


def _leader(at: Point, to: Point, from_pt: float) -> Leader | None:
    """From the rim of a marker (so far from its middle) to its label; None where they touch."""
    length = math.hypot(to[0] - at[0], to[1] - at[1])
    if length <= from_pt + 1:
        return None
    share = from_pt / length
    return (at[0] + (to[0] - at[0]) * share, at[1] + (to[1] - at[1]) * share), to


def _overlaps(boxes: Rows, others: Rows) -> Costs:
    """The area that each box shares with each of the others."""
    low = numpy.maximum(boxes[:, None, :2], others[None, :, :2])
    high = numpy.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared: Costs = (high - low).clip(min=0).prod(axis=2)
    return shared


def _outside(boxes: Rows, size: tuple[float, float]) -> Costs:
    """How far each box reaches beyond the axes."""
    beyond = numpy.concatenate([-boxes[:, :2], boxes[:, 2:] - numpy.array(size)], axis=1)
    reach: Costs = beyond.clip(min=0).sum(axis=1)
    return reach


def _through(lines: Rows, boxes: Rows) -> Hits:
    """Whether each line goes through each box, and not just along its edge (Liang and Barsky)."""
    first, last = numpy.zeros((len(lines), len(boxes))), numpy.ones((len(lines), len(boxes)))
    with numpy.errstate(divide="ignore", invalid="ignore"):  # an upright line never meets a side
        for low, high in ((0, 2), (1, 3)):
            start, step = lines[:, None, low], lines[:, None, high] - lines[:, None, low]
            one = (boxes[None, :, low] - start) / step
            other = (boxes[None, :, high] - start) / step
            first = numpy.maximum(first, numpy.minimum(one, other))
            last = numpy.minimum(last, numpy.maximum(one, other))
        return last - first > 1e-6


def _cross(lines: Rows, others: Rows) -> Hits:
    """Whether each line crosses each of the others."""
    a, b = lines[:, None, :2], lines[:, None, 2:]
    c, d = others[None, :, :2], others[None, :, 2:]
    return (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)


def _side(start: Points, end: Points, point: Points) -> Costs:
    """Above 0 where the point lies to the left of the line, below at the right."""
    way, there = end - start, point - start
    side: Costs = way[..., 0] * there[..., 1] - way[..., 1] * there[..., 0]
    return side


def _around(at: Point, half: float) -> Box:
    return (at[0] - half, at[1] - half, at[0] + half, at[1] + half)


def _along(ax: Axes, bar: Bar) -> Box:
    """All of a bar, with a little room around it."""
    (left, bottom), (right, top) = (_place(ax, Label("", x, y, "")) for x, y in bar)
    return left - _BAR_PT, bottom - _BAR_PT, right + _BAR_PT, top + _BAR_PT


def _along_lines(ax: Axes) -> list[Box]:
    """Places that the lines of the axes go through, close to each other."""
    size = _size_pt(ax)
    found = []
    for line in ax.lines:
        xy = line.get_transform().transform(line.get_xydata())
        places = ax.transAxes.inverted().transform(xy)
        for (x0, y0), (x1, y1) in itertools.pairwise(places):
            dx, dy = (x1 - x0) * size[0], (y1 - y0) * size[1]
            # At most 2000: it may end far outside of the axes.
            steps = max(1, min(2000, round(math.hypot(dx, dy) / 4)))
            ways = (n / steps for n in range(steps + 1))
            found += [(x0 * size[0] + dx * way, y0 * size[1] + dy * way) for way in ways]
    return [_around(place, 1.5) for place in found]


def _axes_fraction(ax: Axes, label: Label) -> tuple[float, float]:
    x, y = ax.transAxes.inverted().transform(ax.transData.transform((label.x, label.y)))
    return float(x), float(y)


def _place(ax: Axes, label: Label) -> Point:
    """Where the label's point is, in points from the lower left corner of the axes."""
    (x, y), (width, height) = _axes_fraction(ax, label), _size_pt(ax)
    return x * width, y * height


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
