"""A against B with real trials: what is confirmed on fresh pairs, and what cannot be measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import msgspec
import pytest

from iomodels.base.errors import NothingMeasured, Paused
from iomodels.check import a_against_b, pair_runs
from iomodels.comparison.schema import Comparison
from iomodels.engines import spec
from iomodels.trials import pauses
from iomodels.trials.child import Child
from iomodels.trials.planned import Command, PlannedTrial
from iomodels.trials.preparation import Preparation

from ..trials.test_trial import leaves_no_child_and_no_descriptor

__all__ = ["leaves_no_child_and_no_descriptor"]  # a fixture that every test here has


def versus_of(a: list[str], b: list[str], engine: str = "blocking") -> Comparison:
    arm_a, arm_b = pair_runs.parse_arm(a), pair_runs.parse_arm(b)
    cells = pair_runs.plan_cells(["slow-device"], [spec.parse(engine)], {}, arm_a, arm_b)
    return a_against_b.compare_arms(cells, base_name=arm_a.name, new_name=arm_b.name, seed=1)


@pytest.mark.usefixtures("few_pairs")
def test_a_slower_arm_is_confirmed_on_fresh_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its loss is planted in real pairs: a busy machine hides that of a device."""
    real = pair_runs._Session.pair

    def pair(*arguments: object) -> pair_runs.Pair:
        found = real(*arguments)  # type: ignore[arg-type]
        assert found.b is not None, found.error
        b = msgspec.structs.replace(found.b, throughput_ops=found.b.throughput_ops / 1000)
        return replace(found, b=b)

    monkeypatch.setattr(pair_runs._Session, "pair", pair)
    comparison = versus_of(["channel.service=100 us"], ["channel.service=400 us"])
    (slower,) = [c for c in comparison.changes if c.metric == "throughput_ops"]
    assert (slower.verdict, slower.confirmed, slower.rounds) == ("slower", True, 12)
    assert comparison.outcome == "regression"
    assert comparison.base_name == "channel.service=100 µs"
    # Another service time is another question: its counters are no evidence of a fault.
    assert not [c for c in comparison.changes if c.metric.startswith("calls_per_op")]


@pytest.mark.usefixtures("few_pairs")
def test_a_computation_is_one_amount_of_work_in_all_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Calibrated again for the confirmation, it would be another amount of work there."""
    amounts: list[int] = []
    real = Preparation.command

    @contextmanager
    def command(self: Preparation, planned: PlannedTrial) -> Iterator[Command]:
        with real(self, planned) as made:
            amounts.append(made.settings["compute_units"])
            yield made

    monkeypatch.setattr(Preparation, "command", command)
    compute = "load.compute=20 us"
    versus_of(["channel.service=100 us", compute], ["channel.service=400 us", compute])
    assert len(amounts) >= 2 * (10 + 12)  # the first look, and the confirmation
    assert len(set(amounts)) == 1


@pytest.mark.usefixtures("few_pairs")
def test_the_same_arm_twice_is_no_regression_and_its_counters_are_the_same() -> None:
    comparison = versus_of([], [])
    assert comparison.outcome in ("passed", "inconclusive")
    counted = [c for c in comparison.changes if c.metric.startswith("calls_per_op")]
    assert {c.verdict for c in counted} == {"same"}


@pytest.mark.usefixtures("few_pairs")
def test_pairs_that_were_repeated_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell has a row for each metric, and the rows share its pairs."""
    monkeypatch.setattr(pauses, "LATE_S", math.inf)  # as on a busy machine
    real, paused = Child.run_slice, [True, True]

    def run_slice(self: Child, *arguments: float, **more: int) -> None:
        if paused:
            paused.pop()
            raise Paused("it was stopped")
        real(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Child, "run_slice", run_slice)
    comparison = versus_of([], [])
    (notice,) = [notice for notice in comparison.warnings if notice.code == "paused"]
    assert notice.message.startswith("2 pairs were void and repeated")


def test_arms_that_cannot_run_are_said_and_nothing_is_measured() -> None:
    with pytest.raises(NothingMeasured, match="one request in flight"):
        versus_of(["load.depth=4"], ["load.depth=8"])
