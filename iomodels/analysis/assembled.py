"""A run put together from its trials, and the reading of result files, finished or not."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from iomodels.base.errors import ResultError
from iomodels.base.units import counted
from iomodels.results import partial, read
from iomodels.results.partial import KeptLine
from iomodels.results.schema import Cell, Notice, Run, Status, Trial
from iomodels.statistics.summary import summarise

PARTIAL_FILE = "partial-file"
"""The code of the notice that a run comes from a file of trials that never became a result."""
_MAX_ROUNDS = 1_000_000


def load(path: str | os.PathLike[str]) -> Run:
    """Read a result file, or the PATH.partial of a run that did not end, with a notice of that.

    Raises `ResultError` for whatever is neither, with a remedy.
    """
    data = read.read_bytes(Path(path))
    if not partial.is_partial(data):
        return _summarised(read.decode(data, path, read.RUN), path)
    run = with_lines(*partial.read(data, path))
    if not any(cell.trials for cell in run.cells):
        raise ResultError(f"{path} has no trial yet: measure again, or wait for the run's end")
    trials = sum(len(cell.trials) for cell in run.cells)
    message = (
        f"{Path(path).name} holds the {counted(trials, 'trial')} of a run that did not end: "
        "iomodels bench --resume continues it"
    )
    return replace(assembled(run), warnings=[*run.warnings, Notice(PARTIAL_FILE, message)])


def _summarised(run: Run, path: str | os.PathLike[str]) -> Run:
    """With the summaries that a small file leaves out."""
    cells = [
        replace(cell, summary=summarise(cell.trials)) if cell.summary is None else cell
        for cell in run.cells
    ]
    without = [c for c in cells if c.status == "ok" and c.summary is None]
    if without:
        raise ResultError(
            f"{path} is not a sound iomodels result ({without[0].scenario}, {without[0].engine}: "
            "it is ok, and no trial has an operation): use another file"
        )
    return replace(run, cells=cells)


def with_lines(run: Run, lines: Sequence[KeptLine]) -> Run:
    """`run`, whose cells have no trials, with what became known of them."""
    trials: list[dict[int, Trial]] = [{} for _ in run.cells]
    ends: dict[int, tuple[Status, str | None]] = {}
    for line in lines:
        if line.trial is not None:
            trials[line.cell][line.trial.round] = line.trial
        if line.status is not None:
            ends[line.cell] = line.status, line.reason
    cells = []
    for index, (cell, found) in enumerate(zip(run.cells, trials, strict=True)):
        status, reason = ends.get(index, (cell.status, cell.reason))
        cells.append(replace(cell, trials=list(found.values()), status=status, reason=reason))
    return replace(run, cells=cells)


def kept_lines(run: Run) -> list[KeptLine]:
    """What is known of the run's cells, as PATH.partial has it."""
    lines = []
    for index, cell in enumerate(run.cells):
        lines += [KeptLine(index, trial) for trial in cell.trials]
        if cell.status in ("n/a", "failed"):
            lines.append(KeptLine(index, None, cell.status, cell.reason))
    return lines


def assembled(run: Run) -> Run:
    """The run with what follows from its cells' trials: the harness's cost, status and summary.

    A cell that is n/a or failed stays that, and so does one with a reason of its own. Raises
    `ResultError` where the number of rounds that were to be measured makes no sense.
    """
    rounds = run.settings.get("rounds")
    if not isinstance(rounds, int) or not 0 < rounds <= _MAX_ROUNDS:
        raise ResultError(f"its setting rounds is {rounds!r}, which is no number of rounds")
    harness = _harness_ns_per_op(run.cells)
    return replace(run, cells=[_cell(cell, rounds, harness) for cell in run.cells])


_Harness = Mapping[tuple[str, str, int], float]


def _harness_ns_per_op(cells: Sequence[Cell]) -> _Harness:
    """What the loop itself cost, by scenario, language and round: from the null engines' cells."""
    return {
        (cell.scenario, cell.language, trial.round): 1e9 / trial.throughput_ops
        for cell in cells
        if cell.is_harness
        for trial in cell.trials
        if trial.throughput_ops > 0
    }


def _cell(cell: Cell, rounds: int, harness: _Harness) -> Cell:
    kind = cell.scenario, cell.language
    own = [cost for (*of, _), cost in harness.items() if tuple(of) == kind]
    of_all = median(own) if own else None
    trials = [
        # The harness has no further rounds: there it is what it was in the others.
        replace(
            trial,
            harness_ns_per_op=harness.get(
                (*kind, trial.round), of_all if trial.round >= rounds else None
            ),
        )
        for trial in sorted(cell.trials, key=lambda trial: trial.round)
    ]
    status, reason = cell.status, cell.reason
    if reason is None:
        status, reason = "ok", None
        if len(trials) < rounds:
            reason = f"interrupted after {len(trials)} of {counted(rounds, 'round')}"
            status = "partial"
    return replace(cell, trials=trials, status=status, reason=reason, summary=summarise(trials))
