"""Which part of a trace is shown, and what began before it."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from iomodels.measure import recording as tracing
from iomodels.trace import figures
from iomodels.trace.flow import flow_of
from iomodels.trace.schema import check
from iomodels.trace.steps import in_call

from ..traces import end_of, make_event, make_trace, of_kind, record, recorded

# What began before what is shown


SERVING = ("threads", "threads:handoff=none", "nonblocking", "select", "aio", "aio:notify=signal")


@pytest.mark.parametrize("engine", SERVING)
def test_a_server_of_many_connections_shows_one_request_from_its_begin(engine: str) -> None:
    trace = record(engine, scenario="server", settings={"load.descriptors": "16"})
    check(trace)
    assert len(of_kind(trace, "request")) == tracing.REQUESTS
    flow = flow_of(trace)
    assert flow.served
    ends_ns = sorted(end_of(event) for event in of_kind(trace, "request"))
    if flow.number is None:
        # Several answers were collected at once, or a message before the end of the answer before
        # it, whose own answer was then begun too early.
        assert flow.why_all == "they overlap"
        begun_ns = [event.start_ns for event in trace.events if event.name.endswith("write")]
        for before_ns, end_ns in itertools.pairwise(ends_ns):
            is_begun = any(before_ns <= at_ns < end_ns for at_ns in begun_ns)
            assert ends_ns.count(end_ns) > 1 or not is_begun
        return
    # It is as long as from one answer to the next, though its connection waits much longer.
    lengths = [end - before for before, end in itertools.pairwise(ends_ns)]
    assert flow.duration_ns == flow.latency_ns
    assert flow.duration_ns in lengths
    if flow.chosen_from == len(lengths):  # fewer where some overlap
        assert flow.duration_ns == sorted(lengths)[1]
    for kind in ("read", "write"):
        moved = [s for s in flow.steps if s.name.endswith(kind) and s.call_class != "query"]
        assert moved, kind
    first = min(moment.at_ns for moment in flow.moments)
    assert first < flow.duration_ns / 2
    assert "Figure" not in figures.heading(trace, flow)


def test_a_connections_thread_waits_in_a_read_that_began_before() -> None:
    settings = {"load.descriptors": "16"}
    trace = record("threads:handoff=none", scenario="server", settings=settings)
    waiting = [step for step in flow_of(trace).steps if step.name == "read" and step.began_before]
    assert len(waiting) > 10
    assert {in_call(step, 1) for step in waiting} == {"blocked"}


def test_the_main_thread_waits_while_a_thread_that_goes_on_alone_is_served() -> None:
    trace = recorded("threads:handoff=none")
    (wait,) = [step for step in flow_of(trace).steps if not step.thread and step.kind == "call"]
    assert wait.name == "futex_wait"
    assert in_call(wait, flow_of(trace).duration_ns) == "blocked"


@pytest.mark.parametrize("engine", ["select", "threads:handoff=none", "aio"])
@pytest.mark.parametrize("requests", [1, 4, 6])
def test_as_many_requests_as_were_asked_for_are_recorded(engine: str, requests: int) -> None:
    for settings in ({}, {"load.depth": "4"}):
        trace = record(engine, settings=settings, requests=requests)
        assert len(of_kind(trace, "request")) == flow_of(trace).requests == requests


def test_as_many_as_are_in_flight_are_recorded_where_nothing_is_asked() -> None:
    assert flow_of(record("select", settings={"load.depth": "9"})).requests == 9


def test_an_open_loop_shows_a_request_that_no_other_overlaps() -> None:
    starts_ns = (0, 60_000, 1_200_000, 2_500_000, 2_560_000)
    events = [make_event("request", start_ns, start_ns + 100_000) for start_ns in starts_ns]
    flow = flow_of(make_trace(events))
    assert (flow.number, flow.duration_ns) == (3, 100_000)
    assert "number 3, the only one that overlaps no other" in flow.caption


def test_a_request_that_another_spans_is_not_alone() -> None:
    spans = [(0, 100), (200, 300), (400, 500), (250, 900)]
    flow = flow_of(make_trace([make_event("request", *span) for span in sorted(spans)]))
    assert flow.number is None
    assert flow.duration_ns == 900


@pytest.mark.parametrize(
    ("ends_ns", "number"), [((500, 900, 900), None), ((500, 900, 900, 1_300), 4)]
)
def test_answers_that_are_collected_together_are_no_request_of_0_ns(
    ends_ns: tuple[int, ...], number: int | None
) -> None:
    events = [make_event(start_ns=400, end_ns=450)]
    requests = [make_event("request", n, end_ns) for n, end_ns in enumerate(ends_ns)]
    server = {"channel.kind": "socket", "channel.role": "server", "load.depth": 1}
    flow = flow_of(make_trace([*requests, *events], "threads", parameters=server))
    assert flow.number == number
    assert flow.duration_ns > 0
    if number is None:
        assert flow.caption.endswith("since they overlap")
        assert flow.moments


def test_an_answer_begun_before_the_one_before_it_ended_overlaps_it() -> None:
    """The completion of the second message's read is collected before that of the first's write."""
    requests = [make_event("request", n, end_ns) for n, end_ns in enumerate((500, 900, 950, 1_500))]
    reads, writes = (100, 600, 700, 1_000), (200, 650, 750, 1_100)
    calls = [make_event(start_ns=at_ns, end_ns=at_ns + 10, name="aio_read") for at_ns in reads]
    calls += [make_event(start_ns=at_ns, end_ns=at_ns + 10, name="aio_write") for at_ns in writes]
    server = {"channel.kind": "socket", "channel.role": "server", "load.depth": 1}
    flow = flow_of(make_trace([*requests, *calls], "aio", parameters=server))
    assert flow.chosen_from == 2  # not the third, which ends 50 ns after the second
    assert flow.number in (2, 4)
    assert any(step.name == "aio_write" for step in flow.steps)


def test_a_file_of_an_earlier_version_begins_with_its_first_call() -> None:
    """It says nowhere when the recording began; its requests began 100 ms before."""
    events = [
        *(make_event("request", n, 100_020_000 + n) for n in range(4)),
        make_event("call", 100_000_000, 100_005_000, name="read"),
        make_event("call", 100_010_000, 100_019_000, name="write"),
    ]
    server = {"channel.kind": "socket", "channel.role": "server", "load.depth": 4}
    flow = flow_of(make_trace(events, "select", parameters=server))
    assert [step.start_ns for step in flow.steps] == [0, 10_000]
    assert flow.duration_ns == 20_003


@pytest.mark.parametrize(
    ("change", "figure"),
    [
        ({}, 3),
        ({"channel.kind": "socket", "channel.role": "server"}, None),
        ({"channel.kind": "file"}, None),
        ({"load.depth": 2}, None),
        ({"load.operation": "write"}, None),
        ({"load.arrivals": "poisson"}, None),
        ({"load.deadline": 1_000}, None),
    ],
)
def test_a_figure_is_named_only_of_the_articles_workload(
    change: dict[str, object], figure: int | None
) -> None:
    parameters = {**recorded("nonblocking").parameters, **change}
    trace = msgspec.structs.replace(recorded("nonblocking"), parameters=parameters)
    assert figures.number(trace, flow_of(trace)) == figure


# Which engines


def test_the_scenarios_own_engines_are_recorded(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'title = "Mine"\nquestion = "Which?"\nengines = ["select", "aio"]\n'
        '[channel]\nkind = "timer"\nservice = "50 us"\n'
    )
    names = [recording.engine for recording in tracing.record((), str(file), requests=1)]
    assert names == ["select", "aio"]
    assert [s.canonical for s in tracing.engines_of(["blocking"], str(file))] == ["blocking"]
    default = [spec.canonical for spec in tracing.engines_of((), "slow-device")]
    assert default == list(tracing.DEFAULT_ENGINES)
