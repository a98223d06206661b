"""Numbers of one trial, and the summary of a cell's trials."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import msgspec

from iomodels.results.read import HISTOGRAMS
from iomodels.results.schema import Histogram, Interval, Percentiles, Summary, Switches, Trial
from iomodels.statistics.histogram import QUANTILES, count, mean_ns, merge, percentiles_ns
from iomodels.statistics.rounds import median_interval


def summarise(trials: Sequence[Trial]) -> Summary | None:
    """What a cell's trials come to; None where nothing was measured in any of them.

    A rate or share is taken over all rounds, a quantity per operation over those rounds that
    completed any. A call that a round did not make counts as 0 there. An optional quantity that
    is missing in one round is left out altogether: a median over other rounds than its
    neighbours' would invite false comparisons.
    """
    measured = [trial for trial in trials if trial.operations > 0 and count(trial.latency_ns)]
    if not measured:
        return None
    calls = sorted({name for trial in measured for name in trial.calls_per_op})
    return Summary(
        rounds=len(trials),
        throughput_ops=median_interval([t.throughput_ops for t in trials]),
        throughput_bytes=median_interval([t.throughput_bytes for t in trials]),
        latency_ns=_percentiles([t.latency_ns for t in measured]),
        cpu_ns_per_op=median_interval(
            [t.cpu_user_ns_per_op + t.cpu_system_ns_per_op for t in measured]
        ),
        cpu_user_ns_per_op=median_interval([t.cpu_user_ns_per_op for t in measured]),
        cpu_system_ns_per_op=median_interval([t.cpu_system_ns_per_op for t in measured]),
        cpu_share=median_interval([t.cpu_share for t in trials]),
        calls_per_op={
            name: median_interval([t.calls_per_op.get(name, 0.0) for t in measured])
            for name in calls
        },
        eagain_per_op=median_interval([t.eagain_per_op for t in measured]),
        voluntary_switches_per_op=median_interval(
            [t.context_switches_per_op.voluntary for t in measured]
        ),
        involuntary_switches_per_op=median_interval(
            [t.context_switches_per_op.involuntary for t in measured]
        ),
        depth_mean=median_interval([t.depth_mean for t in trials]),
        submit_ns=_optional_percentiles([t.submit_ns for t in measured]),
        service_ns=_optional_percentiles([t.service_ns for t in measured]),
        added_ns=_optional_percentiles([t.added_ns for t in measured]),
        cancel_ns=_optional_percentiles([t.cancel_ns for t in measured]),
        cancel_late_ns=_optional_percentiles([t.cancel_late_ns for t in measured]),
        overlap=_optional_interval([t.overlap for t in measured]),
        harness_ns_per_op=_optional_interval([t.harness_ns_per_op for t in measured]),
    )


CANCEL_OUTCOMES = (
    *("cancels_done", "cancels_too_late", "cancels_already_complete"),
    "cancels_withheld",
)
"""What the engine answers when it is to cancel; the first is that it will. By the last it says that
it did not try, for the sake of requests behind this one."""


def _percentiles(histograms: Sequence[Histogram]) -> Percentiles:
    """Each percentile's median and interval. None of the histograms may be empty."""
    rows = [[*percentiles_ns(histogram, QUANTILES), mean_ns(histogram)] for histogram in histograms]
    p50, p90, p99, p999, largest, mean = (
        median_interval(column) for column in zip(*rows, strict=True)
    )
    return Percentiles(p50=p50, p90=p90, p99=p99, p999=p999, max=largest, mean=mean)


def _optional_percentiles(histograms: Sequence[Histogram | None]) -> Percentiles | None:
    present = [histogram for histogram in histograms if histogram is not None and count(histogram)]
    return _percentiles(present) if len(present) == len(histograms) else None


def _optional_interval(values: Sequence[float | None]) -> Interval | None:
    present = [value for value in values if value is not None]
    return median_interval(present) if len(present) == len(values) else None


def combine_slices(slices: Sequence[Trial]) -> Trial:
    """One trial from several slices of it: of each rate its median over slices.

    A slice that something disturbed so loses its weight. Histograms are added up, and so are
    operations and durations; of a largest value it is the largest. Raises `ValueError` for none.
    """
    if not slices:
        raise ValueError("a trial needs at least one slice")
    calls = {name for each in slices for name in each.calls_per_op}
    counters = {name for each in slices for name in each.counters}
    return msgspec.structs.replace(
        slices[0],
        duration_ns=sum(each.duration_ns for each in slices),
        operations=sum(each.operations for each in slices),
        depth_max=max(each.depth_max for each in slices),
        timeline=None,
        memory_bytes=max(
            (each.memory_bytes for each in slices if each.memory_bytes is not None), default=None
        ),
        calls_per_op={
            name: median(each.calls_per_op.get(name, 0.0) for each in slices)
            for name in sorted(calls)
        },
        context_switches_per_op=Switches(
            voluntary=median(each.context_switches_per_op.voluntary for each in slices),
            involuntary=median(each.context_switches_per_op.involuntary for each in slices),
        ),
        counters={
            name: (max if name in _LARGEST else sum)(each.counters.get(name, 0) for each in slices)
            for name in sorted(counters)
        },
        **{name: median(getattr(each, name) for each in slices) for name in _RATES},
        **{name: _added_up([getattr(each, name) for each in slices]) for name in HISTOGRAMS},
    )


_RATES = (
    "throughput_ops",
    "throughput_bytes",
    "cpu_user_ns_per_op",
    "cpu_system_ns_per_op",
    "cpu_share",
    "eagain_per_op",
    "depth_mean",
)
_LARGEST = ("threads", "lateness_max_ns", "backlog", "pages_before", "pages_after")
"""The counters that are no counts of events."""


def _added_up(histograms: Sequence[Histogram | None]) -> Histogram | None:
    present = [histogram for histogram in histograms if histogram is not None]
    return merge(present) if present else None
