"""Bencher Metric Format: benchmark → measure → value with bounds.

Schema: https://bencher.dev/bmf.json. `latency` (ns) and `throughput` (operations per second) are
measures that every Bencher project has; the others are made when they are first seen.
"""

from __future__ import annotations

import msgspec

from iomodels.analysis.quantities import headlines
from iomodels.exports.content.cells import measured
from iomodels.results.schema import Interval, Run

SLUGS = {
    "throughput_ops": "throughput",
    "latency_ns.p50": "latency",
    "latency_ns.p99": "latency-p99",
    "added_ns.p50": "latency-beyond-device",
    "cpu_ns_per_op": "cpu-time",
    "overlap": "overlap",
    "cancelled_share": "cancelled",
}
"""Bencher's measures for headlines, where they are not called as in the result file."""


def of_run(run: Run) -> str:
    """The headlines of every measured cell."""
    report = {
        each.name: {slug_of(q.key): _metric(found) for q, found in headlines(each.cell)}
        for each in measured(run)
    }
    return msgspec.json.format(msgspec.json.encode(report)).decode() + "\n"


def slug_of(key: str) -> str:
    """Of small letters, digits and hyphens."""
    return SLUGS.get(key) or key.replace("_", "-").replace(".", "-")


def _metric(found: Interval) -> dict[str, float]:
    return {"value": found.median, "lower_value": found.low, "upper_value": found.high}
