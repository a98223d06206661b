"""The file of an answer: it comes back as it went, and a stranger's is refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iomodels.advice import stored
from iomodels.advice.document import Gain
from iomodels.base.errors import NotWritten, OutputError, ResultError
from iomodels.results.schema import Interval

from ..advice_samples import INCONCLUSIVE, advice, point


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "advice.json"


def test_it_comes_back_as_it_went(path: Path) -> None:
    whole = advice(point(), point(**INCONCLUSIVE))
    stored.save(whole, path, force=False)
    assert stored.load(path) == whole
    assert stored.is_advice(path)
    assert json.loads(path.read_text())["schema"] == "iomodels.advice/1"


def test_it_is_not_written_over_a_file(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(OutputError, match="is left as it is"):
        stored.save(advice(), path, force=False)
    assert path.read_text() == "mine"


def test_what_no_reader_would_take_is_not_written(path: Path) -> None:
    with pytest.raises(NotWritten, match="a fault of iomodels"):
        stored.save(advice(measured_s=float("nan")), path, force=False)
    assert not path.exists()


def _set(*keys: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = value

    return change


POINT = ("points", 0)
TURNING = (*POINT, "turnings", 0)


@pytest.mark.parametrize(
    "change",
    [
        _set("goal", value="fame"),
        _set("schema", value="iomodels.advice/2"),
        _set("schema", value="iomodels.run/1"),
        _set("measured_s", value=-1),
        _set("measured_s", value=1e300),
        _set("points", value=[{}]),
        _set("tool", value=None),
        _set(*POINT, "use", value="a stranger"),
        _set(*POINT, "use", value=None),
        _set(*POINT, "why_none", value="both"),
        _set(*POINT, "as_good", value=["epoll", "a stranger"]),
        _set(*POINT, "quantity", value="fame"),
        _set(*POINT, "title", value="x" * 20_000),
        _set(*POINT, "candidates", 0, "engine", value="epoll"),
        _set(*POINT, "candidates", 0, "rounds", value=-1),
        _set(*POINT, "candidates", 0, "beyond", value=[{"quantity": "fame", "value": 1}]),
        _set("limits", value=[{"quantity": "fame", "value": 1}]),
        _set(*POINT, "candidates", 0, "values", "throughput_ops", "low", value=1e9),
        _set(*POINT, "gain", "ratio", value={"median": 1.01, "low": 0.9, "high": 1.1}),
        _set(*POINT, "gain", "ratio", value={"median": 0.5, "low": 0.4, "high": 0.6}),
        _set(*POINT, "gain", "ratio", value={"median": 1.1, "low": 0, "high": 1.2}),
        _set(*TURNING, "values", value=[1, 1, 64, 128, 256, 4096]),
        _set(*TURNING, "values", value=[0, 8, 64, 128, 256, 4096]),
        _set(*TURNING, "values", value=[]),
        _set(*TURNING, "best", value=["epoll"]),
        _set(*TURNING, "measured", "epoll", value=[None]),
        _set(*TURNING, "low", value=None),
        _set(*TURNING, "low", value=2),
        _set(*TURNING, "low", value=256),
        _set(*TURNING, "above", value="select"),
        _set("points", value=[1] * 100),
    ],
)
def test_an_unsound_file_is_refused(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    data = json.loads(stored.text(advice()))
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ResultError) as refused:
        stored.load(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema": 1}', b"[" * 99999])
def test_what_is_no_document_is_no_answer(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert not stored.is_advice(path)
    with pytest.raises(ResultError):
        stored.load(path)


def test_too_many_points_are_refused(path: Path) -> None:
    with pytest.raises(NotWritten, match="at most"):
        stored.save(advice(*[point()] * (stored.MAX_POINTS + 1)), path, force=False)


def test_a_gain_is_above_one_in_every_quantity(path: Path) -> None:
    below = Gain("select", Interval(0.7, 0.6, 0.8), 9, is_shown=True)
    for quantity in ("latency_ns.p50", "throughput_ops"):
        with pytest.raises(NotWritten, match="does not carry it"):
            stored.save(advice(point(quantity=quantity, gain=below)), path, force=True)
