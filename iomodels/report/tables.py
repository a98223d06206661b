"""The report's tables as plain data: texts to show, and numbers to sort by. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from iomodels.analysis import findings
from iomodels.analysis.cells import PointCells, in_words, show
from iomodels.analysis.differences import beside_one, kind_of
from iomodels.analysis.quantities import (
    NOT_TOLD,
    QUANTITIES,
    columns_of,
    deciding,
    in_table,
    ratio_to,
)
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.units import format_count, from_to
from iomodels.results.schema import Cell, Interval, Parameter
from iomodels.statistics.rounds import Ratio

NO_BREAK_SPACE = "\u00a0"


@dataclass(frozen=True)
class ReportColumn:
    """A column of numbers: what it is called and means, and the quantity, or the ratio if None."""

    header: str
    meaning: str
    quantity: Quantity | None


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
    columns: tuple[ReportColumn, ...]
    rows: tuple[TableRow, ...]


def table(points: Sequence[PointCells]) -> ReportTable:
    """The table of one scenario. The harness has no row, unless nothing else was measured."""
    kept = [(point, _rows_of(point.cells)) for point in points]
    if not any(cells for _, cells in kept):
        kept = [(point, point.cells) for point in points]
    cells = [cell for _, cells in kept for cell in cells]
    bases = [findings.baseline(cells) for _, cells in kept]
    columns = (*map(_column, columns_of(cells)), *_ratio_column([base for base in bases if base]))
    keys = list(dict.fromkeys(key for point in points for key in point.varying))
    return ReportTable(
        varied=tuple(map(in_words, keys)),
        columns=columns,
        rows=tuple(
            _row(cell, base, point, keys, columns)
            for (point, cells), base in zip(kept, bases, strict=True)
            for cell in cells
        ),
    )


def _rows_of(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(cell for cell in cells if not cell.is_harness)


def _row(
    cell: Cell,
    base: Cell | None,
    point: PointCells,
    keys: Sequence[str],
    columns: Sequence[ReportColumn],
) -> TableRow:
    remark = cell.note or ""
    if cell.status != "ok":
        remark = cell.reason or "no reason recorded"
    return TableRow(
        engine=cell.engine,
        status=cell.status,
        remark=remark,
        varied=tuple(_varied(key, point.varying.get(key)) for key in keys),
        entries=tuple(_entry(column, cell, base) for column in columns),
    )


def _varied(key: str, value: Parameter | None) -> Entry:
    if value is None:
        return Entry("–")
    return Entry(show(key, value), sort=None if isinstance(value, str) else float(value))


def _entry(column: ReportColumn, cell: Cell, base: Cell | None) -> Entry:
    if column.quantity is None:
        ratio = ratio_to(base, cell) if base else None
        if ratio is None:
            return Entry(NOT_TOLD)
        return ratio_entry(ratio)
    found = in_table(column.quantity, cell)
    return numbers(found, column.quantity.unit.show) if found else Entry(NOT_TOLD)


def ratio_entry(ratio: Ratio) -> Entry:
    """A ratio with its interval, whose digits do not hide a difference that is shown."""
    return numbers(ratio.interval, _factor if kind_of(ratio) == "differs" else format_count)


def _factor(value: float) -> str:
    """One bound of an interval that excludes 1: the digits must not hide it."""
    return beside_one(format_count(value), value)


def numbers(interval: Interval, show: Callable[[float], str]) -> Entry:
    """The median, with the interval below it where there is one."""
    detail = ""
    if interval.low != interval.high:
        detail = _range(show(interval.low), show(interval.high))
    return Entry(show(interval.median), detail, interval.median)


def _range(low: str, high: str) -> str:
    """`126 – 139 µs`: a unit of both is said once, and no number stands apart from its unit."""
    ends = from_to(low, high).split(" – ")
    return " – ".join(end.replace(" ", NO_BREAK_SPACE) for end in ends)


def _column(quantity: Quantity) -> ReportColumn:
    return ReportColumn(quantity.column, quantity.explained, quantity)


def _ratio_column(bases: Sequence[Cell]) -> list[ReportColumn]:
    """Against each point's base, paired by round; nothing where the points' bases differ."""
    if len({base.engine for base in bases}) != 1:
        return []
    what, engine = deciding(bases[0].parameters).title, bases[0].engine
    meaning = f"{what} divided by that of {engine}, round by round"
    return [ReportColumn(f"{what} × {engine}", meaning, None)]


def legend() -> list[ReportColumn]:
    """The columns that a table can have, without the ratio."""
    return [_column(quantity) for quantity in QUANTITIES if quantity.heading]
