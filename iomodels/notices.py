"""What a reader of a finished run must be warned of: noise and losses that its numbers show."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from iomodels.results import Cell, Notice
from iomodels.statistics import is_bimodal
from iomodels.units import format_count

OVERLOAD_SHARE = 0.95
"""An open loop that has done less than this share of what was due cannot keep up."""


FEW_OPERATIONS = 20
"""Below that many in a trial even a median or a throughput is rough."""


def of_cells(cells: Sequence[Cell]) -> list[Notice]:
    """The warnings that follow from the cells' numbers."""
    measured = [cell for cell in cells if cell.trials and cell.engine != "null"]
    one_by_one = [notice for cell in measured for notice in (*_bimodal(cell), *_lost(cell))]
    return one_by_one + _few_operations(measured) + _overloaded(measured)


def of_repeated_trials(repeated: int) -> list[Notice]:
    """Pages that leave the page cache although memory is free are somebody's doing."""
    if not repeated:
        return []
    return [
        Notice(
            code="evicted",
            message=(
                f"{repeated} trial{' was' if repeated == 1 else 's were'} void and had to be "
                "repeated, since the kernel dropped "
                "pages from the page cache meanwhile: something here reclaims memory before it is "
                "short (see `iomodels doctor`)"
            ),
        )
    ]


def _bimodal(cell: Cell) -> list[Notice]:
    if not is_bimodal([trial.throughput_ops for trial in cell.trials]):
        return []
    return [
        Notice(
            code="bimodal",
            message=(
                f"{cell.scenario}, {cell.engine}: the rounds fall into two groups, so its median "
                "is one of two truths (helper threads placed on one CPU or on two, most likely): "
                "pinning with taskset gives one"
            ),
        )
    ]


def _lost(cell: Cell) -> list[Notice]:
    """Notifications that never came: their requests were found by looking, after a wait."""
    lost = sum(trial.counters.get("signals_lost", 0) for trial in cell.trials)
    if not lost:
        return []
    operations = sum(trial.operations for trial in cell.trials)
    found = "they were found by looking"
    if "callback" in cell.engine:
        why = "no thread could be started for their callback (ulimit -u)"
    elif "SIGIO" in cell.engine:
        why = (
            "SIGIO does not queue, so that two completions may leave one signal, and without room "
            "for its value (ulimit -i) it does not say what has completed"
        )
    else:
        why = "no more signals could be queued (ulimit -i)"
        found += ", and made once more, since the C library overwrites the result of such a one"
    return [
        Notice(
            code="signals-lost",
            message=(
                f"{cell.scenario}, {cell.engine}: of about {format_count(operations)} completions "
                f"{format_count(lost)} were not announced in time, since {why}; {found}; a wait "
                "before that is part of their latency"
            ),
        )
    ]


def _few_operations(cells: Sequence[Cell]) -> list[Notice]:
    """One warning for each scenario, with the fewest that each engine had at any point."""
    few: dict[str, dict[str, int]] = {}
    for cell in cells:
        operations = round(median(trial.operations for trial in cell.trials))
        if operations < FEW_OPERATIONS:
            fewest = few.setdefault(cell.scenario, {})
            fewest[cell.engine] = min(operations, fewest.get(cell.engine, operations))
    with_overlap = {cell.scenario for cell in cells if cell.summary and cell.summary.overlap}
    return [
        Notice(
            code="few-operations",
            message=(
                f"{scenario}: few operations per trial "
                f"({', '.join(f'{engine} {count}' for engine, count in fewest.items())}), so p99 "
                f"is their slowest{' and overlap is rough' if scenario in with_overlap else ''}: "
                "make trials longer with -d"
            ),
        )
        for scenario, fewest in few.items()
    ]


def _overloaded(cells: Sequence[Cell]) -> list[Notice]:
    """An open loop whose queue grows has no steady state: its latencies grow with the run."""
    behind: dict[tuple[str, float], list[str]] = {}
    for cell in cells:
        rate = cell.parameters.get("load.rate")
        if not isinstance(rate, int | float) or cell.summary is None:
            continue
        # Few Poisson arrivals may be fewer than the rate says; then none of them is left waiting.
        waiting = median(trial.counters.get("backlog", 0) for trial in cell.trials)
        due = median(trial.operations for trial in cell.trials) + waiting
        if waiting > max(2, (1 - OVERLOAD_SHARE) * due):
            achieved = format_count(cell.summary.throughput_ops.median)
            behind.setdefault((cell.scenario, rate), []).append(f"{cell.engine} {achieved}")
    return [
        Notice(
            code="overload",
            message=(
                f"{scenario}: not all of {format_count(rate)} requests per second were done "
                f"({', '.join(engines)}), so the queue grew and these latencies are no steady "
                "state: lower load.rate or raise load.depth"
            ),
        )
        for (scenario, rate), engines in behind.items()
    ]
