"""One page about one run, as HTML that needs nothing else: a run and pictures in, a text out."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iomodels.analysis import findings, sweeps
from iomodels.analysis.cells import (
    PointCells,
    changes,
    constants,
    grouped,
    harness_in_words,
    label,
    points_to_show,
    rounds_in_words,
    title,
    trial_times,
)
from iomodels.base.errors import NothingMeasured, ResultError
from iomodels.base.units import counted
from iomodels.report import frame
from iomodels.report.claims import claims_of
from iomodels.report.frame import Drawing, Figure
from iomodels.report.svg import Inliner
from iomodels.report.tables import NO_BREAK_SPACE, ReportTable, legend, table
from iomodels.report.twins import beside_c
from iomodels.results.schema import Asked, Cell, Run
from iomodels.statistics.rounds import MIN_ROUNDS
from iomodels.trace.schema import Trace

MAX_CELLS = 2000
MAX_LINES = 1000
"""The most entries that one list of the page has: warnings, environment and the like."""

ORIGIN = ("cpu", "cores", "hypervisor", "kernel", "libc")
"""What of the environment says that it is the same machine."""


@dataclass(frozen=True)
class Section:
    """One scenario: its table, what the table means, and its pictures."""

    id: str
    name: str
    title: str
    """The scenario in words."""
    question: str
    answers: tuple[str, ...]
    """The first sentence of each point, then those about the sweep, for the overview."""
    engines: tuple[str, ...]
    points: int
    constants: str
    """The parameters that all of its cells share."""
    table: ReportTable
    findings: tuple[tuple[str, tuple[str, ...]], ...]
    """What sets a point apart ("depth 16", or nothing where there is one), and its sentences."""
    harness: str
    spread: str
    """What stands below the numbers of its table."""
    figures: tuple[Figure, ...]


def page(run: Run, drawings: Sequence[Drawing] = (), traces: Sequence[Drawing] = ()) -> str:
    """The whole page, as HTML.

    Raises `NothingMeasured` for a run without cells, `ResultError` for one too large for a page,
    and `ValueError` for a drawing that is not an SVG as our charts make them.
    """
    _check(run)
    inliner = Inliner()
    sections = _sections(run, drawings, inliner)
    context: dict[str, Any] = {
        "run": run,
        "title": _title(sections),
        "when": frame.when(run.created_utc),
        "rounds": max(_rounds(run.cells), default=0),
        "rounds_in_words": rounds_in_words(run),
        "fewest": min(_rounds(run.cells), default=0),
        "min_rounds": MIN_ROUNDS,
        "trial_times": trial_times(run, f"{run.settings.get('duration_s')} s"),
        "sections": sections,
        "claims": claims_of(run),
        "beside_c": beside_c(run),
        "unmeasured": _unmeasured(run.cells),
        "traces": [frame.figure(trace, inliner) for trace in traces],
        "meanings": _meanings(sections),
        "warnings": [(frame.in_words(notice.code), notice.message) for notice in run.warnings],
        "environment": [
            (frame.in_words(name), frame.shown(name, value))
            for name, value in run.environment.items()
        ]
        + [(f"measured by {name}", build) for name, build in run.pythons_in_words.items()],
        "command": command(run),
        "own_files": _own_files(run.asked),
        "has_python": any(cell.language != "C" for cell in run.cells),
        "uses_files": any(cell.parameters.get("channel.kind") == "file" for cell in run.cells),
    }
    return frame.render("page.html.j2", context, inliner.css())


_OPTIONS = {
    "rounds": "--rounds",
    "duration_s": "--duration",
    "warmup_s": "--warmup",
    "precision": "--precision",
    "budget_s": "--budget",
}
"""The settings that are options of bench."""


def command(run: Run) -> str:
    """The command that makes the run again, quoted for a shell.

    Where the file does not hold what was asked, as near to it as its scenarios and settings come.
    """
    asked = run.asked or Asked(list(dict.fromkeys(c.scenario for c in run.cells)), [], {})
    words = ["iomodels", "bench"]
    for engine in asked.engines:
        words += ["--engine", engine]
    for key, values in asked.settings.items():
        words += ["--set", f"{key}={','.join(values)}"]
    for name, option in _OPTIONS.items():
        if name in run.settings:
            words += [option, str(run.settings[name])]
    for metric in filter(None, str(run.settings.get("metrics", "")).split(",")):
        words += ["--metric", metric]
    words += ["--seed", str(run.seed)]
    if any(name.startswith("-") for name in asked.scenarios):
        words.append("--")  # what follows is no option, whatever it looks like
    return shlex.join([*words, *asked.scenarios])


def _check(run: Run) -> None:
    if not run.cells:
        raise NothingMeasured("the result has no cells, so there is nothing to report")
    if len(run.cells) > MAX_CELLS:
        raise ResultError(
            f"the result has {len(run.cells)} cells, and a page has at most {MAX_CELLS}: "
            "measure fewer at a time"
        )
    lists: Mapping[str, int] = {
        "warnings": len(run.warnings),
        "environment": len(run.environment),
        "parameters": max(len(cell.parameters) for cell in run.cells),
    }
    for name, length in lists.items():
        if length > MAX_LINES:
            raise ResultError(
                f"the result has {length} entries in {name}, and a page has at most {MAX_LINES}: "
                "give a file that 'iomodels bench' wrote"
            )


def _title(sections: Sequence[Section]) -> str:
    if len(sections) > 3:
        return f"{len(sections)} scenarios"
    return ", ".join(section.title for section in sections)


def _sections(run: Run, drawings: Sequence[Drawing], inliner: Inliner) -> list[Section]:
    return [
        _section(
            f"scenario-{number}",
            run,
            name,
            points_to_show(name, points),
            tuple(frame.figure(d, inliner) for d in drawings if d.scenario == name),
        )
        for number, (name, points) in enumerate(grouped(run.cells).items(), start=1)
    ]


def _question(run: Run, name: str) -> str:
    """The scenario's question, and in what the scenario is not as it says."""
    question = run.questions.get(name, "")
    question = "" if question == run.titles.get(name) else question
    changed = changes(run, name)
    return f"{question} (with {changed})".lstrip() if changed else question


