"""The keys of a scenario: one struct per table, and from the structs everything else about keys.

Only here stand a key's type, default, limits and meaning. What an error calls allowed, what
`--set` accepts, a point's parameters and the reference table in CONTRIBUTING are derived from it.
A new channel kind is one struct and its name in `Channel`; a new load key is one line in `Load`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from iomodels.base.errors import ScenarioError
from iomodels.base.toml import did_you_mean, found
from iomodels.base.units import (
    DURATION_UNITS,
    MAX_DURATION,
    MAX_SIZE,
    SIZE_UNITS,
    Duration,
    Size,
    exact_duration,
    exact_size,
    parse_duration_ns,
    parse_size_bytes,
)

Value = str | int | float | bool
"""A key's value once read: durations are `Duration` (ns), sizes are `Size` (bytes)."""

SHORT_SERVICE = "channel.service"
"""`service = "100 us"` is short for a constant distribution with that mean."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Service(_Table, frozen=True, tag_field="distribution"):
    """How the device's service times are spread; what a distribution does not have is 0."""

    @property
    def distribution(self) -> str:
        """The name of the distribution."""
        return _tag_of(type(self))

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
_Mean = Annotated[Duration, Meta(description="mean service time", extra=_SERVICE_LIMITS)]


class Constant(Service, frozen=True, tag="constant"):
    """Every request takes the same time. Written short: `service = "100 us"`."""

    mean_ns: _Mean = msgspec.field(name="mean")


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

    mean_ns: _Mean = msgspec.field(name="mean")


class Lognormal(Service, frozen=True, tag="lognormal"):
    """Mostly short times with a long tail. The mean is exp(mu + sigma² / 2)."""

    mean_ns: _Mean = msgspec.field(name="mean")
    sigma: Annotated[
        float,
        Meta(ge=0.01, le=3, description="standard deviation of the logarithm of the time"),
    ]


def _only(**needs: tuple[str, ...]) -> dict[str, Any]:
    """For `Meta.extra`: the key applies only with these values of other [load] keys."""
    return {"needs": {f"load.{name}": values for name, values in needs.items()}}


class Load(_Table, frozen=True):
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
            extra=_only(operation=("mixed",)),
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
            extra=_only(operation=("write", "mixed")),
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
            extra=_only(arrivals=("constant", "poisson")),
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


def _load_contradiction(load: Load) -> str | None:
    """What no channel can make sense of."""
    if load.batch > load.depth:
        return f"load.batch = {load.batch} contradicts load.depth = {load.depth}, which is less"
    if load.batch > 1 and load.is_open_loop:
        return (
            f"load.batch = {load.batch} contradicts load.arrivals = '{load.arrivals}': requests of "
            "an open loop start when each is due"
        )
    return None


class _Channel(_Table, frozen=True, tag_field="kind"):
    fixed: ClassVar[Mapping[str, Any]] = {}
    """The load keys that the channel itself decides. A scenario that sets one is refused."""


_Opens = Annotated[
    Literal["per-request", 1],
    Meta(description="descriptors: one for each request in flight, or 1 that all share"),
]
_NO_FILE: Mapping[str, Any] = {"pattern": "sequential", "sync": "none", "verify": False}
_NO_PEER: Mapping[str, Any] = {"descriptors": 0, "placement": "free"}


class TimerChannel(_Channel, frozen=True, tag="timer"):
    """A timerfd as a device whose service time is known exactly."""

    kind: ClassVar[Literal["timer"]] = "timer"
    fixed: ClassVar[Mapping[str, Any]] = {
        "block": Size(8),
        **_NO_FILE,
        **_NO_PEER,
    }

    service: Annotated[
        Constant | Uniform | Exponential | Lognormal,
        Meta(description="how the times that the device needs for a request are spread"),
    ]
    opens: _Opens = "per-request"

    def contradiction(self, load: Load) -> str | None:
        """Why no device can be like this, or None."""
        if load.operation != "read":
            return f"load.operation = '{load.operation}' contradicts a timer, which is only read"
        if self.opens == 1 and load.depth > 1:
            return (
                f"channel.opens = 1 contradicts load.depth = {load.depth}, since one timer is one "
                "device that serves one request at a time (use opens = 'per-request' or depth 1)"
            )
        if isinstance(self.service, Uniform) and self.service.low_ns >= self.service.high_ns:
            return (
                f"channel.service.low ({exact_duration(self.service.low_ns)}) must be less than "
                f"channel.service.high ({exact_duration(self.service.high_ns)})"
            )
        return None


