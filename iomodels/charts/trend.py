"""Each cell over the runs of a history: a panel each, its levels, and where they changed.

Runs stand at equal distances, whatever time lay between them: two that were recorded on one day and
a third a month later are three runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_lowercase
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from iomodels.base.units import counted, format_count
from iomodels.comparison import trends
from iomodels.comparison.metrics import METRICS
from iomodels.comparison.schema import Comparison, HistoryRun, Trend
from iomodels.comparison.trends import History

from .drawing.chart import ComparisonChart, in_words
from .drawing.scene import MARGIN_IN, WIDTH_IN
from .drawing.sheet import Grid, Sheet, comparison_sheet, sheet_of, size_in
from .drawing.style import (
    BETTER,
    FINE_PT,
    GROUND,
    HIDING,
    INK,
    SMALL_PT,
    SOFT,
    WORSE,
    look,
    safe,
    short_name,
    shortened,
    text_colour,
    width_in,
)

SUBJECT = "Trend of each cell"
COLUMNS, NARROW_COLUMNS = 3, 2
MAX_PANELS, MAX_NARROW_PANELS = 30, 16
PANEL_IN, WIDE_PANEL_IN = 0.85, 1.9
"""The height of a panel; the second where one has a row of its own."""
LINE_IN = 0.15
HEADING_LINES = 3
LEFT_IN = 0.52
LEAST_SPAN = 0.2
"""Of a panel, as a share of its values: what differs by 1 % must not look like a change."""
LETTERS = 0.12
CROWDED = 60
"""Runs, from which on markers are small."""
MOST_KNOWN = 12
"""Known changes that have a letter: each is a line below the picture."""


@dataclass(frozen=True)
class Shown:
    """What a picture shows. `is_checked`: the last run is the one that a check judged."""

    history: Sequence[HistoryRun]
    trends: Sequence[Trend]
    is_checked: bool
    width_in: float

    @property
    def is_narrow(self) -> bool:
        return self.width_in < WIDTH_IN

    @property
    def panels(self) -> Sequence[Trend]:
        """Those that have room: all, or those that changed before the others."""
        most = MAX_NARROW_PANELS if self.is_narrow else MAX_PANELS
        if len(self.trends) <= most:
            return self.trends
        return sorted(self.trends, key=lambda trend: not trend.changed_at)[:most]

    @property
    def columns(self) -> int:
        most = NARROW_COLUMNS if self.is_narrow else COLUMNS
        return min(most, len(self.panels))

    @property
    def known(self) -> dict[int, str]:
        """The letter of each known change, by its run."""
        found = [n for n in range(len(self.history)) if trends.known_change(self.history, n)]
        return dict(zip(found[-MOST_KNOWN:], ascii_lowercase, strict=False))


def draw(comparison: Comparison, wide_in: float) -> Figure:
    """The history of a check, and the run that was checked."""
    shown = Shown(comparison.history, comparison.trends, is_checked=True, width_in=wide_in)
    grid = _grid(shown)
    below = [*explained(shown), _some(shown)]
    on = comparison_sheet(comparison, wide_in, SUBJECT, grid.height_in, explained=below)
    return _drawn(on, grid, shown)


def draw_history(history: History, wide_in: float) -> Figure:
    """The runs of a folder, none of which is compared with the others."""
    shown = Shown(history.runs, history.trends, is_checked=False, width_in=wide_in)
    grid = _grid(shown)
    on = sheet_of(
        wide_in,
        grid.height_in,
        title=SUBJECT,
        under=[span(history.runs)],
        below=[*explained(shown), _some(shown)],
        footer=[],
        most=4 if shown.is_narrow else 2,
    )
    return _drawn(on, grid, shown)


def describe(history: History) -> str:
    """That picture in words."""
    shown = Shown(history.runs, history.trends, is_checked=False, width_in=WIDTH_IN)
    sentences = spoken(history.runs, history.trends)
    return in_words([f"{SUBJECT}.", f"{span(history.runs)}.", *explained(shown), *sentences])


def has_several(history: History) -> bool:
    """Whether there is a trend to show: one run has none."""
    return len(history.runs) > 1 and bool(history.trends)


def span(history: Sequence[HistoryRun]) -> str:
    """`20 runs, 2026-10-02 to 2026-11-27`."""
    ends = dict.fromkeys(run.created_utc[:10] for run in (history[0], history[-1]))
    return safe(f"{counted(len(history), 'run')}, {' to '.join(ends)}", 80)


def explained(shown: Shown) -> list[str]:
    """What stands below the picture."""
    several = len(shown.history) > 1
    changed = any(trend.changed_at for trend in shown.trends)
    drifts = any(trends.drift(trend) for trend in shown.trends)
    checked = "; the diamond is the run that was checked" if shown.is_checked else ""
    lines = ["Lines: the median of all runs; no level changed for good."] if several else []
    if changed:
        lines = ["Lines: levels, the medians of their runs. Triangles: where it changed for good."]
    lines += ["A sloping line: it drifts, and no one run changed it."] if drifts else []
    said = [
        f"Each marker is a run{checked}. Bars: the interval over rounds. Axes do not begin at 0.",
        " ".join(lines),
    ]
    known = [
        f"{letter}: {safe(trends.since(shown.history, at), 160)}."
        for at, letter in shown.known.items()
    ]
    return [*said, *(["Known changes:"] if known else []), *known]


def _some(shown: Shown) -> str:
    if len(shown.panels) == len(shown.trends):
        return ""
    return f"{len(shown.panels)} of {len(shown.trends)} trends are shown, changed ones first."


def _grid(shown: Shown) -> Grid:
    return Grid(
        shown.width_in - 2 * MARGIN_IN,
        len(shown.panels),
        shown.columns,
        WIDE_PANEL_IN if shown.columns == 1 else PANEL_IN,
        left_in=LEFT_IN,
        right_in=0.1,
        gap_in=0.14,
        top_in=0.16 + HEADING_LINES * LINE_IN,
        bottom_in=0.3,
    )


def _drawn(on: Sheet, grid: Grid, shown: Shown) -> Figure:
    for trend, ax in zip(shown.panels, grid.panels(on), strict=True):
        _panel(ax, trend, shown)
    return on.figure


# ------------------------------------------------------------------ a panel


def _panel(ax: Axes, trend: Trend, shown: Shown) -> None:
    _axes(ax, trend, shown)
    for at, letter in shown.known.items():
        _known(ax, at - 0.5, letter)
    for step in trends.level_changes(trend):
        _step(ax, step, trend)
    line: Any = {"color": INK, "linewidth": 1.0, "zorder": 2.6}
    if (way := trends.drift(trend)) is not None:
        ax.plot([way.first, way.last], [way.start, way.end], label="drift", **line)
    else:
        for level in trends.levels(trend):
            ends = level.first - 0.4, level.end - 0.6
            ax.plot(ends, [level.value] * 2, label="level", **line)
    _runs(ax, trend, shown)
    _heading(ax, trend, shown)


def _axes(ax: Axes, trend: Trend, shown: Shown) -> None:
    low, high = limits(trend)
    # Below the values there is room for the letters of known changes.
    ax.set_ylim(low - (LETTERS * (high - low) if shown.known else 0), high)
    ax.set_xlim(-0.6, len(shown.history) - 0.4)
    metric = METRICS.get(trend.metric)
    show = metric.unit.short if metric else format_count
    ax.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: show(value)))
    ax.tick_params(axis="both", labelsize=FINE_PT)
    ax.grid(visible=False, axis="x")
    texts = dates(shown.history)
    at = _apart(texts, size_in(ax)[0])
    ax.xaxis.set_major_locator(FixedLocator(at))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: texts[round(x)]))


def limits(trend: Trend) -> tuple[float, float]:
    """The ends of a panel: all medians are inside, and intervals as far as they are not longer than
    what the medians ask for."""
    known = [interval for interval in trend.runs if interval is not None]
    medians = [interval.median for interval in known] or [0.0]
    low, high = min(medians), max(medians)
    missing = LEAST_SPAN * high - (high - low)
    if missing > 0:
        low, high = low - missing / 2, high + missing / 2
    reach = 0.5 * ((high - low) or 1.0)
    least = max(low - reach, min([low, *(interval.low for interval in known)]))
    most = min(high + reach, max([high, *(interval.high for interval in known)]))
    pad = 0.06 * ((most - least) or 1.0)
    return least - pad, most + pad


def dates(history: Sequence[HistoryRun]) -> list[str]:
    """When each run was made, as short as its place on an axis: `11-20`, or `09:15` where all are
    of one day, or `2026-11` where they are of several years."""
    texts = [safe(run.created_utc[:16], 40) for run in history]
    if len({text[:10] for text in texts}) == 1:
        return [text[11:] for text in texts]
    if len({text[:4] for text in texts}) == 1:
        return [text[5:10] for text in texts]
    return [text[:7] for text in texts]


def _apart(texts: Sequence[str], room_in: float) -> list[int]:
    """The runs that have a tick: the first, the last, and those between that have room."""
    last = len(texts) - 1
    widest = max(width_in(text, FINE_PT) for text in texts) + 0.1
    ways = [[0, last // 3, last - last // 3, last]] if last > 5 else []
    for at in (*ways, [0, last // 2, last], [0, last]):
        least = min((b - a for a, b in pairwise(at)), default=0)
        if least and room_in * least / (last + 1.2) >= widest:
            return at
    return [last]


def _known(ax: Axes, x: float, letter: str) -> None:
    ax.axvline(x, color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)), label=f"known {letter}")
    place: Any = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
    ax.annotate(letter, (x, 0.0), fontsize=FINE_PT, color=SOFT, bbox=HIDING, zorder=2.4, **place)


def _step(ax: Axes, step: trends.LevelChange, trend: Trend) -> None:
    """A dashed line with a triangle at its top that points where the level went."""
    colour = WORSE if step.is_loss else BETTER
    x, rises = step.at - 0.5, step.is_loss != trend.bigger_is_better
    ax.axvline(x, color=colour, linewidth=1.0, linestyle=(0, (4, 2)), label="change")
    look_: Any = {"marker": "^" if rises else "v", "color": colour, "markersize": 5}
    ax.plot([x], [1.0], transform=ax.get_xaxis_transform(), clip_on=False, label="step", **look_)


def _runs(ax: Axes, trend: Trend, shown: Shown) -> None:
    crowded = len(trend.runs) > CROWDED
    colour = look(trend.engine).colour
    known = [(at, run) for at, run in enumerate(trend.runs) if run is not None]
    xs, ys = [at for at, _ in known], [run.median for _, run in known]
    lows, highs = [run.low for _, run in known], [run.high for _, run in known]
    ax.vlines(
        xs,
        lows,
        highs,
        color=colour,
        linewidth=0.6 if crowded else 1.4,
        alpha=0.45,
        zorder=2.2,
        label="intervals",
    )
    size = 2.0 if crowded else 3.6
    dots: Any = {"linestyle": "none", "markeredgewidth": 0, "label": "runs"}
    ax.plot(xs, ys, marker="o", markersize=size, color=colour, zorder=2.8, **dots)
    if shown.is_checked and known and known[-1][0] == len(shown.history) - 1:
        checked: Any = {"markerfacecolor": GROUND, "markeredgecolor": INK, "clip_on": False}
        ax.plot(xs[-1:], ys[-1:], marker="D", markersize=5, zorder=3, label="checked", **checked)


def _heading(ax: Axes, trend: Trend, shown: Shown) -> None:
    """The engine, its point, and what became of it, from the left edge of the panel."""
    width = size_in(ax)[0]
    room_in = width + LEFT_IN
    engine = look(trend.engine).colour
    where = ", ".join(part for part in (trend.scenario, trend.label) if part)
    text, colour = _came_to(trend, shown, room_in)
    name = safe(trend.engine, 80)
    if width_in(name, SMALL_PT, "bold") > room_in:
        name = safe(short_name(trend.engine), 80)
    for line, (said, ink, weight) in enumerate(
        ((text, colour, "normal"), (safe(where, 120), SOFT, "normal"), (name, engine, "bold"))
    ):
        bold: Any = {"weight": weight}
        ax.annotate(
            shortened(said, SMALL_PT, room_in, weight="bold" if weight == "bold" else "normal"),
            (-LEFT_IN / width, 1.0),
            xycoords="axes fraction",
            xytext=(0, 72 * (0.09 + line * LINE_IN)),
            textcoords="offset points",
            fontsize=SMALL_PT,
            color=text_colour(ink),
            annotation_clip=False,
            **bold,
        )


def _came_to(trend: Trend, shown: Shown, room_in: float) -> tuple[str, str]:
    """What stands above a panel, in its longest form that fits: the last change, or the value."""
    texts, colour = _forms(trend, shown)
    texts = [safe(text, 120) for text in texts]
    return next((t for t in texts if width_in(t, SMALL_PT) <= room_in), texts[-1]), colour


def _forms(trend: Trend, shown: Shown) -> tuple[list[str], str]:
    """The longest form first, and its colour."""
    title, metric = trends.title(trend), METRICS.get(trend.metric)
    if trend.runs[-1] is None:
        return [f"{title}: not in the last run", "not in the last run"], INK
    if (way := trends.drift(trend)) is not None:
        return [f"{title} drifts, {way.by}", f"drifts, {way.by}"], INK
    if found := trends.level_changes(trend):
        last = found[-1]
        letter = f" ({shown.known[last.at]})" if last.at in shown.known else ""
        days = trends.when(shown.history, last.at), dates(shown.history)[last.at]
        texts = [f"{of}{last.by} since {day}{letter}" for of in (f"{title} ", "") for day in days]
        return texts, WORSE if last.is_loss else BETTER
    show = metric.unit.show if metric else format_count
    value = show(trends.levels(trend)[-1].value)
    unit = "" if metric and metric.unit.kind != "count" else f" {trend.unit}"
    return [f"{title} {value}{unit}", f"{value}{unit}"], INK


# ------------------------------------------------------------------ the kind of picture


def _explain(comparison: Comparison) -> list[str]:
    return explained(
        Shown(comparison.history, comparison.trends, is_checked=True, width_in=WIDTH_IN)
    )


def spoken(history: Sequence[HistoryRun], found: Sequence[Trend]) -> list[str]:
    """The picture's main numbers in words."""
    quiet = sum(not trend.changed_at and trends.drift(trend) is None for trend in found)
    rest = [f"{counted(quiet, 'trend')} without a change."] if quiet else []
    return [safe(text, 400) for text in trends.sentences(history, found)] + rest


CHART = ComparisonChart(
    "trend",
    SUBJECT,
    lambda comparison: has_several(History(comparison.history, comparison.trends)),
    draw,
    _explain,
    lambda comparison: spoken(comparison.history, comparison.trends),
)
