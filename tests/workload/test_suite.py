"""The shipped scenarios and suites, and how names, suites and paths become scenarios."""

from __future__ import annotations

import pytest

from iomodels.base.errors import ScenarioError
from iomodels.engines.catalog import DEFAULT
from iomodels.engines.spec import of_scenario, parse_names
from iomodels.workload import scenario

from .scenario_texts import HEAD, TIMER


def test_the_shipped_scenarios_are_what_they_are_called():
    assert scenario.suites() == ("all", "article", "default", "python", "today")
    depths = {
        name: [point.load.depth for point in scenario.points(scenario.load(name))]
        for name in ("slow-device", "slow-devices", "cached-read", "direct-read")
    }
    assert depths == {
        "slow-device": [1],
        "slow-devices": [1, 4, 16],
        "cached-read": [1],
        "direct-read": [1, 16],
    }
    for name in scenario.shipped():
        loaded = scenario.load(name)
        assert loaded.name == name
        assert loaded.question.endswith("?")
        assert loaded.expect


def test_the_default_suite_takes_slow_devices_at_depth_16_only():
    chosen = scenario.resolve(["default"])
    assert [one.name for one in chosen] == ["slow-device", "slow-devices", "cached-read"]
    assert [[p.load.depth for p in scenario.points(one)] for one in chosen] == [[1], [16], [1]]
    assert all(of_scenario(one) == parse_names(DEFAULT) for one in chosen)


def test_the_suite_all_has_every_shipped_scenario():
    assert {one.name for one in scenario.resolve(["all"])} == set(scenario.shipped())


def test_a_setting_of_a_suite_goes_where_it_fits():
    slow, _, cached = scenario.resolve(["default"], {"load.block": ["8 KiB"]})
    assert scenario.points(slow)[0].load.block.largest == 8
    assert scenario.points(cached)[0].load.block.largest == 8192
    with pytest.raises(ScenarioError, match=r"load\.placement applies to none of its scenarios"):
        scenario.resolve(["default"], {"load.placement": ["same"]})


def test_settings_apply_to_a_suite_after_its_own():
    chosen = scenario.resolve(["default"], {"load.depth": ["2", "3"]})
    assert [[p.load.depth for p in scenario.points(one)] for one in chosen] == [[2, 3]] * 3


def test_resolve_takes_names_suites_and_paths_and_each_scenario_once(write):
    chosen = scenario.resolve(["slow-device", str(write(TIMER)), "default", "slow-device"][:2])
    assert [one.name for one in chosen] == ["slow-device", "mine"]
    again = scenario.resolve(["slow-device", "default", "slow-device"])
    assert [one.name for one in again] == ["slow-device", "slow-devices", "cached-read"]


def test_two_scenarios_of_one_name_are_refused(write, tmp_path):
    (tmp_path / "other").mkdir()
    paths = [str(write(TIMER)), str(write(TIMER, "other/mine.toml"))]
    with pytest.raises(ScenarioError, match="two scenarios have the name 'mine'"):
        scenario.resolve(paths)
    with pytest.raises(ScenarioError, match="'slow-devices' is given twice with different"):
        scenario.resolve(["default", "slow-devices"])


def test_a_suite_file_sets_keys_and_engines(write):
    text = HEAD + (
        '[[run]]\nscenario = "slow-devices"\nengines = ["aio"]\n'
        'set = { "load.depth" = [2, 3], "channel.service" = "1 ms" }\n'
    )
    (chosen,) = scenario.resolve([str(write(text))])
    assert chosen.engines == ("aio",)
    assert [point.label for point in scenario.points(chosen)] == ["depth 2", "depth 3"]
    assert scenario.points(chosen)[0].parameters["channel.service"] == 1_000_000


def test_a_suite_says_how_long_trials_measure_and_the_longest_counts(write):
    run = "[[run]]\nscenario = 'slow-device'\n"
    short = str(write(HEAD + 'duration = "200 ms"\n' + run))
    assert scenario.usual_duration_s([short], 0.5) == 0.2
    assert scenario.usual_duration_s([short, "slow-device"], 0.5) == 0.5
    assert scenario.usual_duration_s(["default"], 0.5) == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + 'duration = "3"\n[[run]]\nscenario = "slow-device"\n', "duration: '3'"),
        (HEAD + 'duration = "1 us"\n[[run]]\nscenario = "slow-device"\n', "it must be 1 ms at"),
        ("[[run]]\nscenario = 'slow-device'\n", "title is missing"),
        (HEAD + "run = []\n", "run is an empty list: it must be 1 to 64 tables"),
        (HEAD + "run = 1\n", "run is 1: it must be 1 to 64 tables"),
        (HEAD + "[[run]]\n", "run[0].scenario is missing: it must be a text"),
        (HEAD + "[[run]]\nscenari = 'x'\n", "no key run[0].scenari (did you mean 'scenario'?)"),
        (
            HEAD + "[[run]]\nscenario = 'slow-devic'\n",
            "run[0].scenario is 'slow-devic' (did you mean 'slow-device'?): it must be a",
        ),
        (HEAD + "[[run]]\nscenario = '../x.toml'\n", "run[0].scenario is '../x.toml'"),
        (HEAD + "[[run]]\nscenario = 'default'\n", "run[0].scenario is 'default'"),
        (
            HEAD + "[[run]]\nscenario = 'slow-device'\nset = { 'load.depth' = 0 }\n",
            'set."load.depth" is 0: it must be a whole number from 1 to 1024',
        ),
        (
            HEAD + "[[run]]\nscenario = 'slow-device'\nset = { load.dept = 1 }\n",
            "there is no key load.dept (did you mean 'load.depth'?)",
        ),
        (
            HEAD + "[[run]]\nscenario = 'slow-device'\nset = 1\n",
            "run[0].set is 1: it must be a table",
        ),
    ],
)
def test_a_wrong_suite_is_refused(write, text, words):
    path = write(text)
    with pytest.raises(ScenarioError) as caught:
        scenario.resolve([str(path)])
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_an_unknown_name_is_refused_with_the_closest_one():
    with pytest.raises(ScenarioError, match=r"'slow-devcie' \(did you mean 'slow-device'\?\)"):
        scenario.load("slow-devcie")
    with pytest.raises(ScenarioError, match=r"'defualt' \(did you mean 'default'\?\)"):
        scenario.resolve(["defualt"])
    with pytest.raises(ScenarioError, match="is a suite"):
        scenario.load(scenario.scenario_folder() / "default.toml")
