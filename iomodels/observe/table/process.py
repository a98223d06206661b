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
    has_executed: bool = False
    open: Counter[Hashable] = field(default_factory=Counter)
    """How many of each class are open (the standard ones left out)."""

    def give(self, number: int, held: Opened, *, closes_on_exec: bool = False) -> Opened:
        """Descriptor `number` is `held` from now on."""
        self.close(number)
        self.held[number] = held
        if closes_on_exec:
            self.closes_on_exec.add(number)
        if number > 2 and not held.is_standard:
            self.open[class_of(held)] += 1
        else:
            held.is_standard = True
        return held

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
        if not held.is_standard:
            self.open[class_of(held)] -= 1
        held.references -= 1
        if held.references == 0:
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
                copies[held].program = self.program
                self.let_go(held)
            self.held[number] = copies[held]

    def inherit(self, parent: Process) -> None:
        """Take over what `fork` copies; what was seen of the child already stays as it is."""
        copies: dict[Opened, Opened] = {}
        for number, held in parent.held.items():
            if number in self.held:
                continue
            if held in copies:
                copies[held].references += 1
            else:
                copies[held] = held.for_child()
                copies[held].program = self.program
            self.give(number, copies[held], closes_on_exec=number in parent.closes_on_exec)


def class_of(held: Opened) -> Hashable:
    """Which descriptors count together as held: of all that changes while one is open, nothing."""
    return held.kind, held.family
