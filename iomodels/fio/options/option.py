"""What one option of fio becomes here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Becoming = Literal["translated", "harmless", "refused"]


@dataclass(frozen=True)
class FioOption:
    """An option, as fio's manual has it, and what becomes of it.

    `text` says what it becomes, why it is harmless, or why no scenario can say it. A refused option
    is refused unless its value is one of `neutral`, which ask for nothing; with `instead`, what
    `--partly` writes in its place. It is harmless, too, in a job without the option `of`, which it
    belongs to. `engines` are the values of ioengine that know it (empty: all).
    """

    name: str
    becomes: Becoming
    text: str
    aliases: tuple[str, ...] = ()
    neutral: tuple[str, ...] = ()
    instead: str = ""
    engines: tuple[str, ...] = ()
    of: str = ""


def options(
    becomes: Becoming,
    names: str,
    text: str,
    *,
    neutral: str = "",
    instead: str = "",
    engines: str = "",
    of: str = "",
) -> list[FioOption]:
    """Several options with one fate. `names` are separated by blanks, each `name` or
    `name/alias/alias`."""
    found = []
    for each in names.split():
        name, *aliases = each.split("/")
        found.append(
            FioOption(
                name,
                becomes,
                text,
                tuple(aliases),
                tuple(neutral.split()),
                instead,
                tuple(engines.split()),
                of,
            )
        )
    return found
