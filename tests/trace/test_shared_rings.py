"""What the rings held that an application shares with the kernel, as far as a trace shows it."""

from __future__ import annotations

import pytest

from iomodels.trace.flow import flow_of
from iomodels.trace.part import Span
from iomodels.trace.schema import Event, Trace
from iomodels.trace.steps import in_call
from iomodels.trace.words import explained

from ..ring_traces import device, enter, entering, polled, put, ring_trace, several, taken
from ..traces import calls, end_of, make_event, make_trace, of_kind, record

RINGS = ("io_uring", "io_uring:sqpoll=on", "io_uring:wait=spin", "io_uring:sqpoll=on,wait=spin")


def held(trace: Trace) -> dict[str, tuple[tuple[Span, ...], tuple[Span, ...]]]:
    """Of each ring, when an entry was there, and when perhaps."""
    return {ring.kind: (ring.there_ns, ring.unsure_ns) for ring in flow_of(trace).shared_rings}


def test_an_entry_is_in_the_ring_until_the_call_that_submits_it() -> None:
    found = held(entering())
    assert found["sq_entry"] == (((5_500, 5_700),), ((5_700, 8_700),))


def test_a_completion_is_put_after_its_device_was_ready_and_before_it_is_taken() -> None:
    assert held(entering())["cq_entry"] == ((), ((100_100, 125_700),))


def test_where_the_kernel_looks_by_itself_an_entry_is_taken_at_any_moment() -> None:
    found = held(polled())
    assert found["sq_entry"] == ((), ((5_500, 130_700),))
    assert found["cq_entry"] == ((), ((100_100, 130_700),))


def test_a_call_that_only_wakes_the_kernels_thread_is_no_bound() -> None:
    woken = [*polled().events, enter(5_600, 7_000, 1)]
    found = held(ring_trace("io_uring:sqpoll=on,wait=spin", woken))
    assert found["sq_entry"] == ((), ((5_500, 130_700),))


def one(*events: Event, end_ns: int = 50_000) -> Trace:
    """One request without a device."""
    parameters = {"channel.kind": "socket", "load.depth": 4}
    events = (make_event("request", 0, end_ns), *events)
    return ring_trace("io_uring", events, parameters=parameters)


def test_a_call_takes_as_many_as_it_says_in_the_order_in_which_they_were_put() -> None:
    entries = [put(1_000 * n, slot=n) for n in range(1, 5)]
    done = [taken(40_000 + 1_000 * n, slot=n) for n in range(1, 5)]
    found = held(one(*entries, enter(5_000, 6_000, 3), enter(8_000, 9_000, 1), *done))
    assert found["sq_entry"] == (((1_000, 8_000),), ((5_000, 6_000), (8_000, 9_000)))


def test_a_call_before_an_entry_did_not_take_it() -> None:
    found = held(one(enter(1_000, 2_000, 1), put(3_000), enter(4_000, 5_000, 1), taken(9_000)))
    assert found["sq_entry"] == (((3_000, 4_000),), ((4_000, 5_000),))


def test_a_call_that_takes_none_is_no_bound() -> None:
    found = held(one(put(1_000), enter(2_000, 3_000, -11), enter(4_000, 5_000, 1), taken(9_000)))
    assert found["sq_entry"] == (((1_000, 4_000),), ((4_000, 5_000),))


def test_without_a_device_a_completion_is_there_after_the_kernel_took_the_entry() -> None:
    found = held(one(put(1_000), enter(2_000, 9_000, 1), taken(9_500)))
    assert found["cq_entry"] == ((), ((2_000, 9_500),))


def test_a_completion_comes_after_the_entry_of_its_own_slot() -> None:
    early, late = put(1_000, slot=1), put(20_000, slot=2)
    events = [early, enter(2_000, 3_000, 1), late, enter(21_000, 22_000, 1)]
    found = held(one(*events, taken(9_000, slot=1), taken(40_000, slot=2)))
    assert found["cq_entry"] == ((), ((2_000, 9_000), (21_000, 40_000)))
    polling = ring_trace("io_uring:sqpoll=on", one(*events, taken(9_000, slot=1)).events)
    assert held(polling)["sq_entry"] == ((), ((1_000, 9_000), (20_000, 50_000)))


def test_a_completion_whose_entry_was_put_before_all_that_is_shown_came_at_any_moment() -> None:
    found = held(one(taken(9_500, slot=3)))
    assert found["cq_entry"] == ((), ((0, 9_500),))


def test_each_slot_has_its_own_device() -> None:
    """The second one's is ready later, and the first one's entry was the same slot's before."""
    events = [make_event("request", 0, 120_000), make_event("request", 300, 260_000)]
    events += [*device(0, within_ns=10), put(100), *device(20_000, slot=1, within_ns=10)]
    events += [put(21_000, slot=1), enter(22_000, 23_000, 2), taken(110_000)]
    events += [*device(130_000, within_ns=10), put(140_000), enter(141_000, 142_000, 1)]
    events += [taken(200_000, slot=1), taken(250_000)]
    found = held(ring_trace("io_uring", events))
    # 0: from 100 µs; 1: from 120 µs until 200 µs; 0 again: from 230 µs.
    assert found["cq_entry"] == ((), ((100_000, 110_000), (120_000, 200_000), (230_000, 250_000)))


