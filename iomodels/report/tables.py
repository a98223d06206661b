"""The report's tables as plain data: texts to show, and numbers to sort by. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from iomodels.analysis import findings
from iomodels.analysis.cells import PointCells, show
from iomodels.base.units import format_count, format_duration
from iomodels.results.schema import Cell, Interval, Parameter, Trial
from iomodels.statistics.rounds import paired_ratio
from iomodels.statistics.summary import calls_per_op, latency_p50_ns

HARNESS = "null"
NO_BREAK_SPACE = "\u00a0"


@dataclass(frozen=True)
class ReportQuantity:
    """A column: what it is called and means, its value of a cell, and how a value is shown."""

    header: str
    meaning: str
    value: Callable[[Cell], Interval | None]
    show: Callable[[float], str]


@dataclass(frozen=True)
class Entry:
    """One field of a table. `detail` is the interval; `sort` None where there is no number."""

    text: str
    detail: str = ""
    sort: float | None = None


@dataclass(frozen=True)
class TableRow:
    """One cell of the run. `varied` are the swept values, `remark` what a reader must know."""

    engine: str
    status: str
    remark: str
    varied: tuple[Entry, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class ReportTable:
    """All cells of one scenario: a row for each, columns where any cell has a value."""

    varied: tuple[str, ...]
    quantities: tuple[ReportQuantity, ...]
    rows: tuple[TableRow, ...]


def table(points: Sequence[PointCells]) -> ReportTable:
    """The table of one scenario. The harness has no row, unless nothing else was measured."""
    kept = [(point, _rows_of(point.cells)) for point in points]
    if not any(cells for _, cells in kept):
        kept = [(point, point.cells) for point in points]
    cells = [cell for _, cells in kept for cell in cells]
    bases = {id(cell): findings.baseline(cells) for _, cells in kept for cell in cells}
    quantities = [
        quantity
        for quantity in (*QUANTITIES, *_ratios(cells, bases))
        if any(quantity.value(cell) is not None for cell in cells)
    ]
    keys = list(dict.fromkeys(key for point in points for key in point.varying))
    return ReportTable(
        varied=tuple(key.partition(".")[2] or key for key in keys),
        quantities=tuple(quantities),
        rows=tuple(_row(cell, point, keys, quantities) for point, cells in kept for cell in cells),
    )


def harness_ns_per_op(points: Sequence[PointCells]) -> float | None:
    """What the measured loop itself costs here, as the null engine's cell says; None without."""
    for cell in (cell for point in points for cell in point.cells):
        if cell.engine == HARNESS and cell.summary and cell.summary.throughput_ops.median > 0:
            own = cell.summary.harness_ns_per_op
            return own.median if own else 1e9 / cell.summary.throughput_ops.median
    return None