class FileChannel(_Channel, frozen=True, tag="file"):
    """A regular file without a name, which the tool makes for the trial."""

    kind: ClassVar[Literal["file"]] = "file"
    fixed: ClassVar[Mapping[str, Any]] = _NO_PEER

    size: Annotated[
        Size, Meta(description="bytes in the file", extra={"low": 1, "high": MAX_SIZE})
    ] = Size(64 << 20)
    cache: Annotated[
        Literal["warm", "cold", "direct"],
        Meta(
            description="warm: in the page cache; cold: dropped from it, and each block read once; "
            "direct: past it (O_DIRECT)"
        ),
    ] = "warm"
    nowait: Annotated[
        bool,
        Meta(
            description="reads that must not block (RWF_NOWAIT, after read-ahead was started), in "
            "engines that can"
        ),
    ] = False
    append: Annotated[
        bool,
        Meta(
            description="writes go to the end of the file (O_APPEND), which is empty at first and "
            "full at channel.size; always in turn, whatever load.pattern says",
            extra=_only(operation=("write",)),
        ),
    ] = False
    folder: Annotated[
        str,
        Meta(
            pattern=r"\A[^\x00]{1,4095}\Z",
            description="where the file is made; never part of a result",
            extra={"allowed": "the path of a folder"},
        ),
    ] = "/var/tmp"
    opens: _Opens = "per-request"

    def contradiction(self, load: Load) -> str | None:
        """Why no file can be used like this, or None."""
        block, size = exact_size(load.block), exact_size(self.size)
        if load.block > self.size:
            return f"load.block ({block}) must not be larger than channel.size ({size})"
        if self.size % load.block:
            return f"channel.size ({size}) must be a multiple of load.block ({block})"
        if (self.cache == "direct" or load.writes) and load.block % 512:
            return f"load.block ({block}) must be a multiple of 512 B for writing and direct I/O"
        if load.writes and self.cache == "cold":
            return "channel.cache = 'cold' contradicts writing: it is for load.operation = 'read'"
        if self.append and (load.depth > 1 or load.deadline):
            return (
                "channel.append = true contradicts "
                + (f"load.depth = {load.depth}" if load.depth > 1 else "load.deadline")
                + ": where each write ends up is only known of one after another, each to its end"
            )
        if load.operation == "mixed" and self.size < 2 * load.block:
            return f"channel.size ({size}) must hold two blocks where requests read and write"
        return None


_Exchange = Annotated[
    Literal["echo", "stream"],
    Meta(description="echo: a request and its response; stream: bulk, one way"),
]
_Role = Annotated[
    Literal["client", "server"],
    Meta(
        description="client: the engine sends requests and the peer answers; server: the peer "
        "sends load.depth messages at a time to random connections, and the engine answers"
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
                f"load.operation = '{load.operation}' contradicts channel.exchange = 'echo', whose "
                "requests are a write and a read: leave it out, or use 'stream'"
            )
        if load.operation == "mixed":
            return "load.operation = 'mixed' is for files: use 'read' or 'write'"
        if load.descriptors and load.descriptors < load.depth:
            return (
                f"load.descriptors = {load.descriptors} contradicts load.depth = {load.depth}: "
                "each request in flight has a connection of its own (0 opens as many as needed)"
            )
        return None


class PipeChannel(_PeerChannel, frozen=True, tag="pipe"):
    """Pipes to a peer process: one for a stream, two for an echo."""

    kind: ClassVar[Literal["pipe"]] = "pipe"


class SocketChannel(_PeerChannel, frozen=True, tag="socket"):
    """Stream sockets to a peer process on this machine."""

    kind: ClassVar[Literal["socket"]] = "socket"

    family: Annotated[
        Literal["unix", "tcp"], Meta(description="a unix socket pair, or TCP on loopback")
    ] = "unix"


Channel = TimerChannel | FileChannel | PipeChannel | SocketChannel


class Settings(_Table, frozen=True):
    """One point of a scenario: a channel and a load."""

    channel: Channel
    load: Load

    def contradiction(self) -> str | None:
        """Why nothing can be measured with these, or None."""
        return _load_contradiction(self.load) or self.channel.contradiction(self.load)


@dataclass(frozen=True)
class Key:
    """One key, written `table.key`. `default` None: required. Limits are in ns or bytes.

    `needs` says where it applies: other keys, and the values of theirs that it belongs to.
    """

    name: str
    type: Any
    annotation: Any
    meaning: str
    default: Value | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[Value, ...] = ()
    in_words: str | None = None
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """The units that its text is written in; empty where it has none."""
        return {Duration: DURATION_UNITS, Size: SIZE_UNITS}.get(self.type, "")

    @property
    def limits(self) -> str:
        """The values that it may have, as words."""
        if self.type is bool:
            return "true or false"
        if self.in_words or self.choices:
            return self.in_words or " or ".join(repr(choice) for choice in self.choices)
        return f"{self.show(self.low)} to {self.show(self.high)}"

    @property
    def allowed(self) -> str:
        """What the key may hold, as words that follow "must be"."""
        kinds = {
            Duration: f"a duration from {self.limits}, in quotes and with its unit ({self.unit})",
            bool: "true or false",
            Size: f"a size from {self.limits}, in quotes and with its unit ({self.unit})",
            int: f"a whole number from {self.limits}",
            float: f"a number from {self.limits}",
        }
        return kinds.get(self.type, self.limits)

    def show(self, value: object) -> str:
        """A value of this key for people, with no digit lost."""
        if self.type is Duration and isinstance(value, int):
            return exact_duration(value)
        if self.type is Size and isinstance(value, int):
            return exact_size(value)
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:g}" if isinstance(value, float) else str(value)

    def applies(self, values: Mapping[str, Value]) -> bool:
        """Whether a point with these values has this key."""
        return all(values.get(other) in allowed for other, allowed in self.needs.items())

    def read(self, raw: object, *, canonical: bool = False) -> Value:
        """The value that `raw` (from TOML) stands for; `canonical` ones are durations in whole ns.

        Raises `ScenarioError` with words that follow "table.key".
        """
        if isinstance(raw, str) and self.type in (Duration, Size):
            parse = parse_duration_ns if self.type is Duration else parse_size_bytes
            try:
                value: Value = parse(raw)
            except ScenarioError as error:
                raise ScenarioError(f": {error}") from None
        elif type(raw) is int and (self.type is Size or (self.type is Duration and canonical)):
            value = raw
        else:
            value = self._convert(raw)
        if not self._within_limits(value):
            raise self._refused(raw)
        return self.type(value) if self.type in (Duration, Size) else value

    def _convert(self, raw: object) -> Value:
        if self.type in (Duration, Size):
            raise self._refused(raw)
        try:
            value: Value = msgspec.convert(raw, self.annotation)
        except msgspec.ValidationError:
            raise self._refused(raw) from None
        return value

    def _within_limits(self, value: Value) -> bool:
        if isinstance(value, str) or self.low is None or self.high is None:
            return True
        return self.low <= value <= self.high  # false for nan, too

    def _refused(self, raw: object) -> ScenarioError:
        return ScenarioError(
            f" is {found(raw)}{did_you_mean(raw, self.choices)}: it must be {self.allowed}"
        )

    def from_text(self, text: str) -> object:
        """What `text` from the command line would be in TOML, as far as the key's type tells."""
        if self.type is bool:
            return {"true": True, "false": False}.get(text.strip(), text)
        number = text.strip()
        whole = self.type is int or any(type(choice) is int for choice in self.choices)
        if (whole or self.type is float) and re.fullmatch(r"[+-]?[0-9]{1,18}", number):
            return int(number)
        if self.type is float and re.fullmatch(r"[+-]?[0-9]{1,18}\.[0-9]{1,18}", number):
            return float(number)
        return text


