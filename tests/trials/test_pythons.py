"""Which Python measures: `python=PATH` where a user types it, and a version everywhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from msgspec.structs import replace

from iomodels.base.errors import EngineError, ResultError
from iomodels.engines.ability import computes_in_parallel
from iomodels.engines.spec import parse
from iomodels.measure.earlier import earlier
from iomodels.measure.run import bench
from iomodels.results import save
from iomodels.results.schema import Run
from iomodels.trials.pythons import asking, named, question
from iomodels.workload.scenario import points, resolve

from ..cli.running import cli
from ..factory import make_python_trial
from .other_pythons import OTHERS, PYENV, SHORT, TOO_OLD, an_other, environment, nobody_is_named
from .test_trial import leaves_no_child_and_no_descriptor

__all__ = ["cli", "leaves_no_child_and_no_descriptor", "nobody_is_named"]


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A program in the place of a Python. What it is started for, it notes."""
    return program(tmp_path / "bin" / "3.99.0", f'echo started >> "{tmp_path}/started"')


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def was_started(fake: Path) -> bool:
    return (fake.parents[1] / "started").exists()


# Measuring by another one


@an_other
@pytest.mark.parametrize("path", OTHERS)
def test_it_measures_and_the_result_has_its_version_and_never_its_path(path: str) -> None:
    says = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    (engine,) = named.labelled([f"python:blocking:python={path}"])
    label = engine.rpartition("=")[2]
    assert label.rstrip("td") == says.split()[1]
    run = bench(
        ["cached-read"],
        engines=[f"{engine},python:blocking"],
        settings={"load.verify": ["true"]},
        **SHORT,
    )
    assert {cell.engine: cell.status for cell in run.cells} == {
        engine: "ok",
        "python:blocking": "ok",
        "null": "ok",
        "python:null": "ok",
        f"python:null:python={label}": "ok",
    }
    assert run.pythons.keys() == {label, "own"}
    assert run.pythons[label].version == says.split()[1]
    assert run.pythons["own"].version == ".".join(map(str, sys.version_info[:3]))
    text = save.encode(run).decode()
    assert "/bin/" not in text
    assert path not in text


@an_other
def test_it_really_is_the_other_one_that_measures(tmp_path: Path) -> None:
    """Seen by the program that stands in its place, and goes on as it."""
    path = program(tmp_path / "python", f'echo "$@" >> "{tmp_path}/started"\nexec {OTHERS[0]} "$@"')
    run = bench(
        ["slow-device"], engines=named.labelled([f"python:blocking:python={path}"]), **SHORT
    )
    assert run.cells[0].status == "ok"
    started = (tmp_path / "started").read_text()
    assert "python_worker.py" in started
    assert started.count("iomodels.python.blocking:ENGINE timer") == 1


def test_one_that_has_two_names_has_one_label_and_two_of_one_version_have_two(
    tmp_path: Path,
) -> None:
    own = named.add(sys.executable)
    link = tmp_path / "link"
    link.symlink_to(sys.prefix)
    assert named.add(str(link / "bin" / Path(sys.executable).name)) == own
    other = named.add(str(environment(tmp_path / "other")))
    assert other == f"{own}-2"
    assert parse(f"python:blocking:python={other}").canonical.endswith(other)


def test_names_are_found_as_a_shell_finds_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = environment(tmp_path / "home" / "here")
    label = named.add(str(python))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{python.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    for text in ("~/here/bin/python", "home/here/bin/python", "python"):
        assert named.labelled([f"python:blocking:python={text},blocking"]) == [
            f"python:blocking:python={label},blocking"
        ]


# What is no Python that can measure


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exit 3", "does not answer as a Python does .exit code 3.: give the path of a Python"),
        ("echo nonsense", "does not answer as a Python does"),
        ("yes", "says too much for a Python"),
        ("sleep 100", "did not say within 1 s what it is"),
        ("echo PyPy 3.11", "is PyPy, which cannot load the measured core"),
        ("echo CPython 3.10", "is Python 3.10: give the path of 3.11 or newer"),
        ("echo CPython 3.11; echo '{}'", "is Python 3.11, and could not be asked what it has"),
        (f'{sys.executable} "$@"; true', "starts Python as another process"),
    ],
)
def test_what_is_started_may_be_anything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, sentence: str
) -> None:
    monkeypatch.setattr(asking, "ASK_TIMEOUT_S", 30 if "python" in script else 1)
    with pytest.raises(EngineError, match=sentence):
        named.add(str(program(tmp_path / "x", script)))


