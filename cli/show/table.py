"""The tables that `bench` ends with: a `Run` in, things that rich can show out. Pure functions.

A row's numbers stand in one line. Where there is no room for all of them, the least important
columns are left out, of all tables of a scenario alike, and the legend says which.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rich import box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from iomodels.analysis import findings, sweeps
from iomodels.analysis.cells import (
    PointCells,
    changes,
    grouped,
    harness_in_words,
    harness_ns_per_op,
    label,
    points_to_show,
    rounds_in_words,
    rounds_of,
    trial_times,
)
from iomodels.analysis.quantities import (
    NOT_TOLD,
    QUANTITIES,
    THROUGHPUT,
    columns_of,
    deciding,
    in_table,
    is_untold,
    ratio_to,
)
from iomodels.analysis.quantity_definition import SOFT_HYPHEN, Quantity
from iomodels.python.registry import PREFIX
from iomodels.results.schema import Cell, Notice, Run
from iomodels.statistics.rounds import MIN_ROUNDS, interval_kind

from .console import PLAIN_WIDTH, engine_name, safe, terms
from .numbers import MEANINGS, format_ratio

MARKS = "*†‡§¶"
MORE = "--legend explains the columns."
EXPLAINED = (
    "Ratios and sentences compare round by round, so they can differ from the ratio of the two "
    "medians."
)
GENERAL = {
    "operation": "one request, from its start to its completion; on a server one message that is "
    "answered, with the latency that its client measures",
    "* † ‡ after a name": "a note below the table",
}
"""What `--legend` explains beside the columns."""
STATE_STYLE = {"n/a": "dim", "failed": "red", "partial": "yellow", "ok": ""}


INTERVAL, RATIO = "interval", "ratio"
IMPORTANCE = {q.column: q.importance for q in QUANTITIES if q.heading} | {INTERVAL: 10, RATIO: 12}
LEAST_FIRST = sorted(IMPORTANCE, key=lambda name: IMPORTANCE[name])[:-1]
"""What is left out where there is no room, the least important first; `INTERVAL` is the ratio's.
The most important column always stays."""


@dataclass(frozen=True)
class Column:
    """One column of a table: `value` gives a cell's entry, "" where the cell has none.

    `signs` are those that need explaining wherever an entry has them.
    """

    name: str
    header: str
    value: Callable[[Cell], str]
    meaning: str
    signs: Mapping[str, str] = field(default_factory=dict)


STATUS = Column("", "", lambda cell: cell.status, "")
"""Stands where there are no numbers."""


@dataclass
class Legend:
    """What is in the tables of a run, and what is not."""

    meanings: dict[str, str] = field(default_factory=dict)
    signs: list[str] = field(default_factory=list)
    """Those that are there, each with its meaning."""
    left_out: list[str] = field(default_factory=list)

    def add(self, column: Column, entries: Sequence[str]) -> None:
        if column is STATUS:
            return
        self.meanings.setdefault(column.name, column.meaning)
        for sign, text in column.signs.items():
            meant = f"{sign} {text}"
            if meant not in self.signs and any(sign in entry for entry in entries):
                self.signs.append(meant)

    def leave_out(self, names: Iterable[str]) -> None:
        self.left_out += [name for name in names if name not in self.left_out]


@dataclass
class Footnotes:
    """Marks and their texts, in the order of first use; the same text keeps its mark."""

    texts: list[str] = field(default_factory=list)

    def mark(self, cell: Cell) -> str:
        """The mark for what a reader must know of this cell, "" if there is nothing."""
        text = cell.note or ""
        if cell.status != "ok":
            text = f"{cell.status}: {cell.reason or 'no reason recorded'}"
        if not text:
            return ""
        if text not in self.texts:
            self.texts.append(text)
        return self._mark(self.texts.index(text))

    def lines(self) -> list[Text]:
        return [
            Text.assemble(self._mark(index), " ", safe(text), style="dim")
            for index, text in enumerate(self.texts)
        ]

    @staticmethod
    def _mark(index: int) -> str:
        return MARKS[index] if index < len(MARKS) else f"*{index + 1}"


def report(
    run: Run,
    *,
    width: int = PLAIN_WIDTH,
    said: Collection[Notice] = (),
    explain: bool = False,
) -> list[RenderableType]:
    """Everything there is to say about a run: tables, what they show, warnings, a legend.

    Warnings that have been `said` already are not repeated. The legend is short, unless it is to
    `explain` every column.
    """
    shown: list[RenderableType] = []
    legend = Legend()
    for name, points in grouped(run.cells).items():
        shown += _heading(name, run.questions.get(name), changes(run, name))
        drafts, left_out = _fitted([_Draft.of(p) for p in points_to_show(name, points)], width)
        for draft in drafts:
            shown += _point(draft, left_out, legend)
        shown += _below(sweeps.sentences(points))
        shown += _harness(points, legend)
    warnings = [notice for notice in run.warnings if notice not in said]
    if warnings:
        shown.append(Text(""))
    shown += [safe(f"warning: {notice.message}", "yellow") for notice in warnings]
    return shown + _pythons(run) + _explained(run, legend, width, explain=explain)


def _pythons(run: Run) -> list[RenderableType]:
    """Where there are several: `Python 3.13.0: CPython 3.13.0 (GCC 12.2.0, -O3)`."""
    several = run.pythons_in_words.items() if len(run.pythons) > 1 else ()
    lines = [safe(f"{name}: {build}", "dim") for name, build in several]
    return [Text(""), *lines] if lines else []


def columns(
    cells: Sequence[Cell], base: Cell | None = None, left_out: Collection[str] = ()
) -> list[Column]:
    """The columns after the engine's, left to right; with a `base` the ratio to it is the last."""
    kept = [_column(each) for each in columns_of(cells) if each.column not in left_out]
    if base is not None and RATIO not in left_out:
        kept.append(_ratio_column(base, bare=INTERVAL in left_out))
    return kept


