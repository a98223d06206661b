"""Each cell's change with its interval, against the threshold and the cell's limit: a row each.

What a reader has to act on stands on top. Exact counters that are the same have no row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from iomodels.comparison import wording
from iomodels.comparison.metrics import SUITE
from iomodels.comparison.schema import Change, Comparison
from iomodels.statistics.rounds import MIN_ROUNDS

from .drawing.chart import ComparisonChart
from .drawing.scene import MARGIN_IN, WIDTH_IN
from .drawing.sheet import Sheet, comparison_sheet, size_in
from .drawing.style import (
    BETTER,
    FAINT,
    FINE_PT,
    GROUND,
    HIDING,
    INK,
    SMALL_PT,
    SOFT,
    WORSE,
    safe,
    short_name,
    shortened,
    text_colour,
    width_in,
    wrap,
)

ROW_IN, NARROW_ROW_IN = 0.225, 0.36
"""A narrow row has two lines of text."""
HEADING_IN, AXIS_IN, HEAD_IN = 0.25, 0.42, 0.2
MAX_ROWS, MAX_NARROW_ROWS = 50, 30
TICKS_APART_IN = 0.4
ROUND = (0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.5, 2.0, 3.0)
"""Changes that a tick may stand at."""
MOST = math.log(4)
"""How far an axis reaches at the most: to a quarter, and to four times."""
OPEN, QUIET = "#e69f00", "#0072b2"


@dataclass(frozen=True)
class Sign:
    """How a verdict is drawn: never by its colour alone."""

    colour: str
    marker: str
    is_filled: bool = True


SIGNS = {
    "slower": Sign(WORSE, "v"),
    "failed": Sign(WORSE, "X"),
    "vanished": Sign(WORSE, "X"),
    "suspect": Sign(OPEN, "D"),
    "inconclusive": Sign(OPEN, "D", is_filled=False),
    "faster": Sign(BETTER, "^"),
    "new": Sign(QUIET, "P"),
    "varies": Sign(QUIET, "d", is_filled=False),
    "same": Sign(QUIET, "o"),
}


@dataclass(frozen=True)
class RowLayout:
    """Where things are in a row, in inches from the left edge: the panel between its ends, and each
    text by its right end."""

    panel: tuple[float, float]
    change: float
    sides: float
    verdict: float
    is_narrow: bool

    @classmethod
    def of(cls, wide_in: float) -> RowLayout:
        end = wide_in - MARGIN_IN
        if wide_in < WIDTH_IN:
            return cls((MARGIN_IN + 1.38, end - 0.76), end, MARGIN_IN, end, is_narrow=True)
        return cls((MARGIN_IN + 1.65, end - 2.8), end - 2.2, end - 0.85, end, is_narrow=False)


@dataclass(frozen=True)
class Row:
    """A row of the picture: the heading of a group of cells, in its lines, or a cell of it."""

    lines: tuple[str, ...]
    height_in: float
    change: Change | None = None

    @property
    def text(self) -> str:
        return " ".join(self.lines)


def draw(comparison: Comparison, wide_in: float) -> Figure:
    """Rows in groups of one point and one metric; beside each its numbers and its verdict."""
    at = RowLayout.of(wide_in)
    rows = _rows(_shown(comparison, narrow=at.is_narrow), at, wide_in)
    height = sum(row.height_in for row in rows)
    head_in = 0.0 if at.is_narrow else HEAD_IN
    explained = [*explain(comparison), _some(comparison, narrow=at.is_narrow)]
    on = comparison_sheet(
        comparison, wide_in, CHART.subject, AXIS_IN + height + head_in, explained=explained
    )
    left, right = at.panel
    ax = on.axes(left, AXIS_IN, right - left, height)
    low, high = _ends(comparison.threshold, [row.change for row in rows if row.change])
    _axis(ax, low, high, height)
    _band(ax, comparison.threshold)
    top = height
    for row in rows:
        middle = top - row.height_in / 2
        top -= row.height_in
        if row.change is None:
            look = {"weight": "bold", "color": INK, "va": "center", "bbox": HIDING}
            on.text(MARGIN_IN, AXIS_IN + middle - 0.02, "\n".join(row.lines), SMALL_PT, **look)
            continue
        _mark(ax, middle, row)
        _texts(on, AXIS_IN + middle, row.text, row.change, at)
    if not at.is_narrow:
        for x, text in ((at.change, "change"), (at.sides, "base → new"), (at.verdict, "verdict")):
            on.text(x, AXIS_IN + height + 0.04, text, FINE_PT, ha="right", color=SOFT)
    return on.figure


def explain(comparison: Comparison) -> list[str]:
    """What stands below the picture."""
    changes = _timed(comparison)
    threshold = wording.share(comparison.threshold)
    told = [f"Bars: intervals, {safe(comparison.interval)}. Grey: changes below {threshold}."]
    if any(change.limit is not None for change in changes):
        told.append(
            "Upright stroke: the limit of a cell, a loss beyond which it does not pass undecided."
        )
    return [" ".join(told)]


def _timed(comparison: Comparison) -> list[Change]:
    return [change for change in comparison.changes if not wording.is_dull(change)]


def _shown(comparison: Comparison, *, narrow: bool) -> list[Change]:
    """The most urgent ones, as many as have room."""
    most = MAX_NARROW_ROWS if narrow else MAX_ROWS
    return wording.by_urgency(_timed(comparison))[:most]


def _some(comparison: Comparison, *, narrow: bool) -> str:
    every, shown = _timed(comparison), _shown(comparison, narrow=narrow)
    if len(shown) == len(every):
        return ""
    return f"{len(shown)} of {len(every)} rows are shown, the most urgent first."


def _rows(changes: Sequence[Change], at: RowLayout, wide_in: float) -> list[Row]:
    groups: dict[tuple[str, str, str], list[Change]] = {}
    for change in changes:
        groups.setdefault((change.scenario, change.label, change.metric), []).append(change)
    name, height_in = _names(changes, at), NARROW_ROW_IN if at.is_narrow else ROW_IN
    rows = []
    for found in groups.values():
        heading = safe(_heading(found[0]), 160)
        lines = wrap(heading, SMALL_PT, wide_in - 2 * MARGIN_IN, lines=2, weight="bold")
        rows.append(Row(tuple(lines), HEADING_IN + 0.14 * (len(lines) - 1)))
        rows += [Row((safe(name(change.engine), 80),), height_in, change) for change in found]
    return rows


def _names(changes: Sequence[Change], at: RowLayout) -> Callable[[str], str]:
    """Engines as they are written, or all by their short names where one does not fit."""
    most_in = at.panel[0] - MARGIN_IN - 0.1
    whole = all(width_in(safe(change.engine), SMALL_PT) <= most_in for change in changes)
    return lambda engine: (engine if whole else short_name(engine)) or "all"


def _heading(change: Change) -> str:
    if change.metric == SUITE.metric:
        return SUITE.title
    where = ", ".join(part for part in (change.scenario, change.label) if part)
    less = "" if change.bigger_is_better else " (less is better)"
    return f"{where}: {wording.title(change)}{less}"


# The panel; its y is in inches


def _ends(threshold: float, changes: Sequence[Change]) -> tuple[float, float]:
    """Logs of ratios: all estimates are inside, and intervals as far as they are no longer than
    what the estimates and the threshold ask for."""
    known = [change.ratio for change in changes if change.ratio is not None]
    limits = [_limit(change) for change in changes if change.limit is not None]
    margin = 2.5 * math.log1p(threshold)
    middles = [_log(ratio.median) for ratio in known]
    reach = max([margin, *(1.25 * abs(value) for value in (*middles, *limits))])
    tips = [_log(value) for ratio in known for value in (ratio.low, ratio.high)]
    inside = [max(-reach, min(reach, tip)) for tip in tips]
    low = max(-MOST, min([-margin, *middles, *limits, *inside]))
    high = min(MOST, max([margin, *middles, *limits, *inside]))
    pad = 0.04 * (high - low)
    return low - pad, high + pad


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -math.inf


def _limit(change: Change) -> float:
    """The log ratio at which its loss is as large as its limit."""
    limit = math.log1p(change.limit or 0.0)
    return -limit if change.bigger_is_better else limit


def _axis(ax: Axes, low: float, high: float, height_in: float) -> None:
    ax.set_xlim(low, high)
    ax.set_ylim(0, height_in)
    ax.yaxis.set_major_locator(NullLocator())
    ax.spines["left"].set_visible(False)
    apart = TICKS_APART_IN / size_in(ax)[0] * (high - low)
    ax.xaxis.set_major_locator(FixedLocator(_ticks(low, high, apart)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _tick(math.expm1(x))))
    ax.set_xlabel("change, new against base")


def _tick(change: float) -> str:
    return "0" if abs(change) < 1e-9 else f"{change * 100:+.3g} %".replace("-", "−")


def _ticks(low: float, high: float, apart: float) -> list[float]:
    """Round changes, from none outwards, at least `apart` from each other; logs of ratios."""
    found = [0.0]
    for sign, end in ((-1, low), (1, high)):
        last = 0.0
        for share in ROUND:
            value = math.log1p(sign * share) if sign * share > -1 else -math.inf
            if abs(value) <= abs(end) and abs(value - last) >= apart:
                found.append(value)
                last = value
    return sorted(found)


def _band(ax: Axes, threshold: float) -> None:
    limit = math.log1p(threshold)
    ax.axvspan(-limit, limit, color=FAINT, alpha=0.6, linewidth=0, label="threshold")
    ax.axvline(0, color=SOFT, linewidth=0.8)


def _sign(change: Change) -> Sign:
    return SIGNS["suspect" if change.suspect else change.verdict]


def _mark(ax: Axes, y: float, row: Row) -> None:
    """Interval and estimate; what lies beyond the axis has an arrow there."""
    change = row.change
    if change is None or change.ratio is None:
        return
    sign, ratio = _sign(change), change.ratio
    low, high = ax.get_xlim()
    left, middle, right = (_log(value) for value in (ratio.low, ratio.median, ratio.high))
    if change.rounds >= MIN_ROUNDS:
        ends = [min(high, max(low, end)) for end in (left, right)]
        bar: Any = {"linewidth": 2.6, "alpha": 0.55, "solid_capstyle": "butt"}
        ax.plot(ends, [y, y], color=sign.colour, label=f"{row.text}|interval", **bar)
        for edge, marker, is_cut in ((low, "<", left < low), (high, ">", right > high)):
            if is_cut:
                arrow: Any = {"markersize": 4, "linestyle": "none", "clip_on": False}
                ax.plot([edge], [y], marker=marker, color=sign.colour, label="cut", **arrow)
    if change.limit is not None:
        at = [_limit(change)] * 2
        ax.plot(at, [y - 0.075, y + 0.075], color=INK, linewidth=1.2, label=f"{row.text}|limit")
    ax.plot(
        [min(high, max(low, middle))],
        [y],
        marker=sign.marker,
        markersize=5.5,
        markerfacecolor=sign.colour if sign.is_filled else GROUND,
        markeredgecolor=sign.colour,
        markeredgewidth=1.1,
        linestyle="none",
        clip_on=False,
        label=f"{row.text}|change",
    )


# The texts of a row


def _texts(on: Sheet, y: float, name: str, change: Change, at: RowLayout) -> None:
    colour = text_colour(_sign(change).colour)
    by = wording.by(change).replace("-", "−")
    verdict, sides = wording.verdict(change), safe(wording.from_to(change), 60)
    name_in = at.panel[0] - MARGIN_IN - 0.1
    if not at.is_narrow:
        on.text(MARGIN_IN, y, shortened(name, SMALL_PT, name_in), SMALL_PT, va="center")
        for x, text in ((at.change, by), (at.sides, sides)):
            on.text(x, y, text, SMALL_PT, ha="right", va="center")
        on.text(at.verdict, y, verdict, SMALL_PT, ha="right", va="center", color=colour)
        return
    for dy, x, text, align, ink in (
        (0.075, MARGIN_IN, shortened(name, SMALL_PT, name_in), "left", INK),
        (-0.075, MARGIN_IN, shortened(sides, FINE_PT, name_in), "left", SOFT),
        (0.075, at.change, by, "right", INK),
        (-0.075, at.verdict, verdict, "right", colour),
    ):
        size = FINE_PT if dy < 0 else SMALL_PT
        on.text(x, y + dy, text, size, ha=align, va="center", color=ink)


def _spoken(comparison: Comparison) -> list[str]:
    return [safe(f"{sentence}.", 300) for sentence in _sentences(comparison)]


def _sentences(comparison: Comparison) -> Iterator[str]:
    for change in _shown(comparison, narrow=False):
        numbers = (wording.changed(change), wording.from_to(change))
        told = ", ".join(part for part in (wording.verdict(change), *numbers) if part)
        yield f"{wording.subject(change)}: {told}"


CHART = ComparisonChart(
    "changes",
    "Change of each cell",
    lambda comparison: bool(_timed(comparison)),
    draw,
    explain,
    _spoken,
)
