"""Processes: which descriptors each has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from iomodels.observe.table.opened import Opened
from iomodels.observe.table.program import Program


@dataclass(slots=True, eq=False)
class Process:
    """`let_go` is called with what nothing refers to any more."""

    program: Program
    let_go: Callable[[Opened], None]
    held: dict[int, Opened] = field(default_factory=dict)
    closes_on_exec: set[int] = field(default_factory=set)
    threads: int = 0
    executed: int | None = None
    """Stands for what it executes, if that was seen."""
    open: Counter[Hashable] = field(default_factory=Counter)
    """How many of each class are open (the standard ones left out)."""

    def give(self, number: int, held: Opened, *, closes_on_exec: bool = False) -> Opened:
        """Descriptor `number` is `held` from now on."""
        self.close(number)
        self.held[number] = held
        if closes_on_exec:
            self.closes_on_exec.add(number)
        if number <= 2:
            held.is_standard = True
            if held.counts_as is not None:
                self.open[held.counts_as] -= 1
                held.counts_as = None
        if not held.is_standard and held.counts_as is None:
            held.counts_as = class_of(held)
            self.open[held.counts_as] += 1
        return held

    def found_out(self, held: Opened) -> None:
        """What `held` is became known after it was opened."""
        if held.counts_as is not None:
            self.open[held.counts_as] -= 1
            held.counts_as = class_of(held)
            self.open[held.counts_as] += 1

    def share(self, old: int, number: int, *, closes_on_exec: bool = False) -> None:
        """`dup`: both refer to the same."""
        held = self.held.get(old)
        if held is None or old == number:
            return
        held.references += 1
        self.give(number, held, closes_on_exec=closes_on_exec)

    def close(self, number: int) -> None:
        """Forget a descriptor, if it is known."""
        held = self.held.pop(number, None)
        self.closes_on_exec.discard(number)
        if held is None:
            return
        held.references -= 1
        if held.references == 0:
            if held.counts_as is not None:
                self.open[held.counts_as] -= 1
            self.let_go(held)

    def close_all(self) -> None:
        """The process ended."""
        for number in list(self.held):
            self.close(number)

    def execute(self) -> None:
        """It is another program now; some descriptors stay."""
        for number in list(self.closes_on_exec):
            self.close(number)
        copies: dict[Opened, Opened] = {}
        for number, held in list(self.held.items()):
            if held not in copies:
                copies[held] = held.for_child()
                copies[held].references = held.references
                copies[held].counts_as = held.counts_as
                copies[held].program = self.program
                self.let_go(held)
            self.held[number] = copies[held]

    def inherit(self, parent: Process) -> None:
        """Take over what `fork` copies, less what was closed by executing. What was seen of the
        child already stays as it is: after vfork, the parent's call ends later."""
        copies: dict[Opened, Opened] = {}
        for number, held in parent.held.items():
            is_closed = self.executed is not None and number in parent.closes_on_exec
            if number in self.held or is_closed:
                continue
            if held in copies:
                copies[held].references += 1
            else:
                copies[held] = held.for_child()
                copies[held].program = self.program
            self.give(number, copies[held], closes_on_exec=number in parent.closes_on_exec)


def class_of(held: Opened) -> Hashable:
    """Which descriptors count together as held. A proxy's connections to its clients are not those
    to its servers."""
    return held.kind, held.family, held.is_listening, held.role
