"""Every shipped scenario runs, tiny: none rots, and none fails.

With every engine before a release; else each engine has a part of the scenarios, and is on each
channel at least once.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import cycle, islice
from pathlib import Path

import pytest

from iomodels.engines.sources import CORE_ENGINES
from iomodels.measure.run import bench
from iomodels.results import read
from iomodels.results.schema import Run
from iomodels.workload.scenario import load, points, shipped

ALL = [name for name in CORE_ENGINES if name != "null"]
ALWAYS = "select"
"""It can do each of them."""


def dealt() -> dict[str, set[str]]:
    """The engines of each scenario: those of a channel share them out, two or more for each."""
    by_channel = defaultdict(list)
    for name in shipped():
        by_channel[points(load(name))[0].parameters["channel.kind"]].append(name)
    found = {}
    for names in by_channel.values():
        turns = cycle(ALL)
        many = max(2, -(-len(ALL) // len(names)))
        found |= {name: {ALWAYS, *islice(turns, many)} for name in names}
    return found


DEALT = dealt()


def tiny(name: str, engines: list[str], output: Path) -> Run:
    return bench(
        [name],
        engines=engines,
        rounds=1,
        duration_s=0.02,
        warmup_s=0,
        seed=1,
        output=output,
        force=True,
    )


@pytest.mark.parametrize("name", shipped())
def test_it_runs_with_some_engines(name: str, tmp_path: Path) -> None:
    check(tiny(name, sorted(DEALT[name]), tmp_path / "run.json"), tmp_path, {ALWAYS})


@pytest.mark.longest
@pytest.mark.parametrize("name", shipped())
def test_it_runs_with_every_engine(name: str, tmp_path: Path) -> None:
    check(tiny(name, ALL, tmp_path / "run.json"), tmp_path, {ALWAYS, "aio"})


def check(run: Run, folder: Path, able: set[str]) -> None:
    assert [cell.reason for cell in run.cells if cell.status == "failed"] == []
    for cell in run.cells:
        assert cell.status in ("ok", "n/a")
        if cell.status == "ok":
            assert cell.trials[0].operations > 0
            assert cell.summary is not None
        else:
            assert cell.reason
    measured = {cell.engine for cell in run.cells if cell.status == "ok"}
    assert measured >= able
    assert read.load(folder / "run.json") == run
