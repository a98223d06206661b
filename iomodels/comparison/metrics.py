"""The metrics that two runs are compared in: quantities of the one table, by the gate's names.

A metric takes one trial to one number; everything statistical comes after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iomodels.analysis.quantities import CALLS, LATENCY_P50, QUANTITIES, THROUGHPUT, deciding
from iomodels.analysis.quantity_definition import Quantity, Unit
from iomodels.base.errors import UsageError
from iomodels.base.units import format_count
from iomodels.results.schema import Parameter, Trial

COUNTER_PREFIX = CALLS

METRICS: Mapping[str, Quantity] = {q.metric: q for q in QUANTITIES if q.is_gated}

SUITE = Quantity(
    key="suite",
    title="all cells together",
    unit=Unit("", format_count),
    bigger_is_better=True,
    of_trial=lambda trial: 1.0,
)
"""The line about a suite as a whole has a ratio and no values: its cells have different units."""


def named(key: str) -> Quantity:
    """The metric with this key. Raises `UsageError` with those there are."""
    if key not in METRICS:
        raise UsageError(f"there is no metric '{key}': they are {', '.join(METRICS)}")
    return METRICS[key]


def of_cell(parameters: Mapping[str, Parameter], chosen: tuple[str, ...]) -> list[Quantity]:
    """The metrics to judge a cell by: those chosen, else the one that its load leaves open.

    An open loop with a deadline needs two: its slow requests are cancelled, and have no latency. A
    cell is compared with itself here, so that the latency of the quick ones says something, which
    it does not beside another engine's.
    """
    if chosen:
        return [named(key) for key in chosen]
    own = deciding(parameters)
    return [own, THROUGHPUT] if own is LATENCY_P50 and parameters.get("load.deadline") else [own]


def too_few_operations(metric: Quantity, *sides: Sequence[Trial]) -> str:
    """Why a percentile says nothing here, with what to do; "" where it does."""
    if not any(metric.has_too_few(trials) for trials in sides):
        return ""
    return (
        f"{metric.title} needs {metric.fewest_operations} operations per trial: measure longer (-d)"
    )
