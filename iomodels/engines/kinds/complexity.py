"""Which engine is simpler: the order in which a tie is decided.

A judgement, not a measurement: the core states it (`core/engine.h`, `ENGINE_COMPLEXITIES`), and
docs/reading.md ("Which is simpler") has all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iomodels import _core
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import EngineSpec

STEP = 10
"""From a level to the next. Options stay within their engine's level: there are fewer of them."""


@dataclass(frozen=True)
class ComplexityLevel:
    """How much a program has to take care of: a name, and what that is, in a sentence."""

    name: str
    meaning: str


LEVELS: tuple[ComplexityLevel, ...] = tuple(
    ComplexityLevel(name, says) for name, says in _core.complexities()
)
"""The simplest first."""


def level_of(spec: EngineSpec) -> ComplexityLevel:
    """What its program has to take care of, options aside."""
    return LEVELS[DESCRIPTORS[spec.name].complexity]


def complexity(spec: EngineSpec) -> int:
    """The less, the simpler: `STEP` for each level below the engine's, and 1 for each of its
    options that is not the default. Two engines may be equal (`select` and `poll`)."""
    descriptor = DESCRIPTORS[spec.name]
    of_program = [o for o in descriptor.options if o.name in spec.options and o.text is None]
    return STEP * descriptor.complexity + len(of_program)


def table() -> str:
    """The whole order in Markdown, for docs/reading.md."""
    head = "| Number | Engine | What its program has to take care of |\n|--:|---|---|\n"
    return head + "".join(_rows())


def _rows() -> Iterator[str]:
    for place, level in enumerate(LEVELS):
        names = [
            f"`{name}`"
            for name, descriptor in DESCRIPTORS.items()
            if descriptor.complexity == place and EngineSpec(name).caps["moves_data"]
        ]
        yield f"| {STEP * place} | {', '.join(names)} | *{level.name}*: {level.meaning} |\n"
