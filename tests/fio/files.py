"""The job files of `tests/data/fio`: valid ones, which fio takes, and broken ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from iomodels.fio.importing import ImportedJobs, import_jobs
from iomodels.fio.reading import JobSection

FOLDER = Path(__file__).parents[1] / "data" / "fio"
VALID = sorted((FOLDER / "valid").glob("*.fio"))
BROKEN = sorted((FOLDER / "broken").glob("*.fio"))
MEMORY = 8 << 30


def imported(path: Path, *, partly: bool = False) -> ImportedJobs:
    """What becomes of a file, on a machine with 8 GiB."""
    return import_jobs(
        path.read_bytes(), path.name, folder=path.parent, partly=partly, memory_bytes=MEMORY
    )


def imported_text(text: str, *, partly: bool = False) -> ImportedJobs:
    """What becomes of this text."""
    return import_jobs(text.encode(), "job.fio", partly=partly, memory_bytes=MEMORY)


def settings(text: str, *, partly: bool = False) -> dict[str, object]:
    """Of the one job in this text."""
    (scenario,) = imported_text(text, partly=partly).scenarios
    return {**scenario.settings, "today": scenario.today}


def assert_each_option_has_one_fate(sections: Sequence[JobSection], found: ImportedJobs) -> None:
    """In each job that has it, and once if no job is below its section."""
    above: list[tuple[str, str]] = []
    unused: list[tuple[str, str]] = []
    jobs = iter(found.jobs)
    for section in sections:
        own = [(line.option, line.place) for line in section.lines]
        if section.is_global:
            above += own
            unused += own
            continue
        unused = []
        job = next(jobs)
        said = [(fate.option, fate.place) for fate in job.fates if not fate.by_default]
        assert Counter(said) == Counter([*above, *own])
        assert (job.scenario is None) == bool(job.obstacles)
    assert next(jobs, None) is None
    assert [fate.place for fate in found.unused] == [place for _, place in unused]
