"""A point's settings as the core's numbers, but for what only a run knows (clock, files, CPUs)."""

from __future__ import annotations

from functools import cache

from iomodels import _core
from iomodels.workload.block import Block
from iomodels.workload.channels import (
    Channel,
    FileChannel,
    PipeChannel,
    SocketChannel,
    TimerChannel,
)
from iomodels.workload.point import Point


@cache
def choice(setting: str, value: str) -> int:
    """The number of a choice, from the core's own table. `ValueError` for one that it has not."""
    return _core.setting_choices()[setting].index(value)


def of_point(point: Point) -> dict[str, int]:
    """Load and channel by the core's names."""
    load = point.load
    return {
        "depth": point.core_depth,
        "idle": point.core_idle,
        "batch": load.batch,
        "deadline_ns": int(load.deadline),
        **_of_block(load.block),
        "pattern": choice("pattern", load.pattern),
        "workload": choice("workload", load.operation),
        "read_share_millionths": round(load.read_share * 1e6),
        "sync": choice("sync", load.sync),
        "verify": int(load.verify),
        "arrivals": choice("arrivals", load.arrivals if load.is_open_loop else "constant"),
        "arrival_gap_q10_ns": round(1024e9 / load.rate) if load.is_open_loop else 0,
        "opens_per_request": int(point.channel.opens == "per-request"),
        "outstanding": load.depth,
        **_of_channel(point.channel),
    }


def _of_block(block: Block) -> dict[str, int]:
    settings = {"block": int(block.largest)}
    if not block.is_fixed:
        for number, (size, share) in enumerate(zip(block.sizes, block.shares, strict=True)):
            settings |= {f"block_size{number}": int(size), f"block_share{number}": share}
    return settings


def _of_channel(channel: Channel) -> dict[str, int]:
    if isinstance(channel, TimerChannel):
        return _of_timer(channel)
    if isinstance(channel, FileChannel):
        return {
            "file_size": int(channel.size),
            "file_cache": choice("file_cache", channel.cache),
            "nowait": int(channel.nowait),
            "append": int(channel.append),
        }
    return _of_exchange(channel)


def _of_exchange(channel: PipeChannel | SocketChannel) -> dict[str, int]:
    settings = {
        "exchange": choice("exchange", channel.exchange),
        "server": int(channel.serves),
    }
    if isinstance(channel, SocketChannel):
        settings["family"] = choice("family", channel.family)
    return settings


def _of_timer(channel: TimerChannel) -> dict[str, int]:
    service = channel.service
    return {
        "service_distribution": choice("service_distribution", service.distribution),
        "service_mean_ns": int(service.mean_ns),
        "service_low_ns": int(service.low_ns),
        "service_high_ns": int(service.high_ns),
        "service_sigma_millionths": round(service.sigma * 1e6),
    }
