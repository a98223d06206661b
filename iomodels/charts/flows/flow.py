"""The article's Figures 2 to 5, drawn from a trace: two lanes, time running down, to scale.

Every span and both ends of every arrow stand at the time at which they were recorded. Only words
move, as far as they must to be readable: a thin line leads from each label to its time, and an
arrow runs in its label's row between its ends.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from iomodels.base import files
from iomodels.base.units import counted, format_duration
from iomodels.charts.drawing import style
from iomodels.charts.drawing.picture import Picture
from iomodels.charts.flows import arrows, lanes
from iomodels.charts.flows.lanes import BEHIND, HEAD_IN, NARROW, WIDE, Columns, FlowSheet, write
from iomodels.engines import engine_text
from iomodels.trace import figures, words
from iomodels.trace.flow import Flow, Moment, flow_of, pictured
from iomodels.trace.schema import Trace
from iomodels.trace.steps import is_device

from ..drawing import origin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_IN, LABEL_IN = 4.4, 0.2
"""The least height of the lanes, and what each label of one line takes."""
DEVICE_LABEL_IN, NARROW_DEVICE_LABEL_IN = 0.34, 0.42
"""What a label of the device takes, in two lines, and in three."""
LINE_IN = 0.17
HEADINGS_IN = 0.42
"""What the headings of the lanes take."""
MARGIN_IN = 0.15
SCALE_SIDE_IN = 0.5
"""How far the scale bar is from the kernel's lane, where the device has no labels."""
MAX_NOTES = 4
MOST_WORDS = 1500
"""So many characters the moments take in words."""
APART = "\u2003"
"""Between a label's time and its words: SVG makes one space of several."""


def flow(trace: Trace) -> Picture:
    """The picture of one trace."""
    shown = pictured(trace, lanes.HELPERS)
    heading = figures.heading(trace, flow_of(trace))
    title = f"{heading}: {style.safe(trace.engine, 60)}"
    return Picture(
        name=f"trace-{files.slug(trace.engine)}",
        scenario=trace.scenario,
        title=title,
        alt=style.safe(_in_words(trace, shown), 2 * MOST_WORDS),
        draw=partial(_draw, trace, shown, title, WIDE),
        draw_narrow=partial(_draw, trace, shown, title, NARROW),
    )


def _in_words(trace: Trace, shown: Flow) -> str:
    said = [f"{words.clock(m.at_ns, shown.duration_ns)}: {_label(m, shown)}" for m in shown.moments]
    room = itertools.accumulate(len(each) + 2 for each in said)
    fit = sum(used <= MOST_WORDS for used in room)
    if fit < len(said):
        said = [*said[:fit], f"and {counted(len(said) - fit, 'more moment')}"]
    notes = [
        f" Note: {note.rstrip('.')}."
        for note in [*words.left_out(shown), *trace.notes, *words.explained(trace, shown)]
    ]
    return f"What {trace.engine} did, {shown.caption}. {'; '.join(said)}.{''.join(notes)}"


# The whole


def _draw(trace: Trace, shown: Flow, title: str, layout: Columns) -> Figure:
    from matplotlib.figure import Figure

    device = sum(1 for m in shown.moments if is_device(m.step))
    others = len(shown.moments) - device
    height = max(LEAST_IN, LABEL_IN * (others + 1), _device_label_in(layout) * (device + 1))
    colour = style.hue(engine_text.name_of(trace.engine))
    sheet = FlowSheet(shown, colour, height, layout=layout)
    width = max(layout.width, _scale_in(sheet) + WIDE.width - WIDE.scale)
    above = _above(trace, shown, title, width)
    head = max(HEAD_IN, 0.25 + sum(line.height for line in above) + HEADINGS_IN)
    sheet = replace(sheet, head=head)
    below = _below(trace, shown, width)
    whole = head + height + 0.25 + LINE_IN * len(below) + MARGIN_IN
    figure = Figure(figsize=(width, whole))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, width), ylim=(whole, 0))
    axes.set_axis_off()
    _head(axes, trace, sheet, above)
    lanes.draw(axes, sheet)
    rows = list(_placed([m for m in shown.moments if not is_device(m.step)], sheet, LABEL_IN))
    arrows.draw(axes, sheet, rows)
    for moment, y in rows:
        _label_left(axes, sheet, moment, y)
    _device_labels(axes, sheet)
    if shown.shared_rings and not any(step.kind == "call" for step in shown.steps):
        middle = (sheet.edge + sheet.kernel[0]) / 2, sheet.head + height / 2
        write(axes, *middle, "no call", style.FINE_PT, ha="center")
    _scale(axes, sheet)
    for line, text in enumerate(below):
        write(axes, MARGIN_IN, head + height + 0.35 + LINE_IN * line, text, style.FINE_PT)
    return figure


