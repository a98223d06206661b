"""Names for several engines at once, each in its plain form: usable wherever engines are listed.

Their members follow from what the engines say of themselves, so that a new one is in them, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iomodels.engines.catalog import DEFAULT
from iomodels.engines.sources import CORE_ENGINES, SOURCES


@dataclass(frozen=True)
class Group:
    """Engines that people name together."""

    meaning: str
    members: tuple[str, ...]


def moves_data(name: str) -> bool:
    """Whether the engine makes I/O at all."""
    return SOURCES[name].facts({})["caps"]["moves_data"]


_ALL = tuple(name for name in CORE_ENGINES if moves_data(name))

GROUPS: Mapping[str, Group] = {
    "all": Group("every engine in C that makes I/O", _ALL),
    "article": Group("the four models of the article", DEFAULT),
    "python": Group(
        "Python's own models, measured in Python",
        tuple(name for name, source in SOURCES.items() if source.python and moves_data(name)),
    ),
    "today": Group(
        "every engine that is not of the article",
        tuple(name for name in _ALL if name not in DEFAULT),
    ),
}


def table() -> str:
    """The rows of a table in Markdown: each group with what it stands for."""
    return "".join(
        f"| `{name}` | {group.meaning}: {', '.join(group.members)} |\n"
        for name, group in GROUPS.items()
    )
