"""The suite in C as `iomodels conform` runs it: on a plug-in, and where there is no compiler."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from iomodels.conform.compiling import NoProgram, compiled, core_rules
from iomodels.conform.core_suite import CoreSuite
from iomodels.engines.spec import EngineSpec

from ..core_build import build_plugin, conformance

PLUGIN = Path(__file__).parents[1] / "engines" / "plugin.c"
MINE = EngineSpec("mine")


def suite(tmp_path: Path, *macros: str) -> CoreSuite:
    built = build_plugin(PLUGIN, tmp_path / "mine.so", *macros)
    return CoreSuite(conformance("plain"), MINE, str(built))


def test_a_sound_plug_in_keeps_the_rules(tmp_path: Path) -> None:
    rules = ["completes-once", "nothing-printed", "leaves-nothing", "short-transfers"]
    rulings = list(suite(tmp_path).rulings(["file", "pipe:echo"], rules))
    assert {ruling.role for ruling in rulings} >= {"file", "file:synced", "pipe:echo"}
    assert {ruling.rule for ruling in rulings} == set(rules)
    assert [ruling for ruling in rulings if ruling.status == "broken"] == []
    assert {ruling.suite for ruling in rulings} == {"core"}


@pytest.mark.parametrize(
    ("macro", "rule"), [("IN_SUBMIT=print", "nothing-printed"), ("IN_REAP=crash", "completes-once")]
)
def test_a_broken_plug_in_is_found(tmp_path: Path, macro: str, rule: str) -> None:
    (ruling,) = suite(tmp_path, macro).rulings(["timer"], [rule])
    assert (ruling.engine, ruling.role, ruling.status) == ("mine", "timer", "broken")
    assert ruling.said


def test_a_plug_in_of_another_abi_is_a_sentence(tmp_path: Path) -> None:
    other = tmp_path / "other.so"
    other.write_bytes(b"no shared object")
    with pytest.raises(NoProgram, match="cannot be used"):
        list(CoreSuite(conformance("plain"), MINE, str(other)).rulings((), core_rules()))


def test_without_a_compiler_there_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(NoProgram, match="no C compiler"):
        compiled(tmp_path)
    monkeypatch.setenv("CC", "false")
    with pytest.raises(NoProgram, match="refused"):
        compiled(tmp_path)


def test_the_names_of_the_rules_are_those_of_the_program() -> None:
    listed = subprocess.run(
        [str(conformance("plain")), "--list"], capture_output=True, text=True, check=True
    )
    assert set(core_rules()) == {line.split()[2] for line in listed.stdout.splitlines()}


@pytest.mark.long
def test_the_installed_sources_make_a_program(tmp_path: Path) -> None:
    rulings = list(
        CoreSuite(compiled(tmp_path), EngineSpec("poll"), None).rulings((), core_rules())
    )
    assert len(rulings) > 200
    assert [ruling for ruling in rulings if ruling.status == "broken"] == []
