"""Which of the article's Figures 2 to 5 a recorded flow shows, if any.

An engine alone does not make the figure: the figures show one read of a device that has to be
waited for, so the workload must be that, and what the figure shows must have happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from iomodels.engines import engine_text
from iomodels.engines.sources import DESCRIPTORS
from iomodels.trace.flow import Flow
from iomodels.trace.schema import Trace
from iomodels.trace.steps import Step, in_call, is_try


def heading(trace: Trace, flow: Flow) -> str:
    """What stands over the flow, in a picture or in text."""
    figure = number(trace, flow)
    return f"Figure {figure}, as recorded" if figure else "As recorded"


def number(trace: Trace, flow: Flow) -> int | None:
    """The figure's number, None where the flow is none of them."""
    if not _is_one_read_of_a_device(trace) or flow.number is None:
        return None
    descriptor = DESCRIPTORS.get(engine_text.name_of(trace.engine))
    shows = _SHOWS.get(descriptor.figure) if descriptor else None
    return descriptor.figure if descriptor and shows and shows(flow) else None


_ONE_READ: Mapping[str, tuple[object, ...]] = {
    "channel.kind": ("timer",),
    "load.operation": ("read", None),
    "load.depth": (1,),
    "load.arrivals": ("closed", None),
    "load.deadline": (0, None),
}
"""The article's workload: for each key its values, None where the file does not say."""


def _is_one_read_of_a_device(trace: Trace) -> bool:
    return all(trace.parameters.get(key) in values for key, values in _ONE_READ.items())


def _own(flow: Flow) -> Sequence[Step]:
    return [step for step in flow.steps if not step.thread]


def _blocked_in(flow: Flow, kind: str) -> bool:
    return any(
        step.call_class == kind and in_call(step, flow.duration_ns) == "blocked"
        for step in _own(flow)
    )


def _tried(flow: Flow) -> bool:
    return any(step.call_class == "transfer" and is_try(step) for step in _own(flow))


def _waits_in_the_transfer(flow: Flow) -> bool:
    return _blocked_in(flow, "transfer")


def _tries_and_waits_for_readiness(flow: Flow) -> bool:
    return _tried(flow) and _blocked_in(flow, "wait")


def _is_told(flow: Flow) -> bool:
    """The submitting call is back, and then a signal or a callback says that the data is there.

    An application that waits in `aio_suspend`, or polls, is not told: that is no figure.
    """
    back_ns = [
        step.end_ns
        for step in _own(flow)
        if step.call_class == "submit" and not step.may_sleep and step.end_ns is not None
    ]
    return any(
        step.kind in ("signal", "callback") and back_ns and step.start_ns >= min(back_ns)
        for step in flow.steps
    )


_SHOWS: Mapping[int, Callable[[Flow], bool]] = {
    2: _waits_in_the_transfer,
    3: _tried,
    4: _tries_and_waits_for_readiness,
    5: _is_told,
}
"""What has happened in a flow that is the article's figure of that number."""
