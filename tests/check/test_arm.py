"""The two arms of an A/B: as written, what cells they make, and how their trials are started."""

from __future__ import annotations

import shlex
import sys
import venv
from pathlib import Path

import pytest

import iomodels
from iomodels import _core
from iomodels.base.errors import ArmError, EngineError, IomodelsError, ScenarioError
from iomodels.check import pair_runs
from iomodels.check.arm import Arm, parse_arm
from iomodels.check.pair_plan import PairedCell, plan_cells
from iomodels.engines import spec
from iomodels.machine import storage
from iomodels.trials import worker
from iomodels.trials.launch import own_launch

from ..core_build import ROOT, build_extension, copy_core

SECRET = "hunter2"


def cells(
    scenario: str, a: list[str], b: list[str], engine: str = "blocking", **settings: str
) -> list[PairedCell]:
    given = {key.replace("__", "."): [value] for key, value in settings.items()}
    specs = [spec.parse(name) for name in engine.split()]
    return plan_cells([scenario], specs, given, parse_arm(a), parse_arm(b))


def test_an_arms_name_shows_keys_but_nothing_private() -> None:
    shared = storage.file_system_of(Path("/dev/shm"))
    arm = parse_arm(
        [
            "load.block=65536 B",
            f"channel.folder=/dev/shm/{SECRET}",
            "engine=aio:threads=4",
            f"env.TOKEN={SECRET}",
            f"prefix=env X={SECRET}",
            f"python={sys.executable}",
        ]
    )
    assert arm.name == (
        f"load.block=64 KiB, channel.folder=… ({shared}), engine=aio:threads=4, env.TOKEN=…, "
        "prefix=…, python=…"
    )
    assert Arm().name == "unchanged"


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("load.block", ArmError, "is not KEY=VALUE"),
        ("=4", ArmError, "is not KEY=VALUE"),
        ("load.depth=", ArmError, "is not KEY=VALUE"),
        ("load.blok=4 KiB", ScenarioError, "load.block"),
        ("load.depth=many", ScenarioError, "a whole number from 1 to 1024"),
        ("load.block=4 parsecs", ScenarioError, "load.block"),
        ("engine=psync", EngineError, "unknown engine 'psync'"),
        ("engine=aio:wait=1", EngineError, "has no option 'wait'"),
        ("env.=1", ArmError, "names no environment variable"),
        ("env.A B=1", ArmError, "names no environment variable"),
        ("prefix='", ArmError, "cannot be split"),
        ("prefix=no-such-program -x", ArmError, "no program 'no-such-program'"),
        ("python=/no/such/python", ArmError, "no program '/no/such/python'"),
        ("launcher=taskset", ScenarioError, "it takes a scenario's key such as"),
    ],
)
def test_a_mistake_is_one_sentence(text: str, kind: type[IomodelsError], words: str) -> None:
    with pytest.raises(kind) as caught:
        parse_arm([text])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_is_given_once() -> None:
    with pytest.raises(ArmError, match=r"'load\.depth' twice"):
        parse_arm(["load.depth=1", "load.depth=2"])


def test_each_arm_has_its_own_parameters_and_the_rest_is_shared() -> None:
    (cell,) = cells("cached-read", [], ["load.block=64 KiB"], load__verify="true")
    assert (cell.a.parameters["load.block"], cell.b.parameters["load.block"]) == (4096, 65536)
    assert cell.a.parameters["load.verify"] is True
    assert cell.b.parameters["load.verify"] is True
    assert cell.na_reason is None


def test_an_arms_folder_is_in_no_parameters(tmp_path: Path) -> None:
    (cell,) = cells("cached-read", [], [f"channel.folder={tmp_path}"])
    assert cell.na_reason is None
    assert str(tmp_path) not in str(cell.b.parameters)
    assert cell.a.parameters == cell.b.parameters


def test_engines_pair_up() -> None:
    def pairs(a: list[str], b: list[str], engine: str) -> list[tuple[str, str]]:
        return [(cell.a.engine, cell.b.engine) for cell in cells("cached-read", a, b, engine)]

    assert pairs([], ["load.block=1 KiB"], "blocking aio") == [
        ("blocking", "blocking"),
        ("aio", "aio"),
    ]
    assert pairs([], ["engine=aio:threads=4"], "") == [("aio", "aio:threads=4")]
    assert pairs([], ["engine=aio"], "blocking select") == [("blocking", "aio"), ("select", "aio")]
    assert pairs(["engine=blocking"], ["engine=aio"], "select") == [("blocking", "aio")]


def test_a_swept_key_is_set_in_both_arms_or_in_none() -> None:
    with pytest.raises(ArmError, match="set it in both arms"):
        cells("echo", [], ["load.depth=8"])
    (cell,) = cells("echo", ["load.depth=1"], ["load.depth=2"], "select")
    assert (cell.a.parameters["load.depth"], cell.b.parameters["load.depth"]) == (1, 2)


def test_a_cell_in_which_the_arms_are_the_same_is_not_applicable_and_says_so() -> None:
    by_name = {c.scenario: c for c in cells("default", [], ["load.block=64 KiB"], "select")}
    assert "both arms would be the same" in (by_name["slow-device"].na_reason or "")
    assert by_name["cached-read"].na_reason is None
    assert cells("slow-device", [], [])[0].na_reason is None  # A/A was asked for


