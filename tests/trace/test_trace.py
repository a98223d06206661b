"""What a trace of a real run says: the article's flows, call by call."""

from __future__ import annotations

import errno
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from iomodels.base.errors import ScenarioError
from iomodels.measure import recording as tracing
from iomodels.trace import words
from iomodels.trace.flow import flow_of
from iomodels.trace.schema import Event, Trace, check
from iomodels.trace.steps import in_call

from ..some_engines import plain
from ..traces import (
    ALL,
    ON_DEVICES,
    WAITING,
    calls,
    end_of,
    make_event,
    make_trace,
    of_kind,
    record,
    recorded,
    waited,
)

SERVICE_NS = 50_000_000


def ready(events: list[Event]) -> list[int]:
    """The earliest moments at which the device can have been ready, in order."""
    return [event.start_ns for event in events if event.kind == "device_ready"]


# The flows


def test_blocking_waits_in_exactly_one_read() -> None:
    trace = waited("blocking")
    reads, moments = calls(trace, "read"), ready(trace.events)
    assert len(reads) == len(moments) == len(of_kind(trace, "request")) == 2
    for read, ready_ns in zip(reads, moments, strict=True):
        assert read.start_ns < ready_ns <= end_of(read)
        assert read.result == 8
    assert set(trace.calls) == {"read"}


def test_nonblocking_shows_as_many_eagains_as_were_counted() -> None:
    trace = record("nonblocking", settings={"channel.service": "1 ms"}, requests=1)
    said_eagain = [e for e in calls(trace, "read") if e.result == -errno.EAGAIN]
    assert len(said_eagain) == trace.eagain["read"] > 1
    flow = flow_of(trace)
    assert words.eagain(flow) == trace.eagain["read"]
    last = calls(trace, "read")[-1]
    assert last.result == 8
    assert end_of(last) >= ready(trace.events)[0]


def test_the_eagains_of_all_requests_are_those_counted() -> None:
    trace = recorded("nonblocking")
    said_eagain = [e for e in calls(trace, "read") if e.result == -errno.EAGAIN]
    assert len(said_eagain) == trace.eagain.get("read", 0)  # none if every device was ready first


def test_select_waits_in_select_and_a_read_follows() -> None:
    trace = waited("select")
    for ready_ns in ready(trace.events):
        (wait,) = [e for e in calls(trace, "select") if e.start_ns < ready_ns <= end_of(e)]
        assert wait.result == 1
        before = [e for e in calls(trace, "read") if e.start_ns < wait.start_ns]
        after = [e for e in calls(trace, "read") if e.start_ns > end_of(wait)]
        assert before[-1].result == -errno.EAGAIN
        assert after[0].result == 8


@pytest.mark.parametrize("engine", ["aio", "aio:notify=signal", "aio:notify=callback"])
def test_aio_submits_at_once_and_is_notified_after_the_device_was_ready(engine: str) -> None:
    trace = waited(engine)
    moments = ready(trace.events)
    notified = {
        "aio": [e for e in calls(trace, "aio_suspend") if e.result == 0],  # not its timeouts
        "aio:notify=signal": of_kind(trace, "signal"),
        # One that begins before the recording is the warm-up's.
        "aio:notify=callback": [e for e in of_kind(trace, "callback") if e.start_ns > 0],
    }[engine]
    assert len(calls(trace, "aio_read")) == len(moments) == len(notified) == 2
    for submit, ready_ns, told in zip(calls(trace, "aio_read"), moments, notified, strict=True):
        assert end_of(submit) < ready_ns <= end_of(told)
    if engine == "aio:notify=callback":
        assert all(event.thread != 0 for event in notified)


def test_aio_computes_while_its_device_works() -> None:
    trace = waited("aio")
    (computed,) = of_kind(trace, "computation")  # on the first result, during the second request
    assert computed.start_ns > end_of(calls(trace, "aio_read")[1])
    assert end_of(computed) - computed.start_ns > SERVICE_NS / 10
    assert trace.parameters["load.compute"] == SERVICE_NS * 2 // 5