def _column(quantity: Quantity) -> Column:
    def entry(cell: Cell) -> str:
        if is_untold(quantity, cell):
            return NOT_TOLD
        found = in_table(quantity, cell)
        return quantity.unit.short(found.median) if found else ""

    return Column(
        quantity.column,
        _broken(quantity.heading),
        entry,
        quantity.explained,
        {NOT_TOLD: quantity.why_untold} if quantity.why_untold else {},
    )


def _broken(heading: str) -> str:
    """Over two lines, where it may be broken."""
    return heading.replace(SOFT_HYPHEN, "-\n").replace(" ", "\n").replace("/op", "\n/op")


def _ratio_column(base: Cell, *, bare: bool) -> Column:
    """`bare` is the median alone, under a heading of two lines."""
    judged = deciding(base.parameters)
    is_usual = judged is THROUGHPUT
    what, sign = (judged.title, "×") if is_usual else (judged.column, f"{judged.column} ×")
    between = "\n" if bare else " "
    return Column(
        f"× ({what})",
        f"{sign}{between}{engine_name(base.engine)}",
        lambda cell: _ratio(cell, base, bare=bare),
        f"{what} divided by that of this engine, round by round",
        MEANINGS,
    )


def _heading(scenario: str, question: str | None, changed: str) -> list[RenderableType]:
    name = safe(scenario, "bold")
    what = Text.assemble(name, ": ", safe(question)) if question else name
    return [Text(""), what, *([safe(f"with {changed}")] if changed else [])]


@dataclass(frozen=True)
class _Draft:
    """A point's table, while it is not known yet which columns there is room for."""

    point: PointCells
    rows: Sequence[Cell]
    names: Sequence[str]
    notes: Footnotes
    base: Cell | None

    @classmethod
    def of(cls, point: PointCells) -> _Draft:
        rows = [cell for cell in point.cells if not cell.is_harness]
        notes = Footnotes()
        names = [engine_name(cell.engine) + notes.mark(cell) for cell in rows]
        return cls(point, rows, names, notes, findings.baseline(rows))

    def columns(self, left_out: Collection[str]) -> list[tuple[Column, list[str]]]:
        """Those that have something to say, each with its entry for every row."""
        found = columns(self.rows, self.base, left_out)
        every = [(column, [column.value(cell) for cell in self.rows]) for column in found]
        kept = [(column, entries) for column, entries in every if any(entries)]
        if not kept:
            return [(STATUS, [STATUS.value(cell) for cell in self.rows])]
        for number, cell in enumerate(self.rows):
            if not any(entries[number] for _, entries in kept):
                kept[0][1][number] = STATUS.value(cell)
        return kept

    def narrowed(self) -> _Draft:
        """With engines in Python that follow each other below one line, which has their prefix."""
        before, names = "", []
        for name in self.names:
            below = f" {name.removeprefix(PREFIX)}".replace("\n", "\n ")
            head = "" if before.startswith(PREFIX) else f"{PREFIX}\n"
            names.append(head + below if name.startswith(PREFIX) else name)
            before = name
        return replace(self, names=names)

    def width(self, left_out: Collection[str]) -> int:
        kept = self.columns(left_out)
        widths = [_width([column.header, *entries]) for column, entries in kept]
        return sum(widths, _width(["engine", *self.names])) + len(widths)


