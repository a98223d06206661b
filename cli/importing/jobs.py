"""Importing a job file of fio."""

from __future__ import annotations

from iomodels.base.system import memory_bytes
from iomodels.fio.importing import ImportedJobs, import_jobs
from iomodels.fio.reading import MAX_BYTES

from . import fates
from .imported import SCHEMA, Imported
from .source import Source


def of_job_file(source: Source, *, partly: bool) -> Imported:
    """Its jobs as scenarios. Raises `JobFileError`."""
    found = jobs_of(source, partly=partly)
    return Imported(
        scenarios=found.scenarios,
        title="The jobs of a job file",
        notes=found.notes,
        shown=fates.shown(found),
        data={"schema": SCHEMA, "format": source.format, **fates.as_data(found)},
        why_nothing=_why_nothing(found, source.where),
    )


def jobs_of(source: Source, *, partly: bool) -> ImportedJobs:
    """The jobs, for this machine. Raises `JobFileError`."""
    return import_jobs(
        source.read(MAX_BYTES),
        source.where,
        folder=source.folder,
        partly=partly,
        memory_bytes=memory_bytes(),
    )


def _why_nothing(found: ImportedJobs, where: str) -> str:
    remedy = (
        "--partly writes what a scenario can say of it"
        if fates.would_help(found)
        else "`iomodels import` makes no scenario of such a job"
    )
    return f"{where}: no job of it can be written: {remedy}"
