"""A trace as text: two lanes, time running down, 80 columns wide.

  0.81 µs  ├─ read() ───────────────────────▶│
           ░ blocked                         │
100.02 µs  ░                                 ◆ device ready
122.76 µs  │◀─────────────────────── read() ─┤ 8 bytes
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from iomodels.base.escape import visible
from iomodels.base.units import counted
from iomodels.trace.figures import heading
from iomodels.trace.flow import Flow, Moment, flow_of
from iomodels.trace.schema import Trace
from iomodels.trace.shared_rings import SharedRing
from iomodels.trace.steps import Step, in_call
from iomodels.trace.words import (
    called,
    clock,
    describe_occurrence,
    describe_result,
    entries,
    explained,
    other_side,
    took,
    waits,
)

from .console import PLAIN_WIDTH

TIME_WIDTH = 10
LANE_WIDTH = 33
"""Columns between the two lanes."""
RUNNING = "│"
DOING = {"computation": "█", "spinning": "▓"}
IN_CALL = {"blocked": "░", "in the call": "┃"}
SHADES = {
    RUNNING: "not in a call",
    "░": "blocked (asleep in a call)",
    "┃": "in a call",
    DOING["computation"]: "computing",
    DOING["spinning"]: "spinning (looks at the completion ring)",
}
RING_PLACES = {"sq_entry": 13, "cq_entry": 22}
"""Where the lanes of the rings are, in columns from the application's."""
HELD, PERHAPS, EMPTY = "■", "□", "┊"
SIGNS = {"▶◁": "a call, its result and its duration", "╌": "a call of another thread"}
"""What is not plain in a row."""


def flow_text(trace: Trace, width: int = PLAIN_WIDTH) -> list[str]:
    """The lines of one trace: what it is, its flow, and what a reader must know.

    Notes are wrapped to `width` columns.
    """
    flow = flow_of(trace)
    rows = list(_rows(flow))
    other = other_side(trace.engine).capitalize()
    names = f"{'Application':<{LANE_WIDTH + 1}}"
    if flow.shared_rings:
        names = _placed(names, {at: kind[:2].upper() for kind, at in RING_PLACES.items()})
    lines = [
        f"{heading(trace, flow)}: {trace.engine}  ({trace.scenario})",
        *textwrap.wrap(flow.caption, max(width, TIME_WIDTH + LANE_WIDTH)),
        "",
        " " * TIME_WIDTH + f"  {names}{other}",
        *rows,
        *_shades(rows),
    ]
    if flow.shared_rings:
        lines.append(f"SQ, CQ: the rings, {HELD} an entry is there, {PERHAPS} perhaps")
    if flow.hidden:
        lines.append(f"{counted(flow.hidden, 'later moment')}, not shown: the trace file has all")
    for note in [*trace.notes, *explained(trace, flow)]:
        lines += _wrapped(f"note: {visible(note)}", width)
    return [visible(line).rstrip() for line in [*lines, ""]]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, TIME_WIDTH + LANE_WIDTH), subsequent_indent=" " * 6)


def _rows(flow: Flow) -> Iterator[str]:
    for moment in flow.moments:
        yield _row(flow, moment)
        if moment.phase == "enter" and moment.step.thread == 0:
            doing = in_call(moment.step, flow.duration_ns)
            yield _line(flow, moment, "", IN_CALL[doing], f" {doing}", "│", "")


def _shades(rows: Sequence[str]) -> Iterator[str]:
    """A line that says what the application's lane is made of, where it is anything; and one that
    says what the signs in the rows are."""
    seen = {row[TIME_WIDTH + 2] for row in rows}
    used = [f"{shade} {meaning}" for shade, meaning in SHADES.items() if shade in seen]
    if used:
        yield f"lane: {', '.join(used)}"
    signs = [f"{sign} {meaning}" for sign, meaning in SIGNS.items() if sign in "\n".join(rows)]
    if signs:
        yield f"rows: {', '.join(signs)}"


