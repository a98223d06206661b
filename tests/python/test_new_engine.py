"""An engine in Python is one file and one line: with those, and nothing else touched, everything
follows.

tests/data/python_engine_example.py becomes part of a copy of iomodels.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from iomodels import _core

ROOT = Path(__file__).parents[2]
ENGINES = ("python:example", "python:example:by=select")

Run = Callable[..., str]


@pytest.fixture(scope="module")
def iomodels(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the copy's command line, and gives what it writes to standard output."""
    folder = tmp_path_factory.mktemp("site")
    package = folder / "iomodels"
    unbuilt = shutil.ignore_patterns("*.so", "__pycache__", "core")
    shutil.copytree(ROOT / "iomodels", package, ignore=unbuilt)
    shutil.copytree(ROOT / "cli", package / "cli", ignore=unbuilt)
    shutil.copytree(ROOT / "scenarios", package / "scenarios", ignore=unbuilt)
    shutil.copy(str(_core.__file__), package / "_core.abi3.so")
    example = ROOT / "tests" / "data" / "python_engine_example.py"
    shutil.copy(example, package / "python" / "example.py")
    registry = package / "python" / "registry.py"
    text = registry.read_text()
    imports, modules = "from iomodels.python import ", "MODULES = (\n"
    assert text.count(imports) == text.count(modules) == 1
    text = text.replace(imports, f"{imports}example, ")
    registry.write_text(text.replace(modules, f"{modules}    example,\n"))

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "iomodels", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def result(iomodels: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("result") / "run.json"
    engines = [word for name in ("poll", *ENGINES) for word in ("-e", name)]
    tiny = ("-d", "0.02", "--warmup", "0", "-r", "2")
    iomodels("bench", "slow-device", "server", *engines, *tiny, "-o", str(path))
    return path


def test_it_is_listed_with_its_words_and_options(iomodels: Run) -> None:
    (told,) = [e for e in json.loads(iomodels("engines", "--json")) if e["name"] == ENGINES[0]]
    assert told["summary"] == "an engine in Python that only a test has"
    assert told["options"][0]["choices"] == ["poll", "select"]
    assert told["in_python"]
    assert told["complexity_level"]["name"] == "a list of descriptors"
    assert told["model"] == {"news": "readiness", "waiting": "sleeps", "worker": "caller"}
    listed = " ".join(iomodels("engines").split())
    assert "python:example an engine in Python that only a test has" in listed
    assert "python:example" in listed[listed.index("Python's own models") :], "in the group"
    shown = " ".join(iomodels("engines", "python:example").split())
    assert "the same calls: poll" in shown
    assert "by which call waits" in shown


def test_it_runs_where_it_can_and_says_why_where_it_cannot(result: Path) -> None:
    run = json.loads(result.read_text())
    own = [cell for cell in run["cells"] if cell["engine"] in ENGINES]
    assert {cell["engine"] for cell in own} == set(ENGINES)
    for cell in own:
        if cell["scenario"] == "slow-device":
            assert cell["status"] == "ok"
            assert all(trial["operations"] > 0 for trial in cell["trials"])
        else:
            assert cell["status"] == "n/a"
            assert "python:example" in cell["reason"] or "no patience" in cell["reason"]
    assert [cell["engine"] for cell in run["cells"] if cell["engine"] == "python:null"]


def test_it_is_drawn_and_reported(iomodels: Run, result: Path, tmp_path: Path) -> None:
    drawing = ("chart", str(result), "--scenario", "slow-device", "--format", "svg")
    iomodels(*drawing, "-o", str(tmp_path / "charts"))
    drawn = [path.read_text() for path in (tmp_path / "charts").glob("*.svg")]
    assert any("python:example" in svg and "select" in svg for svg in drawn)
    iomodels("report", str(result), "-o", str(tmp_path / "page.html"))
    assert "python:example:by=select" in (tmp_path / "page.html").read_text()
