"""The command line as a user meets it: help, mistakes, what `scenarios` lists."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from .running import cli

__all__ = ["cli"]
main = import_module("iomodels.cli.main")


# What is always there


def test_version(cli):
    done = cli("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"iomodels, version \d+\.\d+\.\d+\n", done.stdout)


def test_help_names_every_command(cli):
    done = cli("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for name, short in main.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(short)}$", done.stdout, re.MULTILINE)


def test_no_command_shows_the_help_as_a_mistake(cli):
    done = cli()
    assert (done.returncode, done.stdout) == (2, "")
    assert "Commands:" in done.stderr


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_a_help_text(cli, name):
    done = cli(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: iomodels {name}")
    assert max(map(len, done.stdout.splitlines())) <= 80
    # The listed short help is a copy, so that listing need not import the command.
    assert main.COMMANDS[name] in " ".join(done.stdout.split())


def test_every_option_has_a_help_text():
    for name in main.COMMANDS:
        command = import_module(f"iomodels.cli.{main.MODULES.get(name, name)}").command
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, f"{name} {parameter.name}"


def test_every_command_module_is_listed():
    folder = Path(main.__file__).parent
    found = {
        path.stem
        for path in folder.glob("*.py")
        if hasattr(import_module(f"iomodels.cli.{path.stem}"), "command")
    }
    assert found == {main.MODULES.get(name, name) for name in main.COMMANDS}


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_quick_answers_import_nothing_heavy(option):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "iomodels", option],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    heavy = {"numpy", "rich", "msgspec", "matplotlib", "importlib.metadata", "asyncio"}
    assert not imported & heavy
    assert not any(name.startswith("iomodels._core") for name in imported)


# A user's mistake is one sentence


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["benhc"], "did you mean 'bench'?"),
        (["frobnicate"], "the commands are bench"),
        (["--colour"], "--colour"),
        (["bench", "--ronds", "3"], "--rounds"),
        (["bench", "slow-devise"], "did you mean 'slow-device'?"),
        (["bench", "-e", "blokcing"], "did you mean 'blocking'?"),
        (["bench", "-e", "aio:notify=pol"], "did you mean 'poll'?"),
        (["bench", "-e", "aio:frob=1"], "has no option 'frob'"),
        (["bench", "-e", "aio:notify"], "notify needs a value: notify=suspend|poll|list|"),
        (["bench", "-e", "aio:threads"], "threads needs a value: threads=0 to 1024"),
        (["bench", "-e", "aio:notfy"], "(did you mean 'notify'?)"),
        (["bench", "-e", ""], "unknown engine"),
        (["bench", "-s", "load.dept=4"], "did you mean"),
        (["bench", "-s", "load.depth"], "KEY=VALUE"),
        (["bench", "-s", "load.depth="], "KEY=VALUE"),
        (["bench", "-s", "=4"], "KEY=VALUE"),
        (["bench", "-s", "load.depth=1,,4"], "KEY=VALUE"),
        (["bench", "-s", "load.depth=1", "-s", "load.depth=4"], "twice"),
        (["bench", "-s", "load.depth=many"], "load.depth"),
        (["bench", "--quick", "-s", "load.depth=many"], "load.depth"),
        (
            ["bench", "-s", "channel.folder=/nope"],
            "is /nope, where no file can be created (No such",
        ),
        (["bench", "cached-read", "-s", "channel.folder=/dev/null"], "/dev/null"),
        (["bench", "-r", "0"], "1<=x<=1000"),
        (["bench", "-r", "1001"], "1<=x<=1000"),
        (["bench", "-r", "two"], "two"),
        (["bench", "-d", "0"], "from 1 ms to 60 min: write seconds, or a unit as in 500ms"),
        (["bench", "-d", "3601"], "from 1 ms to 60 min"),
        (["bench", "-d", "61 min"], "a duration is at most 60 min"),
        (["bench", "-d", "500 msec"], "did you mean '500 ms'?"),
        (["check", "--self-test", "--budget", "nan"], "'nan' is not a time from 1 s"),
        (["bench", "-s", "load.depth=[1, 4]"], "without brackets: --set load.depth=1,4"),
        (["bench", "-d", "nan"], "nan"),
        (["bench", "-d", "inf"], "inf"),
        (["bench", "--warmup", "-1"], "from 0 ns to 60 min"),
        (["bench", "--seed", "-1"], "0<=x"),
        (["bench", "-o", "missing/run.json", "slow-device"], "missing"),
        (["scenarios", "slow-devise"], "did you mean 'slow-device'?"),
        (["engines", "extra"], "extra"),
        (["doctor", "--folder", "/nope"], "the folder /nope does not exist"),
        (["doctor", "--folder", "/dev/null"], "the folder /dev/null is not a folder"),
        (["bench", "evil\x1b[31m\u202e\nname"], r"evil\x1b[31m\u202e"),
    ],
    ids=lambda value: (
        " ".join(value).encode("unicode_escape").decode() if isinstance(value, list) else ""
    ),
)
def test_a_mistake_is_one_sentence_and_exit_2(cli, tmp_path, arguments, said):
    done = cli(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.startswith("iomodels: ")
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


# scenarios


def test_scenarios_lists_all_with_their_questions(cli):
    scenario = import_module("iomodels.workload.scenario")
    shown = " ".join(cli("scenarios").stdout.split())
    for name in scenario.shipped():
        assert name in shown
        assert " ".join(scenario.load(name).question.split()) in shown
    for name in scenario.suites():
        assert name in shown


def test_scenarios_json_lists_all(cli):
    scenario = import_module("iomodels.workload.scenario")
    data = json.loads(cli("scenarios", "--json").stdout)
    assert {entry["name"] for entry in data["scenarios"]} == set(scenario.shipped())
    assert {entry["name"] for entry in data["suites"]} == set(scenario.suites())


def test_one_scenario_shows_its_keys_and_points(cli):
    done = cli("scenarios", "slow-devices")
    assert re.search(r"channel\.service +100 µs", done.stdout)
    for depth in (1, 4, 16):
        assert f"depth {depth}\n" in done.stdout
    data = json.loads(cli("scenarios", "slow-devices", "--json").stdout)
    assert [point["load.depth"] for point in data["points"]] == [1, 4, 16]
