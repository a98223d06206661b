"""Python's models beside their twins in C, as the page shows them: a row for each, to be sorted."""

from __future__ import annotations

from dataclasses import dataclass

from iomodels.analysis.quantities import NOT_TOLD
from iomodels.analysis.twins import (
    HOW,
    IN_SHORT,
    MEANINGS,
    MORE_CPU,
    SHOWN,
    SLOWER,
    TITLE,
    PythonOverview,
    TwinRow,
    overview,
    twins,
)
from iomodels.analysis.twins import origin as origin_of
from iomodels.report.tables import Entry, numbers, ratio_entry
from iomodels.results.schema import Run


@dataclass(frozen=True)
class ShownTwin:
    """A row: an engine, its work, and its numbers. `remark` names its twin, or says why there are
    no numbers."""

    engine: str
    remark: str
    work: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class ShownTwins:
    """The whole table."""

    rows: tuple[ShownTwin, ...]
    overview: PythonOverview
    origin: str
    title: str = TITLE
    how: str = HOW
    in_short: str = IN_SHORT
    headings: tuple[str, ...] = ("engine", "work", *(q.column for q in SHOWN), SLOWER, MORE_CPU)
    meanings: tuple[tuple[str, str], ...] = tuple(MEANINGS.items())


def beside_c(run: Run) -> ShownTwins | None:
    """The table of the run; None where it has no engine in Python beside its twin."""
    works = twins(run)
    if not works:
        return None
    rows = tuple(_shown(work.name, row) for work in works for row in work.rows)
    return ShownTwins(rows, overview(works), origin_of(run))


def _shown(work: str, row: TwinRow) -> ShownTwin:
    found = [(quantity, quantity.interval(row.cell)) for quantity in SHOWN]
    entries = [numbers(x, q.unit.show) if x and not row.missing else _NONE for q, x in found]
    entries += [ratio_entry(x) if x else _NONE for x in (row.slower, row.more_cpu)]
    remark = row.missing or (f"in C: {row.twin.engine}" if row.twin else "")
    return ShownTwin(row.cell.engine, remark, work, tuple(entries))


_NONE = Entry(NOT_TOLD)
