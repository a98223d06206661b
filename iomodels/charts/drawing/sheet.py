"""The sheet a picture is drawn on: what it shows above, notes and footer below, axes in between.

Everything is placed in inches, from the measured widths of the texts, so that nothing overlaps and
no layout engine has to try (which would take most of the time of drawing).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iomodels.base.units import capital, counted
from iomodels.comparison import wording
from iomodels.comparison.schema import Comparison

from .origin import MOST_WARNINGS
from .scene import MARGIN_IN as MARGIN_IN
from .scene import WIDTH_IN, Scene, Series
from .style import (
    FINE_PT,
    HEADING_PT,
    INK,
    SMALL_PT,
    SOFT,
    TEXT_PT,
    TITLE_PT,
    safe,
    shortened,
    width_in,
    wrap,
)

ROW_NAME_IN = 1.9
NARROW_ROW_NAME_IN = 1.0
_LEADING = 1.35 / 72


@dataclass(frozen=True)
class Sheet:
    """A figure with its texts, and an empty area for axes at `bottom_in`."""

    figure: Figure
    bottom_in: float

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """New axes, all in inches: `left` from the sheet's edge, `bottom` from the area's."""
        wide, total = self.figure.get_size_inches()
        return self.figure.add_axes(
            (left / wide, (self.bottom_in + bottom) / total, width / wide, height / total)
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
        wide, total = self.figure.get_size_inches()
        self.figure.text(
            left / wide, (self.bottom_in + bottom) / total, text, fontsize=size_pt, **style
        )


def sheet(
    scene: Scene,
    subject: str,
    height_in: float,
    *,
    explained: Sequence[str] = (),
    missing: bool = True,
) -> Sheet:
    """A sheet whose title is its `subject`, what the picture shows, and whose area is `height_in`
    high.

    Below the title stands what was measured, and the scene's question where that is answered in
    full. `explained` stands below the picture, before the scene's notes. A picture that shows
    itself what is missing leaves that out of them.
    """

    most = 4 if scene.is_narrow else 2
    question = [] if scene.part or scene.is_narrow else [scene.question]
    changes = f", with {scene.changes}" if scene.changes else ""
    return sheet_of(
        scene.width_in,
        height_in,
        title=subject,
        under=[
            f"{scene.data} (scenario {scene.name}){changes}",
            *(text for text in question if text != scene.title),
        ],
        below=[*explained, *(scene.missing if missing else ()), *scene.remarks],
        footer=scene.footer,
        most=most,
    )


def comparison_sheet(
    comparison: Comparison,
    width_in: float,
    subject: str,
    height_in: float,
    *,
    explained: Sequence[str] = (),
) -> Sheet:
    """A sheet for a picture of a comparison: what came out stands below the title, and at the foot
    when it was made, with which versions, and what a reader must know."""
    sides = (comparison.base_tool, comparison.new_tool)
    versions = dict.fromkeys(f"iomodels {safe(tool.version, 40)}" for tool in sides)
    said = [
        " · ".join(part for part in (*versions, safe(comparison.created_utc, 40)) if part),
        *(safe(capital(n.in_words), 300) for n in comparison.warnings[:MOST_WARNINGS]),
    ]
    more = len(comparison.warnings) - MOST_WARNINGS
    said += [f"{counted(more, 'more warning')}: iomodels report lists all"] if more > 0 else []
    names = f"{safe(comparison.new_name)} against {safe(comparison.base_name)}"
    return sheet_of(
        width_in,
        height_in,
        title=subject,
        under=[
            safe(wording.headline(comparison)),
            f"{names}; threshold {wording.share(comparison.threshold)}",
        ],
        below=explained,
        footer=said,
        most=4 if width_in < WIDTH_IN else 2,
    )


def sheet_of(
    width_in: float,
    height_in: float,
    *,
    title: str,
    under: Sequence[str],
    below: Sequence[str],
    footer: Sequence[str],
    most: int,
) -> Sheet:
    """The same of texts: `under` the title, `below` the picture, and a `footer`, each of them in at
    most so many lines."""
    text_width_in = width_in - 2 * MARGIN_IN

    def _lines(texts: Sequence[str], size_pt: float) -> list[str]:
        return [line for text in texts if text for line in wrap(text, size_pt, text_width_in, most)]

    titled = wrap(title, TITLE_PT, text_width_in, lines=3, weight="bold")
    headed, said, foot = (
        _lines(texts, size_pt)
        for texts, size_pt in ((under, HEADING_PT), (below, SMALL_PT), (footer, FINE_PT))
    )
    head_in = MARGIN_IN + _height(titled, TITLE_PT) + 0.04 + _height(headed, HEADING_PT) + 0.12
    foot_in = MARGIN_IN + _height(foot, FINE_PT) + 0.08 + _height(said, SMALL_PT) + 0.08
    total = head_in + height_in + foot_in
    figure = Figure(figsize=(width_in, total))
    y = _write(figure, titled, TITLE_PT, total - MARGIN_IN, weight="bold", color=INK)
    _write(figure, headed, HEADING_PT, y - 0.04, color=SOFT)
    y = _write(figure, said, SMALL_PT, foot_in - 0.08, color=INK)
    _write(figure, foot, FINE_PT, y - 0.08, color=SOFT)
    return Sheet(figure, foot_in)


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
            MARGIN_IN / figure.get_figwidth(),
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
    most_in = row_name_in(scene)
    whole = all(width_in(series.label, SMALL_PT) <= most_in for series in cells)
    return lambda series: series.label if whole else series.short


def row_name_in(scene: Scene) -> float:
    """The most room that the name of a row gets."""
    return NARROW_ROW_NAME_IN if scene.is_narrow else ROW_NAME_IN


def panel_in(scene: Scene, least_in: float) -> float:
    """The height of a panel beside which each of the scene's engines has a line for its name."""
    return max(least_in, len(scene.engines) * SMALL_PT * 1.25 / 72)


def heading(ax: Axes, text: str, right_in: float = 0.0) -> None:
    """The title of a panel, as much of it as fits above the axes and their margin at the right."""
    ax.set_title(shortened(text, TEXT_PT, size_in(ax)[0] + right_in, "bold"))


@dataclass(frozen=True)
class Grid:
    """Small multiples: a panel for each of `n` things, in rows from the top left.

    `across_in` is the width of all of them, from margin to margin.
    """

    across_in: float
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
        pitch = (self.across_in + self.gap_in) / self.columns
        width = pitch - self.gap_in - self.left_in - self.right_in
        step = self.top_in + self.panel_height_in + self.bottom_in
        panels = [
            on.axes(
                MARGIN_IN + (index % self.columns) * pitch + self.left_in,
                self.height_in - (index // self.columns + 1) * step + self.bottom_in,
                width,
                self.panel_height_in,
            )
            for index in range(self.n)
        ]
        for ax in panels:  # else it moves out of the page where the texts of ticks are long
            ax.yaxis.set_label_coords((SMALL_PT / 72 - self.left_in) / width, 0.5)
        return panels
