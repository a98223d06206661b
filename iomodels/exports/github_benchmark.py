"""github-action-benchmark's custom JSON: a list of values, one file for each better direction.

Shape: "Custom benchmarks" in https://github.com/benchmark-action/github-action-benchmark. What
reads its `range` wants two characters or more after the sign, hence always a decimal point.
"""

from __future__ import annotations

import msgspec

from iomodels.analysis.quantities import headlines
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.units import counted
from iomodels.exports.content.cells import Measured, measured
from iomodels.results.schema import Interval, Run
from iomodels.statistics.rounds import interval_kind


def bigger(run: Run) -> str:
    """For `tool: customBiggerIsBetter`: throughput, what cancelling achieves."""
    return _entries(run, bigger_is_better=True)


def smaller(run: Run) -> str:
    """For `tool: customSmallerIsBetter`: latency and CPU."""
    return _entries(run, bigger_is_better=False)


def _entries(run: Run, *, bigger_is_better: bool) -> str:
    entries = [
        _entry(each, quantity, found)
        for each in measured(run)
        for quantity, found in headlines(each.cell)
        if quantity.bigger_is_better is bigger_is_better and _has_ratios(quantity, found)
    ]
    return msgspec.json.format(msgspec.json.encode(entries)).decode() + "\n"


def _has_ratios(quantity: Quantity, found: Interval) -> bool:
    """The action alarms at a ratio of two values; near 0 that is anything."""
    return quantity.has_ratios and found.low > 0


def _entry(each: Measured, quantity: Quantity, found: Interval) -> dict[str, str | float]:
    half = max(found.high - found.median, found.median - found.low)
    rounds = each.summary.rounds
    of_what = f"{interval_kind(rounds)} {found.low:g} to {found.high:g}"
    return {
        "name": f"{each.name} {quantity.title}",
        "unit": quantity.unit.name,
        "value": found.median,
        "range": f"± {half:#.6g}",
        "extra": f"{of_what}\n{counted(rounds, 'round')}",
    }
