"""A run or a comparison as a piece of HTML, for a notebook's cell. Pure functions.

The tables are those of the report. Everything is escaped: a result may be a stranger's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from iomodels.analysis.cells import changes, grouped, points_to_show, rounds_in_words, rounds_of
from iomodels.base.escape import visible
from iomodels.base.units import counted
from iomodels.comparison import wording
from iomodels.comparison.schema import Change, Comparison
from iomodels.report.tables import Entry, TableRow, table
from iomodels.results.schema import Notice, Run
from iomodels.statistics.rounds import interval_kind

MAX_ROWS = 200
"""Rows of all tables of an output. A notebook keeps its outputs; `to_rows()` has everything."""
MAX_TEXT = 1000
"""Characters of one text; nothing that `bench` writes is longer."""


def of_run(run: Run) -> str:
    """The tables of every scenario, and the warnings."""
    parts: list[str] = []
    room = MAX_ROWS
    for name, points in grouped(run.cells).items():
        shown = table(points_to_show(name, points))
        rows = shown.rows[:room]
        room -= len(rows)
        if not rows:
            continue
        heads = ["engine", *shown.varied, *(column.header for column in shown.columns), ""]
        titles = ["", *("" for _ in shown.varied), *(c.meaning for c in shown.columns), ""]
        question = run.questions.get(name)
        changed = f" (with {found})" if (found := changes(run, name)) else ""
        parts.append(_caption((f"{name}: {question}" if question else name) + changed))
        parts.append(_table(heads, titles, [_row(row) for row in rows]))
    if parts:
        parts.append(f"<p>{_safe(_spread(run))}</p>")
    cells = sum(not cell.is_harness for cell in run.cells)
    return _whole(parts, run.warnings, left_out=cells - MAX_ROWS if room == 0 else 0)


def of_comparison(comparison: Comparison) -> str:
    """The outcome, every change, and the warnings."""
    heads = ["cell", "metric", "verdict", "change", "base", "new", "noise", ""]
    changes = wording.by_urgency(comparison.changes)
    rows = [_change(change) for change in changes[:MAX_ROWS]]
    title = f"{wording.headline(comparison)} ({comparison.new_name} against {comparison.base_name})"
    parts = [_caption(title), _table(heads, [""] * len(heads), rows)]
    return _whole(parts, comparison.warnings, left_out=len(changes) - len(rows))


def _spread(run: Run) -> str:
    return (
        f"Medians over {rounds_in_words(run)}. "
        f"Point at a number to see its {interval_kind(rounds_of(run))}."
    )


def _row(row: TableRow) -> list[tuple[str, str]]:
    """Each field's text, and what is shown when it is pointed at."""
    remark = row.remark if row.status == "ok" else f"{row.status}: {row.remark}"
    fields = [_field(entry) for entry in (*row.varied, *row.entries)]
    return [(row.engine, ""), *fields, (remark, "")]


def _field(entry: Entry) -> tuple[str, str]:
    return entry.text, entry.detail


def _change(change: Change) -> list[tuple[str, str]]:
    return [
        (wording.cell_name(change), ""),
        (change.metric, ""),
        (wording.verdict(change), ""),
        (wording.changed(change), ""),
        (wording.value(change, change.base) if change.base else "", ""),
        (wording.value(change, change.new) if change.new else "", ""),
        (wording.share(change.noise) if change.noise is not None else "", ""),
        (change.reason or "", ""),
    ]


def _whole(parts: Sequence[str], warnings: Iterable[Notice], left_out: int) -> str:
    notes = [f"warning: {notice.message}" for notice in list(warnings)[:MAX_ROWS]]
    if left_out > 0:
        notes.append(f"{counted(left_out, 'more row')}: to_rows() has all")
    return "".join(["<div>", *parts, *(f"<p>{_safe(note)}</p>" for note in notes), "</div>"])


def _caption(text: str) -> str:
    return f"<p><b>{_safe(text)}</b></p>"


def _table(
    heads: Sequence[str], titles: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]
) -> str:
    columns = [n for n, head in enumerate(heads) if head or any(row[n][0] for row in rows)]
    head = "".join(f"<th{_title(titles[n])}>{_safe(heads[n])}</th>" for n in columns)
    lines = (
        "".join(f"<td{_title(row[n][1])}>{_safe(row[n][0])}</td>" for n in columns) for row in rows
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _title(text: str) -> str:
    return f' title="{_safe(text)}"' if text else ""


def _safe(text: str) -> str:
    return escape(visible(text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"))
