"""A swept scenario as lines: which parameter is swept, and each engine over its values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from iomodels.analysis import cells
from iomodels.base.units import counted, listed
from iomodels.results.schema import Interval

from .labels import Label
from .scene import Scene, ScenePoint, Series
from .style import HIDING, SMALL_PT, Look, safe, text_colour

MAX_FACETS = 3
FEWEST_DOTS = 3
"""On fewer there is nothing to see but what numbers say better."""


@dataclass(frozen=True)
class Line:
    """One engine over the sweep, x ascending."""

    label: str
    short: str
    look: Look
    dots: tuple[tuple[float, Series], ...]


def swept_key(scene: Scene) -> str | None:
    """The swept parameter that has the most numbers among the measured points; None if none has."""
    numbers: dict[str, set[float]] = {}
    for point in scene.points:
        for key in point.varying if point.series else ():
            value = number(point, key)
            if value is not None:
                numbers.setdefault(key, set()).add(value)
    several = {key: len(values) for key, values in numbers.items() if len(values) > 1}
    return max(several, key=lambda key: several[key]) if several else None


def number(point: ScenePoint, key: str) -> float | None:
    """The point's value of that key, if it is a number; one that all points share has it too."""
    value = point.varying.get(key)
    if value is None and point.series:
        value = point.series[0].cell.parameters.get(key)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def label_without(point: ScenePoint, key: str) -> str:
    """The point's label without that key."""
    others = {k: v for k, v in point.varying.items() if k != key}
    return safe(cells.label(cells.PointCells((), others)), 80)


def facets(scene: Scene, key: str) -> dict[str, list[Line]]:
    """The lines over `key`, by what the other swept parameters are; at most `MAX_FACETS` sets.

    Without those that have one value of the key only, or fewer dots than make a picture.
    """
    found = {facet: _lines(points, key) for facet, points in _groups(scene, key).items()}
    planes = [facet for facet, lines in found.items() if _is_plane(lines)]
    return {facet: found[facet] for facet in planes[:MAX_FACETS]}


def _is_plane(lines: Sequence[Line]) -> bool:
    dots = [x for line in lines for x, _ in line.dots]
    return len(dots) >= FEWEST_DOTS and len(set(dots)) > 1


def left_out(scene: Scene, key: str) -> str:
    """What of the sweep `facets` leaves out, as a sentence; "" for nothing."""
    left = list(dict.fromkeys(_without_a_place(scene, key)))
    more = len(_groups(scene, key)) - len(facets(scene, key))
    if more > 0:
        left.append(f"{counted(more, 'more combination')} of the other parameters")
    return f"Left out: {listed(left)}." if left else ""


def _without_a_place(scene: Scene, key: str) -> Iterator[str]:
    """The values that are no numbers, such as a block of several sizes."""
    for point in scene.points:
        if point.series and key in point.varying and number(point, key) is None:
            yield safe(f"{cells.in_words(key)} {cells.show(key, point.varying[key])}", 40)


def _groups(scene: Scene, key: str) -> dict[str, list[ScenePoint]]:
    groups: dict[str, list[ScenePoint]] = {}
    for point in scene.points:
        if point.series:
            groups.setdefault(label_without(point, key), []).append(point)
    return groups


def _lines(group: Sequence[ScenePoint], key: str) -> list[Line]:
    found: dict[str, list[tuple[float, Series]]] = {}
    for point in group:
        x = number(point, key)
        if x is not None:
            for series in point.series:
                found.setdefault(series.label, []).append((x, series))
    return [
        Line(label, dots[0][1].short, dots[0][1].look, tuple(sorted(dots, key=lambda d: d[0])))
        for label, dots in found.items()
    ]


def draw_lines(
    ax: Axes, title: str, lines: Sequence[Line], value: Callable[[Series], Interval | None]
) -> tuple[list[float], list[Label]]:
    """Medians as lines with markers, intervals as bars; what has no value is left out.

    Returns the values drawn, for the scale, and the labels of the ends.
    """
    values: list[float] = []
    ends: list[Label] = []
    for line in lines:
        dots = [(x, i, s) for x, s in line.dots for i in (value(s),) if i is not None]
        if not dots:
            continue
        name = f"{line.label}|{title}"
        medians = [interval.median for _, interval, _ in dots]
        ax.plot([x for x, _, _ in dots], medians, label=name, **line.look.line, **line.look.point)
        bars = [(x, interval) for x, interval, series in dots if series.summary.rounds > 1]
        ax.vlines(
            [x for x, _ in bars],
            [interval.low for _, interval in bars],
            [interval.high for _, interval in bars],
            color=line.look.colour,
            alpha=0.45,
            linewidth=3,
            label=f"{name}|interval",
        )
        values += [v for _, interval, _ in dots for v in (interval.low, interval.high)]
        ends.append(Label(line.short, dots[-1][0], medians[-1], line.look.colour))
    return values, ends


def at_edges(ax: Axes, labels: Sequence[Label]) -> None:
    """Write those whose point lies above or below the axes beyond that edge, with an arrow to it.

    Above, that is outside of the axes, where no line is; a heading there leaves room at the right.
    """
    low, high = ax.get_ylim()
    lines: Counter[tuple[float, bool]] = Counter()
    for label in labels:
        if low <= label.y <= high:
            continue
        above = label.y > high
        line = lines[label.x, above]
        lines[label.x, above] += 1
        ax.annotate(
            f"{label.text} {'↑' if above else '↓'}",
            xy=(label.x, high if above else low),
            xytext=(0, (2 if above else 4) + line * SMALL_PT * 1.1),
            textcoords="offset points",
            fontsize=SMALL_PT,
            color=text_colour(label.colour),
            horizontalalignment="center",
            verticalalignment="bottom",
            annotation_clip=False,
            zorder=4,  # above all lines
            bbox=HIDING,
        )


def cut_bars(ax: Axes, bars: Sequence[tuple[float, Interval, str]]) -> None:
    """A small arrow where the bar at x, in its colour, goes on beyond the axes."""
    low, high = ax.get_ylim()
    for x, interval, colour in bars:
        for edge, marker, is_cut in (
            (high, "^", interval.high > high >= interval.low),
            (low, "v", interval.low < low <= interval.high),
        ):
            if is_cut:
                look: Any = {"marker": marker, "markersize": 4, "color": colour}
                ax.plot([x], [edge], linestyle="none", clip_on=False, label="cut", **look)
