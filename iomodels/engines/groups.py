"""Names for several engines at once, each in its plain form: usable wherever engines are listed.

Their members follow from what the engines say of themselves, so that a new one is in them, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iomodels import _core
from iomodels.engines.catalog import DEFAULT, DESCRIPTORS


@dataclass(frozen=True)
class Group:
    """Engines that people name together."""

    meaning: str
    members: tuple[str, ...]


_ALL = tuple(name for name in DESCRIPTORS if _core.engine(name, {})["caps"]["moves_data"])

GROUPS: Mapping[str, Group] = {
    "all": Group("every engine that makes I/O", _ALL),
    "article": Group("the four models of the article", DEFAULT),
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
