"""Which cells of two runs belong together. (In what the runs differ: `machines/differing.py`.)

A cell is its scenario, its parameters and its engine. Parameters are completed with today's
defaults first, so that a key which an older version did not know cannot tear a pair apart.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

import msgspec

from iomodels.analysis.cells import grouped, label, show
from iomodels.base.errors import IomodelsError
from iomodels.comparison.machines.differing import (
    differences,
    incomparable,
    other_file_system,
    settings_notices,
    telling_differences,
    unknown_file_system,
)
from iomodels.engines import spec
from iomodels.results.schema import Cell, Notice, Parameter, Run
from iomodels.workload.point import point_from_parameters

__all__ = [
    "NO_COMMON_CELL",
    "Key",
    "cells_by_key",
    "differences",
    "incomparable",
    "key_of",
    "labels",
    "nothing_in_common",
    "other_file_system",
    "settings_notices",
    "telling_differences",
    "unknown_file_system",
]

Key = tuple[str, frozenset[tuple[str, Parameter]], str]
"""Scenario, parameters, canonical engine."""

NO_COMMON_CELL = "no-common-cell"
"""The code of the notice that no cell is in both results."""


def cells_by_key(run: Run) -> dict[Key, Cell]:
    """The run's cells that say something of an engine, in its order; of equal ones the first."""
    cells: dict[Key, Cell] = {}
    for cell in run.cells:
        if not cell.is_harness:  # what the harness costs, which is no I/O model
            cells.setdefault(key_of(cell), cell)
    return cells


def key_of(cell: Cell) -> Key:
    """What names the cell in every run, whoever wrote it."""
    return cell.scenario, frozenset(_complete(cell).items()), canonical_engine(cell.engine)


def _complete(cell: Cell) -> Mapping[str, Parameter]:
    try:
        return point_from_parameters(cell.scenario, cell.parameters).parameters
    except IomodelsError:  # of another version, or a stranger's: compared as it stands
        return cell.parameters


def canonical_engine(engine: str) -> str:
    """As this version writes the engine; one that it does not know, as it stands."""
    try:
        return spec.parse(engine).canonical
    except IomodelsError:
        return engine


def labels(cells: Mapping[Key, Cell]) -> dict[Key, str]:
    """What tells each cell's point from the others of its scenario: `depth 4, block 4 KiB`."""
    complete = [
        msgspec.structs.replace(cell, parameters=dict(sorted(key[1])), engine=key[2])
        for key, cell in cells.items()
    ]
    return {
        key_of(cell): label(point)
        for points in grouped(complete).values()
        for point in points
        for cell in point.cells
    }


def nothing_in_common(base: Run, new: Run, base_name: str, new_name: str) -> Notice | None:
    """Why not even one cell of two results can be compared, and what can; None where one can."""
    sides = [list(cells_by_key(run)) for run in (base, new)]
    if not all(sides) or set(sides[0]) & set(sides[1]):
        return None
    told, before, now = [], [], []
    for name, a, b in _apart(*sides):
        told.append(
            f"{name} is {' and '.join(a)} in {base_name} and {' and '.join(b)} in {new_name}"
        )
        if name != "scenario" and len(a) == len(b) == 1:
            before.append(f"--a {shlex.quote(f'{name}={a[0]}')}")
            now.append(f"--b {shlex.quote(f'{name}={b[0]}')}")
    message = f"the results have no cell in common: {'; '.join(told) or 'no two cells agree'}"
    if told and len(before) == len(told):
        command = " ".join(["iomodels check", sides[0][0][0], *before, *now])
        return Notice(NO_COMMON_CELL, f"{message}. To compare settings: {command}")
    return Notice(NO_COMMON_CELL, f"{message}; only cells of one scenario can be compared")


def _apart(base: list[Key], new: list[Key]) -> Iterator[tuple[str, list[str], list[str]]]:
    """What no cell of one side shares with any of the other: its name, and the values there."""
    columns = [[_columns(key) for key in side] for side in (base, new)]
    for name in columns[0][0]:
        a, b = (list(dict.fromkeys(c[name] for c in side if name in c)) for side in columns)
        if a and b and not set(a) & set(b):
            yield name, a, b
            if name in ("scenario", "channel.kind"):
                return  # what else is different follows from it


def _columns(key: Key) -> dict[str, str]:
    scenario, parameters, engine = key
    known = {name: show(name, value) for name, value in sorted(parameters)}
    return {"scenario": scenario, "engine": engine, **known}
