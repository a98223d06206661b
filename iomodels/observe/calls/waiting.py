"""Calls that wait: for readiness, for other threads, for a time."""

from __future__ import annotations

import re

from iomodels.observe.calls.state import Handler, State
from iomodels.observe.counting.sizes import Sizes
from iomodels.observe.log.arguments import descriptor, fields, flags, number
from iomodels.observe.log.call import Call
from iomodels.observe.table.thread import Thread

_READY_OF_POLL = re.compile(r"\bfd=(\d{1,9})\b")
_READY_OF_SELECT = re.compile(r"\b(?:in|out) \[([\d ]+)\]")
_SLEEP_S = 50e-6
"""A wait that ended without anything is a sleep if it took longer."""
_AIO_IDLE_S = (0.5, 1.5)
"""An idle helper thread of glibc's waits for one second."""


def _polled(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if call.result and call.result > 0:
        found = _READY_OF_POLL.findall(call.result_note)
        _ready(thread, "poll", found)
    else:
        _nothing(thread, call)


def _selected(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if call.result and call.result > 0:
        sets = _READY_OF_SELECT.findall(call.result_note)
        _ready(thread, "select", [text for found in sets for text in found.split()])
    else:
        _nothing(thread, call)


def _ready(thread: Thread, wait: str, numbers: list[str]) -> None:
    """Of nothing named, it is what the thread transfers next."""
    thread.wait = wait if not numbers else ""
    for text in numbers:
        if len(text) < 10 and (held := thread.process.held.get(int(text))):
            held.ready = wait
            held.waits.add(wait)


def _nothing(thread: Thread, call: Call) -> None:
    """Neither an event nor an error: the time was over."""
    if (call.result == 0 or call.error in ("ETIMEDOUT", "EAGAIN")) and (call.took_s or 0) > (
        _SLEEP_S
    ):
        thread.slept = True


def _epoll(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if call.result and call.result > 0:
        thread.wait = "epoll"
        state.ready.setdefault(thread.process.program.number, Sizes()).add(call.result)
    else:
        _nothing(thread, call)


def _watch(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if len(arguments) < 3 or call.result != 0:
        return
    held = state.held(thread, arguments[2])
    if held is None:
        return
    if arguments[1] == "EPOLL_CTL_DEL":
        held.waits.discard("epoll")
        return
    events = flags(fields(arguments[3]).get("events", "")) if len(arguments) > 3 else frozenset()
    held.waits.add("epoll")
    held.is_edge |= "EPOLLET" in events
    held.is_oneshot |= "EPOLLONESHOT" in events


def _signal(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if call.result is None or call.result < 0:
        _nothing(thread, call)
        return
    number_of = fields(arguments[1]) if len(arguments) > 1 else {}
    if number_of.get("si_code") == "SI_ASYNCIO":
        return
    seen = descriptor(number_of.get("si_fd", "") or number_of.get("si_int", ""))
    held = thread.process.held.get(seen.number) if seen else None
    if held is not None and held.is_signalling:
        held.ready = "sigio"
    elif any(known.is_signalling for known in thread.process.held.values()):
        thread.wait = "sigio"


def _futex(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if len(arguments) < 2:
        return
    thread.habits.meetings += 1
    if "WAIT" not in arguments[1]:
        if call.took_s is not None:
            state.quick.add(call.took_s)
        return
    if call.error == "ETIMEDOUT":
        _nothing(thread, call)
    if "CLOCK_REALTIME" in arguments[1] and len(arguments) > 3:
        until = fields(arguments[3])
        seconds, nanoseconds = number(until.get("tv_sec", "")), number(until.get("tv_nsec", ""))
        if seconds is not None and nanoseconds is not None:
            waits_s = seconds + nanoseconds / 1e9 - call.started_s
            thread.habits.waits_like_aio += _AIO_IDLE_S[0] < waits_s < _AIO_IDLE_S[1]


def _sleep(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if call.result == 0:
        thread.slept = True


def _tell(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if "SI_ASYNCIO" in call.arguments:
        thread.habits.completion_signals += 1


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("poll", "ppoll", "ppoll_time64"), _polled),
    **dict.fromkeys(("select", "pselect6", "_newselect", "pselect6_time64"), _selected),
    **dict.fromkeys(("epoll_wait", "epoll_pwait", "epoll_pwait2"), _epoll),
    **dict.fromkeys(("rt_sigtimedwait", "rt_sigtimedwait_time64"), _signal),
    **dict.fromkeys(("futex", "futex_time64"), _futex),
    **dict.fromkeys(("nanosleep", "clock_nanosleep", "clock_nanosleep_time64"), _sleep),
    **dict.fromkeys(("rt_sigqueueinfo", "rt_tgsigqueueinfo"), _tell),
    "epoll_ctl": _watch,
}
