"""`iomodels import --crosscheck`: a job file with fio and with iomodels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from iomodels.base.errors import NothingMeasured

from ..show import console

if TYPE_CHECKING:
    from .source import Source


def run(source: Source, *, partly: bool, budget_s: float | None, as_json: bool) -> None:
    """Measure and show. Raises `NothingMeasured` where no job could be."""
    import msgspec

    from iomodels.crosscheck.measuring import crosscheck

    from .crosschecked import shown
    from .jobs import jobs_of

    if source.format == "log":
        raise click.UsageError("--crosscheck is for job files, and FILE is a log of strace")
    found = crosscheck(
        jobs_of(source, partly=partly).jobs,
        budget_s=budget_s,
        progress=lambda what: console.messages().print(console.safe(what, "dim")),
    )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        for part in shown(found):
            console.out().print(part)
    if all(job.skipped for job in found.jobs):
        raise NothingMeasured("no job could be measured with both")
