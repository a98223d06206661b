"""Plug-ins in C: whatever one of them does harms no process but the one that has loaded it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from iomodels import _core
from iomodels.base.errors import EngineError
from iomodels.engines.plugins import asking, describing
from iomodels.engines.plugins.shared_object import PluginSource
from iomodels.engines.sources import DESCRIPTORS, SOURCES, Origin
from iomodels.engines.spec import parse
from iomodels.measure.run import bench
from iomodels.trials import child

from ..core_build import build_plugin

SOURCE = Path(__file__).with_name("plugin.c")
ORIGIN = Origin("mine-all", "1.2", "0" * 64)
ENGINE = "engine 'mine' of mine-all 1.2"


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Builds the plug-in with these macros, and makes it known as one that the user has named. In
    the end no process is left."""
    made = []
    before = children()

    def build(*macros: str) -> PluginSource:
        path = build_plugin(SOURCE, tmp_path / "mine.so", *macros)
        made.append(PluginSource("mine", str(path), ORIGIN))
        monkeypatch.setitem(SOURCES.named, "mine", made[-1])
        monkeypatch.setitem(DESCRIPTORS.named, "mine", made[-1].descriptor)
        return made[-1]

    yield build
    for each in made:
        each.close()
    assert children() <= before


def cell(tmp_path, **settings):
    """One short trial of it."""
    run = bench(
        ["cached-read"],
        engines=["mine", "blocking"],
        settings={"channel.folder": [str(tmp_path)], "channel.size": ["64KiB"], **settings},
        rounds=1,
        duration_s=0.01,
        warmup_s=0.0,
    )
    (found,) = (each for each in run.cells if each.engine == "mine")
    (beside,) = (each for each in run.cells if each.engine == "blocking")
    assert beside.status == "ok", "the run went on"
    return found


def mapped() -> str:
    return Path("/proc/self/maps").read_text()


def test_it_is_described_asked_and_measured_and_never_loaded_here(source, tmp_path):
    it = source()
    assert it.descriptor.title == "Mine"
    plain, two = parse("mine"), parse("mine:depth=two")
    assert (plain.caps["max_depth"], two.caps["max_depth"]) == (1, 2)
    assert plain.calls["other"] == ["query", 0]
    assert it.answers({}, "file", {}) == {"cannot": None, "probe": None, "degenerate": None}
    found = cell(tmp_path)
    assert found.status == "ok", found.reason
    (trial,) = found.trials
    assert trial.calls_per_op == pytest.approx({"pread": 1, "other": 1}, rel=0.05)
    assert str(tmp_path / "mine.so") not in mapped()
    assert "mine" not in _core.engines()


@pytest.mark.parametrize(
    ("macros", "sentence"),
    [
        (["IN_LOAD=crash"], "crashed (SIGSEGV) when it was loaded"),
        (["IN_LOAD=leave"], "ended its process (exit code 3) when it was loaded"),
        (["ITS_ABI=7"], "it was built for ABI 7, and this iomodels has ABI 1: build it again"),
        (["BIGGER"], "struct engine has "),
        (["NO_SYMBOL"], "it has no symbol iomodels_plugin"),
        (["NO_CLOSE"], "its engine lacks a function: open, submit, reap, cancel or close is NULL"),
        (['NAME="aio"'], "there is an engine 'aio' already"),
        (['NAME="yours"'], "its shared object has the engine 'yours': name both alike"),
        (['NAME="A name"'], "its engine's name is no slug"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_with_the_shared_object_is_a_sentence(source, macros, sentence):
    with pytest.raises(EngineError) as error:
        source(*macros)
    assert str(error.value).startswith(ENGINE)
    assert sentence in str(error.value)


def test_what_is_no_shared_object_is_a_sentence(tmp_path):
    for content in (b"", b"\x7fELF" + bytes(200), b"INPUT(/etc/passwd)\n"):
        path = tmp_path / "not.so"
        path.write_bytes(content)
        with pytest.raises(EngineError, match=r"cannot be used: it cannot be loaded: .*not.so"):
            PluginSource("mine", str(path), ORIGIN)
    with pytest.raises(EngineError, match=r"it cannot be loaded: .*No such file"):
        PluginSource("mine", str(tmp_path / "gone.so"), ORIGIN)


def test_one_that_hangs_when_it_is_loaded_is_killed(source, monkeypatch):
    monkeypatch.setattr(asking, "LIMIT_S", 0.3)
    with pytest.raises(EngineError, match=r"did not answer within 0.3 s when it was loaded"):
        source("IN_LOAD=hang")


def limit_questions(monkeypatch, limit_s):
    """But not the start of a process, which takes longer where many want a CPU."""
    start, usual_s = asking.SharedObjectProcess._start, asking.LIMIT_S

    def start_without_haste(process):
        asking.LIMIT_S = usual_s
        start(process)
        asking.LIMIT_S = limit_s

    monkeypatch.setattr(asking, "LIMIT_S", limit_s)
    monkeypatch.setattr(asking.SharedObjectProcess, "_start", start_without_haste)


@pytest.mark.parametrize(
    ("macro", "sentence"),
    [
        ("IN_PROBE=crash", "crashed (SIGSEGV) when it was asked what it can do here"),
        ("IN_PROBE=leave", "ended its process (exit code 3) when it was asked"),
        ("IN_PROBE=hang", "did not answer within 0.3 s when it was asked"),
    ],
)
def test_one_that_cannot_answer_is_not_applicable(source, monkeypatch, tmp_path, macro, sentence):
    it = source(macro)
    if "hang" in macro:
        limit_questions(monkeypatch, 0.3)
    found = cell(tmp_path)
    assert found.status == "n/a"
    assert found.reason.startswith(ENGINE)
    assert sentence in found.reason
    assert it.facts({})["caps"]["max_depth"] == 1, "and another question is answered"


def test_what_it_prints_disturbs_nobody(source, tmp_path, capfd):
    it = source("IN_LOAD=print", "IN_PROBE=print", "IN_OPEN=print", "IN_SUBMIT=print")
    assert it.answers({}, "file", {})["cannot"] is None
    assert cell(tmp_path).status == "ok"
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("macro", "words"),
    [
        ("IN_OPEN=crash", "SIGSEGV"),
        ("IN_SUBMIT=crash", "SIGSEGV"),
        ("IN_REAP=crash", "SIGSEGV"),
        ("IN_SUBMIT=leave", "exit code 3"),
        ("IN_REAP=hang", "hung: no answer for"),
        ("TWICE", "the engine broke its contract"),
    ],
)
def test_one_that_breaks_in_a_trial_has_a_failed_cell(source, monkeypatch, tmp_path, macro, words):
    source(macro)
    if "hang" in macro:
        monkeypatch.setattr(child, "ANSWER_TIMEOUT_S", 0.5)
    found = cell(tmp_path)
    assert found.status == "failed"
    assert words in found.reason, found.reason


def test_the_process_that_is_asked_ends_when_nobody_asks_and_starts_again(source):
    before = children()
    it = source()
    (process,) = children() - before
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)  # by itself, or this never returns
    assert it.facts({"depth": "two"})["caps"]["max_depth"] == 2
    assert process not in children()


def test_the_process_that_is_asked_ends_with_the_one_that_asks(source, tmp_path):
    path = build_plugin(SOURCE, tmp_path / "other.so")
    program = [describing.__file__, _core.__file__, path, os.getpid()]
    asked = subprocess.Popen(
        ["python3", "-I", "-S", *map(str, program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with asked:
        assert asked.stdout.readline()
        asked.stdin.close()
        assert asked.wait(10) == 0


def children() -> set[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in text.split()}
