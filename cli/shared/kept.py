"""The comparison that `check` and `compare -o` keep: where, and that it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from iomodels.base.errors import NotWritten, OutputError
from iomodels.results.where import FOLDER

from .ending import Ending
from .folders import free_name, spare_inputs

if TYPE_CHECKING:
    from iomodels.comparison.schema import Comparison


@dataclass(frozen=True)
class Kept:
    """Where the comparison goes. Where nobody asked for it (`by_default`), a check that cannot
    write it ends as it would without."""

    path: Path
    by_default: bool
    force: bool = False


def asked(output: Path, *, force: bool, inputs: Sequence[str | Path] = ()) -> Kept:
    """For `-o`. Refused before anything is measured is what could not be written, and what would
    take the place of one of the `inputs`. Raises `OutputError`."""
    from iomodels.base import files

    spare_inputs(output, inputs)
    files.check_output(output, force=force)
    return Kept(output, by_default=False, force=force)


def save(comparison: Comparison, kept: Kept, ending: Ending) -> Path | None:
    """Keep it, and return where; `ending` has what failed of what was asked for."""
    from ..show import console

    try:
        if kept.by_default:
            return _by_default(comparison, kept.path)
        _write(comparison, kept.path, force=kept.force)
    except OutputError as error:
        if kept.by_default:
            note = f"note: the comparison is not kept: {error}"
            console.err().print(console.safe(note), soft_wrap=True)
        else:
            ending.failures.append(error)
        return None
    return kept.path


def say(comparison: Comparison, path: Path) -> None:
    """Where it is, and of one that did not pass what makes a page of it."""
    from ..show import console

    lines = [f"comparison: {path}"]
    lines += [f"page: iomodels report {path}"] if comparison.outcome != "passed" else []
    for line in lines:
        console.err().print(console.safe(line), soft_wrap=True)


def _by_default(comparison: Comparison, path: Path) -> Path:
    try:
        FOLDER.mkdir(exist_ok=True)
    except OSError as error:
        raise NotWritten(f"cannot make the folder '{FOLDER}' ({error.strerror})") from error
    path = free_name(path) if path.exists() else path  # another check of this second
    try:
        _write(comparison, path, force=False)
    except OutputError:
        with suppress(OSError):  # there is something in it
            FOLDER.rmdir()
        raise
    return path


def _write(comparison: Comparison, path: Path, *, force: bool) -> None:
    from iomodels.comparison import document

    document.save(comparison, path, force=force)
