"""A rule, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from iomodels.conform.subject import Subject

Status = Literal["kept", "broken", "n/a"]
SuiteName = Literal["trials", "core"]
"""By whole trials, or the suite in C, which calls the engine's functions itself."""


@dataclass(frozen=True)
class Rule:
    """`sentence` is what the engine has to do, and `where`. `unless` says why the rule does not
    apply to a subject, or None. `broken` tries it: None where it was kept, or a sentence on what
    was seen. It may raise `NotApplicable`; a `TrialError` is a broken rule."""

    name: str
    sentence: str
    unless: Callable[[Subject], str | None]
    broken: Callable[[Subject], str | None]
    where: str = "everywhere"


@dataclass(frozen=True)
class Ruling:
    """What became of a rule in a role. `said` is why it is broken or n/a, else ""."""

    engine: str
    role: str
    rule: str
    status: Status
    said: str = ""
    suite: SuiteName = "trials"


def always(subject: Subject) -> str | None:
    """For a rule that applies everywhere."""
    return None


def unless_moves_data(subject: Subject) -> str | None:
    """For a rule about bytes."""
    return None if subject.caps["moves_data"] else "the engine does no I/O"


def unless_timed(subject: Subject) -> str | None:
    """For a rule about waiting."""
    if subject.role.channel != "timer":
        return "only the timer knows its service times"
    return unless_moves_data(subject)


def unless_has_peer(subject: Subject) -> str | None:
    """For a rule about the process at the other end."""
    return unless_moves_data(subject) if subject.role.has_peer else "the channel has no peer"
