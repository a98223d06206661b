"""Some cells of a baseline: one suspect is checked again without all the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from iomodels.base.errors import NothingMeasured, UsageError
from iomodels.base.toml import did_you_mean, printable
from iomodels.base.units import listed
from iomodels.check.history.baseline import Baseline
from iomodels.comparison.matching import canonical_engine
from iomodels.engines.spec import parse_list, split_list
from iomodels.results.schema import Cell, Run

MOST_NAMES = 8


def chosen(baseline: Baseline, scenarios: Sequence[str], engines: Sequence[str]) -> Baseline:
    """The baseline with the cells of these scenarios and engines only; none named is all of them.

    A scenario is named as `bench` takes it, be it the path of its file. Raises `UsageError` for one
    that no run has, and for engines that none has there, `EngineError` for what is no engine, and
    `NothingMeasured` where the runs have no cell but the harness's.
    """
    cells = [cell for run in baseline.runs for cell in run.cells if not cell.is_harness]
    if not cells:
        raise NothingMeasured(
            f"{baseline.name} has no cell of an I/O model: record another (iomodels bench)"
        )
    names = [_known(name, {cell.scenario for cell in cells}) for name in scenarios]
    cells = [cell for cell in cells if not names or cell.scenario in names]
    wanted = _engines(engines, cells, names) if engines else None

    def kept(cell: Cell) -> bool:
        if cell.is_harness or (names and cell.scenario not in names):
            return False
        return wanted is None or canonical_engine(cell.engine) in wanted

    def cut(run: Run) -> Run:
        return msgspec.structs.replace(run, cells=[cell for cell in run.cells if kept(cell)])

    # An older run without any of them stays: it may be what says that something changed.
    return replace(
        baseline,
        runs=tuple(run for run in map(cut, baseline.runs) if run.cells),
        older=tuple(map(cut, baseline.older)),
    )


def _known(name: str, scenarios: Iterable[str]) -> str:
    found = sorted(scenarios)
    scenario = Path(name).stem if name.endswith(".toml") else name
    if scenario in found:
        return scenario
    raise UsageError(
        f"'{printable(name)}' is no file, and no scenario of the baseline"
        f"{did_you_mean(scenario, found)}: it has {_some(found)}"
    )


def _engines(texts: Sequence[str], cells: Sequence[Cell], names: Sequence[str]) -> set[str]:
    """The engines asked for, canonical; of a group, those that there are."""
    there = sorted({canonical_engine(cell.engine) for cell in cells})
    where = f"{listed(names)} in the baseline" if names else "the baseline"
    for text in split_list(texts):
        asked = {spec.canonical for spec in parse_list([text])}
        if not asked & set(there):
            raise UsageError(
                f"-e {printable(text)}: {where} has no such cell{did_you_mean(text, there)}: it "
                f"has {_some(there)}"
            )
    return {spec.canonical for spec in parse_list(texts)}


def _some(names: Sequence[str]) -> str:
    shown = [printable(name) for name in names[:MOST_NAMES]]
    more = len(names) - len(shown)
    return listed([*shown, *([f"{more} more"] if more else [])])
