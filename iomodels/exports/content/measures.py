"""The quantities of a cell that exports carry: what each is called, its unit, its better way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from iomodels.analysis.findings import cancelled, too_few_for, until_end_ns
from iomodels.results.schema import Cell, Interval, Percentiles, Summary
from iomodels.statistics.rounds import MIN_ROUNDS

CALLS = "calls_per_op."


@dataclass(frozen=True)
class Exported:
    """One quantity. `key` is that of the result file; `headline`: dashboards follow it."""

    key: str
    title: str
    unit: str
    bigger_is_better: bool
    value: Callable[[Cell, Summary], Interval | None]
    headline: bool = False


def _percentile(quantity: str, percentile: str, title: str, *, headline: bool = False) -> Exported:
    def value(cell: Cell, summary: Summary) -> Interval | None:
        if too_few_for(cell, percentile):
            return None
        percentiles: Percentiles | None = getattr(summary, quantity)
        found: Interval | None = getattr(percentiles, percentile) if percentiles else None
        return found

    return Exported(f"{quantity}.{percentile}", title, "ns", False, value, headline)


MEASURES = (
    Exported("throughput_ops", "throughput", "ops/s", True, lambda _, s: s.throughput_ops, True),
    Exported("throughput_bytes", "throughput, bytes", "B/s", True, lambda _, s: s.throughput_bytes),
    _percentile("latency_ns", "p50", "latency p50", headline=True),
    _percentile("latency_ns", "p90", "latency p90"),
    _percentile("latency_ns", "p99", "latency p99", headline=True),
    _percentile("latency_ns", "p999", "latency p99.9"),
    _percentile("added_ns", "p50", "latency beyond the device p50", headline=True),
    _percentile("service_ns", "p50", "service time p50"),
    Exported("cpu_ns_per_op", "CPU per operation", "ns", False, lambda _, s: s.cpu_ns_per_op, True),
    Exported("cpu_share", "CPU share", "ratio", False, lambda _, s: s.cpu_share),
    Exported("overlap", "overlap", "ratio", True, lambda _, s: s.overlap, True),
    Exported("cancelled_share", "cancelled", "ratio", True, lambda cell, _: cancelled(cell), True),
    Exported(
        "cancel_ns.p50", "end by cancelling p50", "ns", False,
        lambda cell, _: until_end_ns(cell, "cancel_ns"),
    ),
    Exported(
        "cancel_late_ns.p50", "end when cancelled too late p50", "ns", False,
        lambda cell, _: until_end_ns(cell, "cancel_late_ns"),
    ),
    Exported("eagain_per_op", "EAGAIN per operation", "calls", False, lambda _, s: s.eagain_per_op),
)  # fmt: skip


def _calls(name: str) -> Exported:
    return Exported(
        CALLS + name, f"{name} per operation", "calls", False, lambda _, s: s.calls_per_op.get(name)
    )


def values(cell: Cell) -> Iterator[tuple[Exported, Interval]]:
    """What a cell with a summary has of all measures, and its calls per operation by name."""
    summary = cell.summary
    assert summary is not None, "a cell without a summary has no numbers"
    for measure in (*MEASURES, *map(_calls, summary.calls_per_op)):
        interval = measure.value(cell, summary)
        if interval is not None and all(
            math.isfinite(number) for number in (interval.median, interval.low, interval.high)
        ):
            yield measure, interval


def headlines(cell: Cell) -> Iterator[tuple[Exported, Interval]]:
    """What a dashboard follows of the cell."""
    return ((measure, found) for measure, found in values(cell) if measure.headline)


def interval_kind(rounds: int) -> str:
    """What low and high of an interval over this many rounds are."""
    return "95 % interval" if rounds >= MIN_ROUNDS else "range"
