"""Which cells of a run an export takes, and what it calls them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iomodels.analysis.cells import grouped, label
from iomodels.base.escape import visible
from iomodels.results.schema import Cell, Run, Summary

MAX_NAME = 200
"""Characters of a name; services cut or refuse longer ones (Bencher at 1024)."""


@dataclass(frozen=True)
class NamedCell:
    """A cell. `point` tells it from others of its scenario ("depth 4"); `name` is unique."""

    cell: Cell
    point: str
    name: str


@dataclass(frozen=True)
class Measured:
    """A cell that has numbers."""

    name: str
    cell: Cell
    summary: Summary


def named(run: Run) -> list[NamedCell]:
    """All cells, each with a name of its own: `slow-device/depth 4/aio`."""
    found: list[NamedCell] = []
    taken: set[str] = set()
    for scenario, points in grouped(run.cells).items():
        for point in points:
            text = label(point)
            for cell in point.cells:
                parts = (scenario, text, cell.engine) if text else (scenario, cell.engine)
                name = unique(visible("/".join(parts)).strip()[:MAX_NAME], taken)
                found.append(NamedCell(cell, visible(text), name))
    return found


def measured(run: Run) -> Iterator[Measured]:
    """The cells that a dashboard follows: with numbers, sound, and of an engine that does I/O."""
    for each in named(run):
        summary = each.cell.summary
        sound = each.cell.status in ("ok", "partial") and not each.cell.is_harness
        if sound and summary is not None:
            yield Measured(each.name, each.cell, summary)


def unique(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken: names meet only where they were cut, or in a file
    or a comparison that repeats a cell."""
    tried, number = name, 1
    while tried in taken:
        number += 1
        tried = f"{name} #{number}"
    taken.add(tried)
    return tried
