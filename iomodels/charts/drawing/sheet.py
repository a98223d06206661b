"""The sheet a picture is drawn on: question above, notes and footer below, axes in between.

Everything is placed in inches, from the measured widths of the texts, so that nothing overlaps and
no layout engine has to try (which would take most of the time of drawing).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .scene import Scene, Series
from .style import (
    FINE_PT,
    HEADING_PT,
    INK,
    SMALL_PT,
    SOFT,
    TEXT_PT,
    TITLE_PT,
    shortened,
    width_in,
    wrap,
)

WIDTH_IN = 7.2
MARGIN_IN = 0.15
TEXT_WIDTH_IN = WIDTH_IN - 2 * MARGIN_IN
ROW_NAME_IN = 1.9
_LEADING = 1.35 / 72


@dataclass(frozen=True)
class Sheet:
    """A figure with its texts, and an empty area for axes of `height_in` at `bottom_in`."""

    figure: Figure
    bottom_in: float
    height_in: float

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """New axes, all in inches: `left` from the sheet's edge, `bottom` from the area's."""
        total = self.figure.get_figheight()
        return self.figure.add_axes(
            (
                left / WIDTH_IN,
                (self.bottom_in + bottom) / total,
                width / WIDTH_IN,
                height / total,
            )
        )

    def text(
        self,
        left: float,
        bottom: float,
        text: str,
        size_pt: float,
        **style: Any,  # noqa: ANN401 - as matplotlib takes it
    ) -> None:
        """Text in the area, in inches as above."""
        total = self.figure.get_figheight()
        self.figure.text(
            left / WIDTH_IN, (self.bottom_in + bottom) / total, text, fontsize=size_pt, **style
        )


def sheet(
    scene: Scene,
    subject: str,
    height_in: float,
    *,
    explained: Sequence[str] = (),
    missing: bool = True,
) -> Sheet:
    """A sheet whose title is the scene's question and whose area is `height_in` high.

    `subject` says what this picture shows; `explained` stands below it, before the scene's notes.
    A picture that shows itself what is missing leaves that out of them.
    """
    title = wrap(scene.question, TITLE_PT, TEXT_WIDTH_IN, lines=3, weight="bold")
    under = _lines([f"{subject} — scenario {scene.name}"], HEADING_PT, lines=2)
    below = _lines(
        [
            text
            for text in (*explained, *(scene.missing if missing else ()), *scene.remarks)
            if text
        ],
        SMALL_PT,
        lines=2,
    )
    footer = _lines(scene.footer, FINE_PT, lines=2)
    head_in = MARGIN_IN + _height(title, TITLE_PT) + 0.04 + _height(under, HEADING_PT) + 0.12
    foot_in = MARGIN_IN + _height(footer, FINE_PT) + 0.08 + _height(below, SMALL_PT) + 0.08
    total = head_in + height_in + foot_in
    figure = Figure(figsize=(WIDTH_IN, total))
    y = _write(figure, title, TITLE_PT, total - MARGIN_IN, weight="bold", color=INK)
    _write(figure, under, HEADING_PT, y - 0.04, color=SOFT)
    y = _write(figure, below, SMALL_PT, foot_in - 0.08, color=INK)
    _write(figure, footer, FINE_PT, y - 0.08, color=SOFT)
    return Sheet(figure, foot_in, height_in)


def _lines(texts: Sequence[str], size_pt: float, lines: int) -> list[str]:
    return [line for text in texts for line in wrap(text, size_pt, TEXT_WIDTH_IN, lines)]


def _height(lines: Sequence[str], size_pt: float) -> float:
    return len(lines) * size_pt * _LEADING


def _write(
    figure: Figure,
    lines: Sequence[str],
    size_pt: float,
    top_in: float,
    **style: Any,  # noqa: ANN401 - as matplotlib takes it
) -> float:
    """Write lines downwards from `top_in`, and return where the next would begin."""
    for line in lines:
        figure.text(
            MARGIN_IN / WIDTH_IN,
            top_in / figure.get_figheight(),
            line,
            fontsize=size_pt,
            verticalalignment="top",
            **style,
        )
        top_in -= size_pt * _LEADING
    return top_in


def size_in(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in inches."""
    return ax.bbox.width / ax.figure.dpi, ax.bbox.height / ax.figure.dpi


def row_names(scene: Scene) -> Callable[[Series], str]:
    """What a picture with a row for each cell calls them.

    All as they are written, or all by their short names where one of the scene does not fit: so an
    engine has one name in all such pictures of it.
    """
    cells = [series for point in scene.points for series in point.cells]
    whole = all(width_in(series.label, SMALL_PT) <= ROW_NAME_IN for series in cells)
    return lambda series: series.label if whole else series.short


def heading(ax: Axes, text: str) -> None:
    """The title of a panel, as much of it as fits above the axes."""
    ax.set_title(shortened(text, TEXT_PT, size_in(ax)[0], "bold"))


@dataclass(frozen=True)
class Grid:
    """Small multiples: a panel for each of `n` things, in rows from the top left."""

    n: int
    columns: int
    panel_height_in: float
    left_in: float = 0.62
    right_in: float = 0.15
    gap_in: float = 0.3
    top_in: float = 0.28
    bottom_in: float = 0.5

    @property
    def rows(self) -> int:
        return -(-self.n // self.columns)

    @property
    def height_in(self) -> float:
        return self.rows * (self.top_in + self.panel_height_in + self.bottom_in)

    def panels(self, on: Sheet) -> list[Axes]:
        """Their axes; each has its margin for labels at the left and, of ends, at the right."""
        pitch = (WIDTH_IN - 2 * MARGIN_IN + self.gap_in) / self.columns
        width = pitch - self.gap_in - self.left_in - self.right_in
        step = self.top_in + self.panel_height_in + self.bottom_in
        return [
            on.axes(
                MARGIN_IN + (index % self.columns) * pitch + self.left_in,
                self.height_in - (index // self.columns + 1) * step + self.bottom_in,
                width,
                self.panel_height_in,
            )
            for index in range(self.n)
        ]
