"""The tables that `bench` ends with: a `Run` in, things that rich can show out. Pure functions.

A row's numbers stand in one line. Where there is no room for all of them, the least important
columns are left out, of all tables of a scenario alike, and the legend says which.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from rich import box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from iomodels.analysis import findings
from iomodels.analysis.cells import PointCells, grouped, label, points_to_show
from iomodels.base.units import counted, format_duration
from iomodels.results.schema import Cell, Notice, Run, Trial
from iomodels.statistics.rounds import MIN_ROUNDS, paired_ratio
from iomodels.statistics.summary import latency_p50_ns

from .console import PLAIN_WIDTH, engine_name, safe
from .numbers import format_ratio, per_op, short_count, short_duration

HARNESS = "null"
MARKS = "*†‡§¶"
STATE_STYLE = {"n/a": "dim", "failed": "red", "partial": "yellow", "ok": ""}


INTERVAL, RATIO = "interval", "ratio"
LEAST_FIRST = (
    *("EAGAIN/op", "calls/op", "CPU/op", "late end", "their end", "CPU", "beyond device"),
    *(INTERVAL, "p99", RATIO, "overlap", "cancelled", "p50"),
)
"""What is left out where there is no room, the least important first; `INTERVAL` is the ratio's."""


@dataclass(frozen=True)
class Column:
    """One quantity: `value` gives a cell's entry, "" where the cell has none.

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
    left_out: list[str] = field(default_factory=list)

    def add(self, column: Column, entries: Sequence[str]) -> None:
        if column is STATUS:
            return
        signs = [text for sign, text in column.signs.items() if any(sign in e for e in entries)]
        if signs or column.name not in self.meanings:
            self.meanings[column.name] = "; ".join([column.meaning, *signs])

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
    run: Run, *, width: int = PLAIN_WIDTH, said: Collection[Notice] = ()
) -> list[RenderableType]:
    """Everything there is to say about a run: tables, what they mean, warnings, a legend.

    Warnings that have been `said` already are not repeated.
    """
    shown: list[RenderableType] = []
    legend = Legend()
    # Below that many rounds the legend says once that there are no verdicts.
    verdicts = any(len(cell.trials) >= MIN_ROUNDS for cell in run.cells)
    for name, points in grouped(run.cells).items():
        shown += _heading(name, run.questions.get(name))
        drafts = [_Draft.of(point) for point in points_to_show(name, points)]
        left_out = _without_room(drafts, width)
        for draft in drafts:
            shown += _point(draft, left_out, legend, verdicts=verdicts)
        shown += _harness(points)
    warnings = [notice for notice in run.warnings if notice not in said]
    if warnings:
        shown.append(Text(""))
    shown += [safe(f"warning: {notice.message}", "yellow") for notice in warnings]
    return shown + _explained(run, legend, width)


def columns(base: Cell | None = None, left_out: Collection[str] = ()) -> list[Column]:
    """The columns after the engine's, left to right; with a `base` the ratio to it is the last."""
    every = [
        Column("ops/s", "ops/s", _throughput, "operations completed per second"),
        Column("p50", "p50", _latency("p50"), "latency: half of the operations were faster"),
        Column(
            "p99",
            "p99",
            _latency("p99"),
            "latency: 99 of 100 operations were faster",
            {"–": f"– where a trial has fewer than {findings.FEWEST_OPERATIONS['p99']} operations"},
        ),
        Column(
            "beyond device",
            "beyond\ndevice",
            _beyond_device,
            "p50 of latency less the device's own time",
        ),
        Column(
            "cancelled",
            "can-\ncelled",
            _cancelled,
            "share of the overdue requests that cancelling ended",
        ),
        Column(
            "their end",
            "their\nend",
            _until_end("cancel_ns"),
            "p50 from asking to cancel to the end by it",
        ),
        Column(
            "late end",
            "late\nend",
            _until_end("cancel_late_ns"),
            "the same of those for which it was too late, and which ended by themselves",
        ),
        Column(
            "overlap",
            "over-\nlap",
            _overlap,
            "share of the shorter of I/O and computation that was hidden",
        ),
        Column("CPU", "CPU", _cpu_share, "processor time over time passed: 100% keeps one busy"),
        Column("CPU/op", "CPU\n/op", _cpu, "processor time per operation"),
        Column("calls/op", "calls\n/op", _calls, "calls to kernel or library per operation"),
        Column("EAGAIN/op", "EAGAIN\n/op", _eagain, "calls per operation that found nothing ready"),
    ]
    kept = [column for column in every if column.name not in left_out]
    if base is not None and RATIO not in left_out:
        kept.append(_ratio_column(base, bare=INTERVAL in left_out))
    return kept


