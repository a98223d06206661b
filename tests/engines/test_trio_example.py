"""docs/plugin-python: a complete package, installed as a reader installs it, is an engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from iomodels.base.exit_codes import Exit

from ..plugged import Environment

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "plugin-python"


def install(environment: Environment, package: Path) -> None:
    """`pip install`, into an environment that has no pip of its own."""
    pip = [sys.executable, "-m", "pip", "--python", str(environment.python), "install", "-q"]
    done = subprocess.run([*pip, str(package)], capture_output=True, text=True, timeout=120)
    if "No matching distribution" in done.stderr or "Temporary failure" in done.stderr:
        pytest.skip("no package index can be reached, from which trio would come")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("trio")
    made = Environment(folder / "venv")
    words = shutil.ignore_patterns("*.egg-info", "build", "__pycache__")
    install(made, Path(shutil.copytree(EXAMPLE, folder / "package", ignore=words)))
    return made


MEASURED = ("slow-device", "echo", "server", "pipe-stream")


@pytest.mark.long
def test_the_example_is_measured_and_what_it_leaves_out_is_said(
    environment: Environment, tmp_path: Path
) -> None:
    output = tmp_path / "run.json"
    words = ("-e", "trio", "-r", "1", "-d", "20ms", "-o", output)
    done = environment.iomodels("bench", *MEASURED, "cached-read", *words)
    assert done.returncode == Exit.DONE, done.stderr
    assert "does not support regular files" in done.stdout + done.stderr
    run = json.loads(output.read_text())
    plugin = run["plugins"]["trio"]
    assert (plugin["package"], plugin["version"]) == ("iomodels-trio", "1.0")
    cells = {cell["scenario"]: cell for cell in run["cells"] if cell["engine"] == "trio"}
    assert cells.keys() == {*MEASURED, "cached-read"}
    for name in MEASURED:
        assert cells[name]["trials"][0]["throughput_ops"] > 0


@pytest.mark.long
def test_the_example_keeps_the_rules(environment: Environment) -> None:
    words = ("-c", "timer", "-c", "pipe:echo", "-c", "socket:server")
    done = environment.iomodels("conform", "trio", *words, timeout_s=120)
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    assert "trio keeps all rules" in done.stdout