def test_computation_that_was_asked_for_is_what_is_done() -> None:
    trace = record("blocking", settings={"load.compute": "1 ms"})
    assert trace.parameters["load.compute"] == 1_000_000
    assert len(of_kind(trace, "computation")) == len(of_kind(trace, "request")) - 1
    assert any(step.kind == "computation" for step in flow_of(trace).steps)
    assert not of_kind(record("aio", settings={"load.compute": "0 ns"}), "computation")


def test_polling_is_told_einprogress_until_it_is_done() -> None:
    trace = record("aio:notify=poll", settings={"channel.service": "1 ms"}, requests=1)
    results = [event.result for event in calls(trace, "aio_error")]
    assert results[-1] == 0
    assert set(results[:-1]) == {errno.EINPROGRESS}


def test_a_thread_blocks_for_the_application() -> None:
    trace = waited("threads")
    assert {event.thread for event in calls(trace, "read")} == {1}
    # The helper waits for work unless the next request is there already.
    assert {0} <= {event.thread for event in calls(trace, "futex_wait")} <= {0, 1}


@pytest.mark.parametrize("engine", ALL)
def test_every_engine_gives_a_sound_trace(engine: str) -> None:
    trace = recorded(engine)
    check(trace)
    assert trace.engine == engine
    assert trace.events[0].start_ns == 0
    assert trace.events_lost == 0
    assert len(of_kind(trace, "request")) == tracing.REQUESTS
    devices = tracing.REQUESTS if engine in ON_DEVICES else 0
    assert len(of_kind(trace, "device_start")) == devices
    for start, at in zip(
        of_kind(trace, "device_start"), of_kind(trace, "device_ready"), strict=True
    ):
        assert at.start_ns - start.start_ns == at.result == 100_000
    assert all(event.end_ns is not None for event in trace.events if event.thread == 0)


@pytest.mark.parametrize("engine", [name for name in ALL if not name.startswith("threads")])
def test_every_call_that_was_counted_was_recorded(engine: str) -> None:
    """But for the threads engine's helpers: their wait for work began before the recording."""
    trace = recorded(engine)
    seen = Counter(event.name for event in trace.events if event.kind == "call")
    for name, count in trace.calls.items():
        # A callback wakes the application before it has quite ended, and is counted when it has:
        # the warm-up's last one may be counted here, and the last one here nowhere.
        late = 2 if name.startswith("futex") and "callback" in engine else 0
        assert abs(seen[name] - count) <= late, name


@pytest.mark.parametrize("engine", WAITING)
def test_what_is_shown_is_the_request_of_median_latency(engine: str) -> None:
    trace = recorded(engine)
    flow = flow_of(trace)
    latencies = sorted(end_of(e) - e.start_ns for e in of_kind(trace, "request")[1:])
    assert flow.latency_ns == latencies[1]
    assert flow.number is not None
    assert sum(step.kind == "device_ready" for step in flow.steps) == 1


@pytest.mark.parametrize(
    ("scenario", "engine", "call"),
    [
        ("cached-read", "blocking", "pread"),
        ("cached-read", "aio", "aio_read"),
        ("echo", "select", "write"),
        ("pipe-stream", "nonblocking", "read"),
    ],
)
def test_other_channels_are_traced_too(scenario: str, engine: str, call: str) -> None:
    # In memory the kernel drops no page.
    cached = {"channel.size": "1 MiB", "channel.folder": "/dev/shm"}
    settings = cached if scenario == "cached-read" else {}
    trace = record(engine, scenario=scenario, settings=settings)
    assert calls(trace, call)
    assert not of_kind(trace, "device_ready")  # such a channel does not know
    assert flow_of(trace).moments


def test_overlapping_requests_are_shown_together() -> None:
    trace = record("select", settings={"load.depth": "4"})
    flow = flow_of(trace)
    assert flow.number is None
    assert sum(step.count for step in flow.steps if step.kind == "device_start") >= 4


