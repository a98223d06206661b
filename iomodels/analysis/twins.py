"""Python's models beside their twins in C: what each costs, and how many times more that is.

The twin makes the same calls (`PythonEngine.twin`), on the same channel and in the same rounds. So
what differs is the interpreter, and what the model needs of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from iomodels.analysis.cells import PointCells, changes, grouped, label, points_to_show
from iomodels.analysis.quantities import CPU, THROUGHPUT
from iomodels.analysis.quantity_definition import has_deadline
from iomodels.engines.kinds.twins import twin_of
from iomodels.results.schema import Cell, Run
from iomodels.statistics.rounds import Ratio, paired_ratio

TITLE = "Python's models beside the same models in C"
SHOWN = (THROUGHPUT, CPU)
"""The quantities that both are shown by."""
IN_SHORT = f"In short: {' and '.join(quantity.title for quantity in SHOWN)}, medians."
SLOWER, MORE_CPU = "times slower", "times the CPU"
HOW = "Below each engine in C: those of Python that make the same calls."
MEANINGS = {
    SLOWER: "throughput of the engine in C, divided by that of the one in Python, round by round",
    MORE_CPU: "CPU per operation in Python, divided by that in C, round by round",
}


@dataclass(frozen=True)
class TwinRow:
    """A cell of the table: an engine in C, or one in Python with its ratios to that in C.

    The ratios are None of an engine in C, and where there is no pair of rounds.
    """

    cell: Cell
    twin: Cell | None
    slower: Ratio | None = None
    more_cpu: Ratio | None = None

    @property
    def is_twin(self) -> bool:
        """Whether it is the engine in C that those below it are compared with."""
        return self.twin is None

    @property
    def missing(self) -> str:
        """Why there are no numbers; "" where there are."""
        if self.cell.trials and self.cell.summary is not None:
            return ""
        return f"{self.cell.status}: {self.cell.reason or 'no reason recorded'}"


@dataclass(frozen=True)
class TwinWork:
    """One kind of work: each engine in C, followed by those in Python that it is the twin of."""

    name: str
    """The scenario, with what sets its point apart: `tcp-server, descriptors 16`."""
    rows: tuple[TwinRow, ...]


def twins(run: Run) -> list[TwinWork]:
    """The works of a run that were measured both in Python and in C; none for most runs.

    What is under a deadline is left out: there only quick requests are left.
    """
    found = []
    for name, points in grouped(run.cells).items():
        for point in points_to_show(name, points):
            rows = tuple(_rows(point.cells))
            if rows:
                found.append(TwinWork(_name(run, name, point), rows))
    return found


@dataclass(frozen=True)
class PythonOverview:
    """All of it in one small table: a row for each engine, a column for each kind of work."""

    works: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    """By engine, those in C first; for each work the medians, "" where it was not measured."""


def overview(works: Sequence[TwinWork]) -> PythonOverview:
    """The works of a run in one table."""
    by_work = [{row.cell.engine: row.cell for row in work.rows} for work in works]
    in_c = {row.cell.engine: row.is_twin for work in works for row in work.rows}
    # Sorting keeps the order in which they stand in the run.
    engines = sorted(in_c, key=lambda engine: not in_c[engine])
    return PythonOverview(
        works=tuple(work.name for work in works),
        rows=tuple(
            (engine, tuple(_in_short(cells.get(engine)) for cells in by_work)) for engine in engines
        ),
    )


def _in_short(cell: Cell | None) -> str:
    """The medians of the quantities that both are shown by."""
    if cell is None:
        return ""
    found = [(quantity.unit, quantity.interval(cell)) for quantity in SHOWN]
    return ", ".join(unit.short(x.median) for unit, x in found if x) or cell.status


def _name(run: Run, scenario: str, point: PointCells) -> str:
    apart = label(point), changes(run, scenario, but=point.varying)
    return ", ".join([scenario, *(text for text in apart if text)])


def _rows(cells: Sequence[Cell]) -> Iterator[TwinRow]:
    in_c = {cell.engine: cell for cell in cells if cell.trials and not has_deadline(cell)}
    by_twin: dict[str, list[Cell]] = {}
    for cell in cells:
        on_files = cell.parameters.get("channel.kind") == "file"
        twin = None if cell.is_harness else twin_of(cell.engine, on_files=on_files)
        if twin in in_c and not in_c[twin].is_harness:
            by_twin.setdefault(twin, []).append(cell)
    for name, models in by_twin.items():
        twin_cell = in_c[name]
        yield TwinRow(twin_cell, None)
        for cell in models:
            yield TwinRow(
                cell,
                twin_cell,
                slower=paired_ratio(twin_cell.trials, cell.trials, THROUGHPUT.of_trial),
                more_cpu=paired_ratio(cell.trials, twin_cell.trials, CPU.of_trial),
            )


def origin(run: Run) -> str:
    """On what it was measured, for whoever quotes the table: `AMD EPYC, Linux 6.1, Python 3.12`."""
    known = {key: run.environment.get(key) for key in ("cpu", "cores_online", "kernel", "python")}
    named = {"cpu": "{}", "cores_online": "{} CPUs", "kernel": "Linux {}", "python": "Python {}"}
    return ", ".join(named[key].format(value) for key, value in known.items() if value)
