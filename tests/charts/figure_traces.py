"""A made-up trace for each of the article's Figures 2 to 5, the same every time."""

from __future__ import annotations

from iomodels.trace.schema import Event, Trace

from ..traces import make_event, make_trace, tries

DEVICE_NS = 100_000
QUESTION = "What does each model add to a device that takes 100 µs, and what does it cost?"


def _made(engine: str, end_ns: int, events: list[Event], *notes: str) -> Trace:
    device = [
        make_event("request", 0, end_ns),
        make_event("device_start", 100, 5_000, result=0),
        make_event("device_ready", DEVICE_NS, DEVICE_NS + 5_000, result=DEVICE_NS),
    ]
    environment = {"kernel": "6.1.0", "cpu": "A CPU", "cores": 2, "libc": "glibc 2.36"}
    ordered = sorted([*device, *events], key=lambda event: event.start_ns)
    return make_trace(
        ordered, engine, question=QUESTION, notes=list(notes), environment=environment
    )


def _call(name: str, start_ns: int, end_ns: int, result: int, thread: int = 0) -> Event:
    return make_event("call", start_ns, end_ns, name=name, result=result, thread=thread)


FIGURES = {
    2: _made("blocking", 121_000, [_call("read", 6_000, 120_000, 8)]),
    3: _made(
        "nonblocking",
        104_000,
        [*tries(480, start_ns=6_000), _call("read", 103_000, 103_400, 8)],
    ),
    4: _made(
        "select",
        123_000,
        [
            _call("read", 6_000, 6_400, -11),
            _call("select", 6_500, 121_000, 1),
            _call("read", 121_100, 121_500, 8),
        ],
    ),
    5: _made(
        "aio:notify=signal",
        128_000,
        [
            _call("aio_read", 6_000, 15_000, 0),
            make_event("computation", 15_200, 56_000, result=0),
            _call("ppoll", 56_100, 126_000, -4),
            make_event("signal", 125_000, 125_800, result=34),
            _call("aio_error", 126_100, 126_130, 0),
            _call("aio_return", 126_200, 126_220, 8),
        ],
        "Computation of 40 µs was added to show the overlap.",
    ),
}
"""By the figure's number."""
