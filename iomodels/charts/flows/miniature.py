"""An engine's flow in miniature: application left, who answers right, time down, not to scale.

Which calls there are follows from the engine's options and from what its cell measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from iomodels.analysis.findings import is_degenerate
from iomodels.base.units import format_count, format_per_operation
from iomodels.engines import engine_text
from iomodels.engines.calls import call_class
from iomodels.engines.catalog import Descriptor
from iomodels.engines.sources import DESCRIPTORS
from iomodels.trace.words import other_side

from ..drawing.scene import Series
from ..drawing.style import FINE_PT, GROUND, INK, SOFT, wrap

APPLICATION_IN, KERNEL_IN = 0.44, 1.44
"""Where the two lanes stand, from the left edge."""
TOP_IN, BOTTOM_IN = 2.31, 0.2
WORDS_IN = 0.12
"""How far beside its lane the words of a span stand, where nothing else is while it lasts."""
CENTRED: dict[str, Any] = {"fontsize": FINE_PT, "ha": "center", "va": "center", "color": INK}


@dataclass(frozen=True)
class MiniatureStep:
    """One line of a miniature, at `at` from 0 (begin) to 1 (end).

    `blocked`: the application sleeps in the call; `busy`: it, or the kernel for it, works.
    """

    kind: Literal["call", "return", "blocked", "busy", "again"]
    at: float
    text: str = ""
    until: float = 0.0


_QUEUED = (MiniatureStep("call", 0.06, "aio_read"), MiniatureStep("return", 0.14, "queued"))
_COLLECTED = (
    MiniatureStep("call", 0.72, "aio_error"),
    MiniatureStep("return", 0.8, "done"),
    MiniatureStep("call", 0.89, "aio_return"),
    MiniatureStep("return", 0.97, "data"),
)
_TRIED = (MiniatureStep("call", 0.1, "read"), MiniatureStep("return", 0.22, "EAGAIN"))
_READ = (MiniatureStep("call", 0.8, "read"), MiniatureStep("return", 0.92, "data"))
_TOLD = (
    MiniatureStep("return", 0.72, "notification"),
    MiniatureStep("call", 0.84, "aio_return"),
    MiniatureStep("return", 0.94, "data"),
)
_NOTIFIED = (*_QUEUED, MiniatureStep("busy", 0.14, "free to compute", 0.72), *_TOLD)


def _wait(call: str, begin: float, end: float) -> tuple[MiniatureStep, MiniatureStep]:
    return MiniatureStep("call", begin, call), MiniatureStep("blocked", begin, "blocked", end)


AIO_FLOWS = {
    "suspend": (
        *_QUEUED,
        *_wait("aio_suspend", 0.26, 0.62),
        MiniatureStep("return", 0.62, "one done"),
        *_COLLECTED,
    ),
    "poll": (
        *_QUEUED,
        MiniatureStep("call", 0.25, "aio_error"),
        MiniatureStep("return", 0.34, "EINPROGRESS"),
        MiniatureStep("again", 0.53, "aio_error"),
        *_COLLECTED,
    ),
    "list": (*_wait("lio_listio", 0.1, 0.6), MiniatureStep("return", 0.6, "all done"), *_COLLECTED),
    "signal": _NOTIFIED,
    "callback": _NOTIFIED,
}
_MEANWHILE = (*_QUEUED, MiniatureStep("busy", 0.14, "computes", 0.4))
AIO_COMPUTING = {
    "suspend": (
        *_MEANWHILE,
        *_wait("aio_suspend", 0.4, 0.64),
        MiniatureStep("return", 0.64, "one done"),
        *_COLLECTED,
    ),
    "poll": (
        *_QUEUED,
        MiniatureStep("busy", 0.14, "computes", 0.36),
        MiniatureStep("call", 0.36, "aio_error"),
        MiniatureStep("return", 0.44, "EINPROGRESS"),
        MiniatureStep("again", 0.57, "aio_error"),
        *_COLLECTED,
    ),
    "list": (
        MiniatureStep("busy", 0.0, "computes", 0.22),
        *_wait("lio_listio", 0.3, 0.64),
        MiniatureStep("return", 0.64, "all done"),
        *_COLLECTED,
    ),
    "signal": (*_MEANWHILE, *_wait("ppoll", 0.4, 0.72), *_TOLD),
    "callback": (*_MEANWHILE, *_wait("futex_wait", 0.4, 0.72), *_TOLD),
}
"""With `load.compute`: on the result before, while the next request is under way if it can be."""
TRIED = 0.5
"""From so many EAGAIN per operation on, an operation is one that was tried in vain at first."""
AS_DRAWN_SHARE = 0.1
"""Up to so much more or fewer calls than are drawn are as many."""
COMPUTES_SHARE = 0.25
"""What a computation takes of the miniature's height."""
FLOWS = {
    "blocking": (*_wait("read", 0.1, 0.92), MiniatureStep("return", 0.92, "data")),
    "nonblocking": (
        *_TRIED,
        MiniatureStep("call", 0.34, "read"),
        MiniatureStep("return", 0.46, "EAGAIN"),
        MiniatureStep("again", 0.61, "EAGAIN"),
        *_READ,
    ),
    "select": (
        *_TRIED,
        *_wait("select", 0.34, 0.68),
        MiniatureStep("return", 0.68, "ready"),
        *_READ,
    ),
}
DRAWN = {"aio", *FLOWS}
_ONE_TRY = (*_TRIED, *_READ)


