"""The results that a command line names: paths, or `latest` for the newest one here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iomodels.base.errors import UsageError
from iomodels.results.where import FOLDER, LATEST

if TYPE_CHECKING:
    from iomodels.advice.document import Advice
    from iomodels.comparison.schema import Comparison
    from iomodels.comparison.trends import History
    from iomodels.results.schema import Run


def found(given: Sequence[Path]) -> list[Path]:
    """The files and folders of these arguments: `latest` becomes the newest result in `results/`,
    and standard error says which that is; `.` becomes a path with a name.

    Raises `UsageError` where there is none.
    """
    paths = (_latest() if path == Path(LATEST) else path for path in given)
    return [path if path.name else path.resolve() for path in paths]


def loaded(path: Path) -> Run | Comparison | History | Advice:
    """What is in this file: a run, whole or not, a comparison that `check` kept, or an answer of
    `advise`; of a folder, the trends over its runs.

    Raises `ResultError`, and `UsageError` for a folder without a result.
    """
    from iomodels.advice import stored
    from iomodels.analysis import assembled
    from iomodels.comparison import document

    if path.is_dir():
        from iomodels.check.history.baseline import load_baseline
        from iomodels.check.history.over_time import of_baseline

        return of_baseline(load_baseline([path]))
    if stored.is_advice(path):
        return stored.load(path)
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
