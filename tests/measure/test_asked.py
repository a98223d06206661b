"""A result says what was asked for, and names nobody's folders."""

from __future__ import annotations

import shutil

from iomodels.measure.run import bench
from iomodels.results import read, save
from iomodels.results.schema import Asked
from iomodels.workload.scenario import scenario_folder


def test_what_was_asked_is_kept_as_it_was_given(tmp_path):
    path = tmp_path / "run.json"
    bench(
        ["slow-device"],
        engines=["blocking", "aio:notify=suspend"],
        settings={"channel.service": ["10 us"], "load.depth": ["1", "2"]},
        rounds=1,
        duration_s=0.01,
        warmup_s=0,
        output=path,
    )
    assert read.load(path).asked == Asked(
        scenarios=["slow-device"],
        engines=["blocking", "aio:notify=suspend"],
        settings={"channel.service": ["10 us"], "load.depth": ["1", "2"]},
    )


def test_no_folder_is_kept(tmp_path):
    folder = tmp_path / "name-of-a-user"
    folder.mkdir()
    mine = folder / "mine.toml"
    shutil.copy(scenario_folder() / "cached-read.toml", mine)
    run = bench(
        [str(mine)],
        engines=["blocking"],
        settings={"channel.folder": [str(folder)], "channel.size": ["1 MiB"]},
        rounds=1,
        duration_s=0.01,
        warmup_s=0,
    )
    assert run.asked == Asked(["mine.toml"], ["blocking"], {"channel.size": ["1 MiB"]})
    assert b"name-of-a-user" not in save.encode(run)
