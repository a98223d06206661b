"""What the calls so far left: threads, processes with their descriptors, and what was counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping

from iomodels.observe.calls.ring import RingSeen
from iomodels.observe.counting.call_times import CallTimes
from iomodels.observe.counting.flight import Flight
from iomodels.observe.counting.habits import Habits
from iomodels.observe.counting.moved import Direction, Moved
from iomodels.observe.counting.sizes import Sizes
from iomodels.observe.log.arguments import FileDescriptor, descriptor
from iomodels.observe.log.call import Call
from iomodels.observe.seen import Kind
from iomodels.observe.table.naming import named
from iomodels.observe.table.opened import Family, Link, Opened
from iomodels.observe.table.process import Process
from iomodels.observe.table.program import Ends, Program
from iomodels.observe.table.thread import Thread
from iomodels.observe.works.key import WorkKey, key_of

_MOST_KEYS = 1024
_MOST_LINKS = 65536
_MOST_RINGS = 1024
_MOST_UNHEARD = 65536


class State:
    """Everything that `Tally` keeps."""

    def __init__(self, processes: Mapping[int, int]) -> None:
        self.threads: dict[int, Thread] = {}
        self._process_of = processes
        self._processes: dict[int, Process] = {}
        """Those of `_process_of` that were heard of."""
        self.unheard: set[int] = set()
        """Threads whose beginning was not seen, so that each is taken for a process."""
        self._programs = 0
        self._ends = Ends()
        self.ready: dict[int, Sizes] = {}
        """Of each program, how many descriptors each call for readiness told of."""
        self.finished: dict[WorkKey, Moved] = {}
        """What closed descriptors did."""
        self.rest = Moved()
        """What those did that no scenario can say, and those beyond `_MOST_KEYS`."""
        self.flight: Flight[tuple[Opened, Direction]] = Flight(_key)
        self.waiting: dict[tuple[int, Kind | None, Family | None], set[int]] = {}
        """Of each class of a program's descriptors, the threads that read in vain."""
        self.quick = CallTimes()
        """How long calls took that no device answers."""
        self.gaps = CallTimes()
        """Times between the calls of a thread."""
        self.unseen: Counter[str] = Counter()
        self.unseen_bytes: Counter[str] = Counter()
        self.queued: dict[tuple[Process, str], list[tuple[float, Opened, Direction]]] = {}
        """Of each process and context of kernel AIO, what was submitted and not reaped: a context
        is an address, and forked processes often have the same."""
        self.links: dict[frozenset[int], Link] = {}
        self.rings: dict[Hashable, RingSeen] = {}
        """What closed rings did, by kind."""
        self.ring_of: dict[Opened, RingSeen] = {}

    # Processes and threads

    def new_program(self) -> Program:
        self._programs += 1
        return Program(self._programs - 1, self._ends)

    def new_process(self, program: Program) -> Process:
        return Process(program, self.let_go)

    def thread(self, number: int) -> Thread:
        """The thread of that number; one that was never heard of is a process of its own, until
        the call that made it ends."""
        thread = self.threads.get(number)
        if thread is None:
            of = self._process_of.get(number, number)
            process = self._processes.get(of) if number in self._process_of else None
            if process is None:
                process = self.new_process(self.new_program())
                if number in self._process_of:
                    self._processes[of] = process
                elif len(self.unheard) < _MOST_UNHEARD:
                    self.unheard.add(number)
            thread = self.start_thread(number, process, is_first=of == number)
        return thread

    def start_thread(self, number: int, process: Process, *, is_first: bool) -> Thread:
        thread = self.threads[number] = Thread(number, process, Habits(is_first))
        process.threads += 1
        return thread

    def end_thread(self, number: int) -> None:
        thread = self.threads.pop(number, None)
        if thread is None:
            return
        thread.process.threads -= 1
        if thread.process.threads <= 0:
            for held, ring in list(self.ring_of.items()):
                if ring.process is thread.process:
                    self._end_ring(held)
            thread.process.close_all()

    # Descriptors

    def held(self, thread: Thread, text: str) -> Opened | None:
        """What an argument refers to: as known, or as strace decorated it."""
        seen = descriptor(text)
        return self.held_of(thread.process, seen) if seen else None

    def held_of(self, process: Process, seen: FileDescriptor) -> Opened:
        known = process.held.get(seen.number)
        if seen.kind is None or (known is not None and known.decoration == seen.decoration):
            if known is None:
                known = process.give(seen.number, Opened(process.program, None))
            return known
        what = named(seen)
        if known is not None and (known.decoration is None or _is_still(known, seen, what.kind)):
            known.decoration = seen.decoration
            known.family = what.family or known.family
            known.kind = known.kind or what.kind
            known.is_datagram |= what.is_datagram
            process.found_out(known)
            self.connect(known, what.connection)
            if what.file is not None:
                known.file, known.is_library = what.file, what.is_library
            return known
        held = Opened(
            process.program,
            what.kind,
            what.family,
            file=what.file,
            is_library=what.is_library,
            is_datagram=what.is_datagram,
            decoration=seen.decoration,
            position=None,
        )
        self.connect(held, what.connection)
        return process.give(seen.number, held)

    def connect(self, held: Opened, connection: tuple[int, int] | None) -> None:
        """The two ends of what `held` refers to became known."""
        if connection is None or held.connection == connection:
            return
        held.connection = connection
        self._ends.connect(*connection)
        ends = frozenset(connection)
        if ends in self.links or len(self.links) < _MOST_LINKS:
            link = held.link = self.links.setdefault(ends, Link())
            if held.role == "client":
                link.connected_by = link.connected_by or held.program
            elif held.role == "server":
                link.accepted_by = link.accepted_by or held.program

    def _end_ring(self, held: Opened) -> None:
        ring = self.ring_of.pop(held, None)
        if ring is None:
            return
        ring.end()
        if ring.kind in self.rings:
            self.rings[ring.kind].merge(ring)
        elif ring.submitted and len(self.rings) < _MOST_RINGS:
            self.rings[ring.kind] = ring

    # What was counted

    def flow_of(self, held: Opened) -> Moved:
        if held.flow is None:
            held.flow = Moved()
        return held.flow

    def let_go(self, held: Opened) -> None:
        """A descriptor was closed: what it did is added to that of its like."""
        self._end_ring(held)
        for ring in self.ring_of.values():
            if ring.process.program is held.program:
                ring.may_be_for(held)
        flow = held.flow
        if flow is None:
            return
        for key, part in parts_of(held, flow):
            if key in self.finished:
                self.finished[key].merge(part)
            elif len(self.finished) < _MOST_KEYS:
                self.finished[key] = Moved()
                self.finished[key].merge(part)
            else:
                self.rest.merge(part)
        if flow.transfers:  # A ring asks later what timers without were set to.
            held.flow = None


