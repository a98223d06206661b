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


def added_p99_ns(trial: Trial) -> float:
    """Latency beyond the service time of a device: 99 % were faster."""
    return percentile_ns(trial.added_ns or [], 0.99)


def switches_per_op(trial: Trial) -> float:
    """Context switches of both kinds."""
    switches = trial.context_switches_per_op
    return switches.voluntary + switches.involuntary


SIGNAL_OVERFLOWS = "signal_overflows"
"""What sigio counts (`core/engines/sigio.c`)."""


def signal_overflows_per_op(trial: Trial) -> float:
    """How often the queue of signals was full, and the kernel sent SIGIO instead."""
    overflows = trial.counters.get(SIGNAL_OVERFLOWS, 0.0)
    return overflows / trial.operations if trial.operations else math.nan


def entered_per_op(trial: Trial) -> float:
    """Calls that give io_uring its requests, or wait for them. (A thread that spins may also give
    way with sched_yield, which is no call of io_uring's.)"""
    return trial.calls_per_op.get("io_uring_enter", 0.0)
