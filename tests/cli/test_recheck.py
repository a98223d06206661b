"""One suspect of a baseline is checked again by its names, and a failed check says how."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from iomodels.results import read, save

from .running import QUICK, cli

__all__ = ["cli"]


@pytest.fixture
def base(cli, tmp_path):
    """A baseline in which blocking was 1000 times as fast, twice, in a folder."""
    engines = ("-e", "blocking,select")
    made = cli("bench", "slow-device", *engines, *QUICK, "-r", "6", "-o", "first.json")
    assert made.returncode == 0, made.stderr
    run = read.load(tmp_path / "first.json")

    def faster(trial):
        return replace(trial, throughput_ops=1000 * trial.throughput_ops)

    cells = [
        replace(cell, trials=list(map(faster, cell.trials))) if cell.engine == "blocking" else cell
        for cell in run.cells
    ]
    (tmp_path / "base").mkdir()
    for seed in (1, 2):
        save.save(
            replace(run, cells=cells, seed=seed), tmp_path / "base" / f"{seed}.json", force=False
        )
    return "base"


def checked(tmp_path) -> set[tuple[str, str]]:
    comparison = json.loads((tmp_path / "v.json").read_text())
    return {(change["scenario"], change["engine"]) for change in comparison["changes"]}


def test_a_failed_check_ends_with_the_command_for_its_suspects(cli, base, tmp_path) -> None:
    into = ("--export", "json=v.json", "--force")
    done = cli("check", "slow-device", "-e", "blocking", "--baseline", base, *into)
    assert done.returncode in (1, 4), done.stderr
    assert checked(tmp_path) == {("slow-device", "blocking")}
    last = done.stderr.strip().splitlines()[-1]
    said, _, command = last.partition(": ")
    assert said == "check the suspects again"
    assert command == "iomodels check slow-device -e blocking --baseline base"
    options = ("--budget", "45.5", "-r", "7", "--long")
    done = cli("check", "slow-device", "-e", "blocking", "--baseline", base, *options)
    assert done.returncode in (1, 4), done.stderr
    assert done.stderr.strip().endswith(f" --baseline base {' '.join(options)}")
    # A name stands after the files as well.
    done = cli(
        "check", "--baseline", "base/1.json", "base/2.json", "slow-device", "-e", "select", *into
    )
    assert done.returncode in (0, 1, 4), done.stderr
    assert checked(tmp_path) == {("slow-device", "select")}


def test_a_name_that_is_a_file_and_a_scenario_is_refused(cli, base, tmp_path) -> None:
    (tmp_path / "slow-device").mkdir()
    done = cli("check", "slow-device", "--baseline", base)
    assert done.returncode == 2
    assert "write ./slow-device for the file" in done.stderr