def _keys_of(struct: type[msgspec.Struct], table: str) -> Iterator[Key]:
    for item in msgspec.structs.fields(struct):
        annotation, meta = item.type.__origin__, item.type.__metadata__[0]
        variants = [kind for kind in get_args(annotation) if _tag_of(kind)]
        if variants:
            yield from _keys_of_union(variants, f"{table}.{item.encode_name}", meta.description)
            continue
        extra = meta.extra or {}
        yield Key(
            name=f"{table}.{item.encode_name}",
            type=annotation,
            annotation=item.type,
            meaning=meta.description,
            default=None if item.default is msgspec.NODEFAULT else item.default,
            low=extra.get("low", meta.ge),
            high=extra.get("high", meta.le),
            choices=get_args(annotation) if get_origin(annotation) is Literal else (),
            in_words=extra.get("allowed"),
            needs=extra.get("needs", {}),
        )


def _keys_of_union(variants: Sequence[Any], table: str, meaning: str) -> Iterator[Key]:
    """The key that chooses, then the keys of all variants, each with the variants it belongs to."""
    tags = tuple(_tag_of(variant) for variant in variants)
    chooser = f"{table}.{variants[0].__struct_config__.tag_field}"
    yield Key(chooser, type=str, annotation=Literal[tags], meaning=meaning, choices=tags)
    keys: dict[str, Key] = {}
    for variant, tag in zip(variants, tags, strict=True):
        for key in _keys_of(variant, table):
            users = keys[key.name].needs[chooser] if key.name in keys else ()
            keys[key.name] = replace(key, needs={chooser: (*users, tag), **key.needs})
    yield from keys.values()


def _tag_of(kind: object) -> str:
    return getattr(getattr(kind, "__struct_config__", None), "tag", None) or ""


@cache
def all_keys() -> Mapping[str, Key]:
    """Every key of the tables [channel] and [load], by name."""
    kinds: tuple[type[Channel], ...] = get_args(Channel)
    keys: dict[str, Key] = {}
    for key in _keys_of_union(kinds, "channel", "what is read from"):
        if key.name == f"{SHORT_SERVICE}.distribution":
            keys[SHORT_SERVICE] = replace(
                key,
                name=SHORT_SERVICE,
                type=Duration,
                annotation=_Mean,
                choices=(),
                meaning="a constant service time; or a table of the `channel.service.…` keys",
                low=1,
                high=MAX_DURATION,
            )
        keys[key.name] = key
    for key in _keys_of(Load, "load"):
        name = key.name.removeprefix("load.")
        free = tuple(_tag_of(kind) for kind in kinds if name not in kind.fixed)
        keys[key.name] = replace(key, needs={"channel.kind": free, **key.needs})
    return keys