def test_what_an_engine_cannot_do_says_in_which_arm() -> None:
    (cell,) = cells("slow-devices", ["load.depth=1"], ["load.depth=4"])
    assert (cell.na_reason or "").startswith("arm B: blocking supports one request in flight")


def test_an_arm_that_does_not_fit_the_scenario_is_named() -> None:
    with pytest.raises(ArmError, match=r"arm B \(load.block=64 KiB\): .*load.block"):
        cells("slow-device", [], ["load.block=64 KiB"])


# Starting trials in another way


def make_python(
    folder: Path,
    version: str,
    *,
    protocol: int | None = None,
    home: str = "trials/worker.py",
) -> Path:
    """A virtual environment with an iomodels of its own: only what a trial needs of it."""
    venv.create(folder, with_pip=False, symlinks=True)
    package = next(folder.glob("lib/python*/site-packages")) / "iomodels"
    package.mkdir()
    (package / "__init__.py").write_text(f"__version__ = {version!r}\n")
    text = Path(worker.__file__ or "").read_text()
    if protocol is not None:
        text = text.replace(f"PROTOCOL = {worker.PROTOCOL}", f"PROTOCOL = {protocol}")
    (package / home).parent.mkdir(exist_ok=True)
    (package / home).write_text(text)
    core = Path(str(_core.__file__))
    (package / core.name).write_bytes(core.read_bytes())
    return folder / "bin" / "python"


@pytest.mark.parametrize("home", ["trials/worker.py", "worker.py"])
def test_another_python_brings_its_own_worker_and_core(tmp_path: Path, home: str) -> None:
    """The second is where versions before the packages have it."""
    python = make_python(tmp_path / "other", "9.8.7", home=home)
    told = tmp_path / "started"
    theirs = next((tmp_path / "other").glob(f"lib/python*/site-packages/iomodels/{home}"))
    theirs.write_text(
        theirs.read_text().replace(
            "    core = _load_core(path)\n",
            f"    core = _load_core(path)\n    print(path, file=open({str(told)!r}, 'a'))\n",
        )
    )
    (cell,) = cells("slow-device", [], [f"python={python}"])
    assert cell.a.launch == own_launch()
    assert cell.b.launch.installation.version == "9.8.7"
    (pairs,) = pair_runs.measure([cell], 2, seed=1)
    assert [pair.error for pair in pairs] == [None, None]
    assert told.read_text().splitlines() == [cell.b.launch.installation.core] * 2
    assert str(tmp_path) in cell.b.launch.installation.core


def test_the_same_python_by_another_path_is_an_arm_too(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    link.chmod(0o755)
    (cell,) = cells("slow-device", [], [f"python={link}"])
    assert cell.b.launch.installation.version == iomodels.__version__
    assert cell.b.launch.installation.core_hash == own_launch().installation.core_hash
    ((pair,),) = pair_runs.measure([cell], 1, seed=1)
    assert pair.error is None


def test_a_record_that_is_laid_out_differently_is_read_by_its_own_layout(tmp_path: Path) -> None:
    python = make_python(tmp_path / "other", "0.2.0")
    target = next((tmp_path / "other").glob("lib/python*/site-packages/iomodels/_core*.so"))
    header = (ROOT / "iomodels" / "core" / "record.h").read_text()
    changed = header.replace("    X(stop) ", "    X(a_new_word) X(stop) ")
    build_extension(copy_core(tmp_path, {"record.h": changed}), target)
    (cell,) = cells("slow-device", [], [f"python={python}"])
    layout, own = cell.b.launch.installation.layout, own_launch().installation.layout
    assert layout.size == own.size + 8
    ((pair,),) = pair_runs.measure([cell], 1, seed=1)
    assert pair.error is None
    assert pair.a is not None
    assert pair.b is not None
    assert sum(count for _, count in pair.b.latency_ns) == pair.b.operations > 0
    assert pair.b.calls_per_op["read"] == pair.a.calls_per_op["read"]


def test_versions_too_far_apart_are_refused(tmp_path: Path) -> None:
    python = make_python(tmp_path / "other", "7.0", protocol=worker.PROTOCOL + 1)
    with pytest.raises(ArmError, match=r"is version 7\.0, whose trials this version .* cannot"):
        cells("slow-device", [], [f"python={python}"])


def test_a_python_without_iomodels_is_refused(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    with pytest.raises(ArmError, match="No module named 'iomodels'"):
        cells("slow-device", [f"python={tmp_path / 'bare' / 'bin' / 'python'}"], [])


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("false", "does not start a Python that has iomodels"),
        ("echo", "does not start a Python that has iomodels"),
        ("taskset -c 9999", "does not start a Python that has iomodels"),
        ("setsid", "ends before what it starts"),
    ],
)
def test_a_prefix_that_does_not_work_is_found_out_before_anything_is_measured(
    prefix: str, words: str
) -> None:
    with pytest.raises(ArmError, match=words) as caught:
        cells("slow-device", [], [f"prefix={prefix}"])
    assert "\n" not in str(caught.value)


def test_a_broken_python_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("not a program")
    broken.chmod(0o755)
    with pytest.raises(ArmError, match="cannot be started: Exec format error"):
        cells("slow-device", [], [f"python={broken}"])
