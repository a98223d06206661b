"""Counters of real trials: one more call in an engine is found, and no other alarm raised."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from iomodels.comparison.runs import compare
from iomodels.measure.run import bench
from iomodels.results.schema import Cell, Run
from iomodels.statistics.summary import summarise

from ..cli.running import cli
from ..core_build import ROOT, build_extension, copy_core
from ..trials.test_trial import leaves_no_child_and_no_descriptor
from .test_arm import make_python

__all__ = ["cli", "leaves_no_child_and_no_descriptor"]  # a fixture that every test here has

ONE = "throughput_ops"
"""Of the timings, so that little but counters is judged."""


def test_one_more_call_in_an_engine_fails_the_check(cli, tmp_path: Path) -> None:
    """A core whose blocking engine makes one needless call per operation, built and run."""
    python = make_python(tmp_path / "other", "0.2.0", home="worker.py")
    target = next((tmp_path / "other").glob("lib/python*/site-packages/iomodels/_core*.so"))
    name = "engines/blocking.c"
    source = (ROOT / "iomodels" / "core" / name).read_text()
    call = "blocking->complete.result = transfer("
    extra = (
        "(void)CALL(blocking->calls, select, select(0, NULL, NULL, NULL, &(struct timeval){0}));"
    )
    assert call in source
    planted = f"#include <sys/select.h>\n{source.replace(call, f'{extra} {call}')}"
    build_extension(copy_core(tmp_path / "changed", {name: planted}), target)
    package = target.parent
    parts = [path.parent for path in (ROOT / "iomodels").glob("*/__init__.py")]
    theirs = [*(ROOT / "iomodels").glob("*.py"), *parts, ROOT / "cli", ROOT / "scenarios"]
    for path in theirs:
        if not (package / path.name).exists():
            (package / path.name).symlink_to(path)
    (package / "__init__.py").unlink()
    (package / "__init__.py").symlink_to(ROOT / "iomodels" / "__init__.py")
    made = cli(
        "bench", "slow-device", "-e", "blocking", "-r", "3", "-d", "0.02", "--warmup", "0",
        "-o", "base.json",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    libraries = str(Path(msgspec.__file__).parents[1])
    code = f"import sys; sys.path.append({libraries!r}); import iomodels.cli.main as m; m.main()"
    asked = ["check", "--baseline", "base.json", "--json"]
    sound = cli(*asked)
    assert _counters(sound.stdout) == {"calls_per_op.read": "same"}, sound.stderr
    done = subprocess.run(
        [python, "-c", code, *asked], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 1, done.stderr
    found = _counters(done.stdout)
    assert found == {"calls_per_op.read": "same", "calls_per_op.select": "slower"}


def _counters(text: str) -> dict[str, str]:
    changes = json.loads(text)["changes"]
    return {c["metric"]: c["verdict"] for c in changes if c["metric"].startswith("calls_per_op")}


@pytest.mark.parametrize(
    "engines", [("select", "aio"), pytest.param((), marks=pytest.mark.long)], ids=["two", "default"]
)
def test_real_counters_raise_no_alarm_in_100_suites(engines: tuple[str, ...]) -> None:
    """Rounds of two real runs, dealt out to a base and a new run in 100 ways: seven rounds each, so
    that a counter that varies may be called slower."""
    one, other = (
        bench(
            ["slow-device", "cached-read"],
            engines=engines,
            rounds=7,
            duration_s=0.01,
            warmup_s=0,
            seed=seed,
        )
        for seed in (3, 4)
    )
    cells = [
        replace(cell, trials=[*cell.trials, *again.trials])
        for cell, again in zip(one.cells, other.cells, strict=True)
    ]
    run = replace(one, cells=cells)
    rng = random.Random(12)
    judged = 0
    for _ in range(100):
        base, new = _dealt(run, rng)
        assert {len(cell.trials) for cell in base.cells if cell.trials} == {7}
        changes = compare(base, new, base_name="a", new_name="b", metric_keys=[ONE]).changes
        found = [c for c in changes if c.metric.startswith("calls_per_op")]
        assert {c.verdict for c in found} <= {"same", "inconclusive", "faster"}, found
        judged += sum(c.verdict == "same" for c in found)
    assert judged >= 100


def _dealt(run: Run, rng: random.Random) -> tuple[Run, Run]:
    halves: tuple[list[Cell], list[Cell]] = ([], [])
    for cell in run.cells:
        trials = rng.sample(cell.trials, len(cell.trials))
        for half, part in zip(halves, (trials[::2], trials[1::2]), strict=True):
            half.append(replace(cell, trials=part, summary=summarise(part)))
    return replace(run, cells=halves[0]), replace(run, cells=halves[1])
