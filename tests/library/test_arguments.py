"""Every argument with what makes no sense: one of our errors, one sentence, and it names it."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import iomodels
from iomodels.library import arguments
from iomodels.results.save import save

from ..factory import make_run

WRONG: list[Any] = [
    ("scenarios", [], "scenarios is empty: give at least one"),
    ("scenarios", None, "scenarios is None: it must be a text or a list"),
    ("scenarios", 3, "scenarios is 3: it must be a text or a list"),
    ("scenarios", "", "scenarios is '': it must be a text that is not empty"),
    ("scenarios", ["slow-device", 4], r"scenarios\[1\] is 4: it must be a text"),
    ("scenarios", {"slow-device"}, "scenarios is of type set"),
    ("scenarios", b"slow-device", "scenarios is b'slow-device': it must be a text"),
    ("engines", 5, "engines is 5: it must be a text or a list"),
    ("engines", ["aio", None], r"engines\[1\] is None"),
    ("engines", {"aio": 1}, "engines is of type dict"),
    ("settings", ["load.depth=4"], "settings is of type list: it must be a dictionary"),
    ("settings", "load.depth=4", "settings is 'load.depth=4': it must be a dictionary"),
    ("settings", {4: 4}, "a key of settings is 4: it must be a text"),
    ("settings", {"load.depth": None}, r'settings\["load.depth"\] is None'),
    ("settings", {"load.depth": []}, r'settings\["load.depth"\] has no values'),
    ("settings", {"load.depth": {1, 4}}, r'settings\["load.depth"\] is of type set'),
    ("settings", {"load.depth": [[1], 4]}, r'settings\["load.depth"\]\[0\] is of type list'),
    ("settings", {"load.depth": "1,4"}, r"write several as a list, \['1', '4'\]"),
    ("settings", {"load.depth": Decimal(4)}, "is of type Decimal"),
    ("settings", {"channel.service": {"mean": "1 us"}}, "is a table: give each key by itself"),
    ("rounds", 0, "rounds is 0: it must be a whole number from 1 to 1000"),
    ("rounds", -1, "rounds is -1"),
    ("rounds", 1001, "rounds is 1001"),
    ("rounds", 2.0, "rounds is 2.0: it must be a whole number"),
    ("rounds", "7", "rounds is '7': it must be a whole number"),
    ("rounds", True, "rounds is True: it must be a whole number"),
    ("rounds", None, "rounds is None"),
    ("precision", "2%", "precision is '2%': it must be a number from 0.001 to 1"),
    ("precision", 2, "precision is 2: it must be a number from 0.001 to 1"),
    ("budget_s", 0, "budget_s is 0: it must be a number from 1 to 86400, in seconds"),
    ("metrics", "latency_p50_ns", "metrics belongs to precision: give both"),
    ("duration_s", 0, "duration_s is 0: it must be a number from 0.001 to 3600, in seconds"),
    ("duration_s", "1s", "duration_s is '1s'"),
    ("duration_s", math.nan, "duration_s is nan"),
    ("duration_s", math.inf, "duration_s is inf"),
    pytest.param("duration_s", 10**400, "duration_s is 1000", id="duration_s-huge"),
    ("warmup_s", -0.1, "warmup_s is -0.1: it must be a number from 0 to 3600"),
    ("warmup_s", None, "warmup_s is None"),
    ("seed", -1, "seed is -1: it must be a whole number from 0 to"),
    ("seed", 2**53, "seed is 9007199254740992"),
    ("seed", "x", "seed is 'x'"),
    ("output", 3, "output is 3: it must be the path of a file"),
    ("output", b"x.json", "output is b'x.json': it must be a text"),
    ("output", "", "output is ''"),
    ("force", "no", "force is 'no': it must be True or False"),
    ("progress", 1, "progress is 1: it must be True or False"),
    ("listener", object(), r"listener lacks planned\(\): derive its class"),
    ("listener", iomodels.Listener, "listener is a class, not an object"),
    ("listener", print, r"listener lacks planned\(\)"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_bench_refuses_it_with_a_sentence(name: str, value: Any, sentence: str) -> None:
    given: dict[str, Any] = {"scenarios": "slow-device", "duration_s": 0.01} | {name: value}
    with pytest.raises(iomodels.UsageError, match=sentence) as caught:
        iomodels.bench(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ({"scenarios": "slow-devise"}, iomodels.ScenarioError, "there is no scenario"),
        ({"scenarios": Path("none.toml")}, iomodels.ScenarioError, "none.toml"),
        ({"engines": "aoi"}, iomodels.EngineError, "unknown engine 'aoi'"),
        ({"settings": {"load.depht": 4}}, iomodels.ScenarioError, "load.depht"),
        ({"settings": {"load.depth": 0}}, iomodels.ScenarioError, "from 1 to 1024"),
        ({"settings": {"load.depth": 4.5}}, iomodels.ScenarioError, "a whole number"),
        ({"settings": {"load.depth": True}}, iomodels.ScenarioError, "a whole number"),
        ({"settings": {"channel.service": 100}}, iomodels.ScenarioError, "has no unit"),
        ({"output": "/none/run.json"}, iomodels.OutputError, "/none"),
        (
            {"listener": iomodels.Listener(), "progress": True},
            iomodels.UsageError,
            "listener and progress=True are both given: keep one",
        ),
    ],
)
def test_values_that_do_not_exist_have_their_own_error(given, error, sentence):
    with pytest.raises(error, match=sentence):
        iomodels.bench(**({"scenarios": "slow-device"} | given))


@pytest.mark.parametrize("value", [None, 3, b"run.json", ["run.json"], "", make_run()])
def test_load_takes_a_path(value: Any) -> None:
    with pytest.raises(iomodels.UsageError, match=r"^path is "):
        iomodels.load(value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"base": None}, "base is None: it must be a run"),
        ({"new": 3}, "new is 3: it must be a run"),
        ({"new": []}, "new is of type list"),
        ({"threshold": 0}, "threshold is 0: it must be a number from 0.001 to 1"),
        ({"threshold": "5%"}, "threshold is '5%'"),
        ({"threshold": 5}, "threshold is 5"),
        ({"metrics": 7}, "metrics is 7"),
        ({"metrics": "latency"}, "there is no metric 'latency'"),
        ({"metrics": ["throughput_ops", None]}, r"metrics\[1\] is None"),
        ({"anyway": "yes"}, "anyway is 'yes': it must be True or False"),
    ],
)
def test_compare_refuses_it_with_a_sentence(given: dict[str, Any], sentence: str) -> None:
    run = make_run()
    with pytest.raises(iomodels.UsageError, match=sentence):
        iomodels.compare(**({"base": run, "new": run} | given))


def test_compare_of_a_file_that_is_not_there():
    with pytest.raises(iomodels.ResultError, match=r"none\.json does not exist"):
        iomodels.compare("none.json", make_run())


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ({"load.depth": 4}, ["4"]),
        ({"load.depth": [4, 16]}, ["4", "16"]),
        ({"load.depth": (4, 16)}, ["4", "16"]),
        ({"load.depth": range(1, 3)}, ["1", "2"]),
        ({"load.depth": (n for n in (1, 2))}, ["1", "2"]),
        ({"load.depth": np.int64(4)}, ["4"]),
        ({"load.depth": np.array([1, 4])}, ["1", "4"]),
        ({"load.depth": "4"}, ["4"]),
        ({"load.verify": True}, ["true"]),
        ({"load.verify": [False, True]}, ["false", "true"]),
        ({"load.rate": 0.5}, ["0.5"]),
        ({"load.rate": np.float64(250)}, ["250.0"]),
        ({"load.block": ["4 KiB", "1 MiB"]}, ["4 KiB", "1 MiB"]),
        ({"channel.folder": Path("/a,b")}, ["/a,b"]),
    ],
)
def test_settings_in_the_forms_that_people_write(given: Any, texts: list[str]) -> None:
    assert arguments.settings(given) == {next(iter(given)): texts}


def test_one_name_is_a_list_of_one_and_a_generator_is_read_once():
    assert arguments.names("scenarios", "a", "") == ["a"]
    assert arguments.names("scenarios", Path("a.toml"), "") == ["a.toml"]
    assert arguments.names("scenarios", (name for name in "ab"), "") == ["a", "b"]
    assert arguments.engines("aio:notify=poll,threads=2") == ["aio:notify=poll,threads=2"]
    assert arguments.engines(None) == []


def test_limits_are_those_of_the_command_line():
    from importlib import import_module

    options = {o.name: o.type for o in import_module("iomodels.cli.bench").command.params}

    def read(name: str, text: str) -> None:
        options[name].convert(text, None, None)

    for name, good, bad in [
        ("rounds", ("1", "1000"), ("0", "1001")),
        ("duration", ("0.001", "3600"), ("0.0009", "3601")),
        ("budget", ("1", "86400", "5m", "1.5h", "24h"), ("0.9", "86401", "25h", "m", "-5m")),
        ("precision", ("0.001", "100%"), ("0.0009", "101%")),
        ("warmup", ("0", "3600"), ("-1", "3601")),
        ("seed", ("0", str(2**53 - 1)), ("-1", str(2**53))),
    ]:
        for value in good:
            read(name, value)
        for value in bad:
            with pytest.raises(Exception, match=r"not in the range|no |not "):
                read(name, value)


def test_load_takes_the_newest_result_here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(iomodels.UsageError, match="there is no result in results/"):
        iomodels.load("latest")
    (tmp_path / "results").mkdir()
    run = make_run()
    save(run, tmp_path / "results" / "a.json", force=False)
    assert iomodels.load("latest").seed == run.seed
