"""The tables that `bench` ends with: a `Run` in, things that rich can show out. Pure functions.

The widest row (every column, the longest usual numbers) is 80 columns; where that is not enough,
the ratio and the engine's name go over two lines, the numbers never.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from iomodels import findings
from iomodels.points import Point, grouped, label, told
from iomodels.results import Cell, Interval, Percentiles, Run, Trial
from iomodels.statistics import MIN_ROUNDS, Ratio, latency_p50_ns, paired_ratio
from iomodels.units import format_count, format_duration

from .console import safe

HARNESS = "null"
CANCEL_OUTCOMES = ("done", "too_late", "already_complete")
MARKS = "*†‡§¶"
STATE_STYLE = {"n/a": "dim", "failed": "red", "partial": "yellow", "ok": ""}


@dataclass(frozen=True)
class Column:
    """One quantity: `value` gives a cell's entry, "" where the cell has none."""

    header: str
    value: Callable[[Cell], str]
    meaning: str


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


def report(run: Run) -> list[RenderableType]:
    """Everything there is to say about a run: tables, what they mean, warnings, a legend."""
    shown: list[RenderableType] = []
    used: dict[str, str] = {}
    # Below that many rounds the legend says once that there are no verdicts.
    verdicts = any(len(cell.trials) >= MIN_ROUNDS for cell in run.cells)
    for name, points in grouped(run.cells).items():
        shown += _heading(name, run.questions.get(name))
        for point in told(name, points):
            shown += _point(point, used, verdicts=verdicts)
        shown += _harness(points)
    if run.warnings:
        shown.append(Text(""))
    shown += [safe(f"warning: {notice.message}", "yellow") for notice in run.warnings]
    return shown + _legend(run, used)


def columns() -> list[Column]:
    """The numeric columns, left to right; the ratio is apart because it needs the baseline."""
    return [
        Column("ops/s", _throughput, "operations completed per second"),
        Column("p50", _latency("p50"), "latency: half of the operations were faster"),
        Column("p99", _latency("p99"), "latency: 99 of 100 operations were faster"),
        Column("beyond\ndevice", _beyond_device, "p50 of latency less the device's own time"),
        Column("can-\ncelled", _cancelled, "share of the cancelled requests that ended by it"),
        Column("their\nend", _until_end("cancel_ns"), "p50 from asking to cancel to the end by it"),
        Column(
            "late\nend",
            _until_end("cancel_late_ns"),
            "the same of those for which it was too late, and which ended by themselves",
        ),
        Column(
            "over-\nlap", _overlap, "share of the shorter of I/O and computation that was hidden"
        ),
        Column("CPU", _cpu_share, "processor time over time passed: 100% keeps one busy"),
        Column("CPU\n/op", _cpu, "processor time per operation"),
        Column("calls\n/op", _calls, "calls to kernel or library per operation"),
        Column("EAGAIN\n/op", _eagain, "calls per operation that found nothing ready"),
    ]


def _heading(scenario: str, question: str | None) -> list[RenderableType]:
    name = safe(scenario, "bold")
    return [Text(""), Text.assemble(name, ": ", safe(question)) if question else name]


def _point(point: Point, used: dict[str, str], *, verdicts: bool) -> list[RenderableType]:
    rows = [cell for cell in point.cells if cell.engine != HARNESS]
    if not rows:
        return []
    notes = Footnotes()
    table = _table(rows, notes, used)
    shown: list[RenderableType] = [Text("")]
    if point.varying:
        shown.append(safe(label(point), "bold"))
    shown.append(table)
    shown += notes.lines()
    if not verdicts:
        return shown
    sentences = [safe(sentence) for sentence in findings.sentences(point.cells)]
    return shown + ([Text(""), *sentences] if sentences else [])


def _table(rows: Sequence[Cell], notes: Footnotes, used: dict[str, str]) -> Table:
    base = findings.baseline(rows)
    kept = [column for column in columns() if any(column.value(cell) for cell in rows)]
    used.update((_in_one_line(column.header), column.meaning) for column in kept)
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    table.add_column("engine", overflow="fold")
    for column in kept:
        table.add_column(column.header, justify="right", no_wrap=True, vertical="bottom")
    if not kept:
        table.add_column("")
    if base is not None:
        what = "p50" if findings.is_open_loop(base) else "throughput"
        used[f"× ({what})"] = f"{what} against that engine, by round; ≈ where it may be 1"
        sign = "p50 × " if findings.is_open_loop(base) else "× "
        header = Text.assemble(sign, safe(base.engine))
        table.add_column(header, justify="right", overflow="fold", vertical="bottom")
    for cell in rows:
        style = STATE_STYLE[cell.status]
        name = Text.assemble(_engine_name(cell.engine), notes.mark(cell), style=style)
        values = [column.value(cell) for column in kept] or [""]
        if not any(values):
            values[0] = cell.status
        if base is not None:
            values.append(_ratio(cell, base))
        table.add_row(name, *(Text(value, style=style) for value in values))
    return table


def _in_one_line(header: str) -> str:
    return header.replace("-\n", "").replace("\n/", "/").replace("\n", " ")


