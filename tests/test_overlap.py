"""Overlap: each part measured in one process, and the article's claim as far as it is exact."""

from __future__ import annotations

import pytest

from iomodels import engines, plan, trial
from iomodels.prepare import Preparation
from iomodels.results import Trial
from iomodels.scenario import resolve

# These compare times: a machine that stands still breaks one once in a while, and what is broken
# breaks it each time.
pytestmark = pytest.mark.flaky(reruns=2)


def run(engine: str, compute: str, rounds: int = 3) -> list[Trial]:
    made = plan.make(
        resolve(["overlap"], {"load.compute": [compute]}),
        [engines.parse(engine)],
        rounds=rounds,
        duration_s=0.15,
        warmup_s=0.02,
        seed=1,
    )
    done = []
    with Preparation(made) as preparation:
        for planned in made.trials:
            if not planned.cell.is_harness:
                with preparation.command(planned) as command:
                    done.append(trial.run_trial(planned, command, lambda operations: None))
    return done


def overlaps(trials: list[Trial]) -> list[float]:
    """A neighbour on the CPU falls into one part or another, so what can be reached is the test."""
    return [one.overlap for one in trials if one.overlap is not None]


def test_blocking_computes_and_waits_in_turn() -> None:
    assert min(overlaps(run("blocking", "1 ms", rounds=5))) <= 0.1


@pytest.mark.parametrize("engine", ["select", "aio", "nonblocking"])
def test_the_others_hide_the_one_behind_the_other(engine: str) -> None:
    assert max(overlaps(run(engine, "1 ms", rounds=5))) >= 0.9


def test_the_parts_are_what_was_measured() -> None:
    (one,) = run("aio", "0.5 ms", rounds=1)
    parts = one.overlap_parts
    assert parts is not None
    assert parts.io_ns >= 1e6
    assert parts.both_ns >= 1e6  # the device's own time, which nothing can shorten
    assert one.overlap == pytest.approx(
        (parts.io_ns + parts.cpu_ns - parts.both_ns) / min(parts.io_ns, parts.cpu_ns)
    )


def test_without_computation_there_is_no_overlap_to_speak_of() -> None:
    (one,) = run("aio", "0 ms", rounds=1)
    assert one.overlap is None
    assert one.overlap_parts is None
