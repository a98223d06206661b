"""The metrics that a cell is judged by, and measured for: quantities of the one table, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iomodels.analysis.quantities import LATENCY_P50, QUANTITIES, THROUGHPUT, deciding
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.errors import UsageError
from iomodels.results.schema import Parameter

METRICS: Mapping[str, Quantity] = {q.metric: q for q in QUANTITIES if q.is_gated}


def named(key: str) -> Quantity:
    """The metric with this key. Raises `UsageError` with those there are."""
    if key not in METRICS:
        raise UsageError(f"there is no metric '{key}': they are {', '.join(METRICS)}")
    return METRICS[key]


def of_cell(parameters: Mapping[str, Parameter], chosen: Sequence[str]) -> list[Quantity]:
    """The metrics to judge a cell by: those chosen, else the one that its load leaves open.

    An open loop with a deadline needs two: its slow requests are cancelled, and have no latency. A
    cell is compared with itself here, so that the latency of the quick ones says something, which
    it does not beside another engine's.
    """
    if chosen:
        return [named(key) for key in chosen]
    own = deciding(parameters)
    return [own, THROUGHPUT] if own is LATENCY_P50 and parameters.get("load.deadline") else [own]