def flow_of(name: str, series: Series | None) -> tuple[MiniatureStep, ...]:
    """The steps of one operation, as that cell made them; the usual ones where there is none. No
    steps for an engine whose flow nobody has drawn here.

    Where an operation takes more or fewer of a call than are drawn, its label says how many.
    """
    if name not in DRAWN:
        return ()
    measured = series if series and series.measured else None
    parameters = series.cell.parameters if series else {}
    if name == "aio":
        steps = (AIO_COMPUTING if parameters.get("load.compute") else AIO_FLOWS)[_aio_flow(series)]
    else:
        steps = _reading(name, measured)
        if parameters.get("load.compute"):
            steps = _computing(steps)
    if measured is not None:
        steps = _counted(steps, measured)
    return _moving(steps, str(parameters.get("load.operation", "read")))


def flow_calls(name: str, series: Series | None) -> list[str]:
    """The names of the calls of `flow_of`, in its order."""
    return [step.text.split()[0] for step in flow_of(name, series) if step.kind == "call"]


def _counted(steps: Sequence[MiniatureStep], measured: Series) -> tuple[MiniatureStep, ...]:
    """The same with the number of each call per operation, where it is not the number drawn."""
    drawn = Counter(step.text for step in steps if step.kind == "call")
    again = {step.text for step in steps if step.kind == "again"}

    def label(step: MiniatureStep) -> MiniatureStep:
        times = _calls(measured, step.text)
        as_drawn = abs(times - drawn[step.text]) <= AS_DRAWN_SHARE * drawn[step.text]
        if step.kind != "call" or not times or as_drawn or step.text in again:
            return step
        if drawn[step.text] > 1:
            return step
        return replace(step, text=f"{step.text} × {format_per_operation(times)}")

    return tuple(map(label, steps))


_MOVES = {
    "write": {"read": "write", "aio_read": "aio_write", "data": "done"},
    "mixed": {"read": "read / write", "aio_read": "aio_read / write", "data": "done"},
}
"""What is said of the transfers that do not only read."""


def _moving(steps: Sequence[MiniatureStep], operation: str) -> tuple[MiniatureStep, ...]:
    said = _MOVES.get(operation, {})
    return tuple(replace(step, text=said.get(step.text, step.text)) for step in steps)


def _computing(flow: Sequence[MiniatureStep]) -> tuple[MiniatureStep, ...]:
    """The same with computation: after the first call where that came back at once, else before it.

    What the loop computes on is the last result, once the next request is under way.
    """
    waits = flow[1].kind != "return"
    begin = 0.0 if waits else flow[1].at

    def moved(at: float) -> float:
        return at * (1 - COMPUTES_SHARE) + (COMPUTES_SHARE if at > begin else 0.0)

    first = 0 if waits else 2
    at = begin * (1 - COMPUTES_SHARE)
    computes = MiniatureStep("busy", at, "computes", at + COMPUTES_SHARE)
    steps = [replace(step, at=moved(step.at), until=moved(step.until)) for step in flow]
    return (*steps[:first], computes, *steps[first:])


def _reading(name: str, measured: Series | None) -> tuple[MiniatureStep, ...]:
    """Of the engines that read themselves."""
    if measured is None:
        return FLOWS[name]
    if is_degenerate(measured.cell):
        name = "blocking"
    eagain = measured.summary.eagain_per_op
    if name == "select" and not _calls(measured, "select"):
        return _held_in_read(measured)
    if name == "select" and eagain.median < TRIED:  # it waited without trying first
        return FLOWS[name][len(_TRIED) :]
    if name == "nonblocking" and eagain.median < TRIED:
        return _held_in_read(measured)
    if name == "nonblocking" and eagain.median < 2:
        return _ONE_TRY
    if sync := _sync_call(measured):
        return _synced(sync)
    if name == "blocking" and measured.cell.parameters.get("channel.cache") == "warm":
        return _held_in_read(measured)
    return FLOWS[name]


