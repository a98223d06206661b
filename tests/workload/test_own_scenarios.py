"""Suites with scenarios of their own, and the writing of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from iomodels.base.errors import ScenarioError
from iomodels.workload.scenario import points, resolve
from iomodels.workload.writing import WrittenScenario, as_file

FILES = WrittenScenario(
    name="files",
    title="Reading files",
    settings={"channel.kind": "file", "load.block": 16384, "load.compute": 20_000},
    today="blocking",
    notes=("seen: 100 reads", "a note with a\nline break"),
)
TIMER = WrittenScenario(
    name="timers",
    title="A timer",
    settings={
        "channel.kind": "timer",
        "channel.service.distribution": "exponential",
        "channel.service.mean": 100_000,
    },
    sweep={"load.depth": (1, 4)},
    engines=("blocking", "aio"),
)


def read(tmp_path: Path, text: str) -> list[tuple[str, dict[str, object]]]:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return [(s.name, dict(s.settings) | dict(s.sweep)) for s in resolve([str(path)])]


def test_one_scenario_is_a_scenario_file(tmp_path: Path) -> None:
    text = as_file([FILES], "not shown")
    assert read(tmp_path, text) == [("mine", dict(FILES.settings))]
    (scenario,) = resolve([str(tmp_path / "mine.toml")])
    assert scenario.today == "blocking"
    assert 'block = "16 KiB"' in text
    assert text.startswith("# seen: 100 reads\n# a note with a line break\n")


def test_several_are_a_suite_that_has_them_written_out(tmp_path: Path) -> None:
    text = as_file([FILES, TIMER], "My program", notes=["at the top"])
    assert read(tmp_path, text) == [
        ("files", dict(FILES.settings)),
        ("timers", {**TIMER.settings, **TIMER.sweep}),
    ]
    _, timer = resolve([str(tmp_path / "mine.toml")])
    assert timer.engines == ("blocking", "aio")
    assert len(points(timer)) == 2


def test_settings_reach_the_runs_that_have_the_key(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(as_file([FILES, TIMER], "My program"))
    files, timer = resolve([str(path)], {"load.block": ["8 KiB"]})
    assert files.settings["load.block"] == 8192
    assert timer.lacks == ("load.block",)


@pytest.mark.parametrize(
    ("run", "complaint"),
    [
        ('channel = { kind = "file" }', "run[0].name is nothing: it must be a name"),
        ('name = "a"\nload = { block = "4 KiB" }', "run[0] 'a': channel is missing"),
        ('name = "a"\nscenario = "cached-read"', "there is no key run[0].name"),
        ('name = "a/b"\nchannel = { kind = "file" }', "run[0] 'a/b': its name is wrong"),
        ('name = "a"\nchannel = { kind = "fle" }', "run[0] 'a': channel.kind is 'fle'"),
        (
            'name = "a"\nchannel = { kind = "file" }\n[[run]]\nname = "a"\n'
            'channel = { kind = "pipe" }',
            "two runs have the name 'a'",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, run: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        read(tmp_path, f'title = "t"\nquestion = "q"\n[[run]]\n{run}\n')
    assert complaint in str(raised.value)
