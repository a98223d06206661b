"""What a reader of a finished run must be warned of: noise and losses that its numbers show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from iomodels.analysis.cells import grouped, label, reads_of_all, took
from iomodels.analysis.quantity_definition import is_open_loop
from iomodels.base.errors import EngineError
from iomodels.base.units import format_count
from iomodels.engines import spec as engines
from iomodels.results.schema import Cell, Notice
from iomodels.statistics.rounds import is_bimodal

OVERLOAD_SHARE = 0.95
"""An open loop that has done less than this share of what was due cannot keep up."""


FEW_OPERATIONS = 20
"""Below that many in a trial even a median or a throughput is inexact."""


OVERLAP_SLACK = 0.1
"""So far beyond what can be hidden a measured overlap lies anywhere once in a while."""


def of_cells(cells: Sequence[Cell]) -> list[Notice]:
    """The warnings that follow from the cells' numbers."""
    measured = [cell for cell in cells if cell.trials and not cell.is_harness]
    one_by_one = [notice for cell in measured for notice in (*_bimodal(cell), *_counted(cell))]
    by_scenario = (_read_once, _few_operations, _impossible_overlap, _overloaded)
    return one_by_one + [notice for notices in by_scenario for notice in notices(measured)]


_VOID = {
    "evicted": "because the kernel dropped pages from the page cache: something here reclaims "
    "memory before it is short (see `iomodels doctor`)",
    "paused": "because the trial's process, or iomodels itself, did not run for part of the time "
    "(SIGSTOP, a paused container, or the machine was suspended)",
    "empty": "because no operation ended in them: the trials are short for these operations, or "
    "something else kept the CPU",
}
"""Why trials were repeated, by `Void.cause`, which is also the notice's code."""
_REMEDIES = {
    ("empty", "trial"): " (`bench --duration` makes trials longer)",
    ("empty", "pair"): " (use requests that take less time, or a quieter machine)",
}
"""What to do, by the cause and what was void: the trials of pairs have one length."""


def of_void_trials(void: Mapping[str, int], what: str = "trial") -> list[Notice]:
    """How many (trials, pairs) were void and were repeated, one notice for each `Void.cause`."""
    return [
        Notice(
            code=cause,
            message=f"{count} {what}{' was' if count == 1 else 's were'} void and repeated, {why}"
            + _REMEDIES.get((cause, what), ""),
        )
        for cause, why in _VOID.items()
        if (count := void.get(cause, 0))
    ]


def _bimodal(cell: Cell) -> list[Notice]:
    if not is_bimodal([trial.throughput_ops for trial in cell.trials]):
        return []
    return [
        Notice(
            code="bimodal",
            message=(
                f"{cell.scenario}, {cell.engine}: the rounds form two groups, so the median "
                "describes only one of them. A likely cause is the CPU on which helper threads "
                "run: pin them with taskset"
            ),
        )
    ]


def _counted(cell: Cell) -> list[Notice]:
    """What the engine itself counts and a reader must know, such as notifications that got lost."""
    operations = sum(trial.operations for trial in cell.trials)
    notices = []
    for name, warning in _counters(cell.engine).items():
        count = sum(trial.counters.get(name, 0) for trial in cell.trials)
        if count and warning:
            message = (
                f"{cell.scenario}, {cell.engine}: of about {format_count(operations)} completions "
                f"{format_count(count)} {warning}"
            )
            notices.append(Notice(code=name.replace("_", "-"), message=message))
    return notices


def _counters(engine: str) -> Mapping[str, str | None]:
    try:
        return engines.parse(engine).counters
    except EngineError:
        return {}  # from a file of another version


def _few_operations(cells: Sequence[Cell]) -> list[Notice]:
    """One warning for each scenario, with the fewest that each engine had at any point."""
    few: dict[str, dict[str, int]] = {}
    for cell in cells:
        operations = _operations(cell)
        if operations < FEW_OPERATIONS and reads_of_all(cell) is None:
            fewest = few.setdefault(cell.scenario, {})
            fewest[cell.engine] = min(operations, fewest.get(cell.engine, operations))
    with_overlap = {cell.scenario for cell in cells if cell.summary and cell.summary.overlap}
    return [
        Notice(
            code="few-operations",
            message=(
                f"{scenario}: few operations per trial "
                f"({', '.join(f'{engine} {count}' for engine, count in fewest.items())}), so p99 "
                f"is their slowest{' and overlap is inexact' if scenario in with_overlap else ''}: "
                "use longer trials (-d)"
            ),
        )
        for scenario, fewest in few.items()
    ]


