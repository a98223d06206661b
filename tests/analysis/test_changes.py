"""What a scenario is called, and in what it is not as its file says."""

from __future__ import annotations

from iomodels.analysis.cells import changes, title
from iomodels.measure.run import bench

from ..factory import make_cell, make_run


def test_a_run_says_which_keys_were_changed_and_to_what() -> None:
    sizes = {"load.block": 16_384}
    cells = [make_cell("aio", parameters=sizes | {"load.depth": depth}) for depth in (1, 8)]
    run = make_run(cells, changed={"slow-device": ["load.depth", "load.block"], "other": ["x.y"]})
    assert changes(run, "slow-device") == "depth 1 and 8, block 16 KiB"
    assert changes(run, "slow-device", but={"load.depth"}) == "block 16 KiB"
    assert changes(run, "other") == changes(make_run(cells), "slow-device") == ""


def test_a_scenario_has_the_title_of_its_file(tmp_path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text('title = "My service"\n[channel]\nkind = "timer"\nservice = "10 us"\n')
    run = bench(
        [str(own)],
        engines=["blocking"],
        settings={"channel.service": ["20us"]},
        rounds=1,
        duration_s=0.01,
        warmup_s=0,
    )
    assert title("mine", run) == "My service"
    assert title("mine") == "Mine"
    assert run.questions == {"mine": "My service"}
    assert changes(run, "mine") == "service 20 µs"
