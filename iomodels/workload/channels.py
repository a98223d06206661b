"""The keys of a scenario's `channel` table: one struct per kind of channel.

Only in these structs, and in `Load` (`load.py`), stand a key's type, default, limits and meaning.
What an error calls allowed, what `--set` accepts, a point's parameters and the reference table in
CONTRIBUTING are derived from them (`key.py`). A new channel kind is one struct and its name in
`Channel`; a new load key is one line in `Load`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from iomodels.base.units import MAX_DURATION, MAX_SIZE, Duration, Size, exact_duration, exact_size
from iomodels.workload.block import Block
from iomodels.workload.load import KeyTable, Load, load_contradiction, only

Value = str | int | float | bool
"""A key's value once read: durations are `Duration` (ns), sizes are `Size` (bytes)."""

SHORT_SERVICE = "channel.service"
"""`service = "100 us"` is short for a constant distribution with that mean."""


class Service(KeyTable, frozen=True, tag_field="distribution"):
    """How the device's service times are spread; what a distribution does not have is 0."""

    @property
    def distribution(self) -> str:
        """The name of the distribution."""
        return tag_of(type(self))

    @property
    def mean_ns(self) -> int:
        """The mean service time."""
        return 0

    @property
    def low_ns(self) -> int:
        """The shortest service time of a uniform distribution."""
        return 0

    @property
    def high_ns(self) -> int:
        """The longest service time of a uniform distribution."""
        return 0

    @property
    def sigma(self) -> float:
        """The spread of a lognormal distribution."""
        return 0.0


_SERVICE_LIMITS = {"low": 1, "high": MAX_DURATION}  # a timerfd that is armed with 0 never expires
Mean = Annotated[Duration, Meta(description="mean service time", extra=_SERVICE_LIMITS)]


class Constant(Service, frozen=True, tag="constant"):
    """Every request takes the same time. Written short: `service = "100 us"`."""

    mean_ns: Mean = msgspec.field(name="mean")


class Uniform(Service, frozen=True, tag="uniform"):
    """Every time from `low` to `high` is equally likely."""

    low_ns: Annotated[
        Duration, Meta(description="shortest service time", extra=_SERVICE_LIMITS)
    ] = msgspec.field(name="low")
    high_ns: Annotated[
        Duration, Meta(description="longest service time", extra=_SERVICE_LIMITS)
    ] = msgspec.field(name="high")

    @property
    def mean_ns(self) -> int:
        """The mean service time: the middle of the two."""
        return (self.low_ns + self.high_ns) // 2


class Exponential(Service, frozen=True, tag="exponential"):
    """Times without memory: how much longer does not depend on how long already."""

    mean_ns: Mean = msgspec.field(name="mean")


class Lognormal(Service, frozen=True, tag="lognormal"):
    """Mostly short times with a long tail. The mean is exp(mu + sigma² / 2)."""

    mean_ns: Mean = msgspec.field(name="mean")
    sigma: Annotated[
        float,
        Meta(ge=0.01, le=3, description="standard deviation of the logarithm of the service time"),
    ]


class _Channel(KeyTable, frozen=True, tag_field="kind"):
    fixed: ClassVar[Mapping[str, Any]] = {}
    """The load keys that the channel itself decides. A scenario that sets one is refused."""


_Opens = Annotated[
    Literal["per-request", 1],
    Meta(description="one descriptor for each request in flight, or 1 that all of them share"),
]
_NO_FILE: Mapping[str, Any] = {"pattern": "sequential", "sync": "none", "verify": False}
_NO_PEER: Mapping[str, Any] = {"descriptors": 0, "placement": "free"}


class TimerChannel(_Channel, frozen=True, tag="timer"):
    """A timerfd as a device whose service time is known exactly."""

    kind: ClassVar[Literal["timer"]] = "timer"
    fixed: ClassVar[Mapping[str, Any]] = {
        "block": Block((Size(8),)),
        **_NO_FILE,
        **_NO_PEER,
    }

    service: Annotated[
        Constant | Uniform | Exponential | Lognormal,
        Meta(description="distribution of the service times of the device"),
    ]
    opens: _Opens = "per-request"

    def contradiction(self, load: Load) -> str | None:
        """Why no device can be like this, or None."""
        if load.operation != "read":
            return (
                f"load.operation = '{load.operation}' contradicts channel.kind = 'timer': a timer "
                "can only be read"
            )
        if self.opens == 1 and load.depth > 1:
            return (
                f"channel.opens = 1 contradicts load.depth = {load.depth}: one timer serves one "
                "request at a time; use channel.opens = 'per-request' or load.depth = 1"
            )
        if isinstance(self.service, Uniform) and self.service.low_ns >= self.service.high_ns:
            return (
                f"channel.service.low ({exact_duration(self.service.low_ns)}) must be less than "
                f"channel.service.high ({exact_duration(self.service.high_ns)})"
            )
        return None


MAX_BLOCKS = 2**32 - 1
"""Of a file: the core numbers them with 32 bits."""


