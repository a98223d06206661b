"""However many trials a run has, its file can be read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomodels.base.errors import UsageError
from iomodels.results import read, save
from iomodels.statistics import thinning
from iomodels.statistics.histogram import QUANTILES, count, mean_ns, percentiles_ns

from ..factory import make_cell, make_run, make_trial

LOWER = [n << shift for shift in range(30) for n in range(128, 256)]
BUCKETS = st.lists(st.sampled_from(LOWER), min_size=1, max_size=600, unique=True)


@given(BUCKETS, st.data(), st.integers(20, 200))
def test_percentiles_and_counts_stay_as_they_were(lowers, data, most):
    counts = data.draw(st.lists(st.integers(1, 10**6), min_size=len(lowers), max_size=len(lowers)))
    full = list(zip(sorted(lowers), counts, strict=True))
    thin = thinning.thinned(full, most)
    assert len(thin) <= most or thin == full
    assert len(thin) <= max(most, 20)
    assert thin == sorted(thin)
    assert count(thin) == count(full)
    assert percentiles_ns(thin, QUANTILES) == percentiles_ns(full, QUANTILES)
    assert thinning.thinned(thin, most) == thin
    assert {lower for lower, _ in thin} <= {lower for lower, _ in full}


@given(BUCKETS, st.data(), st.sets(st.floats(0.001, 1), min_size=1, max_size=8))
def test_percentiles_alone_keep_their_values_the_count_and_the_mean(lowers, data, quantiles):
    counts = data.draw(st.lists(st.integers(1, 10**6), min_size=len(lowers), max_size=len(lowers)))
    full = list(zip(sorted(lowers), counts, strict=True))
    few = thinning.only_quantiles(full, list(quantiles))
    assert len(few) <= 2 * len(quantiles) + 1
    assert [lower for lower, _ in few] == sorted({lower for lower, _ in few})
    assert count(few) == count(full)
    assert percentiles_ns(few, list(quantiles)) == percentiles_ns(full, list(quantiles))
    assert mean_ns(few) == pytest.approx(mean_ns(full), rel=1 / 128)
    assert thinning.only_quantiles([], list(quantiles)) == []


def test_a_thinned_mean_is_close():
    """Of a spread as a device has it: one per cent is what a histogram promises by itself."""
    full = [(lower, 1 + 10**6 // lower) for lower in LOWER[1000:2500]]
    assert mean_ns(thinning.thinned(full, 256)) == pytest.approx(mean_ns(full), rel=0.05)


@pytest.mark.parametrize("trials", [1, 100, 1_000, 5_000, 10_000, 14_000])
def test_the_largest_file_of_so_many_trials_can_be_read(trials):
    """Each number as long as it can be, every histogram full."""
    most = thinning.buckets_each(trials)
    full = [(10**12 + n, 10**9) for n in range(min(most, 4608))]
    names = dict.fromkeys(read.HISTOGRAMS, full)
    trial = make_trial(timeline=[10**9] * 100, counters={f"counter_{n}": 1e15 for n in range(40)})
    one = save.encode(make_run([make_cell(trials=[type(trial)(**{**as_dict(trial), **names})])]))
    assert trials * len(one) < read.MAX_BYTES or trials < 100


def as_dict(trial):
    return {name: getattr(trial, name) for name in trial.__struct_fields__}


def test_a_run_that_could_not_be_read_again_is_refused_with_its_size():
    with pytest.raises(UsageError, match=r"100000 trials can need \d+ MiB.*256 MiB.*fewer rounds"):
        thinning.buckets_each(100_000)


def test_usual_runs_keep_every_bucket():
    assert thinning.buckets_each(300) > 4608