def _engine_name(engine: str) -> Text:
    """The options below the name, since next to it they would cost the other columns."""
    name, colon, options = engine.partition(":")
    return Text("\n ").join(
        [safe(name + colon), *map(safe, options.split(","))] if colon else [safe(name)]
    )


def _ratio(cell: Cell, base: Cell) -> str:
    if cell is base:
        return "1"
    value = latency_p50_ns if findings.is_open_loop(base) else _trial_throughput
    ratio = paired_ratio(cell.trials, base.trials, value)
    return format_ratio(ratio) if ratio else ""


def format_ratio(ratio: Ratio) -> str:
    """`1.08 (1.06–1.10)`, with ≈ in front where the interval contains 1."""
    interval = ratio.interval
    about = "" if ratio.excludes_one else "≈"
    median, low, high = (
        _at_precision(value, interval.median)
        for value in (interval.median, interval.low, interval.high)
    )
    return f"{about}{median} ({low}–{high})"


def _at_precision(value: float, like: float) -> str:
    """As many decimals as show three digits of `like`, two of what is below 1."""
    if not 0.001 <= like < 1000:
        return format_count(value)
    exponent = math.floor(math.log10(like))
    return f"{value:.{max(0, 2 - exponent) if like >= 1 else 1 - exponent}f}"


def _trial_throughput(trial: Trial) -> float:
    return trial.throughput_ops


def _throughput(cell: Cell) -> str:
    return _short_count(cell.summary.throughput_ops.median) if cell.summary else ""


def _latency(percentile: str) -> Callable[[Cell], str]:
    def value(cell: Cell) -> str:
        if cell.summary is None or findings.has_deadline(cell):
            return ""
        interval: Interval = getattr(cell.summary.latency_ns, percentile)
        return _short_duration(interval.median)

    return value


def _beyond_device(cell: Cell) -> str:
    """Empty with computation, since then a result may wait for the application, not the model."""
    if cell.parameters.get("load.compute") or findings.has_deadline(cell):
        return ""
    added = cell.summary.added_ns if cell.summary else None
    return _short_duration(added.p50.median) if added else ""


def _overlap(cell: Cell) -> str:
    overlap = cell.summary.overlap if cell.summary else None
    return f"{overlap.median:.2f}" if overlap else ""


def _cancelled(cell: Cell) -> str:
    if not findings.has_deadline(cell):
        return ""  # what the end of a trial calls back is of no interest
    asked = done = 0.0
    for trial in cell.trials:
        outcomes = [trial.counters.get(f"cancels_{name}", 0) for name in CANCEL_OUTCOMES]
        asked, done = asked + sum(outcomes), done + outcomes[0]
    return f"{done / asked:.1%}" if asked else ""


def _until_end(which: str) -> Callable[[Cell], str]:
    def value(cell: Cell) -> str:
        if cell.summary is None or not findings.has_deadline(cell):
            return ""
        until_end: Percentiles | None = getattr(cell.summary, which)
        return _short_duration(until_end.p50.median) if until_end else ""

    return value


def _cpu_share(cell: Cell) -> str:
    if cell.summary is None:
        return ""
    percent = cell.summary.cpu_share.median * 100
    return f"{percent:.1f}%" if percent < 9.95 else f"{percent:.0f}%"


def _cpu(cell: Cell) -> str:
    return _short_duration(cell.summary.cpu_ns_per_op.median) if cell.summary else ""


def _calls(cell: Cell) -> str:
    if cell.summary is None or not cell.trials:
        return ""
    return _per_op(statistics.median(sum(t.calls_per_op.values()) for t in cell.trials))


def _eagain(cell: Cell) -> str:
    """Empty where there was none: a column without a single EAGAIN is left out."""
    value = cell.summary.eagain_per_op.median if cell.summary else 0.0
    return _per_op(value) if value else ""


def _per_op(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else _short_count(value)


def _short_count(value: float) -> str:
    return format_count(value) if math.isfinite(value) else ""


def _short_duration(ns: float) -> str:
    """`104µs`: ten columns in 80 leave no room for the space before the unit."""
    return format_duration(ns).replace(" ", "") if math.isfinite(ns) else ""


def _harness(points: Iterable[Point]) -> list[RenderableType]:
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


def _legend(run: Run, used: Mapping[str, str]) -> list[RenderableType]:
    rounds = max((len(cell.trials) for cell in run.cells), default=0)
    if not rounds:
        return []
    duration = run.settings.get("duration_s", "?")
    how = f"Medians over {rounds} rounds of {duration} s, seed {run.seed}"
    if rounds >= MIN_ROUNDS:
        how += "; in parentheses their 95 % interval."
    else:
        how += (
            f"; in parentheses the range, since below {MIN_ROUNDS} rounds there is no "
            "95 % interval and no verdict."
        )
    terms = Table.grid(padding=(0, 2, 0, 0))
    for term, meaning in used.items():
        terms.add_row(safe(term, "dim"), safe(meaning, "dim"))
    return [Text(""), safe(how, "dim"), terms]