def _read_once(cells: Sequence[Cell]) -> list[Notice]:
    """One for each scenario whose trials end before their time, whatever `-d` says."""
    early: dict[str, list[Cell]] = {}
    for cell in cells:
        if reads_of_all(cell) is not None:
            early.setdefault(cell.scenario, []).append(cell)
    found = []
    for scenario, of_it in early.items():
        reads = " or ".join(dict.fromkeys(str(reads_of_all(cell)) for cell in of_it))
        large = any(int(cell.parameters["channel.size"]) >= 1 << 30 for cell in of_it)
        longer = "a larger channel.size" if large else "-s channel.size=1GiB"
        message = (
            f"{scenario}: trials end after {reads} reads ({took(of_it)}), because the file is read "
            f"once: {longer} makes them longer"
        )
        found.append(Notice(code="read-once", message=message))
    return found


def _operations(cell: Cell) -> int:
    return round(median(trial.operations for trial in cell.trials))


def overlap_bound(cell: Cell) -> float | None:
    """The bound that the cell's overlap is beyond, by more than `OVERLAP_SLACK`; None within.

    I/O and computation at once take no less than the longer of the two, which is an overlap of 1,
    and no more than one after the other, which is 0.
    """
    overlap = cell.summary.overlap if cell.summary else None
    if overlap is None:
        return None
    most = 0.0 if _hides_nothing(cell) else 1.0
    if overlap.median > most + OVERLAP_SLACK:
        return most
    return 0.0 if overlap.median < -OVERLAP_SLACK else None


def _hides_nothing(cell: Cell) -> bool:
    """Whether submit itself waits until a device that it started is done, with nothing else to wait
    for: an open loop has the time until the next arrival to compute in. (A file is read ahead, and
    a stream goes on, while the application computes.)"""
    if cell.parameters.get("channel.kind") != "timer" or is_open_loop(cell.parameters):
        return False
    try:
        return bool(engines.parse(cell.engine).caps["blocks_in_submit"])
    except EngineError:
        return False  # from a file of another version


def _impossible_overlap(cells: Sequence[Cell]) -> list[Notice]:
    """One warning for each scenario, with the cell of each engine that is farthest off.

    Of few operations it is said already that overlap is inexact.
    """
    return [
        Notice(
            code="overlap",
            message=(
                f"impossible overlap in {scenario} ({'; '.join(told)}). Its parts are "
                "measured one after another, and other processes probably used the CPU during one "
                "of them: measure again on a quiet machine, with longer trials (-d)"
            ),
        )
        for scenario, points in grouped(cells).items()
        if (told := _farthest([(label(point), cell) for point in points for cell in point.cells]))
    ]


def _farthest(cells: Sequence[tuple[str, Cell]]) -> list[str]:
    """`aio 2.15 at compute 4 ms and 1 more, the maximum is 1`, for each engine."""
    off: dict[str, list[tuple[float, float, str]]] = {}
    for at, cell in cells:
        bound = overlap_bound(cell)
        if bound is not None and _operations(cell) >= FEW_OPERATIONS:
            assert cell.summary is not None
            assert cell.summary.overlap is not None
            off.setdefault(cell.engine, []).append((cell.summary.overlap.median, bound, at))
    told = []
    for engine, found in off.items():
        overlap, bound, at = max(found, key=lambda each: abs(each[0] - each[1]))
        where = f" at {at}" if at else ""
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        end = "maximum" if overlap > bound else "minimum"
        told.append(f"{engine} {overlap:.2f}{where}{more}, the {end} is {bound:.0f}")
    return told


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
                f"({', '.join(engines)}), so the queue grew and the latencies depend on the length "
                "of the run: lower load.rate or raise load.depth"
            ),
        )
        for (scenario, rate), engines in behind.items()
    ]
