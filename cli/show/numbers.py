"""Numbers as a table of 80 columns shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from iomodels.analysis.differences import WITHIN, Kind, beside_one, kind_of
from iomodels.base.units import format_count
from iomodels.statistics.rounds import Ratio

MARKS: Mapping[Kind, str] = {"same": "=", "open": "?"}
MEANINGS: Mapping[str, str] = {"=": f"the same {WITHIN}", "?": "no difference shown"}
"""Of the marks, for a legend."""


def format_ratio(ratio: Ratio) -> str:
    """`1.08 (1.06–1.10)`, with a mark in front where no difference is shown (`MARKS`).

    Of too few rounds there is a range and no mark, which would be a verdict.
    """
    interval = ratio.interval
    kind = kind_of(ratio)
    mark = MARKS.get(kind, "")
    median, low, high = (
        _at_precision(value, interval.median)
        for value in (interval.median, interval.low, interval.high)
    )
    if kind == "differs":  # which the digits shown must not hide
        low, high = beside_one(low, interval.low), beside_one(high, interval.high)
    if ratio.rounds == 1:
        return median
    return f"{mark}{median} ({low}–{high})"


def _at_precision(value: float, like: float) -> str:
    """As many decimals as show three digits of `like` (two of what is below 1), and no more digits
    of what is larger: 28.5 beside 1.26."""
    if not 0.001 <= like < 1000 or value >= 1000:
        return format_count(value)
    return f"{value:.{min(_decimals(like), _decimals(max(value, like)))}f}"


def _decimals(value: float) -> int:
    exponent = math.floor(math.log10(value))
    return max(0, 2 - exponent) if value >= 1 else 1 - exponent
