"""Plug-ins are found by the name that a user gives, and by nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from iomodels.base.exit_codes import Exit

from ..plugged import Environment

PYTHON = """
from dataclasses import replace
from iomodels.python import blocking
ENGINE = replace(blocking.ENGINE, name="mine")
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    made = Environment(tmp_path_factory.mktemp("plugged") / "venv")
    made.install("mine-all", {"mine": "mine_all:ENGINE"}, {"mine_all": PYTHON}, "1.2")
    made.install(
        "many-wrong",
        {
            "no-module": "nowhere_at_all:ENGINE",
            "no-object": "mine_all:NOTHING",
            "leaves": "leaving:ENGINE",
            "no-engine": "many_wrong:TEXT",
            "other-name": "mine_all:ENGINE",
            "dotted": "many_wrong:Many.ENGINE",
            "no-file": "many_wrong:MISSING",
            "blocking": "mine_all:ENGINE",
            "all": "mine_all:ENGINE",
            "With Capitals": "mine_all:ENGINE",
            "twice": "mine_all:ENGINE",
        },
        {
            "leaving": "raise SystemExit('away')\n",
            "many_wrong": "from mine_all import ENGINE as MINE\n"
            "from iomodels.plugin import SharedObject\n"
            "class Many:\n    ENGINE = MINE\n"
            "TEXT = 'an engine'\nMISSING = SharedObject('/nowhere/at/all.so')\n",
        },
    )
    made.install("other-package", {"twice": "mine_all:ENGINE"}, {})
    return made


WRONG = {
    "no-module": "cannot be imported: ModuleNotFoundError: No module named 'nowhere_at_all'",
    "no-object": "cannot be imported: AttributeError: module 'mine_all' has no attribute",
    "leaves": "cannot be imported: SystemExit: away",
    "no-engine": "many_wrong:TEXT is no engine but a str",
    "other-name": "the engine calls itself 'mine': name both alike",
    "dotted": "the entry point must be MODULE:NAME, and is many_wrong:Many.ENGINE",
    "no-file": "/nowhere/at/all.so cannot be read (No such file or directory)",
    "twice": "many-wrong and other-package both offer an engine 'twice'",
}


def test_what_is_wrong_with_a_plug_in_is_one_sentence(environment):
    program = (
        "import json\n"
        "from iomodels.base.errors import EngineError\n"
        "from iomodels.engines.spec import parse_list\n"
        "said = {}\n"
        f"for name in {list(WRONG)}:\n"
        "    try:\n        parse_list([name])\n"
        "    except EngineError as error:\n        said[name] = str(error)\n"
        "print(json.dumps(said))"
    )
    said = json.loads(environment.runs(program))
    for name, sentence in WRONG.items():
        assert sentence in said[name]
        assert len(said[name].splitlines()) == 1
        assert name == "twice" or f"engine '{name}' of many-wrong 1.0" in said[name]
    done = environment.iomodels("bench", "cached-read", "-e", "no-module")
    assert done.returncode == Exit.USAGE
    assert done.stderr.strip() == f"iomodels: {said['no-module']}"


def test_engines_lists_what_is_installed_and_what_is_wrong_with_it(environment):
    shown = environment.iomodels("engines").stdout
    listed = shown.partition("Engines of other packages")[2].partition("Groups, for")[0]
    assert "package: mine-all 1.2" in listed
    text = " ".join(listed.split())
    assert "cannot be imported: SystemExit: away" in text
    assert "iomodels itself has something of that name" in text
    assert "a name has small letters" in text
    assert "both offer an engine 'twice'" in text
    assert "package mine-all 1.2" in " ".join(
        environment.iomodels("engines", "mine").stdout.split()
    )


def test_names_are_completed_and_nothing_is_imported_for_that(environment):
    found = environment.runs(
        "import sys\n"
        "from importlib import import_module\n"
        "completing = import_module('iomodels.cli.arguments.completing')\n"
        "print(*completing.engine_names('aio,m'), 'mine_all' in sys.modules)"
    ).split()
    assert "aio,mine" in found
    assert found[-1] == "False"


def test_our_names_stay_ours(environment):
    found = environment.runs(
        "from iomodels.engines.spec import parse_list\n"
        "from iomodels.engines.sources import SOURCES\n"
        "print(*(SOURCES[spec.name].origin for spec in parse_list(['all,blocking'])))"
    )
    assert set(found.split()) == {"None"}


def test_a_plug_in_is_known_with_its_package_and_hash_from_when_it_is_named(environment):
    """And not before: what a result says is read by `parse`."""
    program = (
        "import hashlib, json, sys\n"
        "from iomodels.base.errors import EngineError\n"
        "from iomodels.engines import calls\n"
        "from iomodels.engines.sources import DESCRIPTORS, SOURCES\n"
        "from iomodels.engines.spec import parse, parse_list\n"
        "try:\n    parse('mine')\nexcept EngineError as error:\n    before = str(error)\n"
        "assert not calls.has_cap('mine', 'files')\n"
        "assert 'importlib.metadata' not in sys.modules and 'mine_all' not in sys.modules\n"
        "(spec,) = parse_list(['mine'])\n"
        "assert calls.has_cap('mine', 'files')\n"
        "origin = SOURCES[spec.name].origin\n"
        "import mine_all\n"
        "assert origin.sha256 == hashlib.sha256(open(mine_all.__file__, 'rb').read()).hexdigest()\n"
        "print(json.dumps([before, spec.canonical, origin.package, origin.version,"
        " 'mine' in list(DESCRIPTORS), 'mine' in DESCRIPTORS, parse('mine').canonical]))"
    )
    before, *found = json.loads(environment.runs(program))
    assert "unknown engine 'mine'" in before
    assert found == ["mine", "mine-all", "1.2", False, True, "mine"]


