"""The results that a command line names: paths, or `latest` for the newest one here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from iomodels.base.errors import UsageError
from iomodels.results.where import FOLDER, LATEST


def found(given: Sequence[Path]) -> list[Path]:
    """The files of these arguments: `latest` becomes the newest result in `results/`, and standard
    error says which that is.

    Raises `UsageError` where there is none.
    """
    return [_latest() if path == Path(LATEST) else path for path in given]


def _latest() -> Path:
    from iomodels.results.newest import newest

    from ..show import console

    path = newest(FOLDER)
    if path is None:
        raise UsageError(
            f"there is no result in {FOLDER}/ here: run iomodels bench first, or name a file"
        )
    console.err().print(console.safe(f"{LATEST}: {path}"), soft_wrap=True)
    return path