def test_the_events_of_many_devices_are_folded_as_calls_are() -> None:
    trace = record("select", settings={"load.depth": "16"}, requests=1)
    flow = flow_of(trace)
    first, *_ = [step for step in flow.steps if step.kind == "device_start"]
    assert first.count == 16
    assert words.describe_occurrence(first, flow.duration_ns).startswith("device starts × 16, in ")
    (ready,) = [step for step in flow.steps if step.kind == "device_ready"]
    assert ready.spans_ns == tuple((e.start_ns, e.end_ns) for e in of_kind(trace, "device_ready"))


# What went wrong is told


def test_what_the_ring_has_no_room_for_is_missing_and_said() -> None:
    trace = record("nonblocking", capacity=20)
    assert len(trace.events) == 20
    assert trace.events_lost > 0
    assert any(f"{trace.events_lost} events are missing" in note for note in trace.notes)
    assert trace.eagain["read"] > words.eagain(flow_of(trace))


def test_a_request_that_has_lost_calls_is_not_taken_for_a_whole_one() -> None:
    trace = record("nonblocking", capacity=20)
    flow = flow_of(trace)
    assert flow.number is None  # the ring holds not even one request
    assert flow.caption == "1 request recorded; shown: all events, since events are missing"
    assert flow.duration_ns <= 2 * max(e.end_ns or 0 for e in trace.events)


def test_the_events_of_a_killed_child_survive() -> None:
    def kill_in_the_second_request(operations: int) -> None:
        if operations >= 2:  # the warm-up's, and the first recorded one
            (child,) = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            os.kill(int(child), signal.SIGKILL)

    (recording,) = tracing.record(
        ["blocking"], "slow-device", {"channel.service": ["500 ms"]},
        progress=kill_in_the_second_request,
    )  # fmt: skip
    assert recording.failed
    assert recording.trace is not None
    assert "SIGKILL" in str(recording.reason)
    assert any("SIGKILL" in note for note in recording.trace.notes)
    first, second = calls(recording.trace, "read")
    assert first.result == 8
    assert (second.end_ns, second.result) == (None, None)
    flow = flow_of(recording.trace)
    assert flow.caption.endswith("recorded; shown: all events, since the recording was cut short")
    shown = [step for step in flow.steps if step.kind == "call"]
    assert words.describe_result(shown[-1]) == "has not returned"


def test_an_engine_that_cannot_is_not_applicable_and_the_others_are_recorded() -> None:
    blocking, select, null = tracing.record(
        ["blocking", "select", "null"], settings={"load.depth": ["2"]}
    )
    assert blocking.trace is None
    assert "one request in flight" in str(blocking.reason)
    assert select.trace is not None
    assert "no I/O" in str(null.reason)
    assert not any(recording.failed for recording in (blocking, select, null))


def test_a_suite_is_not_a_scenario() -> None:
    with pytest.raises(ScenarioError, match="a trace needs one"):
        tracing.record(["blocking"], "default")


def test_a_recording_leaves_no_descriptor() -> None:
    folder = Path("/proc/self/fd")
    before = len(list(folder.iterdir()))
    record("blocking", requests=1)
    assert len(list(folder.iterdir())) == before


# What is called blocked


def shown_as(trace: Trace) -> set[tuple[str, str]]:
    """The calls long enough to be seen, and what each is shown as."""
    flow = flow_of(trace)
    said = {(step.name, in_call(step, flow.duration_ns)) for step in flow.steps}
    return {(name, word) for name, word in said if word}


@pytest.mark.parametrize(
    ("engine", "blocked"),
    [
        ("blocking", {"read"}),
        ("select", {"select"}),
        ("aio", {"aio_suspend"}),
        ("aio:notify=signal", {"ppoll"}),
        ("aio:notify=callback", {"futex_wait"}),
        ("poll", {"ppoll"}),
        ("epoll", {"epoll_pwait2"}),
        ("kaio", {"io_getevents"}),
        ("io_uring", {"io_uring_enter"}),
    ],
)
def test_the_wait_for_the_device_is_blocked(engine: str, blocked: set[str]) -> None:
    settings = {"channel.service": "50 ms", "load.compute": "0 ns"}
    found = shown_as(record(engine, settings=settings, requests=2))
    assert {name for name, word in found if word == "blocked"} == blocked


