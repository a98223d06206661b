"""`iomodels trace`: its text, its files, its exit codes; and what Perfetto will find in them."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from iomodels.cli.main import run
from iomodels.cli.show.flow_text import flow_text

from iomodels.exports.perfetto import perfetto
from iomodels.trace import flow, words
from iomodels.trace import schema as trace

from ..fresh import run_iomodels
from ..ring_traces import entering, polled
from ..traces import DRAWN, make_event, make_trace, record, recorded, tries


def in_a_pipe(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_iomodels("trace", *arguments, cwd=Path.cwd())


def test_the_four_engines_fit_80_columns_and_pipes() -> None:
    done = in_a_pipe()
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    named = ("blocking", "nonblocking", "select", "aio:notify=signal")
    for figure, engine in enumerate(named, start=2):
        assert f"Figure {figure}, as recorded: {engine}  (slow-device)" in done.stdout
    assert "░ blocked" in done.stdout
    assert "EAGAIN × " in done.stdout
    assert done.stdout.count("device ready") == 4
    assert "signal SIGRTMIN" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("engine", DRAWN)
def test_every_line_of_every_flow_fits(engine: str) -> None:
    lines = flow_text(recorded(engine))
    assert all(len(line) <= 80 for line in lines), lines


def of_lane(shade: str, lines: list[str]) -> list[str]:
    """The lines in which the application's lane is this, or its arrow begins."""
    return [line for line in lines if line[12:13] == shade]


@pytest.mark.parametrize(
    ("name", "shade", "word", "meaning"),
    [
        ("read", "░", "blocked", "blocked (asleep in a call)"),
        ("aio_read", "┃", "in the call", "in a call"),
    ],
)
def test_the_lane_says_what_its_shade_is_whatever_happens_meanwhile(
    name: str, shade: str, word: str, meaning: str
) -> None:
    events = [
        make_event("request", 0, 100),
        make_event("call", 1, 90, name=name),
        make_event("device_ready", 50, 51, result=50),
    ]
    lines = flow_text(make_trace(events))
    said, ready = of_lane(shade, lines)
    assert said.split("│")[0].split(maxsplit=1)[1].strip() == word
    assert ready.endswith("◆ device ready")
    assert f"lane: │ not in a call, {shade} {meaning}" in lines


def test_only_the_shades_used_are_explained() -> None:
    lines = flow_text(make_trace([make_event("request", 0, 900), make_event("call", 0, 9)]))
    assert not any(line.startswith("lane: ") for line in lines)
    computing = flow_text(make_trace([make_event("computation", 0, 9)]))
    assert "lane: █ computing" in computing


def test_a_call_that_comes_back_is_named() -> None:
    lines = flow_text(make_trace([make_event("request", 0, 100), make_event("call", 0, 90)]))
    assert any(line.endswith("─ read() ─┤ 8 bytes") for line in lines)


def test_the_text_says_how_uncertain_the_start_is_and_why() -> None:
    events = [make_event("request", 0, 99), make_event("device_start", 1, 5, result=0)]
    lines = flow_text(make_trace(events))
    assert any(line.endswith("◇ device starts (within 4 ns)") for line in lines)
    assert f"note: {words.UNSURE}" in " ".join(line.strip() for line in lines)