@pytest.mark.skipif(not TOO_OLD, reason=f"no older Python in {PYENV}")
def test_a_python_that_is_too_old_is_told_so() -> None:
    with pytest.raises(EngineError, match=r"is Python 3\.\d+: give the path of 3\.11 or newer"):
        named.add(TOO_OLD[-1])


def test_a_wrong_path_is_one_sentence_before_anything_is_measured(cli, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    for path, why in (
        ("/nowhere/python", "there is no such file"),
        (str(tmp_path), "this is a folder"),
        ("./text", "Permission denied"),
        ("no-such-python", "there is no program of this name"),
    ):
        done = cli("bench", "slow-device", "-e", f"python:blocking:python={path}")
        assert done.returncode == 2
        assert why in done.stderr
        assert done.stderr.count("\n") == 1
    done = cli("check", "slow-device", "--a", "engine=python:blocking:python=/nowhere/python")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_core_that_was_not_made_for_it_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of a Python without a GIL are laid out otherwise: it would crash."""
    monkeypatch.setattr(question, "_is_free_threaded", lambda: False)
    assert question._suits("/x/_core.abi3.so")
    assert not question._suits("/x/_core.cpython-399t-x86_64-linux-gnu.so")
    monkeypatch.setattr(question, "_is_free_threaded", lambda: True)
    assert not question._suits("/x/_core.abi3.so")


def test_a_program_in_the_trial_lacks_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked there, not here."""
    named.add(sys.executable)
    label = next(iter(named._NAMED.by_label))
    found, identity = named._NAMED.by_label[label]
    lacks = asking.EngineAnswer([({}, "it has no such module: pip install it")], {})
    engines = {**found.engines, "iomodels.python.blocking:ENGINE": lacks}
    named._NAMED.by_label[label] = named.replace(found, engines=engines), identity
    spec = parse(f"python:blocking:python={label}")
    assert named.why_not(spec) == f"Python {label}: it has no such module: pip install it"
    assert named.why_not(parse("python:blocking")) is None
    assert named.why_not(parse("blocking")) is None


# What may start one


def recorded_as(engine: str) -> Run:
    """A result that could be measured again, of an engine that it only names."""
    run = bench(["slow-device"], engines=["blocking"], **SHORT)
    cell = replace(run.cells[0], engine=engine, trials=[make_python_trial(n) for n in range(6)])
    return replace(run, cells=[cell], settings=run.settings | {"rounds": 6})


def test_no_file_starts_an_interpreter(cli, tmp_path: Path, fake: Path, monkeypatch) -> None:
    """A program of the label's name lies in the folder, and in PATH."""
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    program(tmp_path / "3.99.0", f'echo started >> "{tmp_path}/started"')
    engine = "python:blocking:python=3.99.0"
    run = recorded_as(engine)
    save.save(run, tmp_path / "r.json", force=True)
    cell = replace(run.cells[0], status="partial", trials=run.cells[0].trials[:2])
    save.save(replace(run, cells=[cell]), tmp_path / "part.json", force=True)
    (tmp_path / "own.toml").write_text(
        textwrap.dedent(f"""
        title = "Own"
        question = "What?"
        engines = ["blocking", "{engine}"]
        [channel]
        kind = "timer"
        service = "100 us"
        """)
    )
    said = {}
    for arguments in (
        ("report", "r.json", "-o", "r.html"),
        ("compare", "r.json", "r.json"),
        ("check", "--baseline", "r.json"),
        ("bench", "--resume", "part.json"),
        ("bench", "own.toml", "-r", "1", "-d", "0.01", "--warmup", "0", "-o", "own.json"),
        ("bench", "slow-device", "-e", engine),
    ):
        said[arguments[0], arguments[1]] = cli(*arguments)
    assert not was_started(fake)
    assert said["report", "r.json"].returncode == 0
    again = (
        "only its version is known of the interpreter 3.99.0: name it again, with "
        "--interpreter PATH"
    )
    for key, code in ((("check", "--baseline"), 2), (("bench", "--resume"), 2)):
        assert said[key].returncode == code, said[key].stderr
        assert again in said[key].stderr
    assert said["bench", "own.toml"].returncode == 0
    assert again in json.loads((tmp_path / "own.json").read_text())["cells"][1]["reason"]
    path = save.encode(run).replace(b"python=3.99.0", f"python={fake}".encode())
    (tmp_path / "path.json").write_bytes(path)
    for arguments in (["compare", "path.json", "path.json"], ["check", "--baseline", "path.json"]):
        done = cli(*arguments)
        assert done.returncode == 2
        assert "names an interpreter" in done.stderr
    assert not was_started(fake)
    done = cli("check", "--baseline", "r.json", "--interpreter", str(fake))
    assert done.returncode == 2
    assert was_started(fake), "the test can see it"


@an_other
def test_a_run_goes_on_only_by_the_interpreter_that_began_it(tmp_path: Path) -> None:
    engines = named.labelled([f"python:blocking:python={OTHERS[0]}"])
    whole = bench(["slow-device"], engines=engines, **(SHORT | {"rounds": 2}))
    cells = [
        replace(cell, trials=cell.trials[:1], status="partial", reason=None, summary=None)
        for cell in whole.cells
    ]
    path = tmp_path / "r.json"
    save.save(replace(whole, cells=cells), path, force=True)
    named._NAMED = named._Named()
    with pytest.raises(ResultError, match=r"only its version is known .* --interpreter PATH"):
        earlier(path)
    label = named.add(OTHERS[0])
    assert len(earlier(path).plan.trials) == len(cells)
    other = replace(whole.pythons[label], compiler="Clang 99")
    save.save(replace(whole, cells=cells, pythons=whole.pythons | {label: other}), path, force=True)
    with pytest.raises(ResultError, match=r"another Python would measure: it was .*Clang 99"):
        earlier(path)


# Without a GIL


def test_threads_without_a_gil_compute_in_parallel() -> None:
    (scenario,) = resolve(["cached-read"], {"load.depth": ["4"], "load.compute": ["10us"]})
    (point,) = points(scenario)
    assert computes_in_parallel(parse("python:threads:python=3.99.0t"), point)
    assert not computes_in_parallel(parse("python:threads:python=3.99.0"), point)
    assert not computes_in_parallel(parse("python:asyncio:python=3.99.0t"), point)


def test_one_without_a_gil_needs_a_core_of_its_own() -> None:
    free = [path for path in OTHERS if named_free(path)]
    if not free:
        pytest.skip("no free-threaded Python here (IOMODELS_TEST_PYTHONS names one)")
    try:
        label = named.add(free[0])
    except EngineError as error:
        assert "-m pip install iomodels" in str(error)  # noqa: PT017 - either is right
        return
    run = bench(["slow-device"], engines=[f"python:blocking:python={label}"], **SHORT)
    assert not run.pythons[label].gil
    assert run.pythons[label].core_hash != run.tool.core_hash


def named_free(path: str) -> bool:
    asked = "import sysconfig; print(sysconfig.get_config_var('Py_GIL_DISABLED') or 0)"
    done = subprocess.run([path, "-c", asked], capture_output=True, text=True, check=True)
    return done.stdout.strip() == "1"
