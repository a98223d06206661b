"""OpenMetrics text, for Prometheus (node_exporter's textfile collector) and GitLab's metrics.

Specification: https://github.com/prometheus/OpenMetrics, "text format". Base units (seconds, bytes,
ratio), gauges only: node_exporter's collector reads the older text format, which refuses the type
`info`. A median and the two ends of its interval are three samples with the label `estimate`. A
cell without a measurement has `iomodels_cell_measured` 0 and no other sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from iomodels.base.escape import visible
from iomodels.exports.content.cells import HARNESS, NamedCell, measured, named
from iomodels.exports.content.measures import CALLS, Exported, values
from iomodels.results.schema import Interval, Run

FAMILIES: Mapping[str, tuple[str, str, str]] = {
    "throughput_ops": ("throughput_operations_per_second", "", "Operations completed per second."),
    "throughput_bytes": ("throughput_bytes_per_second", "", "Bytes transferred per second."),
    "latency_ns": ("latency_seconds", "seconds", "From the intended start to being reaped."),
    "added_ns": ("added_latency_seconds", "seconds", "Latency less the device's own time."),
    "service_ns": ("service_seconds", "seconds", "From the submission to being reaped."),
    "cpu_ns_per_op": ("cpu_seconds_per_operation", "", "CPU time of the process per operation."),
    "cpu_share": ("cpu_ratio", "ratio", "CPU time over time passed."),
    "overlap": ("overlap_ratio", "ratio", "Share of I/O and computation that was hidden."),
    "cancelled_share": ("cancelled_ratio", "ratio", "Share of the overdue that cancelling ended."),
    "cancel_ns": ("cancel_seconds", "seconds", "From cancelling to the end by it."),
    "cancel_late_ns": ("cancel_late_seconds", "seconds", "From cancelling too late to the end."),
    "eagain_per_op": ("eagain_per_operation", "", "Calls that found nothing ready."),
    "calls_per_op": ("calls_per_operation", "", "Calls to kernel or library, by name."),
}
"""By the first part of a measure's key: the family, its unit, its help."""

QUANTILES = {"p50": "0.5", "p90": "0.9", "p99": "0.99", "p999": "0.999"}


def of_run(run: Run) -> str:
    """All measured cells, grouped by family as the format demands."""
    samples: dict[str, list[str]] = {}
    by_name = {each.name: each for each in named(run)}
    for each in measured(run):
        for measure, found in values(each.cell):
            prefix = measure.key.partition(".")[0]
            samples.setdefault(prefix, []).extend(_samples(by_name[each.name], measure, found))
    lines = list(_info(run)) + list(_states(by_name.values()))
    for prefix, (family, unit, help_text) in FAMILIES.items():
        if prefix in samples:
            lines += [*_head(f"iomodels_{family}", unit, help_text), *samples[prefix]]
    return "\n".join([*lines, "# EOF"]) + "\n"


def label_value(value: str) -> str:
    """`value` between its quotes: backslash, quote and line feed escaped."""
    return visible(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _samples(each: NamedCell, measure: Exported, found: Interval) -> Iterator[str]:
    prefix, _, rest = measure.key.partition(".")
    labels = _cell_labels(each)
    if measure.key.startswith(CALLS):
        labels["call"] = rest
    elif rest:
        labels["quantile"] = QUANTILES[rest]
    scale = 1e-9 if measure.unit == "ns" else 1.0
    for estimate in ("median", "low", "high"):
        number = getattr(found, estimate) * scale
        yield _sample(f"iomodels_{FAMILIES[prefix][0]}", labels | {"estimate": estimate}, number)


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
        if each.cell.engine != HARNESS:
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
