"""The examples of docs/library.md and the README, each as a script of a user's: a real process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from iomodels.workload.scenario import shipped

from ..fresh import running_iomodels

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "library.md").read_text()
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
IN_README = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text(code)
    return subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


SHORTER = """
import warnings
import iomodels
warnings.simplefilter("error")
iomodels.bench.__kwdefaults__["warmup_s"] = 0.01
"""


def forked(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The same in a process in which all is imported already, with a short warm-up by default."""
    with running_iomodels(cwd=folder, program=SHORTER + code) as process:
        return subprocess.CompletedProcess([], process.wait(), process.stdout, process.stderr)


def test_there_are_examples():
    assert len(EXAMPLES) >= 5
    assert len(IN_README) == 1
    assert "docs/library.md" in README


@pytest.mark.parametrize("code", [*EXAMPLES, *IN_README], ids=lambda code: code.split("\n")[3][:40])
def test_an_example_works(code: str, tmp_path: Path) -> None:
    """The page's first one as a user's script, from the start of Python on."""
    done = run(code, tmp_path) if code == EXAMPLES[0] else forked(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout or "progress" in code or "save" in code


def test_what_is_named_exists():
    import iomodels

    for name in re.findall(r"`iomodels\.(\w+)", PAGE):
        assert hasattr(iomodels, name) or name == "check", name
    for name in re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE):
        assert name in iomodels.__all__, name
    assert set(re.findall(r'"([a-z]+-[a-z]+)"', PAGE)) <= {*shipped()}


@pytest.mark.parametrize(
    ("ending", "before"),
    [
        ("", ["6 trials", "round 1 of 3", "round 3 of 3"]),
        ("sys.stderr = None", []),
        ("sys.stderr.close()", []),
        ("os.close(2); os.open('/dev/full', os.O_WRONLY)", []),
    ],
    ids=["a pipe", "none", "closed", "full"],
)
def test_progress_is_written_and_is_never_why_a_run_fails(ending, before, tmp_path):
    code = f"import os, sys, iomodels\n{ending}\n"
    code += "run = iomodels.bench('slow-device', engines='blocking', rounds=3, duration_s=0.01,"
    code += " warmup_s=0, progress=True)\nprint(repr(run))"
    done = forked(code, tmp_path)
    assert done.stdout.startswith("<iomodels.Run slow-device: 1 cell, 3 rounds"), done.stderr
    assert [text for text in before if text not in done.stderr] == []


def test_a_listener_gets_every_trial_and_may_end_the_run(tmp_path):
    code = """
import iomodels
class Ends(iomodels.Listener):
    def __init__(self): self.calls = []
    def planned(self, plan): self.calls.append(len(plan.trials))
    def trial_started(self, trial): self.calls.append(trial.order)
    def trial_ended(self, trial, result, reason):
        self.calls.append(result.operations > 0)
        if trial.order == 2: raise ValueError("enough")
told = Ends()
try:
    iomodels.bench("slow-device", engines="blocking", rounds=4, duration_s=0.01, warmup_s=0,
                   listener=told, output="run.json")
except ValueError as error:
    print(error, told.calls)
"""
    done = forked(code, tmp_path)
    assert done.stdout == "enough [8, 0, True, 1, True, 2, True]\n", done.stderr
    assert (tmp_path / "run.json.partial").exists()


def test_ctrl_c_gives_what_was_measured_as_a_run(tmp_path):
    code = """
import iomodels, os, signal
class Stops(iomodels.Listener):
    def trial_started(self, trial):
        if trial.round == 2: os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    iomodels.bench("slow-device", engines="blocking", rounds=4, duration_s=0.01, warmup_s=0,
                   listener=Stops())
except iomodels.RunInterrupted as stopped:
    print(isinstance(stopped.run, iomodels.Run), len(stopped.run.to_rows("trials")))
"""
    done = forked(code, tmp_path)
    assert done.stdout == "True 2\n", done.stderr
