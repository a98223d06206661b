"""The folder that an output goes into."""

from __future__ import annotations

from pathlib import Path

from iomodels.base.errors import OutputError


def make_folder(folder: Path, how: str) -> None:
    """Make it, with those above it, unless it is there.

    Raises `OutputError`, which says `how` to name another.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"cannot make the folder '{folder}' ({getattr(error, 'strerror', None) or error}): "
            f"name another with {how}"
        ) from error