def _rows_of(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(cell for cell in cells if cell.engine != HARNESS)


def _row(
    cell: Cell, point: PointCells, keys: Sequence[str], quantities: Sequence[ReportQuantity]
) -> TableRow:
    remark = cell.note or ""
    if cell.status != "ok":
        remark = cell.reason or "no reason recorded"
    return TableRow(
        engine=cell.engine,
        status=cell.status,
        remark=remark,
        varied=tuple(_varied(key, point.varying.get(key)) for key in keys),
        entries=tuple(_entry(quantity, cell) for quantity in quantities),
    )


def _varied(key: str, value: Parameter | None) -> Entry:
    if value is None:
        return Entry("–")
    return Entry(show(key, value), sort=None if isinstance(value, str) else float(value))


def _entry(quantity: ReportQuantity, cell: Cell) -> Entry:
    interval = quantity.value(cell)
    if interval is None:
        return Entry("–")
    detail = ""
    if interval.low != interval.high:
        detail = _range(quantity.show(interval.low), quantity.show(interval.high))
    return Entry(quantity.show(interval.median), detail, interval.median)


def _range(low: str, high: str) -> str:
    """`126 – 139 µs`: a unit of both is said once, and no number stands apart from its unit."""
    number, _, unit = low.partition(" ")
    if unit and high.endswith(f" {unit}"):
        low = number
    return f"{low.replace(' ', NO_BREAK_SPACE)} – {high.replace(' ', NO_BREAK_SPACE)}"


# ------------------------------------------------------------------ columns


def _latency(header: str, percentile: str, meaning: str) -> ReportQuantity:
    if fewest := findings.FEWEST_OPERATIONS.get(percentile):
        meaning += f" (told from {fewest} operations per trial on)"
    return ReportQuantity(
        header,
        f"latency: {meaning}",
        lambda cell: findings.latency_ns(cell, percentile),
        _duration,
    )


def _summary(name: str) -> Callable[[Cell], Interval | None]:
    def value(cell: Cell) -> Interval | None:
        if cell.summary is None:
            return None
        found: Interval | None = getattr(cell.summary, name)
        return found

    return value


def _beyond_device(cell: Cell) -> Interval | None:
    """None with computation, since then a result may wait for the application, not the model."""
    if cell.summary is None or cell.parameters.get("load.compute"):
        return None
    return cell.summary.added_ns.p50 if cell.summary.added_ns else None


def _calls(cell: Cell) -> Interval | None:
    return calls_per_op(cell.trials)


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _ratios(cells: Sequence[Cell], bases: dict[int, Cell | None]) -> list[ReportQuantity]:
    """Against each point's base, paired by round; nothing where the points' bases differ."""
    found = [base for base in bases.values() if base is not None]
    if len({base.engine for base in found}) != 1:
        return []
    is_open = findings.is_open_loop(found[0])

    def value(cell: Cell) -> Interval | None:
        base = bases[id(cell)]
        if base is None:
            return None
        ratio = paired_ratio(cell.trials, base.trials, latency_p50_ns if is_open else _throughput)
        return ratio.interval if ratio else None

    what = "latency, p50" if is_open else "throughput"
    return [
        ReportQuantity(
            f"{what} × {found[0].engine}",
            f"{what} over that of {found[0].engine}, paired by round",
            value,
            format_count,
        )
    ]


def _throughput(trial: Trial) -> float:
    return trial.throughput_ops


def _duration(ns: float) -> str:
    return format_duration(ns) if math.isfinite(ns) else "–"


QUANTITIES = (
    ReportQuantity(
        "ops/s", "operations completed per second", _summary("throughput_ops"), format_count
    ),
    _latency("p50", "p50", "half of the operations were faster"),
    _latency("p99", "p99", "99 of 100 operations were faster"),
    _latency("p99.9", "p999", "999 of 1000 were faster"),
    ReportQuantity(
        "beyond device", "p50 of latency less the device's own time", _beyond_device, _duration
    ),
    ReportQuantity(
        "cancelled",
        "share of the overdue requests that cancelling ended",
        findings.cancelled,
        _percent,
    ),
    ReportQuantity(
        "their end",
        "p50 from asking to cancel to the end by it",
        lambda cell: findings.until_end_ns(cell, "cancel_ns"),
        _duration,
    ),
    ReportQuantity(
        "late end",
        "the same of those for which it was too late, and which ended by themselves",
        lambda cell: findings.until_end_ns(cell, "cancel_late_ns"),
        _duration,
    ),
    ReportQuantity(
        "overlap",
        "share of the shorter of I/O and computation that was hidden by the other",
        _summary("overlap"),
        lambda share: f"{share:.2f}",
    ),
    ReportQuantity(
        "CPU",
        "processor time over time passed: 100 % keeps one busy",
        _summary("cpu_share"),
        _percent,
    ),
    ReportQuantity("CPU/op", "processor time per operation", _summary("cpu_ns_per_op"), _duration),
    ReportQuantity("calls/op", "calls to kernel or library per operation", _calls, format_count),
    ReportQuantity(
        "EAGAIN/op",
        "calls per operation that found nothing ready",
        lambda cell: _positive(cell.summary.eagain_per_op) if cell.summary else None,
        format_count,
    ),
)


def _positive(interval: Interval) -> Interval | None:
    """A column without a single EAGAIN is left out."""
    return interval if interval.high > 0 else None