def parts_of(held: Opened, flow: Moved) -> list[tuple[WorkKey, Moved]]:
    """A descriptor's work, or its two works where it first did one and then the other."""
    for side in flow.sides.values():
        side.end()
    if held.connection and flow.transfers:
        flow.connections[held.connection] = None
    flow.exchanges = (flow.switches + 1) // 2
    flow.is_edge, flow.is_oneshot = held.is_edge, held.is_oneshot
    flow.is_signalling = held.is_signalling
    directions: list[Direction] = ["read", "write"]
    active = [name for name in directions if flow.sides[name].operations] or directions[:1]
    keys = {direction: key_of(held, flow, direction) for direction in active}
    held.keys = keys
    if flow.transfers:
        flow.spans = [(flow.first_s, flow.last_s)]
    if len(set(keys.values())) == 1:
        return [(keys[active[0]], flow)]
    return [(key, flow.only(direction)) for direction, key in keys.items()]


def _key(of: tuple[Opened, Direction]) -> Hashable:
    held, direction = of
    if held.keys is not None:
        return held.keys.get(direction) or next(iter(held.keys.values()))
    assert held.flow is not None, "in flight without having transferred"
    return key_of(held, held.flow, direction)


def _is_still(known: Opened, seen: FileDescriptor, kind: str | None) -> bool:
    """Whether another decoration is of the same: a socket gets an address, a file is deleted."""
    if known.kind == "socket" and kind == "socket":
        return known.connection is None
    old = (known.decoration or "").removesuffix("(deleted)").rstrip()
    return old == seen.decoration.removesuffix("(deleted)").rstrip()


Handler = Callable[[State, Thread, Call, list[str]], None]
"""What a call does: its arguments come split."""
