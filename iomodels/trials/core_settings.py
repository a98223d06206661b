"""A point's settings as the core's numbers."""

from __future__ import annotations

from iomodels.workload.channels import PipeChannel, SocketChannel, TimerChannel

PATTERN = {"sequential": 0, "random": 1}
CACHE = {"warm": 0, "direct": 1, "cold": 2}
WORKLOAD = {"read": 0, "write": 1, "mixed": 2}
SYNC = {"none": 0, "data": 1, "every": 2}
ARRIVALS = {"closed": 0, "constant": 0, "poisson": 1}
_EXCHANGE = {"echo": 0, "stream": 1}
_FAMILY = {"unix": 0, "tcp": 1}
_DISTRIBUTION = {"constant": 0, "uniform": 1, "exponential": 2, "lognormal": 3}

HARNESS = {
    "append": 0,
    "arrival_gap_q10_ns": 0,
    "compute_units": 0,
    "deadline_ns": 0,
    "sync": 0,
}
"""The null engine measures the loop: a plain closed one, with nothing to wait for in it."""


def channel_settings(channel: TimerChannel | PipeChannel | SocketChannel) -> dict[str, int]:
    if isinstance(channel, TimerChannel):
        return _timer_settings(channel)
    settings = {"exchange": _EXCHANGE[channel.exchange], "server": int(channel.serves)}
    if isinstance(channel, SocketChannel):
        settings["family"] = _FAMILY[channel.family]
    return settings


def _timer_settings(channel: TimerChannel) -> dict[str, int]:
    service = channel.service
    return {
        "service_distribution": _DISTRIBUTION[service.distribution],
        "service_mean_ns": int(service.mean_ns),
        "service_low_ns": int(service.low_ns),
        "service_high_ns": int(service.high_ns),
        "service_sigma_millionths": round(service.sigma * 1e6),
    }
