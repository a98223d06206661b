"""What became of a job file's options, as a table and as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from iomodels.base.units import counted

from ..show.console import safe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from iomodels.fio.importing import ImportedJob, ImportedJobs
    from iomodels.fio.job import Fate

_HEADINGS = {
    "translated": "Translated",
    "harmless": "Harmless: they change nothing of what is measured",
    "refused": "Refused: they change what is measured, and a scenario cannot say it",
}


def as_data(found: ImportedJobs) -> dict[str, Any]:
    """All of it, for JSON."""
    return {
        "jobs": [
            {
                "name": job.name,
                "line": job.line,
                "written": job.scenario is not None,
                "obstacles": list(job.obstacles),
                "scenario": _scenario(job),
                "options": [asdict(fate) for fate in job.fates],
            }
            for job in found.jobs
        ],
        "notes": list(found.notes),
        "unused": [asdict(fate) for fate in found.unused],
    }


def _scenario(job: ImportedJob) -> dict[str, Any] | None:
    if job.scenario is None:
        return None
    return {
        "title": job.scenario.title,
        "today": job.scenario.today,
        "parameters": dict(job.scenario.settings),
        "notes": list(job.scenario.notes),
    }


def shown(found: ImportedJobs) -> Iterator[RenderableType]:
    """The options by what became of them, then the jobs."""
    for becomes, heading in _HEADINGS.items():
        rows = _rows(found, becomes)
        if rows:
            yield safe(heading, "bold")
            yield _table(rows)
    yield safe("Jobs", "bold")
    yield _table({job.name: [_outcome(job)] for job in found.jobs})
    for note in found.notes:
        yield safe(f"note: {note}")
    if found.scenarios and would_help(found):
        yield safe("--partly also writes what a scenario can say only in part.")


def would_help(found: ImportedJobs) -> bool:
    """Whether `--partly` would write a job that is not written."""
    return any(
        job.scenario is None
        and any(fate.becomes == "refused" for fate in job.fates)
        and all(fate.instead for fate in job.fates if fate.becomes == "refused")
        for job in found.jobs
    )


def _rows(found: ImportedJobs, becomes: str) -> dict[str, list[str]]:
    """By option what is said of it, with the jobs where it differs between them; of the harmless
    ones by reason, since many have one."""
    said: dict[str, dict[str, list[str]]] = {}
    having: dict[str, set[str]] = {}
    for name, fates in [*((job.name, job.fates) for job in found.jobs), ("", found.unused)]:
        for fate in fates:
            having.setdefault(fate.option, set()).add(name)
            if fate.becomes == becomes:
                jobs = said.setdefault(fate.option, {}).setdefault(_text(fate), [])
                jobs += [name] if name not in jobs else []
    rows: dict[str, list[str]] = {}
    for option, texts in said.items():
        lines = [
            text if len(jobs) == len(having[option]) else f"{', '.join(jobs)}: {text}"
            for text, jobs in texts.items()
        ]
        rows[option] = lines
    return _by_reason(rows) if becomes == "harmless" else rows


def _by_reason(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for option, lines in rows.items():
        for line in lines:
            options.setdefault(line, []).append(option)
    by_options: dict[str, list[str]] = {}
    for line, names in options.items():
        by_options.setdefault(", ".join(names), []).append(line)
    return by_options


def _text(fate: Fate) -> str:
    if fate.becomes != "refused":
        return fate.text
    instead = f" (--partly: {fate.instead})" if fate.instead else ""
    return f"{fate.place}: {fate.text}{instead}"


def _outcome(job: ImportedJob) -> str:
    if job.scenario is None:
        return f"not written: {'; '.join(job.obstacles)}"
    notes = len(job.scenario.notes)
    more = f" ({counted(notes, 'note')} in the file)" if notes else ""
    return f"written: {job.scenario.title}{more}"


def _table(rows: dict[str, list[str]]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(max_width=24, overflow="fold")
    table.add_column(overflow="fold")
    for term, lines in rows.items():
        table.add_row(safe("  " + term), Text("\n").join(map(safe, lines)))
    return table
