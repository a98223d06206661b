"""The words for what happens on a request's way."""

from __future__ import annotations

import errno
import signal

from iomodels.base.units import counted, format_duration
from iomodels.engines import engine_text
from iomodels.engines.calls import calls_of_class, has_cap, result_kind
from iomodels.engines.sources import DESCRIPTORS
from iomodels.trace.flow import Flow
from iomodels.trace.schema import SHARED_RINGS, Event, Trace
from iomodels.trace.steps import Step, is_device, within

UNSURE = (
    "The device starts at an unknown moment during timerfd_settime(). So it starts, and is ready, "
    "at the given time or later, within the length of that call."
)

IN_RINGS = (
    "SQE, CQE: entries of the two rings. When the kernel takes an SQE, and when it puts a CQE, is "
    "known only between bounds."
)
TAKEN_FIRST = " A call takes SQEs before it waits."
ENTRIES = {"sq_entry": "SQE", "cq_entry": "CQE"}


def eagain(flow: Flow) -> int:
    """The calls shown that said EAGAIN, folded ones counted each."""
    return sum(s.count for s in flow.steps if s.kind == "call" and s.result == -errno.EAGAIN)


def describe_result(step: Step) -> str:
    """What a call returned, as a reader knows it: `EAGAIN × 348`, `8 bytes`, `1 ready`; of a scan
    `11 done, 5 EINPROGRESS`."""
    if step.results:
        return ", ".join(f"{count} {_result(step.name, each)}" for each, count in step.results)
    text = _result(step.name, step.result)
    return f"{text} × {step.count}" if step.count > 1 else text


def describe_event_result(event: Event) -> str:
    """The same of one event."""
    return _result(event.name, event.result)


def _result(name: str, result: int | None) -> str:
    if result is None:
        return "has not returned"
    if result < 0:
        return errno.errorcode.get(-result, f"error {-result}")
    kind = result_kind(name)
    if kind == "errno":
        return errno.errorcode.get(result, f"error {result}") if result else "done"
    if kind == "bytes":
        return f"{result} byte" if result == 1 else f"{result} bytes"
    if kind == "signal":
        return _signal_name(result)
    return f"{result} ready" if kind == "ready" else str(result)


def called(step: Step) -> str:
    """The call, with its thread where that is not the application's own."""
    name = f"{step.name}() × {step.count}" if step.results else f"{step.name}()"
    return name if step.thread == 0 else f"thread {step.thread}: {name}"


def waits(step: Step) -> str:
    """What a thread is in when all that is shown begins."""
    return f"{called(step)}, begun before"


def took(step: Step) -> str:
    """How long it was under way; nothing where its end is not known."""
    return "" if step.end_ns is None else format_duration(step.end_ns - step.start_ns)


def other_side(engine: str) -> str:
    """Who answers the application: of an engine that is not known here, the kernel."""
    descriptor = DESCRIPTORS.get(engine_text.name_of(engine))
    return descriptor.other_side if descriptor else "kernel"


def left_out(flow: Flow) -> list[str]:
    """What of the recording is not in the flow, in a line each."""
    said = []
    if flow.threads_hidden:
        said.append(f"{counted(flow.threads_hidden, 'more thread')}, not shown")
    if flow.hidden:
        said.append(f"{counted(flow.hidden, 'later moment')}, not shown")
    return said


def explained(trace: Trace, flow: Flow) -> list[str]:
    """What a reader must know of what is shown, beside the trace's own notes."""
    waits = calls_of_class("wait", trace.engine)
    called = {step.name for step in flow.steps}
    said = [UNSURE] if any(map(is_device, flow.steps)) else []
    for_readiness = all(result_kind(call) in ("ready", "signal") for call in waits)
    if waits and for_readiness and called and not called & waits:
        names = " or ".join(f"{call}()" for call in sorted(waits))
        said.append(f"No {names} was needed: all were ready.")
    if flow.shared_rings:
        polls = has_cap(trace.engine, "kernel_polls")
        said += [_without_call(trace, flow), IN_RINGS if polls else IN_RINGS + TAKEN_FIRST]
    return [text for text in said if text]


def _without_call(trace: Trace, flow: Flow) -> str:
    """What of the way through the rings took no call."""
    calls = [step for step in flow.steps if step.kind == "call"]
    if not has_cap(trace.engine, "kernel_polls") or any((step.result or 0) > 0 for step in calls):
        return ""
    what = "needed to submit" if calls else "needed"
    return f"No call was {what}: the kernel looks at the submission ring by itself."


def is_uncertainty_visible(flow: Flow) -> bool:
    """Whether the span in which a device started, or became ready, is long enough to be seen."""
    return any(end - begin > flow.duration_ns / 100 for begin, end in flow.unsure_ns)


def clock(at_ns: int, duration_ns: int) -> str:
    """A time in the unit that suits the flow's length: `99.61 µs`, `10.003 ms`."""
    for unit, factor, digits in (("s", 10**9, 3), ("ms", 10**6, 3), ("µs", 10**3, 2)):
        if duration_ns >= factor:
            return f"{at_ns / factor:.{digits}f} {unit}"
    return f"{at_ns} ns"


def describe_occurrence(step: Step, duration_ns: int) -> str:
    """What has happened, of a step that is no call."""
    if step.kind == "device_start":
        return f"device starts{_repeated(step) or _later(step, duration_ns)}"
    if step.kind == "device_ready":
        return f"device ready{_repeated(step) or _later(step, duration_ns)}"
    if step.kind == "signal":
        return f"signal {_signal_name(step.result)}" if step.result is not None else "signal"
    if step.kind == "callback":
        return f"callback on thread {step.thread}"
    if step.kind in SHARED_RINGS:
        slot = "" if step.result is None else f", slot {step.result}"
        return f"{describe_entry(step.kind)}{_repeated(step) or slot}"
    doing = "spinning" if step.kind == "spinning" else "computing"
    return f"{doing} {took(step)}".strip()


def describe_entry(kind: str) -> str:
    """What has happened to the entry of a ring."""
    return f"{ENTRIES[kind]} {'put' if kind == 'sq_entry' else 'taken'}"


def entries(step: Step) -> list[str]:
    """What went into a ring, or came out of it, the fullest first."""
    name = ENTRIES[step.kind]
    return [f"{name} × {step.count}", name] if step.count > 1 else [name]


def _repeated(step: Step) -> str:
    return f" × {step.count}, in {took(step)}" if step.count > 1 else ""


def _later(step: Step, duration_ns: int) -> str:
    """How much later it can have been, where that can be seen."""
    begin_ns, end_ns = within(step)
    late_ns = end_ns - begin_ns
    return f" (within {format_duration(late_ns)})" if late_ns > duration_ns / 100 else ""


def _signal_name(number: int) -> str:
    """`SIGIO`, `SIGRTMIN`, `SIGRTMIN+2`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        real_time = signal.SIGRTMIN < number < signal.SIGRTMAX
        return f"SIGRTMIN+{number - signal.SIGRTMIN}" if real_time else str(number)