def test_the_hash_of_a_plug_in_is_of_all_modules_of_its_package(environment, tmp_path):
    """And of none beside it in a namespace."""
    package = tmp_path / "spaced" / "whole"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "engine.py").write_text(PYTHON)
    program = (
        "import sys\n"
        "from importlib.metadata import EntryPoint\n"
        "from iomodels.engines.plugins.finding import GROUP, Offered, load\n"
        "sys.path.append(sys.argv[1])\n"
        "point = EntryPoint('mine', 'spaced.whole.engine:ENGINE', GROUP)\n"
        "print(load(Offered('mine', 'mine', '1', point)).origin.sha256)"
    )

    def hash_with(file: Path, text: str) -> str:
        file.write_text(text)
        return environment.runs(program, tmp_path)

    one, other = (hash_with(package / "helper.py", text) for text in ("1", "2"))
    assert one != other
    assert hash_with(package / "notes.txt", "1") == other
    assert hash_with(package.parent / "beside.py", "1") == other


def test_looking_for_plug_ins_costs_a_start_nothing(environment):
    """Only a name that is not ours is worth 55 ms."""
    for names, expected in ((["all", "python:null"], "False"), (["mine"], "True")):
        found = environment.runs(
            "import sys\n"
            "from iomodels.engines.spec import parse_list\n"
            f"parse_list({names})\nprint('importlib.metadata' in sys.modules)"
        )
        assert found.strip() == expected


# ------------------------------------------------------------------ who never loads one


PLANTED = """
import os, pathlib
from dataclasses import replace
from iomodels.python import blocking
pathlib.Path(os.environ.get("PLANTED", __file__ + ".loaded")).touch()
ENGINE = replace(blocking.ENGINE, name="planted")
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """An environment, a result that names its plug-in, and the file that shows it was imported."""
    folder = tmp_path_factory.mktemp("planted")
    made = Environment(folder / "venv")
    made.install("planted", {"planted": "planted:ENGINE"}, {"planted": PLANTED})
    words = ("cached-read", "-e", "planted,blocking", "-r", "7", "-d", "10ms", "-o", "run.json")
    done = made.iomodels("bench", *words, cwd=folder)
    assert done.returncode == Exit.DONE, done.stderr
    (loaded,) = folder.glob("venv/lib/python*/site-packages/planted.py.loaded")
    loaded.unlink()
    return made, folder, loaded


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "run.json", "run.json"),
        ("report", "run.json", "-o", "page.html", "--force"),
        # A report draws the same.
        pytest.param(("chart", "run.json", "-o", "charts", "--force"), marks=pytest.mark.long),
        ("advise", "run.json"),
        ("check", "--baseline", "run.json", "--budget", "3"),
        ("bench", "--resume", "half.json"),
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_a_result_never_loads_a_plug_in(planted, words):
    """Those that measure its cells again say that nobody knows the engine."""
    made, folder, loaded = planted
    run = json.loads((folder / "run.json").read_text())
    for cell in run["cells"]:
        if cell["engine"] == "planted":
            cell["trials"], cell["status"], cell["reason"] = cell["trials"][:-1], "partial", "half"
    (folder / "half.json").write_text(json.dumps(run))
    shutil.rmtree(folder / "charts", ignore_errors=True)
    done = made.iomodels(*words, cwd=folder)
    assert not loaded.exists(), done.stderr
    assert "Traceback" not in done.stderr
    if words[0] == "bench":
        assert done.returncode == Exit.USAGE
        assert "engines of other packages (planted of planted 1.0 (" in done.stderr
        assert "name them as well (-e planted)" in done.stderr
        again = made.iomodels(*words, "-e", "planted", cwd=folder)
        assert again.returncode == Exit.DONE, again.stderr
        loaded.unlink()
    if words[0] == "report":
        assert "planted of planted 1.0 (" in (folder / "page.html").read_text()


def test_another_build_of_a_plug_in_is_other_code(planted):
    """As another core is: times are compared only where the user wants that."""
    made, folder, _ = planted
    run = json.loads((folder / "run.json").read_text())
    plugin = run["plugins"]["planted"]
    assert (plugin["package"], plugin["version"], len(plugin["sha256"])) == ("planted", "1.0", 64)
    plugin["sha256"] = "0" * 64
    (folder / "other.json").write_text(json.dumps(run))
    done = made.iomodels("compare", "run.json", "other.json", cwd=folder)
    assert done.returncode == Exit.NOTHING
    assert "another build of the plug-in planted: planted 1.0 (" in done.stdout + done.stderr


def test_a_scenario_file_that_the_user_names_may_name_a_plug_in(planted, tmp_path):
    made, _, loaded = planted
    file = tmp_path / "mine.toml"
    file.write_text(
        'title = "Mine"\nquestion = "Is mine loaded?"\nengines = ["planted"]\n'
        '[channel]\nkind = "file"\n'
    )
    done = made.iomodels("bench", file, "-r", "1", "-d", "10ms", "-o", tmp_path / "own.json")
    assert done.returncode == Exit.DONE, done.stderr
    assert loaded.exists()
    Path(loaded).unlink()


def test_of_a_result_with_many_plug_ins_a_few_are_named(planted):
    made, folder, _ = planted
    run = json.loads((folder / "run.json").read_text())
    (origin,) = run["plugins"].values()
    run["plugins"] |= {f"other-{number}": origin for number in range(1000)}
    run["cells"][0]["status"], run["cells"][0]["reason"] = "partial", "half"
    (folder / "many.json").write_text(json.dumps(run))
    done = made.iomodels("bench", "--resume", "many.json", cwd=folder)
    assert done.returncode == Exit.USAGE
    assert "engines of other packages" in done.stderr
    assert len(done.stderr) < 1000
