"""A trace as text: two lanes, time running down, 80 columns wide.

  0.81 µs  ├─ read() ───────────────────────▶│
           ░ blocked                         │
100.02 µs  ░                                 ◆ device ready
122.76 µs  │◀─────────────────────── read() ─┤ 8 bytes
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from iomodels.base.escape import visible
from iomodels.base.units import counted
from iomodels.trace.figures import heading
from iomodels.trace.flow import Flow, Moment, Step, flow_of, in_call
from iomodels.trace.schema import Trace
from iomodels.trace.words import (
    called,
    clock,
    describe_occurrence,
    describe_result,
    explained,
    other_side,
    took,
    waits,
)

from .console import PLAIN_WIDTH

TIME_WIDTH = 10
LANE_WIDTH = 33
"""Columns between the two lanes."""
RUNNING, COMPUTING = "│", "█"
IN_CALL = {"blocked": "░", "in the call": "┃"}
SHADES = {
    RUNNING: "not in a call",
    "░": "blocked (asleep in a call)",
    "┃": "in a call",
    COMPUTING: "computing",
}
SIGNS = {"▶◁": "a call, its result and its duration", "╌": "a call of another thread"}
"""What is not plain in a row."""


def flow_text(trace: Trace, width: int = PLAIN_WIDTH) -> list[str]:
    """The lines of one trace: what it is, its flow, and what a reader must know.

    Notes are wrapped to `width` columns.
    """
    flow = flow_of(trace)
    rows = list(_rows(flow))
    other = other_side(trace.engine).capitalize()
    lines = [
        f"{heading(trace, flow)}: {trace.engine}  ({trace.scenario})",
        *textwrap.wrap(flow.caption, max(width, TIME_WIDTH + LANE_WIDTH)),
        "",
        " " * TIME_WIDTH + f"  {'Application':<{LANE_WIDTH + 1}}{other}",
        *rows,
        *_shades(rows),
    ]
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
            yield _line("", IN_CALL[doing], f" {doing}", "│", "")


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
    time = clock(moment.at_ns, flow.duration_ns)
    lane = _lane(flow, moment)
    if step.kind in ("device_start", "device_ready"):
        mark = "◆" if step.kind == "device_ready" else "◇"
        return _line(time, lane, "", mark, describe_occurrence(step, flow.duration_ns))
    if step.kind in ("signal", "callback"):
        return _line(
            time,
            lane,
            "◀" + "─" * (LANE_WIDTH - 1),
            "┤",
            describe_occurrence(step, flow.duration_ns),
        )
    if step.kind == "computation":
        return _line(time, COMPUTING, f" {describe_occurrence(step, flow.duration_ns)}", "│", "")
    if moment.phase == "before":
        doing = in_call(step, flow.duration_ns)
        return _line(time, IN_CALL[doing], f" {waits(step)}", "│", "")
    if moment.phase == "enter":
        return _line(time, *_arrow(step, lane), "│", "")
    if moment.phase == "leave":
        line = "╌" if step.thread else "─"
        back = f" {called(step)} {line}".rjust(LANE_WIDTH - 1, line)
        before = ", begun before" if step.began_before and step.thread else ""
        return _line(time, lane, f"◀{back}", "┤", f"{describe_result(step)}{before}")
    after = f", {took(step)}" if took(step) else ""
    return _line(time, *_arrow(step, lane), "◁", f"{describe_result(step)}{after}")


def _lane(flow: Flow, moment: Moment) -> str:
    """What the application's own thread is doing at this moment."""
    for step in flow.steps:
        ends_ns = flow.duration_ns if step.end_ns is None else step.end_ns
        if step.thread or not step.start_ns < moment.at_ns < ends_ns:
            continue
        if step.kind == "computation":
            return COMPUTING
        if doing := in_call(step, flow.duration_ns):
            return IN_CALL[doing]
    return RUNNING


def _arrow(step: Step, lane: str) -> tuple[str, str]:
    """Where it begins, and itself. What other threads call begins beside the lane."""
    begin, line = ("├", "─") if step.thread == 0 else (lane, "╌")
    between = f"{line} {called(step)} ".ljust(LANE_WIDTH - 1, line)
    return begin, f"{between[: LANE_WIDTH - 1]}▶"


def _line(time: str, lane: str, between: str, kernel: str, right: str) -> str:
    return f"{time:>{TIME_WIDTH}}  {lane}{between:<{LANE_WIDTH}}{kernel} {right}"
