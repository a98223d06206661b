"""Trace files from elsewhere: read with limits, refused in one sentence, shown harmlessly."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from iomodels.cli.main import run
from iomodels.cli.show.flow_text import flow_text

from iomodels.base.errors import ResultError
from iomodels.charts.flows.flow import flow
from iomodels.exports.perfetto import perfetto
from iomodels.trace import schema
from iomodels.trace.flow import flow_of

from ..traces import make_event, make_trace, recorded, tries

SOUND = schema.encode(make_trace([make_event("request", 0, 200), *tries(5)]))


def with_event(**fields: Any) -> bytes:
    data = json.loads(SOUND)
    data["events"][1] |= fields
    return json.dumps(data).encode()


def with_field(**fields: Any) -> bytes:
    return json.dumps(json.loads(SOUND) | fields).encode()


REFUSED = {
    "empty": (b"", "is not JSON"),
    "cut off": (SOUND[: len(SOUND) // 2], "is not JSON, or is cut off"),
    "binary": (bytes(range(256)), "is not JSON"),
    "not UTF-8": (with_field(scenario="x").replace(b'"x"', b'"\xff"'), "not UTF-8"),
    "deep": (b"[" * 100_000, "is not"),
    "an array": (b"[]", "is not a sound iomodels trace"),
    "a result": (b'{"schema": "iomodels.run/1"}', "is not an iomodels trace"),
    "foreign": (b'{"schema": "\\u001b[31mtraceEvents"}', "is not an iomodels trace"),
    "newer": (b'{"schema": "iomodels.trace/2"}', "version 'iomodels.trace/2'"),
    "no events": (b'{"schema": "iomodels.trace/1"}', "missing required field"),
    "unknown kind": (with_event(kind="explosion"), "explosion"),
    "ends first": (with_event(start_ns=10, end_ns=5), "ends at an impossible time"),
    "negative": (with_event(start_ns=-1), "begins at an impossible time"),
    "unsorted": (with_event(start_ns=10_000, end_ns=None), "begins before"),
    "far future": (with_event(end_ns=2**63 - 1), "ends at an impossible time"),
    "too large": (with_event(end_ns=2**70), "iomodels trace"),
    "long name": (with_event(name="x" * 61), "61 characters"),
    "thread": (with_event(thread=-1), "impossible thread"),
    "result": (with_event(result=-(2**62)), "impossible result"),
    "lost": (with_field(events_lost=-1), "events_lost"),
    "calls": (with_field(calls={"read": -1}), "a count of calls"),
    "text for a number": (with_event(start_ns="0"), "start_ns"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unsound_file_is_refused_in_one_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, expected = REFUSED[name]
    file = tmp_path / "trace.json"
    file.write_bytes(data)
    assert run(["trace", "--read", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert expected in err
    assert "\x1b" not in err


def test_what_is_no_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    huge = tmp_path / "huge"
    huge.touch()
    os.truncate(huge, 10**12)
    for path in (tmp_path / "none.json", tmp_path, fifo, huge, Path("/proc/self/mem")):
        assert run(["trace", "--read", str(path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_too_many_events_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(schema, "MAX_EVENTS", 5)
    file = tmp_path / "trace.json"
    file.write_bytes(SOUND)
    with pytest.raises(ResultError, match="6 events, and at most 5"):
        schema.load(file)


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    for engine in ("blocking", "aio:notify=callback"):
        file.write_bytes(schema.encode(recorded(engine)))
        assert schema.load(file) == recorded(engine)


def test_whatever_is_accepted_can_be_shown(tmp_path: Path) -> None:
    """A sound file with some bytes changed is refused, or everything can be made of it."""
    chance = random.Random(7)
    sound = schema.encode(recorded("select"))
    file = tmp_path / "trace.json"
    accepted, sentences = 0, list[str]()
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.choice(b'0123456789-"{}[],:xn')
        file.write_bytes(data)
        try:
            found = schema.load(file)
        except ResultError as error:
            sentences.append(str(error))
            continue
        accepted += 1
        flow_of(found)
        assert all(len(line) < 2000 for line in flow_text(found))
        json.loads(perfetto([found]))
        assert flow(found).alt
    assert accepted > 10
    assert not any("\n" in sentence for sentence in sentences)


HOSTILE = "\x1b]0;x\x07<script>alert(1)</script>[red]$x^2$\u202e\n../../etc"


def test_hostile_text_is_shown_and_does_nothing() -> None:
    from iomodels.charts.drawing.picture import render

    hostile = make_trace(
        [make_event(name=HOSTILE[:60]), make_event("device_ready", 5, 6)],
        engine=HOSTILE,
        scenario=HOSTILE,
        notes=[HOSTILE],
        environment={"kernel": HOSTILE, "cpu": HOSTILE},
    )
    text = "\n".join(flow_text(hostile))
    assert "\x1b" not in text
    assert "\u202e" not in text
    picture = flow(hostile)
    assert "/" not in picture.name
    assert not set(picture.title + picture.alt) & {"\x1b", "\n", "\u202e"}
    svg = render(picture, "svg").decode()
    assert "<script>" not in svg
    assert "\x1b" not in svg
    assert json.loads(perfetto([hostile]))


def test_an_empty_trace_can_be_shown() -> None:
    from iomodels.charts.drawing.picture import render

    empty = make_trace()
    assert "all events" in "\n".join(flow_text(empty))
    assert render(flow(empty), "png")
    assert json.loads(perfetto([empty]))["traceEvents"]
