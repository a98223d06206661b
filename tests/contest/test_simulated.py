"""What `advise` names where the truth is known (benchmarks/advise.py), with few tries."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TRIES = 8


def lines(script: str, *options: str) -> list[str]:
    command = [sys.executable, str(BENCHMARKS / script), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_kind_of_truth_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    kinds = importlib.import_module("advise").KINDS
    assert len(kinds) >= 10
    head, *found = lines("advise.py", "--tries", "1")
    assert "within 3 % of the best" in head
    assert [line[:30].strip() for line in found] == list(kinds)


def test_the_best_is_named_in_a_third_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    advise = importlib.import_module("advise")
    for kind in ("one far ahead", "steps of 1 %, quiet", "25 engines"):
        for one in advise.simulate(kind, TRIES, seed=1):
            assert one.named is None or one.loss <= advise.RIGHT, kind
            assert one.share < 0.4
    tries = advise.simulate("one far ahead", TRIES, seed=1)
    assert all(one.named is not None and one.share < 1 / 3 for one in tries)


def test_where_all_are_the_same_no_difference_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    advise = importlib.import_module("advise")
    tries = advise.simulate("all the same", TRIES, seed=1)
    assert sum(one.wrong > 0 for one in tries) <= 1
    assert all(one.loss == 0 for one in tries)


@pytest.mark.long
def test_real_engines_are_measured_in_full_and_by_advise() -> None:
    options = ("--turns", "1", "--rounds", "2", "--duration", "0.01", "--budget", "15")
    found = lines("advise_real.py", *options, "--scenario", "cached-read")
    assert found[0].startswith("cached-read: ")
    assert len(found) == 2
    said = lines("advise_real.py", "--same", "1", "--duration", "0.01", "--budget", "15")
    assert "6 names, 1 tries" in said[0]