class FileChannel(_Channel, frozen=True, tag="file"):
    """A regular file without a name, which the tool makes for the trial."""

    kind: ClassVar[Literal["file"]] = "file"
    fixed: ClassVar[Mapping[str, Any]] = _NO_PEER

    size: Annotated[
        Size, Meta(description="size of the data file", extra={"low": 1, "high": MAX_SIZE})
    ] = Size(64 << 20)
    cache: Annotated[
        Literal["warm", "cold", "direct"],
        Meta(
            description="warm: the data are in the page cache; cold: they are not, and each block "
            "is read once; direct: O_DIRECT, without the page cache"
        ),
    ] = "warm"
    nowait: Annotated[
        bool,
        Meta(
            description="non-blocking reads (RWF_NOWAIT, after starting read-ahead), in engines "
            "that support them"
        ),
    ] = False
    append: Annotated[
        bool,
        Meta(
            description="append to the file (O_APPEND), from empty to channel.size; then "
            "load.pattern has no effect",
            extra=only(operation=("write",)),
        ),
    ] = False
    folder: Annotated[
        str,
        Meta(
            pattern=r"\A[^\x00]{1,4095}\Z",
            description="where the data file is created; it is not stored in results",
            extra={"allowed": "the path of a folder"},
        ),
    ] = "/var/tmp"
    opens: _Opens = "per-request"

    def contradiction(self, load: Load) -> str | None:
        """Why no file can be used like this, or None."""
        reason = self._misfit(load)
        if reason is not None:
            return reason
        if self.nowait and self.cache == "direct":
            return (
                "channel.nowait = true contradicts channel.cache = 'direct', where nothing is read "
                "ahead: leave one of them out"
            )
        if (self.cache == "direct" or load.writes) and load.block.granule % 512:
            sizes = "must be a multiple" if load.block.is_fixed else "must have only multiples"
            return f"load.block ({load.block}) {sizes} of 512 B for writes and for direct I/O"
        if load.writes and self.cache == "cold":
            return "channel.cache = 'cold' contradicts writing: use it with load.operation = 'read'"
        if self.append and (load.depth > 1 or load.deadline):
            return (
                "channel.append = true contradicts "
                + (f"load.depth = {load.depth}" if load.depth > 1 else "load.deadline")
                + ": the position of a write is known only if one write ends before the next begins"
            )
        return None

    def _misfit(self, load: Load) -> str | None:
        """Why the file's size and the block's do not fit. What no size of several fits into at the
        end of the file is left alone."""
        block, size = load.block, exact_size(self.size)
        largest = exact_size(block.largest)
        if block.largest > self.size:
            return f"load.block ({largest}) must not be larger than channel.size ({size})"
        if block.is_fixed and self.size % block.largest:
            return f"channel.size ({size}) must be a multiple of load.block ({largest})"
        unit = block.granule if load.writes else block.smallest
        if self.size // unit > MAX_BLOCKS:
            return (
                f"channel.size ({size}) must not be more than {MAX_BLOCKS} times load.block "
                f"({exact_size(unit)}): make load.block larger, or channel.size smaller"
            )
        if load.operation == "mixed" and self.size < 2 * block.largest:
            return f"channel.size ({size}) must hold two blocks when requests read and write"
        return None


_Exchange = Annotated[
    Literal["echo", "stream"],
    Meta(description="echo: a request and its response; stream: bulk data in one direction"),
]
_Role = Annotated[
    Literal["client", "server"],
    Meta(
        description="client: the engine sends requests and the peer process answers; server: the "
        "peer keeps load.depth requests in flight on random connections, and the engine answers"
    ),
]


class _PeerChannel(_Channel, frozen=True):
    """What has a peer process at its other end. Each request in flight has its own connection."""

    opens: ClassVar[Literal["per-request"]] = "per-request"
    # A transfer that is called back half-way would leave its conversation out of step.
    fixed: ClassVar[Mapping[str, Any]] = {**_NO_FILE, "deadline": Duration(0)}

    exchange: _Exchange = "echo"
    role: _Role = "client"

    @property
    def serves(self) -> bool:
        """Whether the peer drives the requests."""
        return self.role == "server"

    def contradiction(self, load: Load) -> str | None:
        """Why no conversation can be like this, or None."""
        if self.serves and self.exchange == "stream":
            return "channel.role = 'server' contradicts channel.exchange = 'stream': use 'echo'"
        if self.exchange == "echo" and load.writes:
            return (
                f"load.operation = '{load.operation}' contradicts channel.exchange = 'echo': each "
                "request is a write and a read; leave it out, or use 'stream'"
            )
        if load.operation == "mixed":
            return "load.operation = 'mixed' needs channel.kind = 'file': use 'read' or 'write'"
        if load.descriptors and load.descriptors < load.depth:
            return (
                f"load.descriptors = {load.descriptors} contradicts load.depth = {load.depth}: "
                "each request in flight needs a connection; use also -s load.descriptors="
                f"{load.depth} (0 opens as many as needed)"
            )
        return None


class PipeChannel(_PeerChannel, frozen=True, tag="pipe"):
    """Pipes to a peer process: one for a stream, two for an echo."""

    kind: ClassVar[Literal["pipe"]] = "pipe"


class SocketChannel(_PeerChannel, frozen=True, tag="socket"):
    """Stream sockets to a peer process on this machine."""

    kind: ClassVar[Literal["socket"]] = "socket"

    family: Annotated[
        Literal["unix", "tcp"], Meta(description="unix: a UNIX socket pair; tcp: TCP over loopback")
    ] = "unix"


Channel = TimerChannel | FileChannel | PipeChannel | SocketChannel


class Settings(KeyTable, frozen=True):
    """One point of a scenario: a channel and a load."""

    channel: Channel
    load: Load

    def contradiction(self) -> str | None:
        """Why nothing can be measured with these, or None."""
        return load_contradiction(self.load) or self.channel.contradiction(self.load)


def tag_of(kind: object) -> str:
    return getattr(getattr(kind, "__struct_config__", None), "tag", None) or ""
