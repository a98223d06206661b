"""Which transfers count as one kind of work."""

from __future__ import annotations

from typing import Literal, NamedTuple

from iomodels.observe.counting.moved import Direction, Moved
from iomodels.observe.seen import Kind
from iomodels.observe.table.opened import Family, Opened, Role

_FEW = 16
"""Fewer transfers say nothing about size and order."""
_ALTERNATE = 0.2
"""Changes of direction for each transfer in the rarer one: 2 where each stands alone, and near 0
where all reads come before all writes."""


class WorkKey(NamedTuple):
    """Transfers of one program with equal keys are one kind of work."""

    program: int
    kind: Kind | None
    family: Family | None
    role: Role | None
    does: Literal["read", "write", "mixed", "exchange"]
    is_append: bool
    is_direct: bool
    is_library: bool
    is_standard: bool
    is_sequential: bool
    size: int | None
    """log4 of the usual size; None of few transfers."""


def key_of(held: Opened, flow: Moved, direction: Direction) -> WorkKey:
    """Of `held`'s transfers in one direction. Reads and writes that alternate are one work; that
    came one after the other are two."""
    does = _does(held, flow, direction)
    is_file = held.kind == "file"
    sides = [flow.sides[direction]] if does in ("read", "write") else list(flow.sides.values())
    placed = sum(side.placed for side in sides)
    sequential = sum(side.sequential for side in sides)
    few = sum(side.operations for side in sides) < _FEW
    return WorkKey(
        program=held.program.number,
        kind=held.kind,
        family=held.family,
        role=held.asks if does == "exchange" else None,
        does=does,
        is_append=is_file and held.is_append and does == "write",
        is_direct=2 * flow.direct > flow.transfers,
        is_library=held.is_library,
        is_standard=held.is_standard,
        is_sequential=not is_file or few or sequential * 2 > placed,
        size=None if few or not is_file else _size_class(sides[0].asked.common),
    )


def _does(
    held: Opened, flow: Moved, direction: Direction
) -> Literal["read", "write", "mixed", "exchange"]:
    if held.kind == "timer":
        return "read"
    reads, writes = (flow.sides[name].operations for name in ("read", "write"))
    fewer = min(reads, writes)
    if fewer == 0 or flow.switches < _ALTERNATE * fewer:
        return direction
    if held.kind == "socket":
        return "exchange" if flow.is_exchange else direction
    return "mixed"


def _size_class(size: int) -> int:
    return (max(size, 1).bit_length() - 1) // 2
