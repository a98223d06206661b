"""Names of files, as texts to show and to write into other files; and of Pythons, in results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

PYTHON_LABEL = r"\d{1,3}\.\d{1,3}\.\d{1,3}(?:(?:a|b|rc)\d{1,3})?t?d?(?:-\d{1,3})?"
"""The version of an interpreter: `3.13.0`, `3.14.0t` without a GIL, `3.13.0-2` for another one of
the same version."""


def text_of(path: str | os.PathLike[str]) -> str:
    """The name as text: bytes that are not UTF-8 are written out, as `\\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def apart(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The names of these files without their folders; of several that have one name, with as many
    of the last folders as tell them apart. The same file twice keeps its name twice.
    """
    parts = [[part for part in Path(path).parts if part != os.curdir] or ["."] for path in paths]
    found = []
    for own in parts:
        others = [other for other in parts if other != own]
        size = 1
        while size < len(own) and any(other[-size:] == own[-size:] for other in others):
            size += 1
        found.append(text_of(Path(*own[-size:])))
    return found