def _row(flow: Flow, moment: Moment) -> str:
    step = moment.step
    line = partial(_line, flow, moment, clock(moment.at_ns, flow.duration_ns))
    lane = _lane(flow, moment)
    if step.kind == "call":
        return line(*_call(flow, moment, lane))
    what = describe_occurrence(step, flow.duration_ns)
    if step.kind in ("device_start", "device_ready"):
        return line(lane, "", "◆" if step.kind == "device_ready" else "◇", what)
    if step.kind in ("signal", "callback"):
        return line(lane, "◀" + "─" * (LANE_WIDTH - 1), "┤", what)
    if step.kind in RING_PLACES:
        return line(*_entry(step, lane), "│", what)
    return line(DOING[step.kind], f" {what}", "│", "")


def _call(flow: Flow, moment: Moment, lane: str) -> tuple[str, str, str, str]:
    step = moment.step
    if moment.phase == "before":
        return IN_CALL[in_call(step, flow.duration_ns)], f" {waits(step)}", "│", ""
    if moment.phase == "enter":
        return *_arrow(step, lane), "│", ""
    if moment.phase == "leave":
        dash = "╌" if step.thread else "─"
        back = f" {called(step)} {dash}".rjust(LANE_WIDTH - 1, dash)
        before = ", begun before" if step.began_before and step.thread else ""
        return lane, f"◀{back}", "┤", f"{describe_result(step)}{before}"
    after = f", {took(step)}" if took(step) else ""
    return *_arrow(step, lane), "◁", f"{describe_result(step)}{after}"


def _entry(step: Step, lane: str) -> tuple[str, str]:
    """The way into the submission ring, or out of the completion ring."""
    name, width = f" {entries(step)[-1]} ", RING_PLACES[step.kind] - 1
    if step.kind == "sq_entry":
        return "├", f"─{name}".ljust(width - 1, "─") + "▶"
    return lane, "◀" + f"{name}─".rjust(width - 1, "─")


def _lane(flow: Flow, moment: Moment) -> str:
    """What the application's own thread is doing at this moment."""
    for step in flow.steps:
        ends_ns = flow.duration_ns if step.end_ns is None else step.end_ns
        if step.thread or not step.start_ns < moment.at_ns < ends_ns:
            continue
        if step.kind in DOING:
            return DOING[step.kind]
        if doing := in_call(step, flow.duration_ns):
            return IN_CALL[doing]
    return RUNNING


def _arrow(step: Step, lane: str) -> tuple[str, str]:
    """Where it begins, and itself. What other threads call begins beside the lane."""
    begin, line = ("├", "─") if step.thread == 0 else (lane, "╌")
    between = f"{line} {called(step)} ".ljust(LANE_WIDTH - 1, line)
    return begin, f"{between[: LANE_WIDTH - 1]}▶"


def _line(
    flow: Flow, moment: Moment, time: str, lane: str, between: str, kernel: str, right: str
) -> str:
    signs = {RING_PLACES[ring.kind] - 1: _held(ring, moment.at_ns) for ring in flow.shared_rings}
    between = _placed(f"{between:<{LANE_WIDTH}}", signs)
    return f"{time:>{TIME_WIDTH}}  {lane}{between}{kernel} {right}"


def _held(ring: SharedRing, at_ns: int) -> str:
    """What is in the ring from this moment on; or at it, where it is taken out then."""
    if any(begin <= at_ns < end for begin, end in ring.there_ns):
        return HELD
    return PERHAPS if any(begin <= at_ns <= end for begin, end in ring.unsure_ns) else EMPTY


def _placed(text: str, signs: Mapping[int, str]) -> str:
    """The text with these signs, where there is nothing but a line or nothing at all."""
    for at, sign in signs.items():
        end = at + len(sign)
        in_word = text[at - 1].isalnum() and text[end].isalnum()
        if not text[at:end].strip(" ─╌") and not in_word:
            text = text[:at] + sign + text[at + len(sign) :]
    return text
