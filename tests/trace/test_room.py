"""What is shown of a trace that has more calls, or more threads, than there is room for."""

from __future__ import annotations

import errno
import signal

import pytest

from iomodels.trace import words
from iomodels.trace.flow import flow_of, pictured
from iomodels.trace.schema import Event

from ..traces import make_event, make_trace


def scan(results: list[int], start_ns: int) -> list[Event]:
    """One scan of AIO operations: what is done is collected at once."""
    found, at_ns = [], start_ns
    for result in results:
        found.append(make_event("call", at_ns, at_ns + 20, name="aio_error", result=result))
        if not result:
            found.append(make_event("call", at_ns + 30, at_ns + 40, name="aio_return", result=64))
        at_ns += 50
    return found


def test_the_calls_of_one_scan_are_two_rows() -> None:
    results = [0, errno.EINPROGRESS, 0, 0, errno.EINPROGRESS]
    trace = make_trace([make_event("request", 0, 100_000), *scan(results, 10)], "aio")
    asked, collected = flow_of(trace).steps
    assert (asked.count, words.describe_result(asked)) == (5, "3 done, 2 EINPROGRESS")
    assert words.called(asked) == "aio_error() × 5"
    assert words.describe_result(collected) == "64 bytes × 3"


def test_polling_one_operation_is_no_scan() -> None:
    results = [*[errno.EINPROGRESS] * 5, 0]
    trace = make_trace([make_event("request", 0, 100_000), *scan(results, 10)], "aio")
    assert [step.count for step in flow_of(trace).steps] == [5, 1, 1]


def test_time_ends_at_the_last_moment_that_is_shown() -> None:
    events = [
        make_event("call", 1_000 * n, 1_000 * n + 100, name=("read", "write")[n % 2])
        for n in range(200)
    ]
    flow = flow_of(make_trace([make_event("request", 0, 300_000), *events]))
    assert (len(flow.moments), flow.hidden) == (80, 120)
    assert flow.duration_ns == 79_100
    assert flow.whole_ns == 300_000
    assert all(step.start_ns <= flow.duration_ns for step in flow.steps)
    assert flow.caption == (
        "1 request recorded and shown, 300 µs from start to result, "
        "of it the first 80 of 200 moments"
    )


def test_all_requests_in_part_are_not_all_of_them() -> None:
    events = [
        make_event("call", 1_000 * n, 1_000 * n + 100, name=("read", "write")[n % 2])
        for n in range(200)
    ]
    requests = [make_event("request", n, 300_000) for n in range(2)]
    flow = flow_of(make_trace([*requests, *events]))
    assert flow.caption == (
        "2 requests recorded; shown: the first 80 of 200 moments (79.1 µs of 300 µs), "
        "since they overlap"
    )


def test_the_threads_drawn_are_those_that_do_the_io() -> None:
    waiting = [
        make_event("call", n, None, name="read", thread=n, result=None) for n in range(1, 11)
    ]
    serving = [
        make_event("call", 1_000 * n, 1_000 * n + 500, name="read", thread=n)
        for n in (14, 13, 12, 16, 15)
    ]
    requests = [make_event("request", 0, 90_000)]
    events = sorted([*requests, *waiting, *serving], key=lambda event: event.start_ns)
    shown = pictured(make_trace(events, "threads"), 4)
    assert {step.thread for step in shown.steps} == {12, 13, 14, 15}
    assert shown.caption.endswith("; 4 of 15 helper threads drawn, those that did I/O first")


# What is said of it


@pytest.mark.parametrize(
    ("names", "engine", "said"),
    [
        (("read", "write"), "select", "select()"),
        (("read", "write"), "sigio", "sigtimedwait()"),
        (("read", "select", "read"), "select", ""),
        (("read", "read"), "nonblocking", ""),
        (("aio_read", "aio_error"), "aio", ""),
        (("read", "write"), "kaio", ""),
    ],
)
def test_it_is_said_where_no_wait_for_readiness_was_needed(
    names: tuple[str, ...], engine: str, said: str
) -> None:
    calls = [make_event(start_ns=100 * n, end_ns=100 * n + 9, name=x) for n, x in enumerate(names)]
    trace = make_trace([make_event("request", 0, 1_000), *calls], engine)
    notes = words.explained(trace, flow_of(trace))
    assert notes == ([f"No {said} was needed: all were ready."] if said else [])


def test_signals_have_names() -> None:
    numbers = (signal.SIGIO, signal.SIGRTMIN, signal.SIGRTMIN + 2)
    events = [make_event("signal", n, n, result=int(number)) for n, number in enumerate(numbers)]
    flow = flow_of(make_trace([make_event("request", 0, 10), *events]))
    said = [words.describe_occurrence(step, flow.duration_ns) for step in flow.steps]
    assert said == ["signal SIGIO", "signal SIGRTMIN", "signal SIGRTMIN+2"]
    taken = make_event(name="sigtimedwait", result=int(signal.SIGRTMIN))
    assert words.describe_event_result(taken) == "SIGRTMIN"