def _ratio_column(base: Cell, *, bare: bool) -> Column:
    """`bare` is the median alone, under a heading of two lines."""
    what = "p50" if findings.is_open_loop(base) else "throughput"
    sign = "p50 ×" if findings.is_open_loop(base) else "×"
    between = "\n" if bare else " "
    return Column(
        f"× ({what})",
        f"{sign}{between}{engine_name(base.engine)}",
        lambda cell: _ratio(cell, base, bare=bare),
        f"{what} against that engine, by round",
        {"≈": "≈ where it may be 1"},
    )


def _heading(scenario: str, question: str | None) -> list[RenderableType]:
    name = safe(scenario, "bold")
    return [Text(""), Text.assemble(name, ": ", safe(question)) if question else name]


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
        rows = [cell for cell in point.cells if cell.engine != HARNESS]
        notes = Footnotes()
        names = [engine_name(cell.engine) + notes.mark(cell) for cell in rows]
        return cls(point, rows, names, notes, findings.baseline(rows))

    def columns(self, left_out: Collection[str]) -> list[tuple[Column, list[str]]]:
        """Those that have something to say, each with its entry for every row."""
        every = [(c, [c.value(cell) for cell in self.rows]) for c in columns(self.base, left_out)]
        kept = [(column, entries) for column, entries in every if any(entries)]
        if not kept:
            return [(STATUS, [STATUS.value(cell) for cell in self.rows])]
        for number, cell in enumerate(self.rows):
            if not any(entries[number] for _, entries in kept):
                kept[0][1][number] = STATUS.value(cell)
        return kept

    def width(self, left_out: Collection[str]) -> int:
        kept = self.columns(left_out)
        widths = [_width([column.header, *entries]) for column, entries in kept]
        return sum(widths, _width(["engine", *self.names])) + len(widths)


def _width(texts: Iterable[str]) -> int:
    return max(cell_len(line) for text in texts for line in text.split("\n"))


def _without_room(drafts: Sequence[_Draft], width: int) -> Sequence[str]:
    """What all these tables leave out, so that each is no wider than `width`."""
    for count in range(len(LEAST_FIRST)):
        left_out = LEAST_FIRST[:count]
        if all(draft.width(left_out) <= width for draft in drafts):
            return left_out
    return LEAST_FIRST


def _point(
    draft: _Draft, left_out: Collection[str], legend: Legend, *, verdicts: bool
) -> list[RenderableType]:
    if not draft.rows:
        return []
    shown: list[RenderableType] = [Text("")]
    if draft.point.varying:
        shown.append(safe(label(draft.point), "bold"))
    shown.append(_table(draft, left_out, legend))
    shown += draft.notes.lines()
    if not verdicts:
        return shown
    sentences = [safe(sentence) for sentence in findings.sentences(draft.point.cells)]
    return shown + ([Text(""), *sentences] if sentences else [])


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
    value = latency_p50_ns if findings.is_open_loop(base) else _trial_throughput
    ratio = paired_ratio(cell.trials, base.trials, value)
    if ratio is None:
        return ""
    return format_ratio(ratio).partition(" ")[0] if bare else format_ratio(ratio)


