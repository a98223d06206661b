"""Cells that only runs before a known change have, or before the newest so many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from iomodels.check.history import against_baseline
from iomodels.check.history.baseline import Baseline, load_baseline, only_older
from iomodels.check.history.chosen import chosen
from iomodels.measure.run import bench
from iomodels.results import save
from iomodels.results.schema import Cell

from ..factory import make_cell, make_run

BOTH = (make_cell("blocking"), make_cell("select"), make_cell("null"))
BLOCKING = BOTH[:1]


def history(folder: Path, *runs: Sequence[Cell], changed: int = 0, last: int | None = None):
    """Of runs with these cells; the one of this number begins after a known change."""
    for day, cells in enumerate(runs, 1):
        run = make_run(
            cells,
            created_utc=f"2026-01-{day:02}T00:00:00Z",
            known_change="a new kernel" if day == changed else "",
        )
        save.save(run, folder / f"{day}.json", force=False)
    return load_baseline([folder], last=last)


def named(base: Baseline) -> list[str]:
    return [notice.message for notice in only_older(base)]


def test_a_cell_that_a_known_change_leaves_behind_is_named(tmp_path: Path) -> None:
    base = history(tmp_path, BOTH, BOTH, BLOCKING, changed=3)
    (said,) = named(chosen(base, [], []))
    assert said.startswith("only runs that are not used have slow-device · select, which is not")


def test_so_is_one_that_last_leaves_behind(tmp_path: Path) -> None:
    assert len(named(history(tmp_path, BOTH, BLOCKING, last=1))) == 1


@pytest.mark.parametrize(
    "newest", [BOTH, (*BLOCKING, make_cell("select", [], status="n/a", reason="gone"))]
)
def test_one_that_was_asked_for_since_is_not(tmp_path: Path, newest: Sequence[Cell]) -> None:
    assert named(history(tmp_path, BOTH, newest, changed=2)) == []


def test_one_that_only_failed_since_is_named(tmp_path: Path) -> None:
    failed = make_cell("select", [], status="failed", reason="hung")
    assert len(named(history(tmp_path, BOTH, (*BLOCKING, failed), changed=2))) == 1


def test_of_chosen_cells_only_those_count(tmp_path: Path) -> None:
    base = history(tmp_path, BOTH, BLOCKING, changed=2)
    assert named(chosen(base, [], ["blocking"])) == []
    assert len(named(chosen(base, ["slow-device"], []))) == 1


def test_an_older_run_without_the_chosen_cells_still_says_what_changed(tmp_path: Path) -> None:
    base = history(tmp_path, [make_cell("select")], BLOCKING, changed=1, last=1)
    (older,) = chosen(base, [], ["blocking"]).older
    assert (older.known_change, older.cells) == ("a new kernel", [])


def test_a_check_without_them_does_not_pass() -> None:
    whole = bench(["slow-device"], engines=["blocking", "select"], rounds=6, duration_s=0.02,
                  warmup_s=0, seed=5)  # fmt: skip
    less = msgspec.structs.replace(whole, cells=[c for c in whole.cells if c.engine != "select"])
    base = Baseline("base.json", (less,))
    checked = against_baseline.check(replace(base, older=(whole,)), threshold=0.9)
    assert [cell.engine for cell in checked.run.cells if not cell.is_harness] == ["blocking"]
    assert checked.comparison.outcome == "inconclusive"
    assert "only-older" in [notice.code for notice in checked.comparison.warnings]
