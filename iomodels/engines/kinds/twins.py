"""The engine in C that makes the same calls as one in Python: the difference is the interpreter."""

from __future__ import annotations

from iomodels.engines.engine_text import name_of, options_of
from iomodels.engines.sources import SOURCES


def twin_of(engine: str, *, on_files: bool) -> str | None:
    """The twin of an engine as a result names it; None for one that has none, or that is not known
    here."""
    source = SOURCES.get(name_of(engine))
    if source is None:
        return None
    pairs = (text.partition("=") for text in options_of(engine).split(",") if text)
    return source.twin({name: value for name, _, value in pairs}, on_files=on_files)