def _section(
    id: str, run: Run, name: str, points: list[PointCells], figures: tuple[Figure, ...]
) -> Section:
    found, shown = _findings(points), table(points)
    return Section(
        id=id,
        name=name,
        title=title(name, run),
        question=_question(run, name),
        answers=_answers(found),
        engines=tuple(dict.fromkeys(row.engine for row in shown.rows)),
        points=len(points),
        constants=constants(points),
        table=shown,
        findings=found,
        harness=_harness(points),
        spread=_spread(_rounds(cell for point in points for cell in point.cells)),
        figures=figures,
    )


def _findings(points: Sequence[PointCells]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Below `MIN_ROUNDS` the page says once that there are no verdicts."""
    found = [
        (label(point), tuple(findings.sentences(point.cells)))
        for point in points
        if any(len(cell.trials) >= MIN_ROUNDS for cell in point.cells)
    ]
    of_points = [(name, sentences) for name, sentences in found if sentences]
    over_all = sweeps.sentences(points) if found else []
    return (*of_points, *(("", (sentence,)) for sentence in over_all))


def _answers(found: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """What the overview says: the first sentence of each point, and what is said of the sweep."""
    return tuple(f"{name}: {first}" if name else first for name, (first, *_) in found)


def _unmeasured(cells: Iterable[Cell]) -> str:
    """`1 cell failed, 159 cells interrupted`; "" where all was measured."""
    counts: Counter[str] = Counter()
    for cell in cells:
        if cell.status == "failed":
            counts["failed"] += 1
        elif cell.status == "partial":
            is_interrupted = (cell.reason or "").startswith("interrupted")
            counts["interrupted" if is_interrupted else "ended early"] += 1
    return ", ".join(f"{counted(count, 'cell')} {what}" for what, count in counts.items())


def _harness(points: Sequence[PointCells]) -> str:
    return harness_in_words(cell for point in points for cell in point.cells)


def _spread(rounds: Sequence[int]) -> str:
    """By the rounds of each cell: a few may have fewer than the others."""
    if max(rounds, default=0) < MIN_ROUNDS:
        return "the range"
    interval = f"their 95{NO_BREAK_SPACE}% intervals"
    if min(rounds) >= MIN_ROUNDS:
        return interval
    return f"{interval} (the range where there are fewer than {MIN_ROUNDS} rounds)"


def _rounds(cells: Iterable[Cell]) -> list[int]:
    return [len(cell.trials) for cell in cells if cell.trials]


def other_origin(run: Run, trace: Trace) -> str:
    """What a reader must know of a trace beside this run: where it is of another machine or core.

    Nothing where they agree, or where one of them does not tell.
    """
    here, there = run.environment, trace.environment
    told = [
        f"{name} {frame.shown(name, there[name])} (the run: {frame.shown(name, here[name])})"
        for name in ORIGIN
        if here.get(name) is not None and there.get(name) is not None and here[name] != there[name]
    ]
    if run.tool.core_hash != trace.tool.core_hash:
        told.append(f"measured core {trace.tool.core_hash} (the run: {run.tool.core_hash})")
    return f"Not recorded as the run was: {'; '.join(told)}." if told else ""


def _meanings(sections: Sequence[Section]) -> list[tuple[str, str]]:
    used = {column.header for section in sections for column in section.table.columns}
    return [(column.header, column.meaning) for column in legend() if column.header in used]


def _own_files(asked: Asked | None) -> list[str]:
    return [name for name in asked.scenarios if name.endswith(".toml")] if asked else []
