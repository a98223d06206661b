"""The `load` table of a scenario: its keys, and which contradict each other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from iomodels.base.units import Duration, Size


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
        Literal["read", "write", "mixed"], Meta(description="what a request does")
    ] = "read"
    read_share: Annotated[
        float,
        Meta(
            ge=0.01,
            le=0.99,
            description="share of the requests that read; the others write",
            extra=only(operation=("mixed",)),
        ),
    ] = 0.5
    depth: Annotated[int, Meta(ge=1, le=1024, description="requests in flight")] = 1
    batch: Annotated[
        int,
        Meta(
            ge=0,
            le=1024,
            description="requests that are submitted, and reaped, together (a list's length); 1: "
            "singly; 0: as many as are due",
        ),
    ] = 0
    deadline: Annotated[
        Duration,
        Meta(
            description="requests that take longer are cancelled, if the engine can; 0: none",
            extra={"low": 0, "high": 10**10},
        ),
    ] = Duration(0)
    descriptors: Annotated[
        int,
        Meta(
            ge=0,
            le=4096,
            description="connections that are open; those beyond load.depth are idle, but watched "
            "(of a server: each may be the next to bring a message). 0: as many as load.depth",
        ),
    ] = 0
    block: Annotated[
        Size, Meta(description="bytes in one request", extra={"low": 1, "high": 64 << 20})
    ] = Size(4096)
    pattern: Annotated[
        Literal["sequential", "random"], Meta(description="order of the offsets")
    ] = "random"
    sync: Annotated[
        Literal["none", "data", "every"],
        Meta(
            description="after each write: nothing, fdatasync, or fsync, as a part of the request",
            extra=only(operation=("write", "mixed")),
        ),
    ] = "none"
    verify: Annotated[
        bool,
        Meta(
            description="check every byte that is read, and read back all that was written; "
            "otherwise a sample of what is read is checked"
        ),
    ] = False
    compute: Annotated[
        Duration,
        Meta(
            description="computation on each result: an amount of work that takes this long when "
            "the run begins",
            extra={"low": 0, "high": 10**10},
        ),
    ] = Duration(0)
    arrivals: Annotated[
        Literal["closed", "constant", "poisson"],
        Meta(description="when requests start: when one completes, or on a schedule (open loop)"),
    ] = "closed"
    rate: Annotated[
        float,
        Meta(
            ge=0.1,
            le=10_000_000,
            description="requests per second of an open loop",
            extra=only(arrivals=("constant", "poisson")),
        ),
    ] = 1000.0
    placement: Annotated[
        Literal["free", "same", "apart"],
        Meta(description="CPUs of engine and peer: the kernel's choice, one for both, or one each"),
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
        return f"load.batch = {load.batch} contradicts load.depth = {load.depth}, which is less"
    if load.batch > 1 and load.is_open_loop:
        return (
            f"load.batch = {load.batch} contradicts load.arrivals = '{load.arrivals}': requests of "
            "an open loop start when each is due"
        )
    return None
