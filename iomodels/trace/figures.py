"""Which of the article's Figures 2 to 5 a recorded flow shows, if any.

An engine alone does not make the figure: a cached read never waits, and `select` on a file is never
asked to. A number is claimed only where what the figure tells has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from iomodels.trace.flow import Flow, Step, in_call, is_try
from iomodels.trace.schema import Trace

_TRANSFERS = frozenset({"read", "write", "pread", "pwrite", "preadv2"})
_SUBMITS = frozenset({"aio_read", "aio_write", "lio_listio"})


def heading(trace: Trace, flow: Flow) -> str:
    """What stands over the flow, in a picture or in text."""
    figure = number(trace, flow)
    return f"Figure {figure}, as recorded" if figure else "As recorded"


def number(trace: Trace, flow: Flow) -> int | None:
    """The figure's number, None where the flow is none of them."""
    figure, shows = _FIGURES.get(trace.engine.partition(":")[0], (None, None))
    return figure if shows is not None and shows(flow) else None


def _own(flow: Flow) -> Sequence[Step]:
    return [step for step in flow.steps if not step.thread]


def _blocked_in(flow: Flow, names: frozenset[str]) -> bool:
    return any(
        step.name in names and in_call(step, flow.duration_ns) == "blocked" for step in _own(flow)
    )


def _tried(flow: Flow) -> bool:
    return any(step.name in _TRANSFERS and is_try(step) for step in _own(flow))


def _waits_in_the_transfer(flow: Flow) -> bool:
    return _blocked_in(flow, _TRANSFERS)


def _tries_and_waits_in_select(flow: Flow) -> bool:
    return _tried(flow) and _blocked_in(flow, frozenset({"select"}))


def _is_told(flow: Flow) -> bool:
    """The submitting call is back, and then a signal or a callback says that the data is there.

    An application that waits in `aio_suspend`, or polls, is not told: that is no figure.
    """
    back_ns = [
        step.end_ns
        for step in _own(flow)
        if step.name in _SUBMITS and not step.may_sleep and step.end_ns is not None
    ]
    return any(
        step.kind in ("signal", "callback") and back_ns and step.start_ns >= min(back_ns)
        for step in flow.steps
    )


_FIGURES: Mapping[str, tuple[int, Callable[[Flow], bool]]] = {
    "blocking": (2, _waits_in_the_transfer),
    "nonblocking": (3, _tried),
    "select": (4, _tries_and_waits_in_select),
    "aio": (5, _is_told),
}
