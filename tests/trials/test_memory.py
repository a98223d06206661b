"""How much memory an engine takes: helper stacks and rings are in it, the harness is not."""

from __future__ import annotations

import json
import mmap
from pathlib import Path

import msgspec
import pytest

from iomodels.analysis.quantities import named
from iomodels.measure.plan import Plan
from iomodels.results import read
from iomodels.trials.planned import PlannedTrial
from iomodels.trials.preparation import Preparation
from iomodels.trials.trial import run_trial, with_repeats

from ..factory import make_cell, make_run, make_trial
from ..planned import planned

PAGE = mmap.PAGESIZE
NOISE = 2 * PAGE
SQE, CQE, IOCB, EVENT = 64, 16, 64, 32  # bytes in the kernel's interface


def memory_of(scenario: str, engine: str, duration_s: float = 0.05, **settings: str) -> int:
    made, one = planned(scenario, engine, duration_s, **settings)
    return measured(made, one)


def measured(made: Plan, one: PlannedTrial) -> int:
    with Preparation(made.seed) as preparation, preparation.command(one) as command:
        memory = with_repeats(lambda: run_trial(one, command, lambda operations: None)).memory_bytes
    assert memory is not None
    return memory


@pytest.mark.parametrize(
    ("scenario", "engine"),
    [
        ("slow-device", "blocking"),
        ("cached-read", "blocking"),
        ("echo", "blocking"),
        ("echo", "python:blocking"),
    ],
)
def test_who_takes_nothing_has_nothing(scenario: str, engine: str) -> None:
    made, blocking = planned(scenario, engine, load__depth="1")
    for harness in (each for each in made.trials if each.cell.is_harness):
        assert measured(made, harness) <= NOISE, harness.cell.engine.canonical
    assert measured(made, blocking) <= NOISE


def test_a_longer_trial_takes_no_more() -> None:
    short, long = (memory_of("slow-device", "threads", s, load__depth="8") for s in (0.02, 0.4))
    assert abs(long - short) <= 8 * PAGE


def test_helper_threads_have_stacks() -> None:
    """Of a stack only what was touched counts, two pages or more, and not what is reserved."""
    few, many = (memory_of("slow-device", "threads", load__depth=d) for d in ("1", "33"))
    assert 32 * 2 * PAGE <= many - few <= 32 * 8 * PAGE
    few, many = (memory_of("many-descriptors", "aio", load__descriptors=n) for n in ("8", "64"))
    assert 56 * 2 * PAGE <= many - few <= 56 * 8 * PAGE, "a read waits on each in a thread"


def test_rings_are_memory_although_the_kernel_made_them() -> None:
    """Of those of kernel AIO, /proc counts no page as resident. The kernel makes room for twice as
    many completions as were asked for."""
    uring, kaio = (
        [memory_of("slow-device", engine, load__depth=depth) for depth in ("1", "1024")]
        for engine in ("io_uring", "kaio")
    )
    assert uring[1] - uring[0] >= 1023 * (SQE + 2 * CQE) - NOISE
    assert kaio[1] - kaio[0] >= 1023 * (IOCB + 2 * EVENT) - NOISE


def test_results_from_before_it_was_measured_have_none(tmp_path: Path) -> None:
    trials = [make_trial(number, memory_bytes=4096) for number in range(6)]
    run = json.loads(msgspec.json.encode(make_run([make_cell("select", trials)])))
    for trial in run["cells"][0]["trials"]:
        assert trial.pop("memory_bytes") == 4096
    (tmp_path / "old.json").write_text(json.dumps(run))
    (cell,) = read.load(tmp_path / "old.json").cells
    assert named("memory_bytes").interval(cell) is None
    assert cell.trials[0].memory_bytes is None