def _device_label_in(layout: Columns) -> float:
    return NARROW_DEVICE_LABEL_IN if layout.is_terse else DEVICE_LABEL_IN


@dataclass(frozen=True)
class _Line:
    """A line above the picture, and how far below it the next one is."""

    text: str
    height: float
    look: dict[str, Any]


def _above(trace: Trace, shown: Flow, title: str, width: float) -> list[_Line]:
    """The title, the question, and which request it is."""
    wide = width - 2 * MARGIN_IN
    lines = 2 if width >= WIDE.width else 4
    bold = {"fontsize": style.TITLE_PT, "color": style.INK, "fontweight": "bold"}
    plain = {"fontsize": style.TEXT_PT}
    titles = style.wrap(title, style.TITLE_PT, wide, lines=lines - 1, weight="bold")
    caption = f"{style.safe(trace.scenario, 60)}: {shown.caption}"
    texts = [
        *style.wrap(style.safe(trace.question), style.TEXT_PT, wide, lines=lines),
        *style.wrap(caption, style.TEXT_PT, 0.97 * wide, lines=lines),
    ]
    return [
        *(_Line(text, 0.27, bold) for text in titles),
        *(_Line(text, LINE_IN, plain) for text in texts),
    ]


def _head(axes: Axes, trace: Trace, sheet: FlowSheet, above: Sequence[_Line]) -> None:
    y = 0.25
    for line in above:
        size = line.look["fontsize"]
        look = {key: value for key, value in line.look.items() if key != "fontsize"}
        write(axes, MARGIN_IN, y, line.text, size, **look)
        y += line.height
    bold = {"fontweight": "bold", "color": style.INK}
    (left, right), kernel = sheet.layout.application, sum(sheet.kernel) / 2
    other = words.other_side(trace.engine).capitalize()
    if sheet.layout.is_terse:  # beside the helpers' headings, and above the first label's lines
        y = sheet.head - (0.18 if sheet.helpers else 0.3)
        write(axes, right, y, "Application", style.TEXT_PT, ha="right", **bold)
        write(axes, kernel, sheet.head - 0.3, other, style.TEXT_PT, ha="center", **bold)
    else:
        y = sheet.head - 0.18
        write(axes, (left + right) / 2, y, "Application", style.HEADING_PT, ha="center", **bold)
        write(axes, kernel, y, other, style.HEADING_PT, ha="center", **bold)


def _below(trace: Trace, shown: Flow, width: float) -> list[str]:
    """What is not shown, notes and the footer, in lines."""
    notes = [*words.left_out(shown), *(f"Note: {note}" for note in trace.notes[:MAX_NOTES])]
    if len(trace.notes) > MAX_NOTES:
        notes.append(f"{len(trace.notes) - MAX_NOTES} more notes are in the trace file")
    notes += [f"Note: {note}" for note in words.explained(trace, shown)]
    if words.is_uncertainty_visible(shown):
        notes.append("Dark in the device's lane: the uncertainty of the start and of the end.")
    if shown.shared_rings:
        notes.append("Dark in a ring's lane: an entry is there. Pale: perhaps.")
    footer = [
        *origin.machine(trace.tool.version, trace.environment),
        str(trace.environment.get("libc") or ""),
        f"{counted(shown.requests, 'request')} recorded",
        trace.created_utc[:10],
    ]
    texts = [*notes, " · ".join(part for part in footer if part)]
    wide = width - 2 * MARGIN_IN
    lines = 2 if width >= WIDE.width else 5
    return [
        line
        for text in texts
        for line in style.wrap(style.safe(text, 400), style.FINE_PT, wide, lines=lines)
    ]


