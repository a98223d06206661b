"""What would make an answer wrong: what it assumes of the workload, the machine and the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iomodels.base.units import counted
from iomodels.results.schema import Parameter
from iomodels.workload.channels import FileChannel, SocketChannel, TimerChannel
from iomodels.workload.point import Point

Environment = Mapping[str, Parameter | None]


def of(point: Point, environment: Environment) -> tuple[str, ...]:
    """One sentence for each, what matters most first."""
    return (*_channel(point, environment), *_load(point), *_machine(environment))


def _channel(point: Point, environment: Environment) -> Iterator[str]:
    channel = point.channel
    if isinstance(channel, FileChannel):
        waits = point.load.writes and point.load.sync != "none"
        if channel.cache == "warm" and point.load.operation == "write" and not waits:
            yield (
                "What was written stayed in the page cache; for writes that wait for the device, "
                "ask with `-s load.sync=data`."
            )
            return
        if channel.cache == "warm" and not waits:
            yield (
                "The file was in the page cache; for data that is not there, ask with "
                "`-s channel.cache=direct` or `cold`."
            )
            return
        device = environment.get("file_system_device") or "an unknown device"
        kind = environment.get("file_system") or "an unknown file system"
        yield f"It holds for this device ({device}, {kind}); another one has other waiting times."
    elif isinstance(channel, SocketChannel) and channel.family == "tcp":
        yield "The connections are on loopback; over a network, requests wait longer."
    elif isinstance(channel, TimerChannel):
        yield "The device is a timer: what a real device's driver costs is not in it."


def _load(point: Point) -> Iterator[str]:
    load = point.load
    if not load.is_open_loop:
        yield (
            f"It holds for {counted(load.depth, 'request')} in flight at all times; for "
            "requests that arrive by themselves, set load.arrivals and load.rate."
        )
    if not load.compute:
        yield "Nothing was computed between requests."


def _machine(environment: Environment) -> Iterator[str]:
    cpus, kernel = environment.get("cores_allowed"), environment.get("kernel")
    where = [f"{counted(cpus, 'CPU')}"] if isinstance(cpus, int) and cpus > 0 else []
    if hypervisor := environment.get("hypervisor"):
        where.append(f"a virtual machine ({hypervisor})")
    if kernel:
        where.append(f"kernel {kernel}")
    if where:
        yield f"It was measured on {', '.join(where)}; ask again on another."
