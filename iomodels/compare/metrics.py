"""The metrics that two runs are compared in: what each is, its unit, and which way is better.

A metric takes one trial to one number; everything statistical comes after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from iomodels.base.errors import UsageError
from iomodels.results.schema import Parameter, Trial
from iomodels.statistics.histogram import percentile_ns
from iomodels.statistics.summary import cpu_ns_per_op, latency_p50_ns

COUNTER_PREFIX = "calls_per_op."


@dataclass(frozen=True)
class Metric:
    """`value` is NaN or zero where a trial has nothing to say; such trials are left out."""

    key: str
    title: str
    unit: str
    bigger_is_better: bool
    value: Callable[[Trial], float]


def _latency_p99_ns(trial: Trial) -> float:
    return percentile_ns(trial.latency_ns, 0.99)


METRICS: Mapping[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("throughput_ops", "throughput", "ops/s", True, lambda t: t.throughput_ops),
        Metric("latency_p50_ns", "latency p50", "ns", False, latency_p50_ns),
        Metric("latency_p99_ns", "latency p99", "ns", False, _latency_p99_ns),
        Metric("cpu_ns_per_op", "CPU per op", "ns", False, cpu_ns_per_op),
    )
}

SUITE = Metric("suite", "all cells together", "", True, lambda trial: 1.0)
"""The line about a suite as a whole has a ratio and no values: its cells have different units."""


def counter(name: str) -> Metric:
    """The exact counter `calls_per_op.NAME`; a call that a trial did not make counts as 0."""
    return Metric(
        key=f"{COUNTER_PREFIX}{name}",
        title=f"{name} per op",
        unit="calls",
        bigger_is_better=False,
        value=lambda trial: trial.calls_per_op.get(name, 0.0),
    )


def named(key: str) -> Metric:
    """The metric with this key. Raises `UsageError` with those there are."""
    if key not in METRICS:
        raise UsageError(f"there is no metric '{key}': they are {', '.join(METRICS)}")
    return METRICS[key]


def of_cell(parameters: Mapping[str, Parameter], chosen: tuple[str, ...]) -> list[Metric]:
    """The metrics to judge a cell by: those chosen, else the one that its load leaves open.

    A closed loop is judged by its throughput. An open loop completes what arrives, so its
    throughput says nothing, and its median latency does. With a deadline it needs both: the slow
    requests are cancelled, and have no latency.
    """
    if chosen:
        return [named(key) for key in chosen]
    if parameters.get("load.arrivals", "closed") == "closed":
        return [METRICS["throughput_ops"]]
    own = ["latency_p50_ns", "throughput_ops"][: 2 if parameters.get("load.deadline") else 1]
    return [METRICS[key] for key in own]