def _fitted(drafts: Sequence[_Draft], width: int) -> tuple[Sequence[_Draft], Sequence[str]]:
    """The tables, and what they leave out: names are broken before a column is lost."""
    wide, narrowed = _without_room(drafts, width), [draft.narrowed() for draft in drafts]
    narrow = _without_room(narrowed, width)
    return (narrowed, narrow) if len(narrow) < len(wide) else (drafts, wide)


def _width(texts: Iterable[str]) -> int:
    return max(cell_len(line) for text in texts for line in text.split("\n"))


def _without_room(drafts: Sequence[_Draft], width: int) -> Sequence[str]:
    """What all these tables leave out, so that each is no wider than `width`."""
    for count in range(len(LEAST_FIRST)):
        left_out = LEAST_FIRST[:count]
        if all(draft.width(left_out) <= width for draft in drafts):
            return left_out
    return LEAST_FIRST


def _point(draft: _Draft, left_out: Collection[str], legend: Legend) -> list[RenderableType]:
    if not draft.rows:
        return []
    shown: list[RenderableType] = [Text("")]
    if draft.point.varying:
        shown.append(safe(label(draft.point), "bold"))
    shown.append(_table(draft, left_out, legend))
    shown += draft.notes.lines()
    return shown + _below(findings.below(draft.point.cells))


def _below(sentences: Sequence[str]) -> list[RenderableType]:
    """What a table shows, in words."""
    return [Text(""), *map(safe, sentences)] if sentences else []


def _table(draft: _Draft, left_out: Collection[str], legend: Legend) -> Table:
    kept = draft.columns(left_out)
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    table.add_column("engine", overflow="fold")
    for column, entries in kept:
        table.add_column(Text(column.header), justify="right", no_wrap=True, vertical="bottom")
        legend.add(column, entries)
    for number, cell in enumerate(draft.rows):
        style = STATE_STYLE[cell.status]
        entries = [entries[number] for _, entries in kept]
        table.add_row(Text(draft.names[number], style), *(Text(entry, style) for entry in entries))
    shown = {column.name for column, _ in kept}
    legend.leave_out(c.name for c, _ in draft.columns(()) if c.name not in shown)
    if INTERVAL in left_out and draft.base is not None:
        legend.leave_out([INTERVAL])
    return table


def _ratio(cell: Cell, base: Cell, *, bare: bool) -> str:
    if cell is base:
        return "1"
    ratio = ratio_to(base, cell)
    if ratio is None:
        return ""
    return format_ratio(ratio).partition(" ")[0] if bare else format_ratio(ratio)


def _harness(points: Iterable[PointCells], legend: Legend) -> list[RenderableType]:
    found = [(label(p), [cell for cell in p.cells if cell.is_harness]) for p in points]
    measured = [(at, cells) for at, cells in found if cells]
    lines: list[RenderableType] = []
    for at, cells in measured:
        legend.meanings["harness"] = "what the measuring loop itself adds to each operation"
        for cell in cells:
            if harness_ns_per_op(cell) is None:
                reason = cell.reason or "no reason recorded"
                lines.append(safe(f"harness: {cell.status}: {reason}", "dim"))
        if said := harness_in_words(cells):
            where = f" ({at})" if len(measured) > 1 else ""
            lines.append(safe(f"harness: {said}{where}", "dim"))
    return lines


def _explained(run: Run, legend: Legend, width: int, *, explain: bool) -> list[RenderableType]:
    rounds = rounds_of(run)
    if not rounds:
        return []
    duration = trial_times(run, f"{run.settings.get('duration_s', '?')} s")
    said = [
        f"Medians over {rounds_in_words(run)} of {duration} (seed {run.seed}), in "
        f"parentheses the {interval_kind(rounds)}."
    ]
    if rounds < MIN_ROUNDS:
        said.append(f"Fewer than {MIN_ROUNDS} rounds give no verdict.")
    if legend.signs:
        said.append(f"Marks: {'; '.join(legend.signs)}.")
    if legend.left_out:
        said.append(f"No room in {width} columns: {', '.join(legend.left_out)}.")
    said.append(EXPLAINED if explain else MORE)
    shown: list[RenderableType] = [Text(""), safe(" ".join(said), "dim")]
    return [*shown, terms(legend.meanings | GENERAL)] if explain else shown