def test_an_entry_that_nothing_took_stays() -> None:
    found = held(one(put(1_000), make_event("computation", 2_000, 49_000)))
    assert found["sq_entry"] == ((), ((1_000, 50_000),))


def test_an_engine_without_rings_has_none() -> None:
    assert flow_of(make_trace([make_event("request", 0, 100), make_event()])).shared_rings == ()


# What the application does


@pytest.mark.parametrize(
    ("next_event", "word"), [(taken(70_000), "blocked"), (enter(70_000, 71_000, 0), "in the call")]
)
def test_a_call_that_submits_has_waited_if_a_completion_is_taken_next(
    next_event: Event, word: str
) -> None:
    flow = flow_of(one(put(1_000), enter(2_000, 60_000, 1), next_event, end_ns=80_000))
    (call,) = [step for step in flow.steps if step.kind == "call" and step.result == 1]
    assert in_call(call, flow.duration_ns) == word


@pytest.mark.parametrize(("count", "word"), [(16, "in the call"), (1, "blocked")])
def test_a_call_that_starts_many_transfers_may_take_longer_awake(count: int, word: str) -> None:
    events = [make_event("request", 0, 300_000)]
    events += [make_event(name="io_uring_enter", start_ns=10, end_ns=100_000, result=count)]
    flow = flow_of(make_trace(events, "io_uring"))
    (call,) = flow.steps
    assert in_call(call, flow.duration_ns) == word


def test_a_wait_without_a_call_is_spinning() -> None:
    flow = flow_of(polled())
    (spinning,) = [step for step in flow.steps if step.kind == "spinning"]
    assert (spinning.start_ns, spinning.end_ns) == (45_700, 130_700)
    assert not [step for step in flow_of(entering()).steps if step.kind == "spinning"]


def test_who_arms_a_device_meanwhile_is_not_spinning() -> None:
    """What comes after it is no completion."""
    events = [*polled().events, taken(10, slot=1), *device(40_000, slot=1), put(70_000, slot=1)]
    flow = flow_of(ring_trace("io_uring:sqpoll=on,wait=spin", events))
    spans = [(s.start_ns, s.end_ns) for s in flow.steps if s.kind == "spinning"]
    assert spans == [(70_020, 130_700)]


def test_who_looks_with_calls_is_in_calls() -> None:
    """A pause between them is one, whoever had the CPU."""
    looks = [enter(start_ns, start_ns + 100, 0) for start_ns in range(46_000, 90_000, 200)]
    flow = flow_of(ring_trace("io_uring:wait=spin", [*polled().events, *looks]))
    assert not [step for step in flow.steps if step.kind == "spinning"]


def test_entries_put_in_a_row_are_one_step() -> None:
    first, *_ = [step for step in flow_of(several(16)).steps if step.kind == "sq_entry"]
    assert first.count == 16


# In words


def test_what_took_no_call_is_said() -> None:
    def said(trace: Trace) -> str:
        return " ".join(explained(trace, flow_of(trace)))

    assert "No call was" not in said(entering())
    assert "No call was needed: the kernel looks" in said(polled())
    waited = [*polled().events, enter(46_000, 130_600, 0)]
    assert "No call was needed to submit: " in said(ring_trace("io_uring:sqpoll=on", waited))
    woken = [*polled().events, enter(5_600, 7_000, 1)]
    assert "No call was" not in said(ring_trace("io_uring:sqpoll=on", woken))


# Real ones


@pytest.mark.parametrize("engine", RINGS)
def test_each_request_passes_both_rings(engine: str) -> None:
    trace = record(engine)
    puts, takes = of_kind(trace, "sq_entry"), of_kind(trace, "cq_entry")
    ready = of_kind(trace, "device_ready")
    assert len(puts) == len(takes) == len(of_kind(trace, "request")) == 4
    for entry, at, completion in zip(puts, ready, takes, strict=True):
        assert entry.result == completion.result == 0
        assert entry.start_ns < completion.start_ns
        assert at.start_ns <= completion.start_ns
    flow = flow_of(trace)
    there, unsure = held(trace)["sq_entry"]
    if "sqpoll=on" in engine:
        assert there == ()
    else:
        submits = [event for event in calls(trace, "io_uring_enter") if event.result == 1]
        assert len(submits) == 4
        assert len(there) == len(unsure) == 1
        assert there[0][1] == unsure[0][0]
    assert flow.shared_rings[1].unsure_ns[0][0] >= 100_000


@pytest.mark.parametrize("depth", [4, 16])
def test_the_slots_of_many_in_flight_are_told_apart(depth: int) -> None:
    trace = record("io_uring", settings={"load.depth": str(depth)})
    puts, takes = of_kind(trace, "sq_entry"), of_kind(trace, "cq_entry")
    assert {event.result for event in puts} == {event.result for event in takes} == {*range(depth)}
    started = of_kind(trace, "device_start")
    assert {event.result for event in started[:depth]} == {*range(depth)}
    ready_ns = min(event.start_ns for event in of_kind(trace, "device_ready"))
    (first, *_), begin_ns = held(trace)["cq_entry"][1], trace.begin_ns
    assert first[0] >= ready_ns - begin_ns - end_of(started[0])
