"""One page about an answer of `advise`, as HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from iomodels.advice import limits, words
from iomodels.advice.document import Advice, Candidate, PointAdvice
from iomodels.advice.words import AnswerLine
from iomodels.analysis import cells
from iomodels.analysis.cells import PointCells
from iomodels.analysis.quantities import NOT_TOLD, QUANTITIES
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.errors import ResultError
from iomodels.report import frame
from iomodels.report.frame import Drawing, Figure
from iomodels.report.svg import Inliner
from iomodels.report.tables import Entry
from iomodels.results.schema import Cell

MAX_POINTS = 100
MAX_ROWS = 200
"""Candidates of a point."""
MAX_LINES = 1000
FIRST = ("stage", "rounds", "complexity")
"""Columns before those of the quantities."""


@dataclass(frozen=True)
class CandidateRow:
    """One candidate: a field for each column."""

    engine: str
    remark: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class PointSection:
    """One point, ready to be shown."""

    id: str
    heading: str
    title: str
    load: str
    lines: tuple[AnswerLine, ...]
    caveats: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[CandidateRow, ...]
    more_rows: int
    figures: tuple[Figure, ...]


def page(advice: Advice, drawings: Sequence[Drawing] = ()) -> str:
    """The whole page, as HTML. Each drawing stands at the first point of its scenario.

    Raises `ResultError` for more points than a page has, and `ValueError` for a drawing that is not
    an SVG as our charts make them.
    """
    if len(advice.points) > MAX_POINTS:
        raise ResultError(
            f"the answer has {len(advice.points)} points, and a page has at most {MAX_POINTS}: "
            "ask for fewer at a time"
        )
    inliner = Inliner()
    left = list(drawings)
    sections = []
    for number, point in enumerate(advice.points, start=1):
        own = [drawing for drawing in left if drawing.scenario == point.scenario]
        left = [drawing for drawing in left if drawing.scenario != point.scenario]
        figures = tuple(frame.figure(drawing, inliner) for drawing in own)
        sections.append(_section(f"point-{number}", point, figures))
    context: dict[str, Any] = {
        "advice": advice,
        "title": _title(advice),
        "when": frame.when(advice.created_utc),
        "asked": words.asked(advice),
        "took": words.took(advice),
        "summary": words.summary(advice),
        "sections": sections,
        "environment": [
            (frame.in_words(name), frame.shown(name, value))
            for name, value in list(advice.environment.items())[:MAX_LINES]
        ],
        "warnings": [
            (frame.in_words(notice.code), notice.message) for notice in advice.warnings[:MAX_LINES]
        ],
    }
    return frame.render("advice.html.j2", context, inliner.css())


def _title(advice: Advice) -> str:
    if len(advice.points) == 1:
        (point,) = advice.points
        return f"What to use: `{point.use}`" if point.use else "What to use: inconclusive"
    return "What to use"


def _section(id: str, point: PointAdvice, figures: tuple[Figure, ...]) -> PointSection:
    shown = point.candidates[:MAX_ROWS]
    columns = _columns(shown)
    return PointSection(
        id=id,
        heading=words.heading(point),
        title=point.title,
        load=_load(point),
        lines=tuple(words.lines(point, ())),
        caveats=point.caveats[:MAX_LINES],
        columns=(*FIRST, *(quantity.column for quantity in columns)),
        rows=tuple(_row(candidate, columns) for candidate in shown),
        more_rows=len(point.candidates) - len(shown),
        figures=figures,
    )


def _load(point: PointAdvice) -> str:
    """The keys that are not at their default: `channel timer, depth 16`."""
    cell = Cell(point.scenario, point.parameters, "", "n/a")
    return cells.constants([PointCells((cell,), {})])


def _columns(candidates: Sequence[Candidate]) -> list[Quantity]:
    return [
        quantity
        for quantity in QUANTITIES
        if quantity.heading and any(quantity.key in c.values for c in candidates)
    ]


def _row(candidate: Candidate, columns: Sequence[Quantity]) -> CandidateRow:
    told = [candidate.reason] if candidate.reason else []
    told += [f"beyond the limit: {limits.in_words(limit)}" for limit in candidate.beyond]
    stage = Entry(NOT_TOLD)
    if candidate.left_after is not None:
        stage = Entry(str(candidate.left_after), sort=candidate.left_after)
    elif candidate.rounds:
        stage = Entry("end", sort=1e6)
    return CandidateRow(
        engine=candidate.engine,
        remark="; ".join(told),
        entries=(
            stage,
            Entry(str(candidate.rounds), sort=candidate.rounds),
            Entry(str(candidate.complexity), sort=candidate.complexity),
            *(_value(candidate, quantity) for quantity in columns),
        ),
    )


def _value(candidate: Candidate, quantity: Quantity) -> Entry:
    found = candidate.values.get(quantity.key)
    if found is None:
        return Entry(NOT_TOLD)
    show = quantity.unit.show
    return Entry(show(found.median), f"{show(found.low)} to {show(found.high)}", found.median)
