"""What a crosscheck found, as a table for each job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from iomodels.analysis.quantities import named
from iomodels.base.units import counted, listed

from ..show.console import safe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from iomodels.analysis.quantity_definition import Unit
    from iomodels.crosscheck.document import CheckedJob, Compared, Crosscheck
    from iomodels.results.schema import Interval


def shown(found: Crosscheck) -> Iterator[RenderableType]:
    """One job after the other: both numbers with their intervals, and why they differ."""
    for job in found.jobs:
        yield safe("")
        if job.skipped:
            yield safe(f"{job.name}: not measured: {job.skipped}")
        else:
            yield from _measured(job, found.fio_version)


def _measured(job: CheckedJob, version: str) -> Iterator[RenderableType]:
    rounds = counted(job.rounds, "round")
    yield safe(f"{job.name}: {version} {job.ioengine} and iomodels {job.engine}, {rounds}", "bold")
    yield _table(job)
    differing = [named(c.quantity).title for c in job.compared if c.differs]
    if not differing:
        yield safe("No difference is shown: in each line the intervals overlap.")
    else:
        yield safe(f"They differ by more than their intervals in {listed(differing)}.")
    for reason in job.reasons:
        about = listed([named(key).title for key in reason.quantities])
        yield safe(f"  {about}: {reason.sentence}.")
    if job.unexplained:
        names = listed([named(key).title for key in job.unexplained])
        yield safe(f"  {names}: no reason was found.")
    for note in job.notes:
        yield safe(f"note: {note}", "dim")


def _table(job: CheckedJob) -> RenderableType:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for justify in ("left", "right", "right", "right", "left"):
        table.add_column(justify=justify)
    table.add_row("", safe("fio"), safe("iomodels"), safe("ratio"), "")
    for one in job.compared:
        unit = named(one.quantity).unit
        ratio = f"{one.ours.median / one.fio.median:.2f}" if one.fio.median else "n/a"
        table.add_row(
            safe(named(one.quantity).title),
            safe(_number(one.fio, unit)),
            safe(_number(one.ours, unit)),
            safe(ratio),
            safe(_mark(one)),
        )
    return table


def _mark(one: Compared) -> str:
    return "differs" if one.differs else "overlaps"


def _number(interval: Interval, unit: Unit) -> str:
    low, high = unit.short(interval.low), unit.short(interval.high)
    return f"{unit.short(interval.median)} ({low}–{high})"
