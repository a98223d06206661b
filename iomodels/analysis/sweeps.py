"""How a sweep's engines change from its first value to its last, in plain sentences.

What such a sweep is about is data (`ABOUT`, by the key that is swept), so that a scenario of the
user's own has its sentences, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iomodels.analysis.cells import PointCells, show
from iomodels.analysis.differences import (
    BYTES,
    CPU,
    LATENCY,
    THROUGHPUT,
    ComparedQuantity,
    Verdict,
    described,
    verdicts_between,
)
from iomodels.analysis.findings import MOST_LINES, by_quantity, is_degenerate
from iomodels.analysis.quantity_definition import has_deadline
from iomodels.results.schema import Cell, Parameter

ABOUT: Mapping[str, Sequence[ComparedQuantity]] = {
    "load.depth": (THROUGHPUT, CPU),
    "load.descriptors": (LATENCY, CPU),
    "load.batch": (CPU, THROUGHPUT),
    "load.block": (BYTES, CPU),
    "load.rate": (LATENCY,),
    "load.compute": (),  # overlap, which each point has
}
"""What is expected to change with a key: what it is swept for, then the price."""
OTHERWISE: Sequence[ComparedQuantity] = (THROUGHPUT, LATENCY, CPU)


def sentences(points: Sequence[PointCells]) -> list[str]:
    """A sentence for each engine that ran at two values or more, the last against the first.

    None where several keys are swept together, since then no two points differ in one thing only.
    """
    keys = {key for point in points for key in point.varying}
    if len(points) < 2 or len(keys) != 1:
        return []
    (key,) = keys
    found: dict[str, dict[str, Sequence[Verdict]]] = {}
    for cells in _by_engine(_in_order(points, key)).values():
        first, last = cells[0], cells[-1]
        verdicts = verdicts_between(last, first, ABOUT.get(key, OTHERWISE))
        if len(cells) > 1 and verdicts:
            found.setdefault(_named(key, last, first), {})[first.engine] = verdicts
    return [line for ends, engines in found.items() for line in _said(ends, engines)]


def _said(ends: str, found: Mapping[str, Sequence[Verdict]]) -> list[str]:
    """Of many engines that differ, a sentence for each quantity instead."""
    lines: dict[str, list[str]] = {}
    for engine, verdicts in found.items():
        lines.setdefault(described(verdicts), []).append(engine)
    if len(lines) > MOST_LINES:
        return by_quantity(found, f", {ends}")
    return [f"{', '.join(engines)}, {ends}: {text}." for text, engines in lines.items()]


def _in_order(points: Sequence[PointCells], key: str) -> list[PointCells]:
    values = [point.varying.get(key) for point in points]
    if not all(isinstance(value, int | float) for value in values):
        return list(points)
    return sorted(points, key=lambda point: float(point.varying[key]))


def _by_engine(points: Sequence[PointCells]) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in (cell for point in points for cell in point.cells):
        skipped = cell.is_harness or is_degenerate(cell) or has_deadline(cell)
        if cell.trials and not skipped:
            found.setdefault(cell.engine, []).append(cell)
    return found


def _named(key: str, last: Cell, first: Cell) -> str:
    """`descriptors 900 against 8`."""
    noun = key.partition(".")[2] or key
    ends: list[Parameter] = [cell.parameters[key] for cell in (last, first)]
    return f"{noun} {show(key, ends[0])} against {show(key, ends[1])}"
