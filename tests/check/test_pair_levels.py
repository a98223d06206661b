"""A/B of a cell that jumps between levels: which pairs count, and what it is judged by."""

from __future__ import annotations

import numpy as np

from iomodels.check import pair_runs, pair_verdicts
from iomodels.check.pair_runs import Pair
from iomodels.check.pair_verdicts import PairedRow
from iomodels.comparison import metrics, verdict
from iomodels.comparison.schema import Change
from iomodels.engines import spec
from iomodels.statistics.screen_confirm import Decision

from ..factory import make_trial

THRESHOLD = 0.05


def judged(noise: float, *, slower: float = 0.0, cpu: float = 1.0, pairs: int = 40) -> list[Change]:
    """Both arms jump, each by itself in half of the pairs; B is slower, and takes more CPU."""
    rng = np.random.default_rng(4)
    arm = pair_runs.parse_arm([])
    (cell,) = pair_runs.plan_cells(["slow-device"], [spec.parse("blocking")], {}, arm, arm)
    row = PairedRow(cell, metrics.METRICS["throughput_ops"], [[]])
    for n in range(pairs):
        first = rng.choice([20e3, 90e3])
        second = rng.choice([20e3, 90e3]) if rng.random() < 0.5 else first
        a, b = (
            make_trial(
                n,
                throughput_ops=float(level * rng.lognormal(0, noise) / factor),
                cpu_ns_per_op=float(2000 * more * rng.lognormal(0, 0.01)),
                calls={},
            )
            for level, factor, more in ((first, 1, 1), (second, 1 + slower, cpu))
        )
        row.batches[0].append(Pair(n, "a", a, b))
    decision = Decision([row.gains(row.all)])
    changes = pair_verdicts.judge_rows([row], decision, THRESHOLD)
    return [change for change in changes if not change.metric.startswith("calls")]


def test_only_pairs_at_one_level_count() -> None:
    (change,) = judged(0.02)
    assert change.verdict == "same"
    assert len(change.levels) == 2
    assert 20 <= change.rounds < 40
    assert "throughput jumps by itself (20" in (change.reason or "")
    assert f"{change.rounds} of 40 pairs count" in (change.reason or "")


def test_what_is_too_noisy_at_its_levels_is_judged_by_cpu() -> None:
    change, cpu = judged(0.12)
    assert (change.verdict, change.judged) == ("varies", False)
    assert (cpu.metric, cpu.verdict) == ("cpu_ns_per_op", "same")
    assert verdict.outcome([change, cpu], undecided="fail", comparable=True) == "passed"
    _, more = judged(0.12, cpu=1.3)
    assert more.verdict == "slower"


def test_what_looks_like_a_loss_is_not_shown_only() -> None:
    (change,) = judged(0.12, slower=0.4)
    assert change.verdict == "inconclusive"
    assert change.ratio is not None
    assert change.ratio.median < 0.8
