"""System calls per operation, compared: which counters are evidence, and of what."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iomodels.comparison import exact_counters
from iomodels.results.schema import Run, Tool, Trial

from ..factory import make_cell, make_run, make_trial
from .samples import compared


def test_a_call_more_per_operation_is_a_regression_in_one_round_on_any_machine() -> None:
    base = make_run([make_cell(trials=[make_trial(n, calls={"read": 1.0}) for n in range(7)])])
    more = make_cell(trials=[make_trial(0, calls={"read": 1.0, "fcntl": 1.0})])
    comparison = compared(base, make_run([more], tool=Tool("9", "other")))
    (found,) = [c for c in comparison.changes if c.metric == "calls_per_op.fcntl"]
    assert found.verdict == "slower"
    assert found.rounds == 1
    assert comparison.outcome == "regression"


def test_counters_raise_no_alarm_in_100_suites() -> None:
    """Suites of eight cells: constant but for the edges of a trial; constant, and in one round of
    twenty a few calls more (a signal, a wake-up for nothing); varying by itself."""
    rng = np.random.default_rng(11)

    def trials() -> list[Trial]:
        calls = [
            {
                "read": 1 + rng.uniform(0, 4e-4),
                "select": 1 + rng.uniform(0, 4e-4) + (rng.random() < 0.05) * rng.exponential(0.1),
                "futex": rng.gamma(4, 0.2),
            }
            for _ in range(7)
        ]
        return [make_trial(n, latency_ns=[1], calls=each) for n, each in enumerate(calls)]

    found = [each for _ in range(100 * 8) for each in exact_counters.compare(trials(), trials())]
    assert {each.verdict for each in found} == {"same", "inconclusive"}
    assert sum(each.verdict == "same" for each in found) > 800
    assert "calls_per_op.futex" not in {each.metric.key for each in found}


def test_a_counter_that_varies_by_itself_is_no_evidence_and_is_counted() -> None:
    assert exact_counters.verdict([1.0, 1.1, 1.0, 1.05], [2.0, 2.1]) is None
    assert exact_counters.verdict([1.0, 1.0, 1.0, 1.0], [2.0, 2.1]) == "slower"
    varying = [make_trial(n, calls={"read": 1.0, "poll": 1 + n}) for n in range(7)]
    run = make_run([make_cell(trials=varying)])
    assert compared(run, run).counters_unjudged == 1


def test_a_counter_that_is_constant_no_more_is_said() -> None:
    constant = [1.0] * 7
    assert exact_counters.verdict(constant, [1.0] * 4 + [2.0] * 3) == "inconclusive"
    assert exact_counters.verdict(constant, [1.0] * 3 + [2.0] * 4) == "slower"
    assert exact_counters.verdict(constant, [1.0] * 4 + [0.5, 0.5, 1.5]) == "inconclusive"
    assert exact_counters.verdict([1.0] * 4, [1.0, 2.0, 2.0]) == "inconclusive"  # four may be luck

    def run(calls: list[float]) -> Run:
        return make_run(
            [make_cell(trials=[make_trial(n, calls={"read": c}) for n, c in enumerate(calls)])]
        )

    comparison = compared(run(constant), run([1.0] * 5 + [1.5, 3.0]))
    (found,) = [c for c in comparison.changes if c.metric == "calls_per_op.read"]
    assert found.reason == "was constant, now varies from 1 to 3 calls per operation"
    assert comparison.outcome == "inconclusive"


def test_fewer_calls_are_no_loss_be_it_in_one_round() -> None:
    assert exact_counters.verdict([2.0] * 7, [2.0] * 6 + [1.98]) == "same"
    assert exact_counters.verdict([1.0] * 7, [1.0] * 4 + [0.5] * 3) == "same"
    assert exact_counters.verdict([1.0] * 7, [0.5] * 4 + [0.6] * 3) == "faster"


def test_a_small_counter_is_judged_by_its_own_size_where_it_stays_constant() -> None:
    """One call for a list of 16 requests; and the few wake-ups more of a busy machine."""
    assert exact_counters.verdict([0.0625] * 7, [0.072] * 7) == "slower"
    assert exact_counters.verdict([0.0625] * 7, [0.0633] * 7) == "same"
    assert exact_counters.verdict([0.0625] * 7, [0.0625] * 3 + [0.064] * 4) == "same"
    busy = [0.5007, 0.5171, 0.5162, 0.5120, 0.5119, 0.5161, 0.5107]
    assert exact_counters.verdict([0.5] * 7, busy) == "same"
    assert exact_counters.verdict([0.5] * 7, [call + 0.1 for call in busy]) == "slower"
    assert exact_counters.verdict([1.0] * 7, [1.011] * 7) == "slower"


@given(st.lists(st.floats(0, 10), min_size=1, max_size=2), st.lists(st.floats(0, 10), max_size=4))
def test_two_rounds_cannot_show_that_a_counter_is_constant(
    base: list[float], new: list[float]
) -> None:
    assert exact_counters.verdict(base, new) is None