def test_many_devices_take_a_line_each_time_not_each() -> None:
    trace = record("select", settings={"load.depth": "16"}, requests=1)
    lines = flow_text(trace)
    assert len([line for line in lines if "◇" in line]) < 4
    assert any("device starts × 16, in " in line for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_a_thousand_devices_fit() -> None:
    starts = [make_event("device_start", 21 * n, 21 * n + 300, result=0) for n in range(1024)]
    (row,) = [line for line in flow_text(make_trace(starts)) if "◇" in line]
    assert row.endswith("device starts × 1024, in 21.8 µs")
    assert len(row) <= 80


def test_the_text_says_what_was_recorded() -> None:
    shown = make_trace(
        [
            make_event("request", 0, 200_000),
            make_event("device_start", 0, 500, result=0),
            *tries(348, start_ns=1_000),
            make_event("device_ready", 100_000, 100_500, result=100_000),
            make_event("call", 110_000, 112_000),
        ],
        "nonblocking",
    )
    rows = [line.split() for line in flow_text(shown)[4:] if line]
    assert rows[1][0] == "1.00"
    assert "read()" in rows[1]
    assert rows[1][-5:] == ["EAGAIN", "×", "348,", "69.5", "µs"]
    assert (rows[2][0], rows[2][-2:]) == ("100.00", ["device", "ready"])
    assert (rows[3][0], rows[3][-4:]) == ("110.00", ["8", "bytes,", "2", "µs"])


def test_few_repeats_and_long_ones_are_not_folded() -> None:
    two = make_trace([make_event("request", 0, 100_000), *tries(2)])
    assert [step.count for step in flow.flow_of(two).steps] == [1, 1]
    slow = [make_event(start_ns=n * 20_000, end_ns=n * 20_000 + 15_000) for n in range(5)]
    long = make_trace([make_event("request", 0, 100_000), *slow])
    assert [step.count for step in flow.flow_of(long).steps] == [1] * 5


def test_a_long_call_stands_alone_and_those_after_it_are_folded() -> None:
    events = [make_event(start_ns=0, end_ns=90_000), *tries(5, start_ns=90_000, result=8)]
    mixed = make_trace([make_event("request", 0, 100_000), *events])
    assert [step.count for step in flow.flow_of(mixed).steps] == [1, 5]


# Rings

AT = ("5.50 µs", "5.70 µs", "125.70 µs")


def test_the_rings_are_two_columns_between_the_lanes() -> None:
    lines = flow_text(entering())
    assert "            Application  SQ       CQ          Kernel" in lines
    put, entered, *_, taken = [line for line in lines if line[:11].strip() in AT]
    assert put == "   5.50 µs  ├─ SQE ─────▶■        ┊           │ SQE put, slot 0"
    assert entered == "   5.70 µs  ├─ io_uring_enter() ──┊──────────▶◁ 1, 3 µs"
    assert taken == " 125.70 µs  │◀───────────┊── CQE ─□           │ CQE taken, slot 0"
    assert "SQ, CQ: the rings, ■ an entry is there, □ perhaps" in lines
    assert all(len(line) <= 80 for line in lines)


def test_spinning_has_a_shade_of_its_own() -> None:
    lines = flow_text(polled())
    said, ready = of_lane("▓", lines)
    assert "spinning 85 µs" in said
    assert ready == " 100.10 µs  ▓            □        □           ◆ device ready (within 5 µs)"
    assert "lane: │ not in a call, █ computing, ▓ spinning (looks at the completion ring)" in lines
    assert not any("SQ" in line for line in flow_text(make_trace([make_event("request", 0, 9)])))


def test_entries_of_rings_are_instants_of_their_thread() -> None:
    instants = [
        event for event in events_of(entering()) if event.get("cat") in ("sq_entry", "cq_entry")
    ]
    assert [(e["name"], e["ts"], e["ph"], e["s"], e["tid"]) for e in instants] == [
        ("SQE put", 5.5, "i", "t", 1),
        ("CQE taken", 125.7, "i", "t", 1),
    ]
    assert instants[0]["args"] == {"slot": 0, "ring": "submission ring"}


# Files


def test_the_files_are_written_and_never_over_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, events = tmp_path / "traces", tmp_path / "events.json"
    asked = ["trace", "blocking", "aio:notify=signal", "-o", str(folder), "--format", "svg"]
    assert run([*asked, "--perfetto", str(events)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "trace-aio-notify-signal.json",
        "trace-aio-notify-signal.svg",
        "trace-blocking.json",
        "trace-blocking.svg",
    ]
    before = (folder / "trace-blocking.json").read_bytes()
    assert trace.load(folder / "trace-blocking.json").engine == "blocking"
    assert json.loads(events.read_bytes())
    capsys.readouterr()
    assert run(asked) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "exists already" in err
    assert (folder / "trace-blocking.json").read_bytes() == before
    assert run([*asked, "--force"]) == 0
    assert (folder / "trace-blocking.json").read_bytes() != before


def test_a_recorded_trace_is_shown_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "trace.json"
    file.write_bytes(trace.encode(recorded("select")))
    assert run(["trace", "--read", str(file), "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "\n".join(flow_text(recorded("select"))) + "\n"
    assert (tmp_path / "trace-select.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["blokcing"], 2, "did you mean 'blocking'"),
        (["null"], 3, "nothing was recorded"),
        (["blocking", "-s", "load.depth=4"], 3, "one request in flight"),
        (["--scenario", "default"], 2, "but a trace needs one"),
        (["--scenario", "no-such"], 2, "no-such"),
        (["-s", "load.compute"], 2, "KEY=VALUE"),
        (["-n", "0"], 2, "--requests"),
        (["echo", "server"], 2, "a trace needs one scenario, not echo and server"),
        (["echo", "--scenario", "server"], 2, "a trace needs one scenario, not echo and server"),
        (["default"], 2, "but a trace needs one"),
        (["-e", "blokcing"], 2, "did you mean 'blocking'"),
        (["server", "-s", "load.depth=16"], 2, "use also -s load.descriptors=16"),
        (["--read", "x.json", "select"], 2, "do not use it with ENGINE"),
        (["--read", "x.json", "-s", "load.depth=1"], 2, "do not use it with ENGINE"),
        (["--read", "x.json", "--scenario", "echo"], 2, "do not use it with ENGINE"),
        (["--read", "x.json", "-n", "4"], 2, "do not use it with ENGINE"),
        (["select", "-o", "/proc/none"], 2, "cannot make the folder"),
        (
            ["--scenario", "cached-read", "-s", "channel.folder=/none"],
            2,
            "channel.folder is /none, where no file can be created",
        ),
        (["select", "--perfetto", "/none/x.json"], 2, "does not exist"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["trace", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err


def test_a_scenario_can_be_an_argument_and_an_engine_an_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["trace", "echo", "-e", "select", "blocking", "-n", "1"]) == 0
    out, _ = capsys.readouterr()
    assert "As recorded: blocking  (echo)" in out
    assert "As recorded: select  (echo)" in out


@pytest.mark.parametrize("columns", [60, 80, 132])
def test_a_note_is_wrapped_to_the_columns_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    note = "a long word or two " * 12 + "end"
    file = tmp_path / "trace.json"
    file.write_bytes(trace.encode(make_trace([make_event("request", 0, 10)], notes=[note])))
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = in_a_pipe("--read", str(file)).stdout.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("note: "))
    wrapped = [line for line in lines[first:] if line]
    assert columns - 20 < max(map(len, wrapped)) <= columns
    assert all(line.startswith(" " * 6) for line in wrapped[1:])
    assert " ".join(line.strip() for line in wrapped) == f"note: {note}"


# Chrome trace events


def events_of(*traces: trace.Trace) -> list[dict[str, Any]]:
    found = json.loads(perfetto(traces))
    assert found["displayTimeUnit"] == "ns"
    events: list[dict[str, Any]] = found["traceEvents"]
    return events


@pytest.mark.parametrize("engine", DRAWN)
def test_every_event_has_what_the_format_asks_for(engine: str) -> None:
    events = events_of(recorded(engine))
    for event in events:
        assert isinstance(event["name"], str)
        assert event["name"]
        assert event["ph"] in {"M", "X", "i", "b", "e"}
        assert event["ts"] >= 0
        assert type(event["pid"]) is type(event["tid"]) is int
        if event["ph"] == "X":
            assert event["dur"] >= 0
    named = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"}
    assert {(e["pid"], e["tid"]) for e in events if e["ph"] == "X"} <= named


@pytest.mark.parametrize("engine", DRAWN)
def test_spans_of_a_thread_nest_and_others_are_closed(engine: str) -> None:
    events = events_of(recorded(engine))
    by_thread = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            by_thread[event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    for spans in by_thread.values():
        under_way: list[float] = []
        for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            while under_way and under_way[-1] <= start:
                under_way.pop()
            assert not under_way or end <= under_way[-1]
            under_way.append(end)
    begun = sorted((e["cat"], e["id2"]["local"]) for e in events if e["ph"] == "b")
    assert begun == sorted((e["cat"], e["id2"]["local"]) for e in events if e["ph"] == "e")
    assert len(set(begun)) == len(begun)
    assert len([cat for cat, _ in begun if cat == "request"]) == 4


def test_times_are_microseconds_and_traces_are_processes() -> None:
    one = make_trace([make_event("call", 0, 1_500, name="read", result=-11)])
    two = make_trace([make_event("call", 2_000, None, name="select", result=None)], "select")
    events = events_of(one, two)
    read = next(e for e in events if e["name"] == "read")
    assert (read["ts"], read["dur"], read["pid"], read["tid"]) == (0, 1.5, 1, 1)
    assert read["args"] == {"result": -11, "means": "EAGAIN"}
    select = next(e for e in events if e["name"] == "select")
    assert (select["ts"], select["pid"]) == (2.0, 2)
    assert select["args"]["unfinished"]
    names = [e["args"]["name"] for e in events if e["name"] == "process_name"]
    assert names == ["blocking (slow-device)", "select (slow-device)"]


def test_spans_of_several_traces_are_not_joined() -> None:
    events = events_of(*[make_trace([make_event("request", 0, 1000)])] * 2)
    spans = [e for e in events if e["ph"] in "be"]
    assert len(spans) == 4
    assert len({(e["pid"], e["id2"]["local"]) for e in spans}) == 2
    assert not any("id" in e for e in spans)  # that one is global


def test_the_device_is_at_work_until_it_is_ready() -> None:
    taken = record("select", settings={"load.depth": "3"})
    events = events_of(taken)
    spans = defaultdict(list)
    for event in events:
        if event.get("cat") == "device at work":
            spans[event["id2"]["local"]].append(event["ts"])
    assert len(spans) >= 3
    assert all(end - start == pytest.approx(100, abs=1e-6) for start, end in spans.values())


def test_an_engine_in_python_is_not_recorded_and_its_twin_is_named() -> None:
    done = in_a_pipe("python:blocking", "--scenario", "slow-device")
    assert done.returncode == 3
    assert done.stdout == ""
    assert "its calls are made in Python" in done.stderr
    assert "Trace blocking, which makes the same calls" in done.stderr
