"""What came of engines' rules, counted and as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from iomodels.base.exit_codes import Exit
from iomodels.conform.rule import Ruling

SCHEMA = "iomodels.conform/1"


@dataclass(frozen=True)
class RoleConformance:
    """All rulings of an engine in one role."""

    role: str
    rulings: tuple[Ruling, ...]

    @property
    def kept(self) -> int:
        """How many rules were."""
        return sum(ruling.status == "kept" for ruling in self.rulings)

    @property
    def broken(self) -> tuple[Ruling, ...]:
        """Those that were."""
        return tuple(ruling for ruling in self.rulings if ruling.status == "broken")

    @property
    def why_nothing(self) -> str | None:
        """The reason where no rule could be tried."""
        if any(ruling.status != "n/a" for ruling in self.rulings):
            return None
        return self.rulings[0].said if self.rulings else "no rule was chosen"


@dataclass(frozen=True)
class Conformance:
    """An engine's."""

    engine: str
    roles: tuple[RoleConformance, ...]
    notes: tuple[str, ...] = ()
    """What could not be tried at all, a sentence each."""

    @property
    def rulings(self) -> tuple[Ruling, ...]:
        """Of all roles."""
        return tuple(ruling for role in self.roles for ruling in role.rulings)

    @property
    def tried(self) -> int:
        """How often a rule was."""
        return sum(ruling.status != "n/a" for ruling in self.rulings)

    @property
    def broken(self) -> tuple[Ruling, ...]:
        """All that were."""
        return tuple(ruling for role in self.roles for ruling in role.broken)


def by_role(rulings: Iterable[Ruling]) -> Iterator[RoleConformance]:
    """Rulings that come role by role."""
    for role, members in groupby(rulings, key=lambda ruling: ruling.role):
        yield RoleConformance(role, tuple(members))


def exit_code(answers: Sequence[Conformance]) -> Exit:
    """1 where a rule is broken, 3 where none could be tried with one of the engines."""
    if any(answer.broken for answer in answers):
        return Exit.FAILED
    return Exit.DONE if all(answer.tried for answer in answers) else Exit.NOTHING


def as_data(answers: Iterable[Conformance]) -> dict[str, Any]:
    """For JSON."""
    return {
        "schema": SCHEMA,
        "engines": [
            {
                "engine": answer.engine,
                "tried": answer.tried,
                "broken": len(answer.broken),
                "notes": list(answer.notes),
                "rulings": [asdict(ruling) for ruling in answer.rulings],
            }
            for answer in answers
        ],
    }
