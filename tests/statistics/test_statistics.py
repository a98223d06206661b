"""The statistics against scipy, against simulation, and against the definitions."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from iomodels.results.schema import Interval
from iomodels.statistics import rounds as stats
from iomodels.statistics.histogram import (
    bucket_width_ns,
    count,
    max_ns,
    mean_ns,
    merge,
    percentile_ns,
)
from iomodels.statistics.summary import summarise

from ..factory import bucket_lower_ns, histogram_of, make_trial

nanoseconds = st.integers(0, 2**42 - 1)


# Intervals


@pytest.mark.parametrize("n", [*range(1, 80), 199, 1000])
def test_interval_is_the_narrowest_symmetric_pair_with_95_percent(n):
    interval = stats.median_interval(random.Random(n).sample(range(n), n))

    k = int(interval.low) + 1  # the values are their own ranks, from 0
    assert interval.high == n - k
    assert interval.median == (n - 1) / 2
    if n >= stats.MIN_ROUNDS:
        assert 1 - 2 * binom.cdf(k - 1, n, 0.5) >= 0.95
    else:
        assert k == 1
    assert 1 - 2 * binom.cdf(k, n, 0.5) < 0.95


@pytest.mark.parametrize(("n", "k"), [(2, 1), (5, 1), (6, 1), (8, 1), (9, 2), (11, 2), (12, 3)])
def test_ranks_of_small_samples(n, k):
    assert stats.median_interval(list(range(1, n + 1))).low == k


def test_min_rounds_is_the_first_n_with_coverage():
    assert 1 - 2 * binom.cdf(0, stats.MIN_ROUNDS, 0.5) >= 0.95
    assert 1 - 2 * binom.cdf(0, stats.MIN_ROUNDS - 1, 0.5) < 0.95


@pytest.mark.parametrize("n", [6, 7, 9, 15])
def test_coverage_by_simulation_on_a_skewed_distribution(n):
    rng = random.Random(n)
    times = 4000
    true_median = math.log(2)
    held = 0
    for _ in range(times):
        interval = stats.median_interval([rng.expovariate(1) for _ in range(n)])
        held += interval.low <= true_median <= interval.high
    noise = 4 * math.sqrt(0.95 * 0.05 / times)
    assert held / times >= 0.95 - noise


def test_median_interval_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        stats.median_interval([])


# Histograms


@given(nanoseconds)
def test_a_bucket_holds_its_values_and_is_at_most_a_128th_wide(value):
    lower = bucket_lower_ns(value)
    width = bucket_width_ns(lower)
    assert lower <= value < lower + width
    assert width == 1 or width * 128 <= value
    assert bucket_lower_ns(lower + width) == lower + width
    assert bucket_lower_ns(lower + width - 1) == lower


@pytest.mark.parametrize(
    ("lower", "width"),
    [(0, 1), (127, 1), (128, 1), (255, 1), (256, 2), (510, 2), (512, 4), (2**41, 2**34)],
)
def test_bucket_widths(lower, width):
    assert bucket_width_ns(lower) == width


@given(
    st.lists(nanoseconds, min_size=1, max_size=200),
    st.sampled_from([0, 0.01, 0.07, 0.5, 0.9, 0.99, 0.999, 1]),
)
def test_a_percentile_is_the_value_of_its_rank_within_half_a_bucket(values, q):
    hundredths = round(q * 1000)
    rank = max(1, -(-hundredths * len(values) // 1000))
    truth = sorted(values)[rank - 1]
    found = percentile_ns(histogram_of(values), q)
    assert abs(found - truth) <= (bucket_width_ns(bucket_lower_ns(truth)) - 1) / 2


@given(st.lists(st.integers(0, 127), min_size=1))
def test_small_values_are_exact(values):
    histogram = histogram_of(values)
    assert percentile_ns(histogram, 0.5) == sorted(values)[(len(values) - 1) // 2]
    assert max_ns(histogram) == max(values)
    assert mean_ns(histogram) == pytest.approx(sum(values) / len(values))


def test_a_percentile_takes_the_quantile_as_it_was_written():
    histogram = [(value, 1) for value in range(1, 101)]
    assert percentile_ns(histogram, 0.07) == 7
    assert percentile_ns(histogram, 0.071) == 8


@given(st.lists(nanoseconds, min_size=1, max_size=50))
def test_mean_is_within_half_a_per_cent(values):
    truth = sum(values) / len(values)
    assert mean_ns(histogram_of(values)) == pytest.approx(truth, rel=0.004)


@given(st.lists(st.lists(nanoseconds, max_size=20), max_size=5))
def test_merging_histograms_is_the_histogram_of_all_values(lists):
    merged = merge(histogram_of(values) for values in lists)
    assert merged == histogram_of(value for values in lists for value in values)
    assert count(merged) == sum(len(values) for values in lists)


def test_huge_counts_neither_overflow_nor_lose_precision():
    assert mean_ns([(1, 2**63), (3, 2**63)]) == 2
    assert percentile_ns([(1, 2**63), (3, 2**63 + 1)], 0.5) == 3


def test_submits_that_nobody_timed_are_not_submits_that_took_no_time():
    summary = summarise([make_trial(number, submit_ns=[]) for number in range(7)])
    assert summary is not None
    assert summary.submit_ns is None


def test_an_empty_histogram_has_no_percentile():
    assert count([]) == 0
    assert math.isnan(percentile_ns([], 0.5))
    assert math.isnan(mean_ns([]))
    assert math.isnan(max_ns([]))


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan])
def test_a_quantile_outside_0_to_1_is_refused(q):
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile_ns([(1, 1)], q)


# Summaries


def test_summary_takes_medians_over_rounds():
    trials = [
        make_trial(number, latency_ns=[value] * 9 + [100], throughput_ops=1000.0 + value)
        for number, value in enumerate([10, 12, 11, 13, 15, 14, 16])
    ]
    summary = summarise(trials)
    assert summary is not None
    assert summary.rounds == 7
    assert summary.latency_ns.p50 == Interval(13, 10, 16)
    assert summary.latency_ns.max == Interval(100, 100, 100)
    assert summary.throughput_ops == Interval(1013, 1010, 1016)
    assert summary.cpu_ns_per_op == Interval(2000, 2000, 2000)


def test_nothing_measured_gives_no_summary():
    idle = make_trial(0, latency_ns=[], throughput_ops=0.0)
    assert summarise([]) is None
    assert summarise([idle, idle]) is None


def test_a_round_without_operations_counts_as_throughput_zero_and_nowhere_else():
    trials = [make_trial(0), make_trial(1, latency_ns=[], throughput_ops=0.0, cpu_ns_per_op=0.0)]
    summary = summarise(trials)
    assert summary is not None
    assert summary.rounds == 2
    assert summary.throughput_ops.low == 0
    assert summary.cpu_ns_per_op.low == 2000
    assert summary.latency_ns.p50.low > 0


def test_a_call_that_a_round_did_not_make_counts_as_zero():
    trials = [make_trial(n, calls={"read": 1.0} | ({"poll": 3.0} if n else {})) for n in range(3)]
    summary = summarise(trials)
    assert summary is not None
    assert summary.calls_per_op == {"poll": Interval(3, 0, 3), "read": Interval(1, 1, 1)}


def test_optional_quantities_need_every_round():
    everywhere = {"added_ns": [(20, 5)], "overlap": 0.5, "harness_ns_per_op": 30.0}
    whole = summarise([make_trial(n, **everywhere) for n in range(2)])
    holed = summarise([make_trial(0, **everywhere), make_trial(1)])
    assert whole is not None
    assert whole.added_ns is not None
    assert whole.added_ns.p50.median == 20
    assert whole.overlap == Interval(0.5, 0.5, 0.5)
    assert whole.harness_ns_per_op == Interval(30, 30, 30)
    assert whole.service_ns is None
    assert holed is not None
    assert (holed.added_ns, holed.overlap, holed.harness_ns_per_op) == (None, None, None)


# Ratios


def throughput(trial):
    return trial.throughput_ops


def test_pairing_by_round_cancels_what_slows_the_machine():
    drift = [1.0, 3.0, 0.2, 1.4, 7.0, 0.9, 2.0]
    a = [make_trial(n, throughput_ops=1100.0 * d) for n, d in enumerate(drift)]
    b = [make_trial(n, throughput_ops=1000.0 * d) for n, d in enumerate(drift)]
    ratio = stats.paired_ratio(list(reversed(a)), b, throughput)
    assert ratio is not None
    assert ratio.rounds == 7
    assert ratio.conclusive
    assert ratio.excludes_one
    assert [ratio.interval.low, ratio.interval.high] == pytest.approx([1.1, 1.1])


def test_only_rounds_in_both_with_positive_values_are_paired():
    a = [make_trial(n, throughput_ops=value) for n, value in [(0, 2.0), (1, 0.0), (2, 2.0)]]
    b = [make_trial(n, throughput_ops=value) for n, value in [(0, 1.0), (1, 1.0), (3, 1.0)]]
    ratio = stats.paired_ratio(a, b, throughput)
    assert ratio is not None
    assert ratio.rounds == 1
    assert not ratio.conclusive
    assert ratio.interval.median == pytest.approx(2)
    assert stats.paired_ratio(a, [b[1]], throughput) is None
    assert stats.paired_ratio([], b, throughput) is None
    assert stats.paired_ratio(a, b, lambda _: math.inf) is None


def test_a_value_that_is_unknown_in_a_round_is_not_paired():
    a = [make_trial(0, latency_ns=[]), make_trial(1)]
    b = [make_trial(0), make_trial(1)]
    ratio = stats.paired_ratio(a, b, lambda t: percentile_ns(t.latency_ns, 0.5))
    assert ratio is not None
    assert ratio.rounds == 1


@given(
    st.lists(
        st.tuples(
            st.floats(0, allow_nan=False, allow_infinity=False),
            st.floats(0, allow_nan=False, allow_infinity=False),
        )
    )
)
def test_a_ratio_and_its_inverse_agree(pairs):
    a = [make_trial(n, throughput_ops=x) for n, (x, _) in enumerate(pairs)]
    b = [make_trial(n, throughput_ops=y) for n, (_, y) in enumerate(pairs)]
    forth = stats.paired_ratio(a, b, throughput)
    back = stats.paired_ratio(b, a, throughput)
    assert (forth is None) == (back is None) == all(x == 0 or y == 0 for x, y in pairs)
    if forth and back:
        assert forth.interval.median == pytest.approx(1 / back.interval.median)
        assert forth.interval.low == pytest.approx(1 / back.interval.high)
        assert forth.interval.low <= forth.interval.median <= forth.interval.high


@pytest.mark.parametrize(
    ("interval", "excludes"),
    [
        (Interval(1.1, 1.01, 1.2), True),
        (Interval(0.9, 0.8, 0.99), True),
        (Interval(1.1, 1.0, 1.2), False),
        (Interval(0.9, 0.8, 1.0), False),
        (Interval(1.0, 0.9, 1.1), False),
    ],
)
def test_excluding_one(interval, excludes):
    assert stats.Ratio(interval, rounds=7).excludes_one is excludes


def test_six_rounds_are_conclusive_and_five_are_not():
    interval = Interval(1.1, 1.01, 1.2)
    assert stats.Ratio(interval, rounds=6).conclusive
    assert not stats.Ratio(interval, rounds=5).conclusive


# Two clusters


@pytest.mark.parametrize(
    ("values", "bimodal"),
    [
        ([21, 22, 23, 24, 68, 75, 87], True),
        ([21, 68, 22, 75, 23, 87, 24], True),
        ([21, 22, 23, 24, 25, 26, 87], False),  # one outlier is not a cluster
        ([21, 22, 23, 24, 25, 26, 27], False),
        ([10, 14, 20, 28, 40, 56, 80], False),  # wide, but without a gap
        ([100, 101, 102, 110, 111, 112, 113], False),  # a gap, but a small one
        ([21, 22, 68], False),
        ([0, 0, 21, 22, 68, 69], True),
        ([1, 2], False),
        ([], False),
    ],
)
def test_bimodal(values, bimodal):
    assert stats.is_bimodal(values) is bimodal


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.3])
def test_plain_noise_is_rarely_called_bimodal(sigma):
    rng = random.Random(7)
    alarms = sum(
        stats.is_bimodal([rng.lognormvariate(0, sigma) for _ in range(7)]) for _ in range(3000)
    )
    assert alarms / 3000 < 0.02
