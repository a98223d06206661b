"""The one table of what is measured and shown.

The terminal table, the page, the exports, the pictures and the gate read it, and none of them
defines a quantity of its own. A new quantity is one entry of `QUANTITIES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal

from iomodels.analysis.quantity_definition import (
    BYTES,
    CALLS_PER_OP,
    DURATION,
    HIDDEN,
    PERCENTILES,
    RATE,
    SHARE,
    SIZE,
    SOFT_HYPHEN,
    SPEED_UP,
    TENTHS,
    THREADS,
    Quantity,
    fewest_operations,
    has_deadline,
    is_open_loop,
    without_computation,
    without_deadline,
)
from iomodels.results.schema import (
    Cell,
    Histogram,
    Interval,
    Parameter,
    Percentiles,
    Summary,
    Trial,
)
from iomodels.statistics.histogram import percentile_ns
from iomodels.statistics.rounds import Ratio, paired_ratio
from iomodels.statistics.summary import CANCEL_OUTCOMES

CALLS: Final = "calls_per_op."
"""What the key of a call's own quantity begins with."""

# ------------------------------------------------------------------ values


_HistogramName = Literal["latency_ns", "added_ns", "service_ns", "cancel_ns", "cancel_late_ns"]


def _of_histogram(name: _HistogramName, percentile: str) -> Callable[[Trial], float]:
    def of_trial(trial: Trial) -> float:
        histogram: Histogram | None = getattr(trial, name)
        return percentile_ns(histogram or [], PERCENTILES[percentile])

    return of_trial


def _of_percentiles(name: _HistogramName, percentile: str) -> Callable[[Summary], Interval | None]:
    def of_summary(summary: Summary) -> Interval | None:
        percentiles: Percentiles | None = getattr(summary, name)
        found: Interval | None = getattr(percentiles, percentile) if percentiles else None
        return found

    return of_summary


def _percentile(
    name: _HistogramName,
    percentile: str,
    title: str,
    applies: Callable[[Cell], bool],
    *,
    heading: str = "",
    meaning: str = "",
    importance: int = 0,
    is_headline: bool = False,
    is_gated: bool = False,
) -> Quantity:
    """A percentile of a histogram of times. A p50 is shown of any number of operations."""
    q = PERCENTILES[percentile]
    return Quantity(
        key=f"{name}.{percentile}",
        title=title,
        unit=DURATION,
        bigger_is_better=False,
        of_trial=_of_histogram(name, percentile),
        of_summary=_of_percentiles(name, percentile),
        heading=heading,
        meaning=meaning,
        importance=importance,
        applies=applies,
        fewest_operations=fewest_operations(q),
        is_headline=is_headline,
        is_gated=is_gated,
    )


def _cpu_ns_per_op(trial: Trial) -> float:
    """User and system together: many kernels sample the split by ticks, only the sum is exact."""
    return trial.cpu_user_ns_per_op + trial.cpu_system_ns_per_op


def _cancelled_share(trial: Trial) -> float:
    """Of the overdue requests, those that cancelling ended; what the end of a trial cancels is
    counted elsewhere."""
    asked = [trial.counters.get(name, 0.0) for name in CANCEL_OUTCOMES]
    return asked[0] / sum(asked) if sum(asked) else math.nan


def _speed_up(trial: Trial) -> float:
    """(T_io + T_cpu) / T_both."""
    parts = trial.overlap_parts
    return (parts.io_ns + parts.cpu_ns) / parts.both_ns if parts and parts.both_ns > 0 else math.nan


def _threads(trial: Trial) -> float:
    """Beside that of the application. Older files do not have it, and not every /proc says it."""
    return trial.counters.get("threads", math.nan) - 1


def _memory_bytes(trial: Trial) -> float:
    """Older files do not have it, and not every /proc says it."""
    return math.nan if trial.memory_bytes is None else trial.memory_bytes


def _calls_per_op(trial: Trial) -> float:
    """Of any name, summed in each round: a sum of medians is the median of no round."""
    return _of_calls(trial, sum(trial.calls_per_op.values()) if trial.operations else math.nan)


def _of_calls(trial: Trial, value: float) -> float:
    return value if trial.counts_calls else math.nan


# ------------------------------------------------------------------ the table


QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        key="throughput_ops",
        title="throughput",
        unit=RATE,
        bigger_is_better=True,
        of_trial=lambda trial: trial.throughput_ops,
        of_summary=lambda summary: summary.throughput_ops,
        heading="ops/s",
        meaning="operations completed per second",
        importance=16,
        is_headline=True,
        is_gated=True,
    ),
    Quantity(
        key="throughput_bytes",
        title="throughput, bytes",
        unit=BYTES,
        bigger_is_better=True,
        of_trial=lambda trial: trial.throughput_bytes,
        of_summary=lambda summary: summary.throughput_bytes,
    ),
    _percentile(
        *("latency_ns", "p50", "latency p50", without_deadline),
        heading="p50",
        meaning="median latency: 50 % of operations were faster",
        importance=15,
        is_headline=True,
        is_gated=True,
    ),
    _percentile("latency_ns", "p90", "latency p90", without_deadline),
    _percentile(
        *("latency_ns", "p99", "latency p99", without_deadline),
        heading="p99",
        meaning="latency: 99 % of operations were faster",
        importance=11,
        is_headline=True,
        is_gated=True,
    ),
    _percentile(
        *("latency_ns", "p999", "latency p99.9", without_deadline),
        heading="p99.9",
        meaning="latency: 99.9 % of operations were faster",
        importance=1,
    ),
    _percentile(
        *("added_ns", "p50", "latency beyond the device p50", without_computation),
        heading="beyond device",
        meaning="median latency minus the service time of the device",
        importance=9,
        is_headline=True,
    ),
    _percentile("service_ns", "p50", "service time p50", without_deadline),
    Quantity(
        key="cancelled_share",
        title="cancelled",
        unit=TENTHS,
        bigger_is_better=True,
        of_trial=_cancelled_share,
        heading=f"can{SOFT_HYPHEN}celled",
        meaning="share of overdue requests that cancelling ended",
        importance=14,
        applies=has_deadline,
        is_headline=True,
    ),
    _percentile(
        *("cancel_ns", "p50", "time to cancel p50", has_deadline),
        heading="cancel time",
        meaning="median time from the call that cancels to the end of a cancelled request",
        importance=7,
    ),
    _percentile(
        *("cancel_late_ns", "p50", "time to the end if cancelled too late p50", has_deadline),
        heading="too late",
        meaning="the same, if it was too late to cancel and the request ended by itself",
        importance=6,
    ),
    Quantity(
        key="overlap",
        title="overlap",
        unit=HIDDEN,
        bigger_is_better=True,
        of_trial=lambda trial: math.nan if trial.overlap is None else trial.overlap,
        of_summary=lambda summary: summary.overlap,
        heading=f"over{SOFT_HYPHEN}lap",
        meaning="hidden part of the shorter of I/O and computation: 0 none, 1 all",
        importance=13,
        is_headline=True,
        has_ratios=False,
    ),
    Quantity(
        key="speed_up",
        title="speed-up",
        unit=SPEED_UP,
        bigger_is_better=True,
        of_trial=_speed_up,
        meaning="time of I/O and computation one after the other, divided by that of both at once",
        is_exported=False,
    ),
    Quantity(
        key="cpu_share",
        title="CPU",
        unit=SHARE,
        bigger_is_better=False,
        of_trial=lambda trial: trial.cpu_share,
        of_summary=lambda summary: summary.cpu_share,
        heading="CPU",
        meaning="CPU time divided by elapsed time; 100 % is one full core",
        importance=8,
    ),
    Quantity(
        key="cpu_ns_per_op",
        title="CPU per operation",
        unit=DURATION,
        bigger_is_better=False,
        of_trial=_cpu_ns_per_op,
        of_summary=lambda summary: summary.cpu_ns_per_op,
        heading="CPU/op",
        meaning="CPU time per operation, of all threads",
        importance=5,
        is_headline=True,
        is_gated=True,
    ),
    Quantity(
        key="calls_per_op",
        title="calls per operation",
        unit=CALLS_PER_OP,
        bigger_is_better=False,
        of_trial=_calls_per_op,
        heading="calls/op",
        meaning="system and library calls per operation",
        importance=4,
        is_counted=True,
        is_exported=False,
    ),
    Quantity(
        key="eagain_per_op",
        title="EAGAIN per operation",
        unit=CALLS_PER_OP,
        bigger_is_better=False,
        of_trial=lambda trial: _of_calls(trial, trial.eagain_per_op),
        of_summary=lambda summary: summary.eagain_per_op,
        heading="EAGAIN/op",
        meaning="calls per operation that returned EAGAIN: nothing was ready",
        importance=2,
        is_counted=True,
        zero_is_none=True,
    ),
    Quantity(
        key="threads",
        title="threads kept",
        unit=THREADS,
        bigger_is_better=False,
        of_trial=_threads,
        heading="threads",
        meaning="threads of the process beside its own: helpers, and those of the kernel for it",
        importance=3,
        zero_is_none=True,
        has_ratios=False,
    ),
    Quantity(
        key="memory_bytes",
        title="memory",
        unit=SIZE,
        bigger_is_better=False,
        of_trial=_memory_bytes,
        heading="memory",
        meaning="the most memory beyond the harness's: of the engine, its helpers and its rings",
        is_gated=True,
    ),
)
"""In the order in which they are read."""

