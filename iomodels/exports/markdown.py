"""Markdown with tables (GitHub's dialect), for a pull request, a step summary or a wiki."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from iomodels.advice import words
from iomodels.advice.document import Advice, PointAdvice
from iomodels.analysis import findings, sweeps, twins
from iomodels.analysis.cells import PointCells, changes, grouped, label, rounds_in_words, rounds_of
from iomodels.analysis.quantities import (
    CPU,
    LATENCY_P50,
    LATENCY_P99,
    NOT_TOLD,
    THROUGHPUT,
    named,
)
from iomodels.analysis.quantity_definition import DURATION, Quantity, has_deadline
from iomodels.analysis.twins import TwinRow
from iomodels.base.escape import visible
from iomodels.base.units import format_count
from iomodels.comparison.schema import Change, Comparison
from iomodels.comparison.wording import (
    answers,
    by_urgency,
    cell_name,
    changed,
    detectable,
    headline,
    judged,
    share,
    value,
    verdict,
)
from iomodels.results.schema import Cell, Run
from iomodels.statistics.rounds import Ratio, interval_kind

NUMBERS = (THROUGHPUT, LATENCY_P50, LATENCY_P99, CPU)
RUN_COLUMNS = ("engine", THROUGHPUT.column, *(quantity.title for quantity in NUMBERS[1:]))
CHANGE_COLUMNS = (
    "verdict", "cell", "metric", "change", "base", "new", "limit", "rounds", "noise", "detectable",
)  # fmt: skip
CANDIDATE_COLUMNS = ("engine", "complexity", "left", *RUN_COLUMNS[1:])
TWIN_COLUMNS = (
    "work", "engine", *(quantity.title for quantity in twins.SHOWN), twins.SLOWER, twins.MORE_CPU,
)  # fmt: skip
MAX_ROWS = 1000
"""Rows shown of a comparison: GitHub drops a step summary of more than 1 MiB as a whole."""

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~$&@]|:(?=//)|(?<=www)\.)")

_FIRST = re.compile(r"^(|\d+)([-+=]|(?<=\d)[.)])")
"""What would begin a list or underline a heading."""


def text(value: str) -> str:
    """`value` as it is, wherever it stands in a line: it marks up nothing and ends no cell.

    Every character that could is escaped with a backslash (CommonMark, section 2.4).
    """
    return _FIRST.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", visible(value).strip()))


def of_run(run: Run) -> str:
    """A table per scenario point."""
    lines = ["# iomodels", "", _how(run), ""]
    for scenario, points in grouped(run.cells).items():
        lines += [f"## {text(scenario)}", ""]
        if question := run.questions.get(scenario):
            lines += [f"Question: {text(question)}", ""]
        if changed := changes(run, scenario):
            lines += [f"With {text(changed)}.", ""]
        for point in points:
            lines += _point(point)
        lines += _sentences(sweeps.sentences(points))
    lines += _twins(run)
    lines += [f"- warning: {text(notice.message)}" for notice in run.warnings]
    return "\n".join(lines).rstrip() + "\n"


def of_comparison(comparison: Comparison) -> str:
    """The outcome, and a table of the changes with the urgent ones on top."""
    changes = by_urgency(comparison.changes)
    lines = [
        f"## {text(headline(comparison))}",
        "",
        f"Compared: {text(comparison.new_name)} against {text(comparison.base_name)}; "
        f"changes below {share(comparison.threshold)} count as the same. "
        f"In parentheses: intervals, {text(comparison.interval)}.",
        f"Metrics {judged(comparison)}." if comparison.changes else "",
        "",
        *(f"- {text(sentence)}" for sentence in answers(comparison)),
        "",
    ]
    shown = changes[:MAX_ROWS]
    lines += _changes([change for change in shown if change.verdict != "same"])
    if same := _changes([change for change in shown if change.verdict == "same"]):
        # A blank line after it, or the table would be taken for HTML.
        lines += ["<details><summary>The same</summary>", "", *same, "</details>", ""]
    if len(changes) > MAX_ROWS:
        lines += [f"… and {len(changes) - MAX_ROWS} more.", ""]
    lines += _differences(comparison)
    return "\n".join(lines).rstrip() + "\n"


def of_advice(advice: Advice) -> str:
    """The lines of each point, and a table of its candidates."""
    lines = [f"## What to use {text(words.asked(advice))}", ""]
    if said := words.summary(advice):
        lines += [f"{_prose(said)}.", ""]
    for point in advice.points:
        lines += [f"### {text(words.heading(point))}", ""]
        lines += [f"- {text(line.label)}: {_prose(line.text)}" for line in words.lines(point)]
        lines += ["", *table(CANDIDATE_COLUMNS, _candidates(point), right_from=1), ""]
    lines += [f"- {text(notice.in_words)}" for notice in advice.warnings]
    lines += [f"- {text(words.took(advice))}; iomodels {text(advice.tool.version)}"]
    return "\n".join(lines).rstrip() + "\n"


def _prose(sentence: str) -> str:
    return text(sentence.replace("`", ""))


def _candidates(point: PointAdvice) -> Iterator[Sequence[str]]:
    for candidate in point.candidates[:MAX_ROWS]:
        values = [(q.unit.show, candidate.values.get(q.key)) for q in NUMBERS]
        left = "end" if candidate.rounds else text(candidate.reason or "")
        if candidate.left_after is not None:
            left = f"stage {candidate.left_after}"
        yield (
            text(candidate.engine), str(candidate.complexity), left,
            *(show(found.median) if found else NOT_TOLD for show, found in values),
        )  # fmt: skip


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right_from: int
) -> Iterator[str]:
    """The lines of a table; its cells are escaped already. Columns from `right_from` on: right."""
    yield f"| {' | '.join(columns)} |"
    yield (
        "|" + "|".join(" ---: " if n >= right_from else " --- " for n in range(len(columns))) + "|"
    )
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _how(run: Run) -> str:
    rounds = rounds_of(run)
    cells = [cell for cell in run.cells if not cell.is_harness]
    few = any(LATENCY_P99.has_too_few(cell.trials) for cell in cells)
    fewest = LATENCY_P99.fewest_operations
    dash = f" p99: {NOT_TOLD} where a trial has fewer than {fewest} operations." if few else ""
    if any(map(has_deadline, cells)):
        dash += f" Latency: {NOT_TOLD} under a deadline, where only quick requests are left."
    return (
        f"Medians over {rounds_in_words(run)}, in parentheses their {interval_kind(rounds)}; "
        f"iomodels {text(run.tool.version)}, {text(run.created_utc)}, seed {run.seed}."
    ) + dash


def _point(point: PointCells) -> list[str]:
    cells = [cell for cell in point.cells if not cell.is_harness]
    lines = [f"### {text(name)}", ""] if (name := label(point)) else []
    lines += table(RUN_COLUMNS, map(_row, cells), right_from=1)
    told = [f"- {text(cell.engine)}: {text(said)}" for cell in cells if (said := _status(cell))]
    return [*lines, "", *told, *([""] if told else []), *_sentences(findings.below(point.cells))]


def python_overview(works: Sequence[twins.TwinWork]) -> list[str]:
    """One small table: a row for each engine, a column for each kind of work."""
    told = twins.overview(works)
    rows = ([text(engine), *entries] for engine, entries in told.rows)
    return list(table(["", *map(text, told.works)], rows, right_from=1))


def _twins(run: Run) -> list[str]:
    """Each engine in C, followed by those of Python that make the same calls."""
    works = twins.twins(run)
    if not works:
        return []
    rows = (_twin_row(work.name, row) for work in works for row in work.rows)
    how = f"{text(twins.HOW)} {text(twins.origin(run))}."
    return [
        *(f"## {text(twins.TITLE)}", "", text(twins.IN_SHORT), "", *python_overview(works), ""),
        *(*table(TWIN_COLUMNS, rows, right_from=2), "", how, ""),
    ]


def _twin_row(work: str, row: TwinRow) -> Sequence[str]:
    head = text(work), text(row.cell.engine)
    if row.missing:
        return *head, text(row.missing), "", "", ""
    ratios = ("" if row.is_twin else _ratio(ratio) for ratio in (row.slower, row.more_cpu))
    return *head, *(_number(quantity, row.cell) for quantity in twins.SHOWN), *ratios


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return NOT_TOLD
    show, found = format_count, ratio.interval
    return f"{show(found.median)} ({show(found.low)} to {show(found.high)})"


def _sentences(said: Sequence[str]) -> list[str]:
    """What a table shows, in words: a list, so that each begins a line."""
    return [*(f"- {text(sentence)}" for sentence in said), ""] if said else []


def _row(cell: Cell) -> Sequence[str]:
    sound = cell.summary is not None and cell.status in ("ok", "partial")
    numbers = [_number(quantity, cell) for quantity in NUMBERS]
    status = [text(cell.status), *("" for _ in NUMBERS[1:])]
    return [text(cell.engine), *(numbers if sound else status)]


def _number(quantity: Quantity, cell: Cell) -> str:
    found, show = quantity.interval(cell), quantity.unit.show
    if found is None:
        return NOT_TOLD
    return f"{show(found.median)} ({show(found.low)} to {show(found.high)})"


def _status(cell: Cell) -> str:
    if cell.status != "ok":
        return f"{cell.status}: {cell.reason or 'no reason recorded'}"
    return "; ".join(said for said in (cell.note, _cancelling(cell)) if said)


def _cancelling(cell: Cell) -> str:
    """What stands for the latency under a deadline, which is not shown."""
    by_it, ended = (named(key).interval(cell) for key in ("cancelled_share", "cancel_ns.p50"))
    if by_it is None:
        return ""
    when = f", {DURATION.show(ended.median)} after that (p50)" if ended else ""
    return f"{share(by_it.median)} of the overdue requests were ended by cancelling{when}"


def _change(change: Change) -> Sequence[str]:
    return (
        verdict(change), text(cell_name(change)), text(change.metric),
        changed(change),
        value(change, change.base) if change.base else "",
        value(change, change.new) if change.new else "",
        share(change.limit) if change.limit is not None else "",
        str(change.rounds) if change.rounds else "",
        share(change.noise) if change.noise is not None else "",
        detectable(change),
    )  # fmt: skip


def _changes(changes: Sequence[Change]) -> list[str]:
    if not changes:
        return []
    told: dict[str, list[str]] = {}
    for change in changes:
        if change.reason:
            told.setdefault(change.reason, []).append(f"{cell_name(change)}, {change.metric}")
    reasons = [f"- {text(reason)} ({text('; '.join(who))})" for reason, who in told.items()]
    rows = list(table(CHANGE_COLUMNS, map(_change, changes), right_from=3))
    return [*rows, "", *reasons, *([""] if reasons else [])]


def _differences(comparison: Comparison) -> Iterator[str]:
    if comparison.allowed:
        yield f"- allowed to differ: {text(', '.join(comparison.allowed))}"
    for difference in comparison.differences:
        base, new = text(str(difference.base)), text(str(difference.new))
        yield f"- the machines differ in {text(difference.name)}: {base}, now {new}"
    for notice in comparison.warnings:
        yield f"- {text(notice.in_words)}"
