"""The `load` table of a scenario: its keys, and which contradict each other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from iomodels.base.units import RATE_UNITS, Duration, Size
from iomodels.workload.block import Block


class KeyTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


def only(**needs: tuple[str, ...]) -> dict[str, Any]:
    """For `Meta.extra`: the key applies only with these values of other [load] keys."""
    return {"needs": {f"load.{name}": values for name, values in needs.items()}}


class Load(KeyTable, frozen=True):
    """What is asked of the channel: by default a closed loop of `depth` requests of `block` bytes.

    A closed loop starts a request when one completes; an open one (`arrivals`) when it is due.
    """

    operation: Annotated[
        Literal["read", "write", "mixed"], Meta(description="what requests do")
    ] = "read"
    read_share: Annotated[
        float,
        Meta(
            ge=0.01,
            le=0.99,
            description="share of requests that read; the others write",
            extra=only(operation=("mixed",)),
        ),
    ] = 0.5
    depth: Annotated[int, Meta(ge=1, le=1024, description="requests in flight")] = 1
    batch: Annotated[
        int,
        Meta(
            ge=0,
            le=1024,
            description="requests submitted and reaped together (the length of a list); 1: one by "
            "one; 0: as many as possible",
        ),
    ] = 0
    deadline: Annotated[
        Duration,
        Meta(
            description="cancel requests that take longer (the engine must support it); 0: never",
            extra={"low": 0, "high": 10**10},
        ),
    ] = Duration(0)
    descriptors: Annotated[
        int,
        Meta(
            ge=0,
            le=4096,
            description="open connections; those beyond load.depth are idle but watched (with "
            "channel.role = server, any of them can get the next request); 0: load.depth",
        ),
    ] = 0
    block: Annotated[
        Block,
        Meta(
            description="size of one request; or several sizes, each with its share of the "
            "requests in percent, in random order",
            extra={"low": 1, "high": 64 << 20},
        ),
    ] = Block((Size(4096),))
    pattern: Annotated[
        Literal["sequential", "random"], Meta(description="order of the offsets")
    ] = "random"
    sync: Annotated[
        Literal["none", "data", "every"],
        Meta(
            description="after each write, as part of the request: nothing, fdatasync or fsync",
            extra=only(operation=("write", "mixed")),
        ),
    ] = "none"
    verify: Annotated[
        bool,
        Meta(
            description="check all bytes read, and read back all bytes written; without it, a "
            "sample of the bytes read is checked"
        ),
    ] = False
    compute: Annotated[
        Duration,
        Meta(
            description="computation for each result, given as time; it is converted once, at the "
            "start of the run, to a fixed amount of work",
            extra={"low": 0, "high": 10**10},
        ),
    ] = Duration(0)
    arrivals: Annotated[
        Literal["closed", "constant", "poisson"],
        Meta(
            description="closed: a request starts when another completes; constant, poisson: "
            "requests start on a schedule (open loop)"
        ),
    ] = "closed"
    rate: Annotated[
        float,
        Meta(
            ge=0.1,
            le=10_000_000,
            description="requests per second of the open loop",
            extra={"units": RATE_UNITS, **only(arrivals=("constant", "poisson"))},
        ),
    ] = 1000.0
    placement: Annotated[
        Literal["free", "same", "apart"],
        Meta(description="CPUs of engine and peer process: chosen by the kernel, the same, or two"),
    ] = "free"

    @property
    def writes(self) -> bool:
        """Whether requests write."""
        return self.operation != "read"

    @property
    def is_open_loop(self) -> bool:
        """Whether requests start on a schedule."""
        return self.arrivals != "closed"


def load_contradiction(load: Load) -> str | None:
    """What no channel can make sense of."""
    if load.batch > load.depth:
        return (
            f"load.batch = {load.batch} contradicts load.depth = {load.depth}: a batch cannot be "
            "larger"
        )
    if load.batch > 1 and load.is_open_loop:
        return (
            f"load.batch = {load.batch} contradicts load.arrivals = '{load.arrivals}': in an "
            "open loop each request starts at its own time"
        )
    return None
