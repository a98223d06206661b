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


def mypy(python: Path, code: str, folder: Path) -> str:
    script = folder / "consumer.py"
    script.write_text(code)
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), str(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
    ).stdout


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
@pytest.mark.parametrize("options", [["-e"], []], ids=["editable", "plain"])
def test_a_user_of_an_installation_is_type_checked(options, tmp_path):
    project, user = tmp_path / "project", tmp_path / "user"
    user.mkdir()
    left_out = shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info", "*.so", "__pycache__")
    shutil.copytree(ROOT, project, ignore=left_out)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", *options, str(project)]
    subprocess.run(install, check=True, timeout=500, capture_output=True)
    assert "Success" in mypy(python, RIGHT, user)
    refused = mypy(python, WRONG, user)
    assert 'Argument "rounds" to "bench" has incompatible type "str"' in refused
    # It runs, too: the mapped packages, and from the project's own folder.
    for folder, code in [
        (user, "import iomodels.cli.main, iomodels.scenarios"),
        (project if options else user, "import iomodels; iomodels.bench"),
    ]:
        subprocess.run([str(python), "-c", code], cwd=folder, check=True, timeout=60)
    subprocess.run([str(python), "-m", "pip", "uninstall", "-qy", "iomodels"], check=True)
    assert list(tmp_path.glob("venv/lib/*/site-packages/*iomodels*")) == []
