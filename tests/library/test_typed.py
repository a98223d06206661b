"""An installation is typed for those who use it, an editable one too."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RIGHT = """
from __future__ import annotations

import iomodels
from iomodels import IomodelsError, Run


class Quiet(iomodels.Listener):
    def trial_ended(
        self, trial: iomodels.PlannedTrial, result: iomodels.Trial | None, reason: str | None
    ) -> None:
        print(trial.order, reason)


def main() -> None:
    run: Run = iomodels.bench(
        "slow-device", engines="aio", settings={"load.depth": [4, 16]}, listener=Quiet()
    )
    more = iomodels.bench(["cached-read"], settings={"load.depth": 4}, progress=True)
    rows = run.to_rows("trials") + more.to_rows()
    print(rows[0]["throughput_ops"], run.cells[0].summary)
    change: iomodels.Comparison = iomodels.compare(run, "old.json", metrics="latency_p50_ns")
    try:
        iomodels.load("x.json")
    except IomodelsError as error:
        print(error.exit_code, change.outcome)
"""
WRONG = 'import iomodels\niomodels.bench("x", rounds="three")\niomodels.nothing\n'


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    """A copy of the project, an environment that has what it depends on once it was installed, and
    what mypy found out about all of that: neither is another one for the other installation."""
    folder = tmp_path_factory.mktemp("shared")
    left_out = shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info", "*.so", "__pycache__")
    shutil.copytree(ROOT, folder / "project", ignore=left_out)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    return folder


def errors_of_mypy(python: Path, folder: Path, cache: Path) -> dict[str, str]:
    """Of a user's right script and of a wrong one, of which each would be alone."""
    for name, code in (("right", RIGHT), ("wrong", WRONG)):
        (folder / f"{name}.py").write_text(code)
    options = ["--strict", "--python-executable", str(python), "--cache-dir", str(cache)]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "right.py", "wrong.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert "checked 2 source files" in done.stdout, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if ": error: " in line]
    return {
        name: "\n".join(line for line in lines if line.startswith(name))
        for name in ("right", "wrong")
    } | {"others": "\n".join(x for x in lines if not x.startswith(("right", "wrong")))}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
@pytest.mark.parametrize("options", [["-e"], []], ids=["editable", "plain"])
def test_a_user_of_an_installation_is_type_checked(options, shared, tmp_path):
    project, venv = shared / "project", shared / "venv"
    python = venv / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", *options, str(project)]
    subprocess.run(install, check=True, timeout=500, capture_output=True)
    found = errors_of_mypy(python, tmp_path, shared / "cache")
    assert found["right"] == found["others"] == ""
    assert 'Argument "rounds" to "bench" has incompatible type "str"' in found["wrong"]
    # It runs, too: the mapped packages, and from the project's own folder.
    for folder, code in [
        (tmp_path, "import iomodels.cli.main, iomodels.scenarios"),
        (project if options else tmp_path, "import iomodels; iomodels.bench"),
    ]:
        subprocess.run([str(python), "-c", code], cwd=folder, check=True, timeout=60)
    subprocess.run([str(python), "-m", "pip", "uninstall", "-qy", "iomodels"], check=True)
    assert list(venv.glob("lib/*/site-packages/*iomodels*")) == []