def _sync_call(measured: Series) -> str:
    """The call that waits until what was written is on the disk; "" where there is none."""
    calls = measured.summary.calls_per_op
    engine = measured.cell.engine
    return next((call for call in calls if call_class(call, engine) == "sync"), "")


def _synced(call: str) -> tuple[MiniatureStep, ...]:
    return (
        MiniatureStep("call", 0.08, "read"),
        MiniatureStep("return", 0.2, "data"),
        *_wait(call, 0.34, 0.92),
        MiniatureStep("return", 0.92, "done"),
    )


def calls_of(descriptor: Descriptor, series: Series | None) -> str:
    """The calls of its flow, as they are said beside the engine's name."""
    blocking = DESCRIPTORS["blocking"].calls
    if series is None or not series.measured:
        return descriptor.calls
    said = descriptor.calls
    if is_degenerate(series.cell):
        said = f"{blocking}, the same as blocking here"
    elif descriptor.name == "select" and not _calls(series, "select"):
        said = f"{blocking}, always ready"
    if series.cell.parameters.get("channel.exchange") == "echo":
        said += "; drawn: the read"
    return said


def _aio_flow(series: Series | None) -> str:
    options = engine_text.options_of(series.cell.engine).split(",") if series else []
    chosen = dict(option.partition("=")[::2] for option in options)
    notify = chosen.get("notify", "suspend")
    if chosen.get("mode") == "nowait":  # the list is queued, and waited for as others are
        notify = "suspend"
    return notify if notify in AIO_FLOWS else "suspend"


def _held_in_read(series: Series) -> tuple[MiniatureStep, ...]:
    """A read that never had to be tried again, or only copies what is cached."""
    cached = series.cell.parameters.get("channel.cache") == "warm"
    text = "copies" if cached else "in the read"
    return (
        MiniatureStep("call", 0.25, "read"),
        MiniatureStep("busy", 0.25, text, 0.75),
        MiniatureStep("return", 0.75, "data"),
    )


def _calls(series: Series, name: str) -> float:
    interval = series.summary.calls_per_op.get(name)
    return interval.median if interval else 0.0


def _again(name: str, series: Series | None) -> str:
    """How often the call before is made for one operation, the drawn ones among them."""
    if series is None or not series.measured:
        return "… and again"
    times = series.summary.eagain_per_op.median if name == "EAGAIN" else _calls(series, name)
    return f"… {name}\n× {format_count(times)} in all"


def draw_flow(
    ax: Axes, left: float, bottom: float, name: str, series: Series | None, colour: str
) -> None:
    """Draw the flow of the engine `name` on axes whose data are inches."""
    application, kernel = left + APPLICATION_IN, left + KERNEL_IN
    top, end = bottom + TOP_IN, bottom + BOTTOM_IN

    def y(at: float) -> float:
        return top - at * (top - end)

    for x, text in ((application, "application"), (kernel, other_side(name))):
        ax.plot([x, x], [top, end], color=SOFT, linewidth=0.8)
        ax.text(x, top + 0.08, text, fontsize=FINE_PT, color=SOFT, ha="center", va="center")
    for step in flow_of(name, series):
        if step.kind in ("blocked", "busy"):
            _span(ax, application, y(step.at), y(step.until), step, colour)
        elif step.kind == "again":
            middle = (application + kernel) / 2
            ax.text(middle, y(step.at), _again(step.text, series), **CENTRED)
        else:
            there, back = (application, kernel), (kernel, application)
            ends = there if step.kind == "call" else back
            _arrow(ax, ends, y(step.at), step.text, colour)


def _span(ax: Axes, x: float, top: float, end: float, step: MiniatureStep, colour: str) -> None:
    """A blocked span is filled, a busy one is open."""
    blocked = step.kind == "blocked"
    box = Rectangle(
        (x - 0.06, end),
        0.12,
        top - end,
        facecolor=colour if blocked else GROUND,
        edgecolor=colour,
        alpha=0.55 if blocked else 1.0,
        linewidth=1.0,
    )
    ax.add_patch(box)
    words = wrap(step.text, FINE_PT, KERNEL_IN - APPLICATION_IN - 2 * WORDS_IN, lines=2)
    beside = CENTRED | {"ha": "left"}
    ax.text(x + WORDS_IN, (top + end) / 2, "\n".join(words), **beside)


def _arrow(ax: Axes, ends: tuple[float, float], y: float, text: str, colour: str) -> None:
    ax.add_patch(
        FancyArrowPatch(
            (ends[0], y),
            (ends[1], y),
            arrowstyle="-|>",
            mutation_scale=7,
            color=colour,
            linewidth=1.1,
            shrinkA=0,
            shrinkB=0,
        )
    )
    if text:
        ax.text(sum(ends) / 2, y + 0.015, text, **(CENTRED | {"va": "bottom"}))
