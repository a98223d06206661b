"""What must be done before matplotlib is loaded."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iomodels.base.errors import OutputError

if TYPE_CHECKING:
    from iomodels.advice.document import Advice
    from iomodels.comparison.schema import Comparison
    from iomodels.comparison.trends import History
    from iomodels.results.schema import Run


def prepare_drawing() -> None:
    """Give matplotlib folders that it can write to, and keep it silent.

    Raises `OutputError` where there is no such folder at all.
    """
    # Its remarks (on fonts and caches) are nothing that a user of ours could act on.
    logging.getLogger("matplotlib").setLevel(logging.CRITICAL)
    if all(map(_can_be_written, _usual_folders())):
        return
    folder = _temporary_folder()
    os.environ["MPLCONFIGDIR"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _usual_folders() -> Iterator[Path | None]:
    """Where it keeps settings and caches (`matplotlib.get_configdir`, `get_cachedir`)."""
    if own := os.environ.get("MPLCONFIGDIR"):
        yield Path(own)
        return
    for variable, below_home in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache")):
        if base := os.environ.get(variable):
            yield Path(base, "matplotlib")
            continue
        try:
            yield Path.home() / below_home / "matplotlib"
        except RuntimeError:  # a user without a name and without HOME
            yield None


def _can_be_written(folder: Path | None) -> bool:
    """Whether it is there, or can be made. Tried, not asked: to the superuser `access` allows even
    a read-only file system."""
    if folder is None:
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except (OSError, ValueError):
        return False


def _temporary_folder() -> str:
    """In memory where nothing else can be written to: a read-only container has that."""
    for parent in (None, "/dev/shm"):
        try:
            return tempfile.mkdtemp(prefix="iomodels-", dir=parent)
        except OSError:
            continue
    raise OutputError(
        "matplotlib, which draws the pictures, needs a folder that it can write to, and there is "
        "none: set MPLCONFIGDIR to one"
    )


def note_lacking_letters(contents: Sequence[Run | Comparison | History | Advice]) -> None:
    """Say which letters of their texts no font has, and what to install; pictures show their
    numbers."""
    from iomodels.charts.drawing.style import FONT_PACKAGES, lacking

    from ..show import console

    texts = {text for content in contents for text in _texts(content)}
    if letters := lacking(sorted(texts)):
        shown = letters if len(letters) <= 20 else letters[:20] + "…"
        note = f"note: no installed font has {shown}; pictures show numbers: {FONT_PACKAGES}"
        console.err().print(console.safe(note), soft_wrap=True)


def _texts(content: Run | Comparison | History | Advice) -> Iterator[str]:
    from iomodels.advice.document import Advice
    from iomodels.comparison.schema import Comparison
    from iomodels.comparison.trends import History

    if isinstance(content, Advice):
        yield from (text for point in content.points for text in (point.scenario, point.title))
        return
    if isinstance(content, History):
        yield from (run.known_change for run in content.runs)
        yield from (trend.scenario for trend in content.trends)
        return
    if isinstance(content, Comparison):
        yield from (run.known_change for run in content.history)
        yield from (content.base_name, content.new_name)
        yield from (change.scenario for change in content.changes)
        return
    yield from (*content.questions.values(), *content.titles.values())
    yield from (cell.scenario for cell in content.cells)
