"""The newest result of a folder: what `latest` means on a command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from iomodels.base.errors import ResultError
from iomodels.results.read import read_bytes, schema_of
from iomodels.results.schema import SCHEMA


def newest(folder: Path) -> Path | None:
    """The result (`*.json`) that was written last; of those of one moment the last by name.

    None where there is none. A file that is no result, or that is not complete, does not count.
    """
    dated = sorted(_dated(folder), reverse=True)
    return next((path for _, path in dated if _is_result(path)), None)


def _dated(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in folder.glob("*.json"):
        try:
            yield path.stat().st_mtime_ns, path
        except OSError:
            continue  # gone since, or a link to nothing


def _is_result(path: Path) -> bool:
    try:
        return schema_of(read_bytes(path)) == SCHEMA
    except (ResultError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
