"""What a cell was in each run of a history, where its level changed, and how that is said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iomodels.base.errors import UsageError
from iomodels.comparison import trends
from iomodels.comparison.schema import HistoryRun, Trend
from iomodels.results.schema import Interval, Run

from ..factory import make_cell, make_run, make_trial
from .samples import run_of


def noisy_run(*levels: float, seed: int, rounds: int = 7) -> Run:
    """A run with a cell for each level: 1 % between runs, 2 % between rounds."""
    rng = np.random.default_rng(seed)
    of_run = [level * math.exp(rng.normal(0, 0.01)) for level in levels]
    samples = [list(float(x) * rng.lognormal(0, 0.02, rounds)) for x in of_run]
    return run_of(*samples, created_utc=f"2026-11-{seed + 1:02}T08:00:00Z", seed=seed)


def history(days: int, **known: str) -> list[HistoryRun]:
    kernels = ["6.12" if day < 7 else "6.18" for day in range(days)]
    return [
        HistoryRun(f"2026-11-{day + 1:02}T08:00:00Z", kernel, known.get(f"at{day}", ""))
        for day, kernel in enumerate(kernels)
    ]


def trend_of(*medians: float | None, changed_at: list[int], bigger: bool = True) -> Trend:
    runs = [None if m is None else Interval(m, 0.98 * m, 1.02 * m) for m in medians]
    metric = "throughput_ops" if bigger else "latency_p50_ns"
    return Trend("echo", {}, "depth 4", "aio", metric, "ops/s", bigger, runs, changed_at)


def test_each_cell_has_a_value_for_each_run_and_the_changed_one_its_change() -> None:
    runs = [noisy_run(1000, 2000 if day < 7 else 1700, seed=day) for day in range(12)]
    quiet, changed = trends.trends(runs[:-1], runs[-1])
    assert [quiet.label, changed.label] == ["depth 1", "depth 2"]
    assert len(quiet.runs) == len(changed.runs) == 12
    assert all(one is not None and 950 < one.median < 1050 for one in quiet.runs)
    assert quiet.changed_at == []
    assert changed.changed_at == [7]
    (step,) = trends.level_changes(changed)
    assert step.is_loss
    assert step.ratio == pytest.approx(0.85, abs=0.02)


def test_a_cell_that_some_runs_do_not_have_keeps_its_place() -> None:
    runs = [noisy_run(1000, *([] if day in (2, 5) else [900]), seed=day) for day in range(7)]
    _, second = trends.trends(runs[:-1], runs[-1])
    assert [one is None for one in second.runs] == [day in (2, 5) for day in range(7)]


def test_a_cell_that_vanished_with_the_last_run_still_has_its_trend() -> None:
    runs = [noisy_run(1000, 900, seed=1), noisy_run(1000, 900, seed=2), noisy_run(1000, seed=3)]
    first, gone = trends.trends(runs[:-1], runs[-1])
    assert first.runs[-1] is not None
    assert gone.runs[-1] is None
    assert gone.runs[0] is not None


def test_a_change_is_found_past_runs_without_the_cell() -> None:
    runs = [Interval(m, m, m) if m else None for m in (10, 0, 10, 10.1, 0, 5, 5.1, 0, 5)]
    assert trends.changed_at(runs) == [5]


def test_a_quantity_that_is_zero_has_its_changes_too() -> None:
    runs = [Interval(m, m, m) for m in (0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0)]
    assert trends.changed_at(runs) == [4]
    (step,) = trends.level_changes(trend_of(0, 0, 0, 0, 2, 2, 2, changed_at=[4]))
    assert (step.ratio, step.by) == (None, "from 0")


def test_a_cell_without_any_value_has_no_trend() -> None:
    failed = make_run([make_cell(trials=[], status="failed", reason="died")])
    assert trends.trends([failed], failed) == []


def test_a_percentile_of_too_few_operations_is_no_value() -> None:
    few = make_run([make_cell(trials=[make_trial(n, latency_ns=[5] * 9) for n in range(7)])])
    assert trends.trends([few], few, ["latency_p99_ns"]) == []
    with pytest.raises(UsageError, match="no metric 'speed'"):
        trends.trends([few], few, ["speed"])


def test_levels_are_the_medians_between_changes() -> None:
    found = trends.levels(trend_of(10, None, 12, 5, 5, 6, changed_at=[3]))
    assert [(level.first, level.end, level.value) for level in found] == [(0, 3, 11.0), (3, 6, 5.0)]
    assert trends.levels(trend_of(None, None, changed_at=[])) == []


@pytest.mark.parametrize(("bigger", "is_loss"), [(True, True), (False, False)])
def test_whether_less_is_a_loss_depends_on_the_metric(bigger: bool, is_loss: bool) -> None:
    (step,) = trends.level_changes(trend_of(10, 10, 8, 8, changed_at=[2], bigger=bigger))
    assert (step.is_loss, step.by) == (is_loss, "\N{MINUS SIGN}20 %")


def test_a_sentence_says_what_by_how_much_since_when_and_what_else_was_new() -> None:
    one = trend_of(*[10.0] * 7, *[8.8] * 4, changed_at=[7])
    assert trends.sentence(history(11), one) == (
        "echo, depth 4, aio: throughput \N{MINUS SIGN}12 % since 2026-11-08 (Linux 6.12 to 6.18)."
    )
    assert "2026-11-08 (new disk; Linux" in trends.sentence(history(11, at7="new disk"), one)
    back = trend_of(*[10.0] * 3, *[8.0] * 3, *[10.0] * 3, changed_at=[3, 6])
    assert trends.sentence(history(9), back).endswith(
        "throughput \N{MINUS SIGN}20 % since 2026-11-04, then +25 % since 2026-11-07."
    )


def test_what_changed_in_several_cells_at_once_is_said_first() -> None:
    found = [
        trend_of(*[10.0] * 7, *[8.8] * 4, changed_at=[7]),
        trend_of(*[10.0] * 7, *[8.0] * 4, changed_at=[7]),
        trend_of(*[10.0] * 11, changed_at=[]),
    ]
    first, *others = trends.sentences(history(11), found)
    assert first.startswith("2 of 3 trends changed at once, since 2026-11-08")
    assert len(others) == 2
    assert trends.sentences(history(11), found[2:]) == []


def test_runs_of_one_day_have_their_time() -> None:
    runs = [HistoryRun("2026-11-01T08:00:00Z"), HistoryRun("2026-11-01T09:30:00Z")]
    assert trends.when([*runs, HistoryRun("2026-11-02T08:00:00Z")], 1) == "2026-11-01 09:30"
    assert trends.when([*runs, HistoryRun("2026-11-02T08:00:00Z")], 2) == "2026-11-02"
