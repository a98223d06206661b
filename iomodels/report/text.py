"""Texts of a run as the page shows them: nothing in them acts, and lines end where they may."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from iomodels.base.escape import visible
from iomodels.report.tables import NO_BREAK_SPACE

MAX_TEXT = 4096
"""Longer texts are cut: nothing that `bench` writes is that long."""


def harmless(value: object) -> object:
    """What a `{{ … }}` shows: bounded, and nothing in it acts on whoever reads or copies it."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + "…")


def unbroken(text: str) -> str:
    """No line ends between a number and its %."""
    return re.sub(r"(?<=\d) (?=%)", NO_BREAK_SPACE, text)


def prose(text: str) -> Markup:
    """A sentence: what stands between two backticks is a command, or a name as it is typed."""
    parts = re.split("`([^`]*)`", str(harmless(text)))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(unbroken(part))
        for number, part in enumerate(parts)
    )


def breakable(engine: str) -> Markup:
    """An engine's name, whose line may end before each of its options."""
    text = str(escape(harmless(engine)))
    return Markup(re.sub("(?<=[:,])(?=.)", "<wbr>", text))