@pytest.mark.parametrize("engine", ALL)
def test_a_call_that_cannot_sleep_is_never_blocked(engine: str) -> None:
    sleeping = {"select", "ppoll", "aio_suspend", "futex_wait", "lio_listio", "sigtimedwait"}
    sleeping |= {"epoll_wait", "epoll_pwait2", "io_getevents", "io_uring_enter"}
    if plain(engine) in ("blocking", "threads"):
        sleeping.add("read")
    found = {name for name, word in shown_as(recorded(engine)) if word == "blocked"}
    assert found <= sleeping - ({"lio_listio"} if "mode=nowait" in engine else set())


@pytest.mark.parametrize(
    ("call", "engine", "cache", "sleeps"),
    [
        ("read", "blocking", None, True),
        ("read", "nonblocking", None, False),
        ("write", "select", None, False),
        ("aio_read", "aio", None, False),
        ("futex_wake", "threads", None, False),
        ("lio_listio", "aio:notify=list", None, True),
        ("lio_listio", "aio:notify=list,mode=nowait", None, False),
        ("pread", "blocking", "warm", False),
        ("pread", "blocking", "cold", True),
        ("pread", "blocking", "direct", True),
        ("preadv2", "nonblocking", "direct", False),
    ],
)
def test_long_and_blocked_are_two_things(
    call: str, engine: str, cache: str | None, sleeps: bool
) -> None:
    trace = make_trace(
        [make_event("request", 0, 1_000_000), make_event("call", 0, 900_000, name=call)],
        engine,
        parameters={"channel.cache": cache} if cache else {"channel.kind": "timer"},
    )
    assert shown_as(trace) == {(call, "blocked" if sleeps else "in the call")}


@pytest.mark.parametrize(
    ("name", "length_ns", "ready_ns", "word"),
    [
        ("read", 1_040, None, "in the call"),
        ("write", 7_480, None, "in the call"),
        ("read", 1_040, 500, "blocked"),
        ("read", 20_000, None, "blocked"),
        ("futex_wait", 5_000, None, "blocked"),
        ("futex_wait", 999, None, "in the call"),
    ],
)
def test_a_call_that_did_not_wait_is_not_blocked(
    name: str, length_ns: int, ready_ns: int | None, word: str
) -> None:
    events = [make_event("request", 0, length_ns), make_event("call", 0, length_ns, name=name)]
    if ready_ns is not None:
        events.append(make_event("device_ready", ready_ns, ready_ns + 10, result=ready_ns))
    assert shown_as(make_trace(events, "threads")) == {(name, word)}


def test_computation_that_was_added_is_said() -> None:
    notes = recorded("aio").notes
    assert any("Computation of 40 µs was added" in note for note in notes), notes
    assert not any("omputation" in note for note in recorded("blocking").notes)
    asked = record("aio", settings={"load.compute": "0 ns"})
    assert not any("omputation" in note for note in asked.notes)


def test_a_trace_of_a_sweep_says_which_point_it_shows() -> None:
    sweep = {"load.depth": ["2", "3"], "load.compute": ["0 ns", "20 us"]}
    (recording,) = tracing.record(["select"], settings=sweep)
    assert recording.trace is not None
    assert recording.trace.notes[0].startswith("This is the first of 4 points, depth 2")
    assert "-s load.depth=…" in recording.trace.notes[0]
    assert not any("the first of" in note for note in recorded("select").notes)


def test_the_caption_says_which_requests_are_compared() -> None:
    def caption(requests: int) -> str:
        events = [make_event("request", n * 1000, n * 1000 + 900) for n in range(requests)]
        return flow_of(make_trace(events)).caption

    assert caption(1) == "1 request recorded and shown, 900 ns from start to result"
    assert caption(2).startswith("2 requests recorded; shown: the second, ")
    assert caption(4).startswith("4 requests recorded; shown: number 3, the median of numbers 2 to")


def test_the_scenarios_question_is_kept() -> None:
    assert "What does each model add" in recorded("select").question
