"""Sorts a run's cells by scenario and point, and gives each point a short name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from iomodels.base.errors import IomodelsError
from iomodels.base.units import counted, format_duration, listed
from iomodels.results.schema import Cell, Parameter, Run
from iomodels.workload import scenario
from iomodels.workload.block import block_of
from iomodels.workload.key import all_keys

MOST_VALUES = 6
"""So many of one key are listed in a heading."""


@dataclass(frozen=True)
class PointCells:
    """The cells of one scenario point, in the run's order. `varying`: what sets it apart."""

    cells: tuple[Cell, ...]
    varying: dict[str, Parameter]


def grouped(cells: Iterable[Cell]) -> dict[str, list[PointCells]]:
    """The points of each scenario, both in the order in which the run has them."""
    found: dict[str, dict[frozenset[tuple[str, Parameter]], list[Cell]]] = {}
    for cell in cells:
        points = found.setdefault(cell.scenario, {})
        points.setdefault(frozenset(cell.parameters.items()), []).append(cell)
    return {name: _points(list(points.values())) for name, points in found.items()}


def points_to_show(name: str, points: list[PointCells]) -> list[PointCells]:
    """The points of scenario `name` for people to read: a lone one is one of several, too, if the
    scenario is a shipped one that sweeps, and then has what sets it apart from those."""
    known = _shipped(name)
    if len(points) != 1 or known is None:
        return points
    (point,) = points
    found = {key: point.cells[0].parameters.get(key) for key in known.sweep}
    return [
        PointCells(point.cells, {key: value for key, value in found.items() if value is not None})
    ]


def constants(points: list[PointCells]) -> str:
    """What all points share, as `channel timer, batch 16`; defaults are left out."""
    shared = points[0].cells[0].parameters if points else {}
    return ", ".join(
        f"{in_words(key)} {show(key, value)}"
        for key, value in shared.items()
        if not any(key in point.varying for point in points) and not _is_default(key, value)
    )


def title(name: str, *runs: Run) -> str:
    """What scenario `name` is called for people: as a run has it, a shipped one's title, else its
    name in words."""
    known = next((run.titles[name] for run in runs if run.titles.get(name)), "")
    if not known and (own := _shipped(name)):
        known = own.title
    words = known or name.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def changes(run: Run, name: str, *, but: Iterable[str] = ()) -> str:
    """In what the scenario was not as its file says: `block 16 KiB, depth 1 and 8`.

    Without the keys in `but`, and without those of which there are too many values.
    """
    cells = [cell.parameters for cell in run.cells if cell.scenario == name]
    changed = tuple(f"{key}." for key in run.changed.get(name, []))
    texts = []
    for key in dict.fromkeys(key for parameters in cells for key in parameters):
        if key in but or not f"{key}.".startswith(changed):
            continue
        values = dict.fromkeys(parameters[key] for parameters in cells if key in parameters)
        if len(values) <= MOST_VALUES:
            of_key = listed([show(key, value) for value in values])
            texts.append(f"{in_words(key)} {of_key}")
    return ", ".join(texts)


def measured_part(name: str, points: list[PointCells]) -> str:
    """Which part of a shipped scenario's sweep these points are, as `depth 16 only`.

    Nothing where they are all of it, or where the scenario is not known here.
    """
    known = _shipped(name)
    parts = []
    for key, values in known.sweep.items() if known else ():
        all_found = [p.cells[0].parameters.get(key) for p in points]
        found = [value for value in dict.fromkeys(all_found) if value is not None]
        if found and set(values) - set(found) and None not in all_found:
            name_of_key, shown = in_words(key), [show(key, v) for v in found]
            few = len(found) <= 2
            of_all = f"{len(found)} of {len(values)} values of {name_of_key}"
            parts.append(f"{name_of_key} {' and '.join(shown)}" if few else of_all)
    return f"{', '.join(parts)} only" if parts else ""


def _shipped(name: str) -> scenario.Scenario | None:
    """The shipped scenario of that name; None where there is none, or it cannot be read."""
    try:
        return scenario.load(name) if name in scenario.shipped() else None
    except (IomodelsError, OSError):
        return None


def label(point: PointCells) -> str:
    """What sets the point apart from the scenario's others: `depth 4, block 4 KiB`."""
    return ", ".join(f"{in_words(key)} {show(key, value)}" for key, value in point.varying.items())


def in_words(key: str) -> str:
    """A key as it is named for people: `read share` for `load.read_share`."""
    table, _, name = key.partition(".")
    words = table if name == "kind" else name or table
    return words.replace(".", " ").replace("_", " ")


def show(key: str, value: Parameter) -> str:
    """A parameter for people: with its unit where the key is known, as it is elsewhere."""
    known = all_keys().get(key)
    try:
        return known.show(value) if known else str(value)
    except IomodelsError:  # a foreign file may hold what no scenario could
        return str(value)


