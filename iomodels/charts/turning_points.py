"""Where an answer turns: each engine over the parameter that was swept, and the turning point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iomodels.advice import words
from iomodels.advice.document import Advice, PointAdvice, Turning
from iomodels.analysis import cells
from iomodels.analysis.quantities import named
from iomodels.analysis.quantity_definition import Quantity

from .drawing import scales
from .drawing.chart import in_words
from .drawing.labels import Label, at_ends, margin_in
from .drawing.scene import MARGIN_IN, NARROW_IN
from .drawing.sheet import Grid, Sheet, sheet_of
from .drawing.style import (
    FAINT,
    HIDING,
    SMALL_PT,
    look,
    safe,
    short_name,
    shortened,
    text_colour,
)

NAME, SUBJECT = "turning", "Where the answer turns"
PANEL_IN, NARROW_PANEL_IN = 3.0, 2.4
MOST_ENGINES = 12
BESIDE_IN = 0.5
"""So far a name above the axes may reach beyond them."""
FEWEST_VALUES = 2
"""On fewer there is nothing to see."""


@dataclass(frozen=True)
class ShownTurning:
    """One picture: a turning of a point."""

    advice: Advice
    point: PointAdvice
    turning: Turning

    @property
    def quantity(self) -> Quantity:
        return named(self.point.quantity)

    @property
    def engines(self) -> list[str]:
        """Those that are an answer, and those that were measured at two values or more, as many as
        have room. Where none has two there is nothing to see."""
        times = {
            engine: sum(value is not None for value in found)
            for engine, found in self.turning.measured.items()
        }
        if max(times.values(), default=0) < FEWEST_VALUES:
            return []
        best = self.turning.best
        shown = [
            engine
            for engine, count in times.items()
            if count >= FEWEST_VALUES or (count and engine in best)
        ]
        shown.sort(key=lambda engine: engine not in best)
        return shown[:MOST_ENGINES]

    @property
    def title(self) -> str:
        return f"{SUBJECT} over {safe(cells.in_words(self.turning.key), 40)}"

    @property
    def data(self) -> str:
        """Of what: the scenario in words."""
        return safe(f"{self.point.title} (scenario {words.heading(self.point)})", 160)


def shown(advice: Advice) -> Iterator[ShownTurning]:
    """The pictures of an answer. Points of one sweep have one turning, which is drawn once."""
    drawn: set[tuple[str, str]] = set()
    for point in advice.points:
        for turning in point.turnings:
            one = ShownTurning(advice, point, turning)
            key = (point.scenario, repr(turning))
            if len(turning.values) >= FEWEST_VALUES and one.engines and key not in drawn:
                drawn.add(key)
                yield one


def draw(of: ShownTurning, wide_in: float) -> Figure:
    """A line for each engine with its intervals, and the turning point as a band."""
    narrow = wide_in <= NARROW_IN
    names = [safe(short_name(engine), 60) for engine in of.engines]
    right = margin_in(names, most_in=1.0 if narrow else 1.6)
    grid = Grid(
        wide_in - 2 * MARGIN_IN, 1, 1, NARROW_PANEL_IN if narrow else PANEL_IN, right_in=right
    )
    on = sheet_of(
        wide_in,
        grid.height_in,
        title=of.title,
        under=[of.data],
        below=explained(of),
        footer=[_footer(of.advice)],
        most=4 if narrow else 2,
    )
    return _drawn(on, grid, of, right)


def _drawn(on: Sheet, grid: Grid, of: ShownTurning, right_in: float) -> Figure:
    (ax,) = grid.panels(on)
    values: list[float] = []
    ends: list[Label] = []
    for engine in of.engines:
        ends.append(_line(ax, engine, of, values))
    title = of.quantity.axis_title
    scales.swept(ax.xaxis, of.turning.key, [float(value) for value in of.turning.values])
    scales.of_unit(ax.yaxis, title, of.quantity.unit, values)
    _mark(ax, of)
    at_ends(ax, ends, right_in)
    return on.figure


def _line(ax: Axes, engine: str, of: ShownTurning, values: list[float]) -> Label:
    """One engine. What is drawn is added to `values`; the label is for the end of the line."""
    found = zip(of.turning.values, of.turning.measured[engine], strict=True)
    dots = [(x, interval) for x, interval in found if interval is not None]
    style, medians = look(engine), [interval.median for _, interval in dots]
    ax.plot([x for x, _ in dots], medians, label=engine, **style.line, **style.point)
    bars: Any = {"color": style.colour, "alpha": 0.45, "linewidth": 3}
    lows, highs = [i.low for _, i in dots], [i.high for _, i in dots]
    ax.vlines([x for x, _ in dots], lows, highs, label=f"{engine}|interval", **bars)
    values += [*lows, *highs]
    return Label(safe(short_name(engine), 60), dots[-1][0], medians[-1], style.colour)


def _mark(ax: Axes, of: ShownTurning) -> None:
    """The band between the two values, and which engine is the answer on either side of it."""
    turning = of.turning
    if turning.low is None or turning.high is None:
        return
    ax.axvspan(turning.low, turning.high, color=FAINT, alpha=0.8, linewidth=0, label="turning")
    left, right = _fraction(ax, turning.low), _fraction(ax, turning.high)
    width_in = ax.bbox.width / ax.figure.dpi
    for engine, x, side, room in (
        (turning.below, left, "right", left + BESIDE_IN / width_in),
        (turning.above, right, "left", 1 - right + BESIDE_IN / width_in),
    ):
        arrow = f"← {engine}" if side == "right" else f"{engine} →"
        text = shortened(safe(arrow, 60), SMALL_PT, max(0.3, room * width_in), "bold")
        style: Any = {"ha": side, "va": "bottom", "weight": "bold", "bbox": HIDING}
        ax.annotate(
            text,
            (x, 1.0),
            xycoords="axes fraction",
            xytext=(-2 if side == "right" else 2, 3),
            textcoords="offset points",
            fontsize=SMALL_PT,
            color=text_colour(look(engine or "").colour),
            annotation_clip=False,
            **style,
        )


def _fraction(ax: Axes, x: float) -> float:
    """How far from the left end of the axis: 0 to 1."""
    at = ax.transData.transform((x, ax.get_ylim()[0]))[0]
    return float(ax.transAxes.inverted().transform((at, 0))[0])


def explained(of: ShownTurning) -> list[str]:
    """What stands below the picture."""
    said = safe(words.turning_sentence(of.turning).replace("`", ""), 400)
    better = "Higher is better." if of.quantity.bigger_is_better else "Lower is better."
    return [
        said,
        f"{better} Bars: 95 % intervals over rounds"
        + ("; grey: between these two the answer changes." if of.turning.low is not None else "."),
    ]


def describe(of: ShownTurning) -> str:
    """The picture in words."""
    return in_words([f"{of.title}.", f"{of.data}.", *explained(of), *_spoken(of)])


def _spoken(of: ShownTurning) -> Sequence[str]:
    unit = of.quantity.unit
    return [
        safe(
            f"{engine}: "
            + ", ".join(
                f"{cells.show(of.turning.key, x)} {unit.show(value.median)}"
                for x, value in zip(of.turning.values, of.turning.measured[engine], strict=True)
                if value is not None
            )
            + ".",
            400,
        )
        for engine in of.engines
    ]


def _footer(advice: Advice) -> str:
    parts = (f"iomodels {safe(advice.tool.version, 40)}", safe(advice.created_utc, 40))
    return " · ".join(part for part in parts if part)
