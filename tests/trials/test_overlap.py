"""Overlap: each part measured in one process, and the article's claim as far as it is exact."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iomodels.engines import spec
from iomodels.measure import plan
from iomodels.results.schema import Trial
from iomodels.trials import trial
from iomodels.trials.preparation import Preparation
from iomodels.workload.scenario import resolve

ROUNDS = 10
"""At most: it ends with the first that shows what is to be shown."""


def measured(engine: str, compute: str, rounds: int = ROUNDS) -> Iterator[Trial]:
    """One round after another, as they are asked for."""
    made = plan.make_plan(
        resolve(["overlap"], {"load.compute": [compute]}),
        [spec.parse(engine)],
        rounds=rounds,
        duration_s=0.15,
        warmup_s=0.02,
        seed=1,
    )
    with Preparation(made.seed) as preparation:
        for planned in made.trials:
            if not planned.cell.is_harness:
                with preparation.command(planned) as command:
                    yield trial.run_trial(planned, command, lambda operations: None)


def overlaps(engine: str, compute: str) -> Iterator[float]:
    """A neighbour on the CPU falls into one part or another, so what can be reached is the test."""
    return (one.overlap for one in measured(engine, compute) if one.overlap is not None)


def test_blocking_computes_and_waits_in_turn() -> None:
    assert any(overlap <= 0.1 for overlap in overlaps("blocking", "1 ms"))


@pytest.mark.parametrize("engine", ["select", "aio", "nonblocking"])
def test_the_others_hide_the_one_behind_the_other(engine: str) -> None:
    assert any(overlap >= 0.9 for overlap in overlaps(engine, "1 ms"))


def test_the_parts_are_what_was_measured() -> None:
    (one,) = measured("aio", "0.5 ms", rounds=1)
    parts = one.overlap_parts
    assert parts is not None
    assert parts.io_ns >= 1e6
    assert parts.both_ns >= 1e6  # the device's own time, which nothing can shorten
    assert one.overlap == pytest.approx(
        (parts.io_ns + parts.cpu_ns - parts.both_ns) / min(parts.io_ns, parts.cpu_ns)
    )


def test_without_computation_there_is_no_overlap_to_speak_of() -> None:
    (one,) = measured("aio", "0 ms", rounds=1)
    assert one.overlap is None
    assert one.overlap_parts is None
