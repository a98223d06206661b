"""What several claims look at, beside the quantities that every table has."""

from __future__ import annotations

import math

from iomodels.analysis.claims.definition import ClaimQuantity, Value
from iomodels.analysis.quantities import LATENCY_P50
from iomodels.results.schema import Trial
from iomodels.statistics.histogram import percentile_ns

NEWS = 1.01
"""A difference below 1 % is no news (`differences.NEWS`), and no claim holds by it."""


def ratio(words: str, value: Value) -> ClaimQuantity:
    """A value of the first place over that of the second, round by round."""
    return ClaimQuantity(words, value, is_ratio=True)


def submit_share(trial: Trial) -> float:
    """Median time in submit over median latency."""
    latency_ns = LATENCY_P50.of_trial(trial)
    return percentile_ns(trial.submit_ns, 0.5) / latency_ns if latency_ns else math.nan
