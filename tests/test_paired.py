"""A/B, judged: which pairs a verdict rests on, what stands beside it, and what is never dropped."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from iomodels import ab, engines, metrics, paired, pairs, procedure, verdict, versus
from iomodels.ab import Pair
from iomodels.changes import Change
from iomodels.paired import Row
from iomodels.procedure import Decision
from iomodels.results import Notice

from .factory import make_trial

THRESHOLD = 0.05


def row_of(*batches: Sequence[float], speed: float = 1000.0) -> Row:
    """A row of log ratios of throughput; NaN: arm B has no value."""
    arm = ab.parse_arm([])
    (cell,) = ab.plan_cells(["slow-device"], [engines.parse("blocking")], {}, arm, arm)
    row = Row(cell, metrics.METRICS["throughput_ops"])
    for batch in batches:
        row.batches.append([])
        for n, d in enumerate(batch):
            b = 0.0 if math.isnan(d) else speed * math.exp(d)
            trials = (make_trial(n, throughput_ops=v) for v in (speed, b))
            row.batches[-1].append(Pair(n, "a", *trials))
    return row


def judged(row: Row, decision: Decision) -> Change:
    change, *_ = paired.judge([row], decision, THRESHOLD)
    return change


def test_what_a_suspect_sees_is_of_the_pairs_that_it_is_judged_by() -> None:
    rng = np.random.default_rng(1)
    first, fresh = rng.normal(0, 0.02, 20), rng.normal(-0.18, 0.3, 40)
    decision = Decision([first], fresh={0: fresh}, confirmed={0: 0, 1: 0, 2: 0})
    change = judged(row_of(first, fresh), decision)
    alpha = pairs.CONFIRM_ALPHA / 3
    assert change.detectable == pytest.approx(pairs.detectable(fresh, alpha, threshold=THRESHOLD))
    alone = judged(row_of(first), Decision([first]))
    assert alone.detectable == pytest.approx(procedure.detectable(first, THRESHOLD))


def test_pairs_without_a_value_in_arm_b_alone_fail() -> None:
    d = np.random.default_rng(2).normal(0, 0.01, 20)
    d[:7] = math.nan
    change = judged(row_of(d), Decision([d]))
    assert (change.verdict, change.reason) == ("failed", "7 of 20 pairs have no value in arm B")


def machine(rng: np.random.Generator, shifts: Sequence[float]):
    """Measures three quiet rows, shifted by another of `shifts` in each batch."""
    left = list(shifts)

    def measure(rows, count):
        shift = left.pop(0) if len(left) > 1 else left[0]
        return [rng.normal(shift, 0.01, count) for _ in rows]

    return measure


def test_the_suite_is_measured_again_before_it_fails() -> None:
    rng = np.random.default_rng(3)
    unlucky = procedure.decide(3, machine(rng, [-0.2, 0.0]), threshold=THRESHOLD)
    assert unlucky.suite_measured_again
    assert not unlucky.suite_sure
    lost = procedure.decide(3, machine(rng, [-0.2]), threshold=THRESHOLD)
    assert lost.suite_sure
    line = paired._suite(lost, THRESHOLD)
    assert (line.verdict, line.confirmed) == ("slower", True)


def test_more_pairs_are_asked_for_in_proportion() -> None:
    asked: list[int] = []
    rng = np.random.default_rng(4)

    def measure(rows, count):
        asked.append(count)
        return [rng.normal(-0.2, 0.01, count) for _ in rows]

    procedure.decide(1, measure, threshold=THRESHOLD, first_pairs=40)
    assert asked == [40, 80]


class _Interrupting:
    """Ctrl-C in the middle of the third pair."""

    def __init__(self) -> None:
        self.pairs = 0

    def batch_started(self, what: str, cells: int, pairs: int, estimate_s: float) -> None: ...
    def notice(self, notice: Notice) -> None: ...
    def pair_ended(self, cell: ab.PairedCell, pair: Pair) -> None: ...

    def pair_started(self, cell: ab.PairedCell, number: int) -> None:
        self.pairs += 1
        if self.pairs == 3:
            raise KeyboardInterrupt


def test_an_interruption_keeps_the_ratios_and_gives_no_verdict() -> None:
    a, b = ab.parse_arm(["channel.service=100 us"]), ab.parse_arm(["channel.service=400 us"])
    cells = ab.plan_cells(["slow-device"], [engines.parse("blocking")], {}, a, b)
    with pytest.raises(versus.Interrupted) as caught:
        versus.run(cells, base_name="A", new_name="B", seed=1, listener=_Interrupting())
    (change,) = caught.value.comparison.changes
    assert (change.verdict, change.rounds) == ("cannot tell", 2)
    assert change.ratio is not None
    assert change.ratio.median < 0.6
    assert "interrupted" in (change.reason or "")
    assert verdict.EXIT_CODES[caught.value.comparison.outcome] == 4