def _is_default(key: str, value: Parameter) -> bool:
    known = all_keys().get(key)
    return known is not None and known.default == value


def _points(points: list[list[Cell]]) -> list[PointCells]:
    all_parameters = [cells[0].parameters for cells in points]
    keys = dict.fromkeys(key for parameters in all_parameters for key in parameters)
    varying = [key for key in keys if len({p.get(key) for p in all_parameters}) > 1]
    return [
        PointCells(
            tuple(cells), {k: cells[0].parameters[k] for k in varying if k in cells[0].parameters}
        )
        for cells in points
    ]


def rounds_of(run: Run) -> int:
    """In how many rounds the cell was measured that was in most of them."""
    return max((len(cell.trials) for cell in run.cells), default=0)


def rounds_in_words(run: Run) -> str:
    """`7 rounds`, or `7 to 60 rounds` where some cells had further ones."""
    models = [cell for cell in run.cells if not cell.is_harness] or run.cells
    whole = [len(cell.trials) for cell in models if cell.status == "ok" and cell.trials]
    most = rounds_of(run)
    fewest = min(whole, default=most)
    return counted(most, "round") if fewest == most else f"{fewest} to {most} rounds"


def has_measurements(run: Run) -> bool:
    """Whether any engine has a trial. The harness counts where nothing else was asked for: beside
    engines that measured nothing it answers nothing."""
    only_harness = all(cell.is_harness for cell in run.cells)
    return any(cell.trials for cell in run.cells if only_harness or not cell.is_harness)


def reads_of_all(cell: Cell) -> int | None:
    """How many reads a cold file has, where the cell's trials made all of them and so ended before
    their time; None elsewhere."""
    parameters = cell.parameters
    size, block = parameters.get("channel.size"), parameters.get("load.block")
    depth = parameters.get("load.depth", 1)
    if parameters.get("channel.cache") != "cold" or not cell.trials:
        return None
    if not (isinstance(size, int) and isinstance(depth, int)):
        return None
    if isinstance(block, str):
        return _reads_of_sizes(cell, block, size, depth)
    if not isinstance(block, int):
        return None
    reads = size // max(1, block)
    made = median(trial.operations for trial in cell.trials)
    return reads if made >= max(1, reads - depth) else None  # the last ones can end too late


def _reads_of_sizes(cell: Cell, text: str, size: int, depth: int) -> int | None:
    """As `reads_of_all`, for a block of several sizes. At random each read has its own part of the
    file, as long as the largest; in order, the file ends where the next one does not fit."""
    try:
        largest = block_of(text).largest
    except IomodelsError:  # from a foreign file
        return None
    made = round(median(trial.operations for trial in cell.trials))
    if cell.parameters.get("load.pattern") == "random":
        reads = size // largest
        return reads if made >= max(1, reads - depth) else None
    read = median(t.throughput_bytes * t.duration_ns / 1e9 for t in cell.trials)
    return made if read >= size - (depth + 1) * largest else None


def took(cells: Iterable[Cell]) -> str:
    """How long the trials of these cells measured: `82.4 ms`, or `82.4 ms to 120 ms`."""
    times = [median(trial.duration_ns for trial in cell.trials) for cell in cells if cell.trials]
    ends = dict.fromkeys(format_duration(end) for end in (min(times), max(times)))
    return " to ".join(ends)


def trial_times(run: Run, asked: str, scenario: str = "") -> str:
    """How long the trials of the run, or of one scenario, measured: `asked`, what they were given,
    and what they took instead where they ended before that."""
    cells = [cell for cell in run.cells if cell.trials and not cell.is_harness]
    cells = [cell for cell in cells if scenario in ("", cell.scenario)]
    early = [cell for cell in cells if reads_of_all(cell) is not None]
    if not early:
        return asked
    if len(early) == len(cells):
        return took(early)
    names = ", ".join(dict.fromkeys(cell.scenario for cell in early))
    return f"{asked} ({names}: {took(early)})"


def harness_ns_per_op(cell: Cell) -> float | None:
    """What the measured loop costs, by the harness's own cell; None where it has no numbers."""
    if cell.summary is None:
        return None
    rate = cell.summary.throughput_ops.median
    return 1e9 / rate if rate > 0 else None


def harness_in_words(cells: Iterable[Cell]) -> str:
    """What it costs by the harness's cells among these: `47 ns per operation`, or where there are
    engines in Python `47 ns per operation in C, 90 ns in Python`; "" where none has numbers."""
    costs: dict[str, str] = {}
    for cell in cells:
        cost_ns = harness_ns_per_op(cell) if cell.is_harness else None
        if cost_ns is not None:
            costs.setdefault(cell.language, format_duration(cost_ns))
    if set(costs) <= {"C"}:
        return "".join(f"{cost} per operation" for cost in costs.values())
    (language, first), *others = costs.items()
    return ", ".join(
        [f"{first} per operation in {language}", *(f"{cost} in {other}" for other, cost in others)]
    )