_BY_KEY: Mapping[str, Quantity] = {quantity.key: quantity for quantity in QUANTITIES}


def named(key: str) -> Quantity:
    """The quantity with that key. Raises `KeyError` for a key that none has."""
    return _BY_KEY[key]


THROUGHPUT: Final = named("throughput_ops")
LATENCY_P50: Final = named("latency_ns.p50")
LATENCY_P99: Final = named("latency_ns.p99")
CPU: Final = named("cpu_ns_per_op")


def calls_of(name: str) -> Quantity:
    """The calls of that name per operation; a round that did not make it counts as 0."""
    return Quantity(
        key=CALLS + name,
        title=f"{name} per operation",
        unit=CALLS_PER_OP,
        bigger_is_better=False,
        of_trial=lambda trial: _of_calls(trial, trial.calls_per_op.get(name, 0.0)),
        of_summary=lambda summary: summary.calls_per_op.get(name),
    )


# ------------------------------------------------------------------ what the tables show


def columns_of(cells: Iterable[Cell]) -> list[Quantity]:
    """The quantities with a heading of which at least one of these cells has a value to show, or
    has too few operations for it."""
    every = list(cells)
    return [q for q in QUANTITIES if q.heading and any(_has_column(q, cell) for cell in every)]


def _has_column(quantity: Quantity, cell: Cell) -> bool:
    too_few = is_untold(quantity, cell) and not quantity.is_counted
    return too_few or in_table(quantity, cell) is not None


NOT_TOLD: Final = "–"
"""The entry of a cell whose trials are too short for a quantity, or whose calls nobody counted."""


def in_table(quantity: Quantity, cell: Cell) -> Interval | None:
    """What a table shows of a cell: its interval, but for a 0 that says that there was none."""
    found = quantity.interval(cell)
    return None if found and quantity.zero_is_none and found.high <= 0 else found


def is_untold(quantity: Quantity, cell: Cell) -> bool:
    """Whether a table shows `NOT_TOLD`: longer trials, or another engine, would have a value."""
    measured = cell.summary is not None and quantity.applies(cell)
    return measured and (quantity.has_too_few(cell.trials) or quantity.is_uncounted(cell))


def deciding(parameters: Mapping[str, Parameter]) -> Quantity:
    """What tells engines apart at a point: a closed loop's throughput. An open loop completes what
    arrives, so that its throughput says nothing, and its median latency does."""
    return LATENCY_P50 if is_open_loop(parameters) else THROUGHPUT


def ratio_to(base: Cell, cell: Cell) -> Ratio | None:
    """The deciding quantity of a cell over that of its point's `base`, paired by round."""
    return paired_ratio(cell.trials, base.trials, deciding(base.parameters).of_trial)


# ------------------------------------------------------------------ what files carry


def exported(cell: Cell) -> Iterator[tuple[Quantity, Interval]]:
    """What a cell with a summary has for other programs, and its calls per operation by name."""
    summary = cell.summary
    assert summary is not None, "a cell without a summary has no numbers"
    every = [quantity for quantity in QUANTITIES if quantity.is_exported]
    for quantity in (*every, *map(calls_of, summary.calls_per_op)):
        found = quantity.interval(cell)
        if found is not None:
            yield quantity, found


def headlines(cell: Cell) -> Iterator[tuple[Quantity, Interval]]:
    """What a dashboard follows of the cell."""
    return ((quantity, found) for quantity, found in exported(cell) if quantity.is_headline)
