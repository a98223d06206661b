"""An engine as it is written: its name, and after a colon its options: `aio:notify=poll,threads=4`.

A name may have a colon of its own (`python:asyncio`); options are told by their `=`.
"""

from __future__ import annotations


def split(engine: str) -> tuple[str, str]:
    """The name, and the options as they are written ("" for none)."""
    parts = engine.split(":")
    for place, part in enumerate(parts[1:], 1):
        if "=" in part:
            return ":".join(parts[:place]), ":".join(parts[place:])
    return engine, ""


def name_of(engine: str) -> str:
    """The name alone."""
    return split(engine)[0]


def options_of(engine: str) -> str:
    """The options alone, as they are written."""
    return split(engine)[1]
