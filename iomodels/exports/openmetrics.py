"""OpenMetrics text, for Prometheus (node_exporter's textfile collector) and GitLab's metrics.

Specification: https://github.com/prometheus/OpenMetrics, "text format". Base units (seconds, bytes,
ratio), gauges only: node_exporter's collector reads the older text format, which refuses the type
`info`. A median and the two ends of its interval are three samples with the label `estimate`. A
cell without a measurement has `iomodels_cell_measured` 0 and no other sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from iomodels.analysis.quantities import CALLS, QUANTITIES, exported
from iomodels.analysis.quantity_definition import DURATION, PERCENTILES, Quantity
from iomodels.base.escape import visible
from iomodels.exports.content.cells import NamedCell, measured, named
from iomodels.results.schema import Interval, Run

NAMES: Mapping[str, str] = {
    "throughput_ops": "throughput_operations_per_second",
    "throughput_bytes": "throughput_bytes_per_second",
    "added_ns": "added_latency_seconds",
    "cpu_ns_per_op": "cpu_seconds_per_operation",
    "cpu_share": "cpu_ratio",
    "overlap": "overlap_ratio",
    "cancelled_share": "cancelled_ratio",
    "eagain_per_op": "eagain_per_operation",
    "calls_per_op": "calls_per_operation",
}
"""By the first part of a quantity's key: the family, where it is not that with its base unit."""
HELP: Mapping[str, str] = {
    "throughput_ops": "Operations completed per second.",
    "throughput_bytes": "Bytes transferred per second.",
    "latency_ns": "From the intended start to being reaped.",
    "added_ns": "Latency less the device's own time.",
    "service_ns": "From the submission to being reaped.",
    "cpu_ns_per_op": "CPU time of the process per operation.",
    "cpu_share": "CPU time over time passed.",
    "overlap": "Share of I/O and computation that was hidden.",
    "cancelled_share": "Share of the overdue that cancelling ended.",
    "cancel_ns": "From cancelling to the end by it.",
    "cancel_late_ns": "From cancelling too late to the end.",
    "eagain_per_op": "Calls that found nothing ready.",
    "memory_bytes": "Most memory beyond the harness's.",
    "calls_per_op": "Calls to kernel or library, by name.",
}
"""A family is about all percentiles of a quantity, or all calls; so its help is its own."""


@dataclass(frozen=True)
class Family:
    """What the samples of one quantity have in common."""

    name: str
    unit: str
    help_text: str

    @classmethod
    def of(cls, quantity: Quantity) -> Family:
        prefix = quantity.key.partition(".")[0]
        plain = prefix.removesuffix("_ns") + "_seconds" if prefix.endswith("_ns") else prefix
        name = NAMES.get(prefix, plain)
        # A unit must be the name's last part; a rate has none of its own.
        unit = next((u for u in ("seconds", "ratio", "bytes") if name.endswith(f"_{u}")), "")
        meaning = f"{quantity.title[0].upper()}{quantity.title[1:]}."
        return cls(f"iomodels_{name}", unit, HELP.get(prefix, meaning))


def of_run(run: Run) -> str:
    """All measured cells, grouped by family as the format demands."""
    by_name = {each.name: each for each in named(run)}
    order = [quantity for quantity in QUANTITIES if quantity.is_exported]
    samples: dict[Family, list[str]] = {Family.of(quantity): [] for quantity in order}
    for each in measured(run):
        for quantity, found in exported(each.cell):
            lines = samples.setdefault(Family.of(quantity), [])
            lines.extend(_samples(by_name[each.name], quantity, found))
    lines = list(_info(run)) + list(_states(by_name.values()))
    for family, of_family in samples.items():
        if of_family:
            lines += [*_head(family.name, family.unit, family.help_text), *of_family]
    return "\n".join([*lines, "# EOF"]) + "\n"


def label_value(value: str) -> str:
    """`value` between its quotes: backslash, quote and line feed escaped."""
    return visible(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _samples(each: NamedCell, quantity: Quantity, found: Interval) -> Iterator[str]:
    rest = quantity.key.partition(".")[2]
    labels = _cell_labels(each)
    if quantity.key.startswith(CALLS):
        labels["call"] = rest
    elif rest:
        labels["quantile"] = str(PERCENTILES[rest])
    scale = 1e-9 if quantity.unit is DURATION else 1.0
    for estimate in ("median", "low", "high"):
        number = getattr(found, estimate) * scale
        yield _sample(Family.of(quantity).name, labels | {"estimate": estimate}, number)


def _cell_labels(each: NamedCell) -> dict[str, str]:
    return {"cell": each.name, "scenario": each.cell.scenario, "engine": each.cell.engine}


def _info(run: Run) -> Iterator[str]:
    yield from _head("iomodels_run_info", "", "What measured, where.")
    environment = {key: run.environment.get(key) for key in ("kernel", "cpu", "cores")}
    labels = {"version": run.tool.version, "core_hash": run.tool.core_hash} | {
        key: str(value) for key, value in environment.items() if value is not None
    }
    yield _sample("iomodels_run_info", labels, 1)


def _states(cells: Iterable[NamedCell]) -> Iterator[str]:
    yield from _head("iomodels_cell_measured", "", "Whether the cell has a measurement.")
    for each in cells:
        if not each.cell.is_harness:
            done = each.cell.summary is not None and each.cell.status in ("ok", "partial")
            labels = _cell_labels(each) | {"status": each.cell.status}
            yield _sample("iomodels_cell_measured", labels, int(done))


def _head(name: str, unit: str, help_text: str) -> Iterator[str]:
    yield f"# TYPE {name} gauge"
    if unit:
        yield f"# UNIT {name} {unit}"
    yield f"# HELP {name} {help_text}"


def _sample(name: str, labels: Mapping[str, str], number: float) -> str:
    inner = ",".join(f'{key}="{label_value(value)}"' for key, value in labels.items())
    return f"{name}{{{inner}}} {number!r}"
