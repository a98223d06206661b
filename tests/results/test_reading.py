"""Nothing in a result file is believed in reading: what is unsound is refused in one sentence."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomodels.base.errors import ResultError
from iomodels.measure.defaults import MAX_ROUNDS
from iomodels.results import read, save

from ..factory import make_run
from .shared import is_one_sentence, unprivileged


def changed(change):
    """The bytes of a sound file after `change` was done to its JSON."""
    data = json.loads(save.encode(make_run()))
    change(data)
    return json.dumps(data).encode()


def set_at(*keys, to):
    def change(data):
        for one in keys[:-1]:
            data = data[one]
        data[keys[-1]] = to

    return change


def asked(**others):
    return {"scenarios": ["slow-device"], "engines": [], "settings": {}} | others


def trial_with(name, value):
    return changed(set_at("cells", 0, "trials", 0, name, to=value))


SOUND = save.encode(make_run())
UNSOUND = {
    "empty": (b"", "not JSON, or is cut off"),
    "binary": (bytes(range(256)), "not JSON"),
    "cut off": (SOUND[: len(SOUND) // 2], "cut off"),
    "more behind": (SOUND + b"{}", "not JSON"),
    "not UTF-8": (SOUND.replace(b"slow-device", b"slow\xffdevice"), "not UTF-8"),
    "too deep": (b'{"schema":"iomodels.run/1","x":' + b"[" * 200_000, "too deeply"),
    "a list": (b"[1, 2]", "not a sound iomodels result"),
    "foreign": (b'{"name": "fio", "jobs": []}', "schema"),
    "foreign schema": (b'{"schema": "pyperf/1"}', "'pyperf/1', not iomodels.run/1"),
    "control characters": (b'{"schema": "\\u001b[31m"}', r"\\x1b"),
    "newer version": (b'{"schema": "iomodels.run/2"}', "version 'iomodels.run/2' and this iom"),
    "nothing but a schema": (b'{"schema": "iomodels.run/1"}', "tool"),
    "NaN": (SOUND.replace(b"10000.0", b"NaN"), "not JSON"),
    "Infinity": (SOUND.replace(b"10000.0", b"Infinity"), "not JSON"),
    "infinite": (SOUND.replace(b"10000.0", b"1e999"), "out of range"),
    "null for a number": (trial_with("throughput_ops", None), "trials.0..throughput_ops"),
    "text for a number": (trial_with("operations", "7"), "operations"),
    "fraction for a count": (trial_with("operations", 7.5), "operations"),
    "no status like that": (changed(set_at("cells", 0, "status", to="great")), "status"),
    "ok without anything": (
        changed(lambda data: data["cells"][1].update(summary=None, trials=[])),
        r"cells\[1\].*neither trials nor a summary",
    ),
    "long known change": (changed(set_at("known_change", to="x" * 501)), "501 characters"),
    "known change is no text": (changed(set_at("known_change", to=7)), "known_change"),
    "latencies together": (
        changed(set_at("cells", 0, "latency_ns", to=[[2, 1], [1, 1]])),
        r"cells\[0\].latency_ns does not ascend",
    ),
    "negative number": (trial_with("operations", -1), "operations is negative"),
    "negative calls": (trial_with("calls_per_op", {"read": -1}), "negative"),
    "negative count": (trial_with("latency_ns", [[1, -1]]), "negative count"),
    "negative latency": (trial_with("latency_ns", [[-1, 1]]), "does not ascend"),
    "not ascending": (trial_with("added_ns", [[2, 1], [1, 1]]), "added_ns does not ascend"),
    "repeated bucket": (trial_with("submit_ns", [[2, 1], [2, 1]]), "submit_ns does not ascend"),
    "bucket of three": (trial_with("latency_ns", [[1, 2, 3]]), "latency_ns"),
    "negative part": (trial_with("timeline", [1, -1]), r"timeline\[1\] is negative"),
    "many parts": (trial_with("timeline", [0] * 10_001), "10001 parts"),
    "many buckets": (trial_with("latency_ns", [[n, 1] for n in range(10_001)]), "10001 buckets"),
    "huge count": (trial_with("latency_ns", [[1, 2**64]]), "above 2\\^64"),
    "huge integer": (trial_with("operations", 10**300), "operations is 2\\^64 or more"),
    "huge fraction": (trial_with("throughput_ops", 1.7e308), "throughput_ops is 2\\^64 or more"),
    "least fraction": (trial_with("cpu_share", 5e-324), "cpu_share is not 0 and below 2\\^-64"),
    "long reason": (changed(set_at("cells", 1, "reason", to="x" * 16_385)), "16385 characters"),
    "long name": (changed(set_at("environment", "x" * 16_385, to=1)), "a name in environment"),
    "long question": (changed(set_at("questions", "s", to="x" * 16_385)), "16385 characters"),
    "many warnings": (
        changed(set_at("warnings", to=[{"code": "a", "message": "b"}] * 10_001)),
        "warnings has 10001 entries",
    ),
    "many counters": (
        trial_with("counters", dict.fromkeys(map(str, range(10_001)), 1.0)),
        "counters has 10001 entries",
    ),
    "many trials": (
        changed(lambda data: data["cells"][0].update(trials=data["cells"][0]["trials"][:1] * 1001)),
        "1001 trials",
    ),
    "huge environment": (changed(set_at("environment", "cores", to=10**300)), "environment"),
    "disordered interval": (
        changed(set_at("cells", 0, "summary", "cpu_share", "low", to=1e6)),
        "cpu_share is not in order",
    ),
    "asked is a text": (changed(set_at("asked", to="bench")), "asked"),
    "asked much": (changed(set_at("asked", to=asked(engines=["aio"] * 10_001))), "10002 texts"),
    "asked at length": (
        changed(set_at("asked", to=asked(settings={"k": ["v" * 4097]}))),
        "4097 ch",
    ),
    "many cells": (
        changed(
            set_at(
                "cells",
                to=[{"scenario": "s", "parameters": {}, "engine": "aio", "status": "n/a"}]
                * 100_001,
            )
        ),
        "100001 cells",
    ),
}


def test_a_file_from_before_the_command_was_kept_is_read(path):
    path.write_bytes(changed(lambda data: data.pop("asked")))
    assert read.load(path).asked is None


@pytest.mark.parametrize("name", UNSOUND)
def test_an_unsound_file_is_refused_in_one_sentence(path, name):
    data, expected = UNSOUND[name]
    path.write_bytes(data)
    with pytest.raises(ResultError, match=expected) as refused:
        read.load(path)
    assert str(refused.value).startswith(str(path))
    assert is_one_sentence(str(refused.value))


@given(st.binary(max_size=8), st.integers(0, len(SOUND) - 1), st.integers(0, 8))
def test_whatever_is_in_the_file_it_is_read_or_refused(tmp_path_factory, piece, start, length):
    path = tmp_path_factory.getbasetemp() / "mangled.json"
    path.write_bytes(SOUND[:start] + piece + SOUND[start + length :])
    refused = None
    try:
        run = read.load(path)
    except ResultError as error:
        refused = str(error)
    assert is_one_sentence(refused) if refused else save.encode(run)


def test_what_is_not_a_file_is_refused_at_once(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, expected in [
        (tmp_path, "is a folder"),
        (tmp_path / "absent.json", "does not exist"),
        (tmp_path / "absent" / "run.json", "does not exist"),
        (fifo, "not a regular file"),
        ("/dev/zero", "not a regular file"),
        (loop, "cannot be read"),
        ("nul\0byte", "cannot be read"),
    ]:
        with pytest.raises(ResultError, match=expected) as refused:
            read.load(path)
        assert is_one_sentence(str(refused.value))


def test_an_unreadable_file_is_refused(run, shared_folder):
    path = shared_folder / "run.json"
    save.save(run, path, force=False)
    path.chmod(0o644)
    with unprivileged():
        assert read.load(path) == run
    path.chmod(0)
    with unprivileged(), pytest.raises(ResultError, match=r"cannot be read \(Permission denied"):
        read.load(path)


def test_a_huge_file_is_refused_unread(path):
    with path.open("wb") as file:
        file.truncate(read.MAX_BYTES + 1)
    with pytest.raises(ResultError, match="larger than 256 MiB"):
        read.load(path)


def test_what_bench_can_write_is_read():
    assert read.MAX_TRIALS >= MAX_ROUNDS
