"""Every shipped scenario runs, tiny, with every engine: none rots, and none fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from iomodels.engines.sources import CORE_ENGINES
from iomodels.measure.run import bench
from iomodels.results import read
from iomodels.results.schema import Run
from iomodels.workload.scenario import shipped

ALL = [name for name in CORE_ENGINES if name != "null"]


def tiny(name: str, output: Path) -> Run:
    return bench(
        [name],
        engines=ALL,
        rounds=1,
        duration_s=0.03,
        warmup_s=0,
        seed=1,
        output=output,
        force=True,
    )


@pytest.mark.parametrize("name", shipped())
def test_it_runs_with_every_engine(name: str, tmp_path: Path) -> None:
    run = tiny(name, tmp_path / "run.json")
    assert [cell.reason for cell in run.cells if cell.status == "failed"] == []
    for cell in run.cells:
        assert cell.status in ("ok", "n/a")
        if cell.status == "ok":
            assert cell.trials[0].operations > 0
            assert cell.summary is not None
        else:
            assert cell.reason
    measured = {cell.engine for cell in run.cells if cell.status == "ok"}
    assert measured >= {"select", "aio"}
    assert read.load(tmp_path / "run.json") == run
