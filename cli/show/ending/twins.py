"""Python's models beside their twins in C, in 80 columns."""

from __future__ import annotations

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from iomodels.analysis.cells import rounds_in_words, rounds_of
from iomodels.analysis.quantities import NOT_TOLD
from iomodels.analysis.quantity_definition import Quantity
from iomodels.analysis.twins import HOW, MORE_CPU, SHOWN, SLOWER, TITLE, TwinRow, origin, twins
from iomodels.results.schema import Run
from iomodels.statistics.rounds import interval_kind

from ..console import engine_name, safe
from ..numbers import MEANINGS, format_ratio
from ..table import STATE_STYLE, Footnotes

MAX_NAME = 24
"""Of an engine, in characters: what has more would be broken anywhere."""


def table(run: Run) -> list[RenderableType]:
    """Each work with the engines in C, and below each those in Python that make the same calls.
    Nothing for a run that has no such pair."""
    works = twins(run)
    if not works:
        return []
    notes = Footnotes()
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    grid.add_column("", overflow="fold")
    for heading in (*(quantity.column for quantity in SHOWN), SLOWER, MORE_CPU):
        grid.add_column(heading, justify="right", no_wrap=True)
    for work in works:
        grid.add_row(safe(work.name, "bold"))
        for row in work.rows:
            grid.add_row(*_entries(row, notes), style=STATE_STYLE[row.cell.status])
    rounds = rounds_of(run)
    how = (
        f"{HOW} Medians over {rounds_in_words(run)}; {SLOWER}, {MORE_CPU}: round by round, "
        f"with the {interval_kind(rounds)}."
    )
    shown = [entry for work in works for row in work.rows for entry in _ratios(row)]
    marks = [f"{mark} {said}" for mark, said in MEANINGS.items() if any(mark in x for x in shown)]
    if marks:
        how += f" Marks: {'; '.join(marks)}."
    how += f" {origin(run)}."
    return [
        Text(""),
        safe(f"{TITLE}:", "bold"),
        grid,
        *notes.lines(),
        Text(""),
        safe(how, "dim"),
    ]


def _entries(row: TwinRow, notes: Footnotes) -> list[Text]:
    if row.missing:
        return [_name(row, notes.mark(row.cell)), Text(row.cell.status)]
    return [
        _name(row),
        *(_number(quantity, row) for quantity in SHOWN),
        *map(Text, _ratios(row)),
    ]


def _name(row: TwinRow, mark: str = "") -> Text:
    """Further in than its twin; where it is long, its options stand on lines of their own."""
    name, indent = row.cell.engine, " " if row.is_twin else "  "
    lines = [name] if len(name) <= MAX_NAME else engine_name(name).split("\n")
    lines[-1] += mark
    return Text("\n").join(safe(indent + line) for line in lines)


def _number(quantity: Quantity, row: TwinRow) -> Text:
    found = quantity.interval(row.cell)
    return Text(quantity.unit.short(found.median) if found else NOT_TOLD)


def _ratios(row: TwinRow) -> list[str]:
    if row.is_twin:
        return []
    return [format_ratio(each) if each else NOT_TOLD for each in (row.slower, row.more_cpu)]
