"""A comparison's file: what is written is read, and nothing in a foreign one is believed."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomodels import exports
from iomodels.base.errors import NotWritten, ResultError
from iomodels.comparison import document
from iomodels.comparison.schema import HistoryRun, Trend
from iomodels.results import read
from iomodels.results.schema import Interval, Notice

from ..factory import make_run
from ..hostile_names import comparisons, make_change, make_comparison
from ..results.shared import is_one_sentence

TREND = Trend("s", {}, "", "aio", "throughput_ops", "ops/s", True, [None, Interval(2.0, 1.0, 3.0)])
WHOLE = make_comparison(
    [
        make_change(suspect=True, limit=0.07, verdict="inconclusive"),
        make_change(
            engine="select",
            rounds=3,
            ratio=Interval(1.1, 1e-304, 1e304),
            noise=1e300,
            detectable=1e300,
            detectable_later=1e290,
        ),
    ],
    warnings=[Notice("busy", "others were busy")],
    history=[HistoryRun("2026-01-01"), HistoryRun("2026-01-02", known_change="a disk")],
    trends=[TREND],
    allowed=["kernel"],
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "check.json"


def test_what_is_written_is_read_and_is_the_json_export(path):
    document.save(WHOLE, path, force=False)
    assert document.load(path) == WHOLE
    assert path.read_text() == exports.render(exports.parse("json=-", "verdicts"), WHOLE)
    assert document.is_comparison(path)
    with pytest.raises(ResultError, match=r"is not an iomodels result.*iomodels\.comparison/1"):
        read.load(path)


def test_it_replaces_no_file_unasked(path):
    path.write_text("mine")
    with pytest.raises(NotWritten, match="left as it is"):
        document.save(WHOLE, path, force=False)
    assert path.read_text() == "mine"
    document.save(WHOLE, path, force=True)
    assert document.load(path) == WHOLE


def test_what_could_not_be_read_is_not_written(path):
    endless = make_comparison([make_change(noise=float("inf"))])
    with pytest.raises(NotWritten, match=r"changes\[0\]\.noise is negative or not a finite number"):
        document.save(endless, path, force=False)
    assert not path.exists()


def changed(*keys, to):
    """The bytes of a sound file in which one value is another."""
    data = at = json.loads(document.text(WHOLE))
    for one in keys[:-1]:
        at = at[one]
    at[keys[-1]] = to
    return json.dumps(data).encode()


SOUND = document.text(WHOLE).encode()
UNSOUND = {
    "empty": (b"", "not JSON, or is cut off"),
    "cut off": (SOUND[: len(SOUND) // 2], "cut off"),
    "not UTF-8": (SOUND.replace(b"slow-device", b"slow\xffdevice"), "not UTF-8"),
    "too deep": (b'{"schema":"iomodels.comparison/1","x":' + b"[" * 200_000, "too deeply"),
    "a result": (b'{"schema": "iomodels.run/1"}', "not an iomodels comparison"),
    "newer version": (b'{"schema": "iomodels.comparison/2"}', "version 'iomodels.comparison/2'"),
    "nothing but a schema": (b'{"schema": "iomodels.comparison/1"}', "created_utc"),
    "no verdict like that": (changed("changes", 0, "verdict", to="great"), "verdict"),
    "no outcome like that": (changed("outcome", to="great"), "outcome"),
    "infinite": (changed("threshold", to=5).replace(b": 5,", b": 1e999,", 1), "out of range"),
    "negative threshold": (changed("threshold", to=-0.05), "threshold is negative"),
    "huge threshold": (changed("threshold", to=1e300), "threshold is 2\\^64"),
    "negative ratio": (
        changed("changes", 0, "ratio", to={"median": 1, "low": -1, "high": 2}),
        r"changes\[0\]\.ratio is negative",
    ),
    "disordered ratio": (
        changed("changes", 0, "ratio", to={"median": 3, "low": 1, "high": 2}),
        "ratio is not in order",
    ),
    "disordered side": (changed("changes", 0, "base", "low", to=1e6), "base is not in order"),
    "negative detectable": (changed("changes", 0, "detectable", to=-1), "detectable is negative"),
    "negative later": (
        changed("changes", 0, "detectable_later", to=-1),
        "detectable_later is negative",
    ),
    "negative limit": (changed("changes", 0, "limit", to=-1), "limit is negative"),
    "long name": (changed("base_name", to="x" * 16_385), "16385 characters"),
    "long engine": (changed("changes", 1, "engine", to="x" * 16_385), r"changes\[1\]\.engine"),
    "many warnings": (
        changed("warnings", to=[{"code": "a", "message": "b"}] * 10_001),
        "warnings has 10001 entries",
    ),
    "many changes": (changed("changes", to=[{}] * 100_001), "changes"),
    "a trend of other runs": (changed("trends", 0, "runs", to=[None]), "has 1 runs, and the hist"),
    "a change at no run": (changed("trends", 0, "changed_at", to=[2]), "changed_at is of no run"),
    "a negative run": (changed("trends", 0, "changed_at", to=[-1]), "negative"),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_an_unsound_file_is_refused_in_one_sentence(path, name):
    data, expected = UNSOUND[name]
    path.write_bytes(data)
    with pytest.raises(ResultError, match=expected) as refused:
        document.load(path)
    assert str(refused.value).startswith(str(path))
    assert is_one_sentence(str(refused.value))


@given(st.binary(max_size=8), st.integers(0, len(SOUND) - 1), st.integers(0, 8))
def test_whatever_is_in_the_file_it_is_read_or_refused(tmp_path_factory, piece, start, length):
    path = tmp_path_factory.getbasetemp() / "mangled.json"
    path.write_bytes(SOUND[:start] + piece + SOUND[start + length :])
    refused = None
    try:
        comparison = document.load(path)
    except ResultError as error:
        refused = str(error)
    assert is_one_sentence(refused) if refused else document.text(comparison)


@given(comparisons())
def test_hostile_texts_come_back_as_they_are(tmp_path_factory, comparison):
    """But for what is no Unicode text at all."""
    path = tmp_path_factory.getbasetemp() / "hostile.json"
    try:
        msgspec.json.encode(comparison)
    except UnicodeEncodeError:
        with pytest.raises(NotWritten, match="cannot be stored"):
            document.save(comparison, path, force=True)
        return
    document.save(comparison, path, force=True)
    assert document.load(path) == comparison


def test_only_a_comparison_is_one(tmp_path):
    for name, data in (
        ("run", msgspec.json.encode(make_run())),
        ("text", b"text"),
        ("list", b"[]"),
        ("number", b'{"schema": 1}'),
        ("bytes", b'{"schema": "\xff"}'),
    ):
        (tmp_path / name).write_bytes(data)
        assert not document.is_comparison(tmp_path / name)
    assert not document.is_comparison(tmp_path)
    assert not document.is_comparison(tmp_path / "absent")
