"""For the tests of the figures of traces: draws one, and reads back what was drawn."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from iomodels.charts.drawing import style
from iomodels.charts.flows import flow as flows
from iomodels.charts.flows import lanes
from iomodels.trace.flow import pictured
from iomodels.trace.schema import Trace

from ..traces import make_event, make_trace


def drawn(trace: Trace, *, narrow: bool = False) -> Figure:
    with style.context():
        picture = flows.flow(trace)
        return (picture.narrow or picture).draw() if narrow else picture.draw()


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def time_of(figure: Figure, trace: Trace, y: float) -> float:
    """The recorded time at this height: read back from the scale bar, not from the drawing code."""
    bar = next(line for line in figure.axes[0].lines if line.get_linewidth() == 2)
    top, bottom = (float(y) for y in bar.get_ydata())
    flow = pictured(trace, lanes.HELPERS)
    per_inch = flows.nice_ns(flow.duration_ns) / (bottom - top)
    return (y - lanes.HEAD_IN) * per_inch


def arrows(figure: Figure) -> list[tuple[float, float, float]]:
    """From x, to x, and the y of their head."""
    return [
        (text.xyann[0], text.xy[0], text.xy[1])
        for text in figure.axes[0].texts
        if getattr(text, "arrow_patch", None) is not None
    ]


def one_request(engine: str = "blocking", **others: Any) -> Trace:
    """1 ms: the device is ready at 800 µs, a call of 10 µs … 900 µs waits for it."""
    return make_trace(
        [
            make_event("request", 0, 1_000_000),
            make_event("device_start", 0, 1_000, result=0),
            make_event("call", 10_000, 900_000),
            make_event("device_ready", 800_000, 801_000, result=800_000),
        ],
        engine,
        **others,
    )