# Labels


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places in the same order, at least `gap` apart and as near as can be to the `wanted` ones.

    They stay between `low` and `high`, where there must be room. Least squares under an order is
    isotonic regression, here by pooling adjacent violators (Best and Chakravarti, 1990).
    """
    pools: list[tuple[float, int]] = []
    for number, place in enumerate(wanted):
        mean, size = place - number * gap, 1
        while pools and pools[-1][0] >= mean:
            before, count = pools.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        pools.append((mean, size))
    most = max(low, high - (len(wanted) - 1) * gap)
    base = [min(max(mean, low), most) for mean, size in pools for _ in range(size)]
    return [place + number * gap for number, place in enumerate(base)]


def _device_labels(axes: Axes, sheet: FlowSheet) -> None:
    layout = sheet.layout
    right = [m for m in sheet.flow.moments if is_device(m.step)]
    for moment, y in _placed(right, sheet, _device_label_in(layout)):
        left, true = layout.right_labels + sheet.shift, sheet.y(moment.at_ns)
        _leader(axes, (sheet.kernel[1], left - 0.05), (true, y))
        limit = layout.right_limit - layout.right_labels
        time = words.clock(moment.at_ns, sheet.flow.duration_ns)
        apart = "\n" if layout.is_terse else APART
        label = f"{time}{apart}{_label(moment, sheet.flow)}"
        lines = re.split(r"\n| (?=\(|in )", label)
        text = "\n".join(style.shortened(line, layout.device_pt, limit) for line in lines)
        write(axes, left, y, text, layout.device_pt, color=style.INK)


def _placed(
    moments: Sequence[Moment], sheet: FlowSheet, gap: float
) -> Iterable[tuple[Moment, float]]:
    wanted = [sheet.y(moment.at_ns) for moment in moments]
    low, high = sheet.head + 0.05, sheet.head + sheet.height + 0.05
    return zip(moments, spread(wanted, gap, low, high), strict=True)


def _label_left(axes: Axes, sheet: FlowSheet, moment: Moment, y: float) -> None:
    layout = sheet.layout
    true, start = sheet.y(moment.at_ns), layout.application[0]
    end = layout.left_labels + 0.05
    if moment.step.thread:  # behind the lanes on the way, at its time
        own = sheet.lane(moment.step)[0]
        _leader(axes, (own, start, end), (true, true, y))
    else:
        _leader(axes, (start, end), (true, y))
    time = words.clock(moment.at_ns, sheet.flow.duration_ns)
    limit = layout.left_labels - MARGIN_IN
    text = f"{time}{APART}{style.safe(_label(moment, sheet.flow))}"
    if layout.is_terse:
        text = time
    if style.width_in(text, style.SMALL_PT) > limit:  # rather none of the duration than a part
        text = text.rpartition(", ")[0] or text
    text = style.shortened(text, style.SMALL_PT, limit)
    write(axes, layout.left_labels, y, text, style.SMALL_PT, ha="right", color=style.INK)


def _leader(axes: Axes, xs: Sequence[float], ys: Sequence[float]) -> None:
    axes.plot(xs, ys, color=style.SOFT, linewidth=0.6, alpha=0.6, zorder=BEHIND)


def _label(moment: Moment, shown: Flow) -> str:
    step = moment.step
    if step.kind != "call":
        return words.describe_occurrence(step, shown.duration_ns)
    if moment.phase == "before":
        return words.waits(step)
    if moment.phase == "enter":
        return words.called(step)
    # The time beside it is its end, or else its begin.
    lasts = "after" if moment.phase == "leave" else "in" if step.count > 1 else "takes"
    after = f", {lasts} {words.took(step)}" if words.took(step) else ""
    if step.began_before:
        after = ", begun before"
    return f"{words.called(step)} → {words.describe_result(step)}{after}"


# The scale bar


def nice_ns(duration_ns: int) -> int:
    """A round time of about a fifth of this: 1, 2 or 5 times a power of ten."""
    rough = max(1.0, duration_ns / 5)
    power = 10 ** math.floor(math.log10(rough))
    return int(next(n for n in (5, 2, 1) if n * power <= rough) * power)


def _scale_in(sheet: FlowSheet) -> float:
    """Beside the device's labels, or where there are none beside the kernel's lane."""
    if sheet.flow.at_work_ns or sheet.flow.unsure_ns:
        return sheet.layout.scale + sheet.shift
    return sheet.kernel[1] + SCALE_SIDE_IN


def _scale(axes: Axes, sheet: FlowSheet) -> None:
    at = _scale_in(sheet)
    length_ns = nice_ns(sheet.flow.duration_ns)
    bottom = sheet.head + sheet.height
    top = bottom - (sheet.y(length_ns) - sheet.y(0))
    axes.plot([at, at], [top, bottom], color=style.INK, linewidth=2)
    for y in (top, bottom):
        axes.plot([at - 0.05, at + 0.05], [y, y], color=style.INK, linewidth=1)
    look = {"ha": "center", "color": style.INK}
    if sheet.layout.is_terse:  # along the bar: above it could be a label of the device
        at, top = at + 0.12, bottom
        look |= {"rotation": "vertical", "va": "bottom"}
    else:
        top -= 0.12
    write(axes, at, top, format_duration(length_ns), style.SMALL_PT, **look)
