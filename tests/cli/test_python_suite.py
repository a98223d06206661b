"""`bench python`, tiny: every cell is measured, or is n/a with what to do; then Python beside C."""

from __future__ import annotations

from importlib import import_module

from iomodels.analysis.claims.python import CLAIMS
from iomodels.engines.engine_text import split

from .running import cli

__all__ = ["cli"]

TINY = ("-r", "1", "-d", "0.05", "--warmup", "0.05")
"""An event loop with 256 connections ends no message in 10 ms on a machine that is busy."""


def test_it_ends_with_the_table_and_a_verdict_for_each_claim(cli, tmp_path):
    done = cli("bench", "python", *TINY, "-o", "run.json")
    assert done.returncode == 0, done.stderr
    run = import_module("iomodels").load(tmp_path / "run.json")
    for cell in run.cells:
        assert cell.status in ("ok", "n/a"), cell.reason
        assert cell.status == "ok" or "pip install" in (cell.reason or "")  # of uvloop
    _, heading, below = done.stdout.partition("Python's models beside the same models in C:\n")
    assert heading
    table, _, verdicts = below.partition("Python's claims, each number with its range")
    for cell in run.cells:
        name, options = split(cell.engine)
        assert cell.is_harness or f" {name}" in table
        assert cell.is_harness or options in table
    for claim in CLAIMS:
        assert f"\n{claim.id}  " in verdicts
    unmeasured = any(cell.status == "n/a" for cell in run.cells)  # of uvloop
    counts = "inconclusive 3, n/a 1" if unmeasured else "inconclusive 4"
    told = " ".join(verdicts.split())
    assert f"Python's 4 claims: holds 0, does not hold here 0, {counts}" in told
    assert max(map(len, done.stdout.splitlines())) <= 80
