"""What the channels are used for: each role is a small workload of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iomodels.workload.point import Parameters

MILLISECOND = 1_000_000
FILE_BLOCK = 4096
FILE_SIZE = 256 * FILE_BLOCK
MESSAGE = 2500
"""Of a conversation: neither a multiple of anything, nor more than a pipe takes at once."""
STREAM_BLOCK = 6000
"""Of a stream: more than the peer moves at a time."""
DEPTH = 4
IDLE = 3


@dataclass(frozen=True)
class Role:
    """A channel, and what it is used for there. `parameters` are those of a point."""

    name: str
    parameters: Mapping[str, str | int | float | bool]
    transfers: int = 1
    """Of an operation; each moves a block."""
    idle: int = 0
    appends: bool = False

    @property
    def channel(self) -> str:
        """The name of the channel."""
        return str(self.parameters["channel.kind"])

    @property
    def serves(self) -> bool:
        """Whether the peer drives the requests."""
        return self.parameters.get("channel.role") == "server"

    @property
    def streams(self) -> bool:
        """Whether bulk data goes one way."""
        return self.parameters.get("channel.exchange") == "stream"

    @property
    def writes(self) -> bool:
        """Whether its operations only write."""
        return self.parameters.get("load.operation") == "write"

    @property
    def has_peer(self) -> bool:
        """Whether there is a process at the other end."""
        return self.channel in ("pipe", "socket")


def _file(name: str, **more: str | int | bool) -> Role:
    keys: Parameters = {key.replace("__", "."): value for key, value in more.items()}
    parameters: Parameters = {
        "channel.kind": "file",
        "channel.size": FILE_SIZE,
        "load.block": FILE_BLOCK,
        "load.verify": True,
        **keys,
    }
    return Role(f"file:{name}", parameters, appends="channel.append" in keys)


def _peer(kind: str, name: str, family: str = "") -> list[Role]:
    """The roles of a channel with a peer."""
    base: Parameters = {"channel.kind": kind}
    if family:
        base["channel.family"] = family
    stream = base | {"channel.exchange": "stream", "load.block": STREAM_BLOCK}
    talk = base | {"load.block": MESSAGE}
    return [
        Role(f"{name}echo", talk, transfers=2),
        Role(f"{name}server", talk | {"channel.role": "server"}, transfers=2),
        Role(f"{name}read", stream),
        Role(f"{name}write", stream | {"load.operation": "write"}),
    ]


TIMER = Role("timer", {"channel.kind": "timer", "channel.service": MILLISECOND})

ROLES: tuple[Role, ...] = (
    TIMER,
    _file("read"),
    _file("direct", channel__cache="direct"),
    _file("write", load__operation="write"),
    _file("synced", load__operation="write", load__sync="data"),
    _file("append", load__operation="write", channel__append=True),
    *_peer("pipe", "pipe:"),
    *_peer("socket", "socket:"),
    Role("socket:idle", {"channel.kind": "socket", "load.block": MESSAGE}, transfers=2, idle=IDLE),
    *_peer("socket", "socket:tcp-", "tcp"),
)
"""In the order of reports; the name begins with that of the channel."""
