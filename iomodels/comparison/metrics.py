"""The metrics that two runs are compared in.

A metric takes one trial to one number; everything statistical comes after.
"""

from __future__ import annotations

from collections.abc import Sequence

from iomodels.analysis.metrics import METRICS, named, of_cell
from iomodels.analysis.quantities import CALLS
from iomodels.analysis.quantity_definition import Quantity, Unit
from iomodels.base.units import format_count
from iomodels.results.schema import Trial

__all__ = ["COUNTER_PREFIX", "METRICS", "SUITE", "named", "of_cell", "too_few_operations"]

COUNTER_PREFIX = CALLS

ALL_CELLS = "all cells"
"""The scenario and the engine of the line about all cells together."""
SUITE = Quantity(
    key="suite",
    title="all cells together",
    unit=Unit("", format_count),
    bigger_is_better=True,
    of_trial=lambda trial: 1.0,
)
"""The line about a suite as a whole has a ratio and no values: its cells have different units."""


def too_few_operations(metric: Quantity, *sides: Sequence[Trial]) -> str:
    """Why a percentile says nothing here, with what to do; "" where it does."""
    if not any(metric.has_too_few(trials) for trials in sides):
        return ""
    return (
        f"{metric.title} needs {metric.fewest_operations} operations per trial: measure longer (-d)"
    )
