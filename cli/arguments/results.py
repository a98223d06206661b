"""The results that a command line names: paths, or `latest` for the newest one here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iomodels.base.errors import UsageError
from iomodels.results.where import FOLDER, LATEST

if TYPE_CHECKING:
    from iomodels.comparison.schema import Comparison
    from iomodels.results.schema import Run


def found(given: Sequence[Path]) -> list[Path]:
    """The files of these arguments: `latest` becomes the newest result in `results/`, and standard
    error says which that is.

    Raises `UsageError` where there is none.
    """
    return [_latest() if path == Path(LATEST) else path for path in given]


def loaded(path: Path) -> Run | Comparison:
    """What is in this file: a run, whole or not, or a comparison that `check` kept.

    Raises `ResultError`.
    """
    from iomodels.analysis import assembled
    from iomodels.comparison import document

    return document.load(path) if document.is_comparison(path) else assembled.load(path)


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