def _trial_throughput(trial: Trial) -> float:
    return trial.throughput_ops


def _throughput(cell: Cell) -> str:
    return short_count(cell.summary.throughput_ops.median) if cell.summary else ""


def _latency(percentile: str) -> Callable[[Cell], str]:
    def value(cell: Cell) -> str:
        if cell.summary is None or findings.has_deadline(cell):
            return ""
        interval = findings.latency_ns(cell, percentile)
        return short_duration(interval.median) if interval else "–"

    return value


def _beyond_device(cell: Cell) -> str:
    """Empty with computation, since then a result may wait for the application, not the model."""
    if cell.parameters.get("load.compute") or findings.has_deadline(cell):
        return ""
    added = cell.summary.added_ns if cell.summary else None
    return short_duration(added.p50.median) if added else ""


def _overlap(cell: Cell) -> str:
    overlap = cell.summary.overlap if cell.summary else None
    return f"{overlap.median:.2f}" if overlap else ""


def _cancelled(cell: Cell) -> str:
    share = findings.cancelled(cell)
    return f"{share.median:.1%}" if share else ""


def _until_end(quantity: findings.UntilEnd) -> Callable[[Cell], str]:
    def value(cell: Cell) -> str:
        until_end = findings.until_end_ns(cell, quantity)
        return short_duration(until_end.median) if until_end else ""

    return value


def _cpu_share(cell: Cell) -> str:
    if cell.summary is None:
        return ""
    percent = cell.summary.cpu_share.median * 100
    return f"{percent:.1f}%" if percent < 9.95 else f"{percent:.0f}%"


def _cpu(cell: Cell) -> str:
    return short_duration(cell.summary.cpu_ns_per_op.median) if cell.summary else ""


def _calls(cell: Cell) -> str:
    if cell.summary is None or not cell.trials:
        return ""
    return per_op(median(sum(t.calls_per_op.values()) for t in cell.trials))


def _eagain(cell: Cell) -> str:
    """Empty where there was none: a column without a single EAGAIN is left out."""
    value = cell.summary.eagain_per_op.median if cell.summary else 0.0
    return per_op(value) if value else ""


def _harness(points: Iterable[PointCells]) -> list[RenderableType]:
    cells = [cell for point in points for cell in point.cells if cell.engine == HARNESS]
    lines: list[RenderableType] = []
    for cell in cells:
        if cell.summary is None:
            reason = cell.reason or "no reason recorded"
            lines.append(safe(f"harness: {cell.status}: {reason}", "dim"))
            continue
        harness = cell.summary.harness_ns_per_op
        cost_ns = harness.median if harness else 1e9 / cell.summary.throughput_ops.median
        lines.append(Text(f"harness: {format_duration(cost_ns)} per operation", style="dim"))
    return lines


def _explained(run: Run, legend: Legend, width: int) -> list[RenderableType]:
    rounds = max((len(cell.trials) for cell in run.cells), default=0)
    if not rounds:
        return []
    duration = run.settings.get("duration_s", "?")
    how = f"Medians over {counted(rounds, 'round')} of {duration} s, seed {run.seed}"
    if rounds >= MIN_ROUNDS:
        how += (
            "; in parentheses their 95 % interval. Ratios and sentences compare round by round, so "
            "they may differ a little from what the two medians come to."
        )
    else:
        how += (
            f"; in parentheses the range, since below {MIN_ROUNDS} rounds there is no "
            "95 % interval and no verdict."
        )
    terms = Table.grid(padding=(0, 2, 0, 0))
    for term, meaning in legend.meanings.items():
        terms.add_row(safe(term, "dim"), safe(meaning, "dim"))
    shown: list[RenderableType] = [Text(""), safe(how, "dim")]
    if legend.left_out:
        left_out = f"Not shown, since {width} columns have no room: {', '.join(legend.left_out)}."
        shown.append(safe(left_out, "dim"))
    return [*shown, terms]
