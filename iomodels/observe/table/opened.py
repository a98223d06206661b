"""What stands behind a descriptor of a process."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from iomodels.observe.counting.moved import Direction, Moved
from iomodels.observe.seen import Kind
from iomodels.observe.table.program import Program

Family = Literal["unix", "tcp"]
Role = Literal["client", "server"]


@dataclass(slots=True, eq=False)
class Link:
    """The two ends of a connection, as far as they were seen."""

    accepted_by: Program | None = None
    connected_by: Program | None = None

    @property
    def is_pair(self) -> bool:
        """Whether one program made both ends: who asks is then open."""
        return self.accepted_by is not None and self.accepted_by is self.connected_by


@dataclass(slots=True, eq=False)
class Opened:
    """One open file, pipe end, connection or timer of one process. Descriptors that `dup` made
    share it, and count as one; after `fork` each process has its own."""

    program: Program
    kind: Kind | None
    """None: nothing that a scenario can say (a terminal, a folder, an event counter …)."""
    family: Family | None = None
    role: Role | None = None
    is_append: bool = False
    is_direct: bool = False
    is_nonblocking: bool = False
    is_signalling: bool = False
    """O_ASYNC."""
    sync: Literal["none", "data", "every"] = "none"
    """By O_DSYNC and O_SYNC."""
    is_library: bool = False
    """Programs and their parts: what the loader and interpreters read."""
    is_listening: bool = False
    is_datagram: bool = False
    is_standard: bool = False
    """Was first seen as descriptor 0, 1 or 2."""
    is_inherited: bool = False
    """By `fork`."""
    file: int | None = None
    """Stands for the path."""
    connection: tuple[int, int] | None = None
    """Stands for the two ends of a connection, this one first."""
    link: Link | None = None
    decoration: str | None = None
    """As strace wrote it: private."""
    references: int = 1
    counts_as: Hashable = None
    """The class in which its process counts it as open."""
    keys: Mapping[Direction, Hashable] | None = None
    """Once it is closed: which works its transfers are of."""
    position: int | None = 0
    waits: set[str] = field(default_factory=set)
    """The calls for readiness that it was given to."""
    is_edge: bool = False
    is_oneshot: bool = False
    ready: str = ""
    """The call that last told that it is ready."""
    flow: Moved | None = None
    last_call: tuple[float, float] | None = None
    """Start and end of a stream's last transfer."""
    turn: int = 0
    """Which transfer of its program its last one was."""
    armed_s: float | None = None
    """Of a timer that runs: since when."""
    asked_s: float | None = None
    """Of a conversation: since when an answer is due."""

    @property
    def asks(self) -> Role:
        """Of a conversation: its client asks, its server answers. Who accepted a connection
        serves; of those made before the log begins, whose end is that of several; of a pair, who
        reads first."""
        if self.role is not None and not (self.link is not None and self.link.is_pair):
            return self.role
        shared = [end in self.program.ends.shared for end in self.connection or ()]
        if any(shared) and not all(shared):
            return "server" if shared[0] else "client"
        is_read = self.flow is not None and self.flow.first_direction == "read"
        return "server" if is_read else "client"

    def for_child(self) -> Opened:
        """The same, of a process that `fork` made: nothing was transferred yet."""
        return Opened(
            program=self.program,
            kind=self.kind,
            family=self.family,
            role=self.role,
            is_append=self.is_append,
            is_direct=self.is_direct,
            is_nonblocking=self.is_nonblocking,
            is_signalling=self.is_signalling,
            sync=self.sync,
            is_library=self.is_library,
            is_listening=self.is_listening,
            is_datagram=self.is_datagram,
            is_standard=self.is_standard,
            is_inherited=True,
            file=self.file,
            connection=self.connection,
            link=self.link,
            decoration=self.decoration,
            position=self.position,
        )
