"""A history: a folder of results of one machine, to which runs are added one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from iomodels.base import files
from iomodels.base.errors import UsageError
from iomodels.base.names import text_of
from iomodels.check.history.small import small
from iomodels.results.read import MAX_CHANGE_TEXT
from iomodels.results.save import encode
from iomodels.results.schema import Run


def known_change(text: str) -> str:
    """The text as a run keeps it. Raises `UsageError` for none, and for a long one."""
    kept = text_of(text.strip())
    if not kept:
        raise UsageError("a known change has no words: say what changed, as in 'kernel 6.18'")
    if len(kept) > MAX_CHANGE_TEXT:
        raise UsageError(
            f"a known change has {len(kept)} characters, and at most {MAX_CHANGE_TEXT} are kept"
        )
    return kept


def add(run: Run, folder: Path, change: str = "") -> Path:
    """Add the run in its small form, and give the path: the time when it began, in UTC.

    `change` is what is known to have changed before it (`known_change`): the history starts again
    with this run. Two jobs never take one name, and nobody ever sees a part of a file. Raises
    `NotWritten`.
    """
    kept = small(msgspec.structs.replace(run, known_change=change))
    return files.write_new(encode(kept, without_nulls=True), folder, _stem(run), ".json")


def _stem(run: Run) -> str:
    return f"{datetime.fromisoformat(run.created_utc).astimezone(UTC):%Y%m%dT%H%M%SZ}"
