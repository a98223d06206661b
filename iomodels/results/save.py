"""Writing result files, so that nothing is lost.

Every trial is appended to PATH.partial as it ends, and PATH itself appears whole or not at all and
never replaces a file unasked.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from iomodels.base.errors import OutputError, ResultError
from iomodels.base.files import (
    cannot_write,
    create,
    partial_exists,
    partial_path,
    write,
    write_all,
)
from iomodels.results.read import Unusable, check_run, check_trial, read_bytes, refusing
from iomodels.results.schema import Run, Trial

CellKey = dict[str, Any]
"""What names a cell in a .partial file: its `scenario`, `parameters` and `engine`."""


class _Line(msgspec.Struct):
    cell: CellKey
    trial: Trial


def recover(path: str | os.PathLike[str]) -> list[tuple[CellKey, Trial]]:
    """The trials in a PATH.partial file, in the order in which they were measured.

    A last line without its end is what a crash leaves of a trial under way: it is left out if it
    cannot be read. Raises `ResultError` for anything else that is wrong.
    """
    *lines, last = read_bytes(Path(path)).split(b"\n")
    found: list[tuple[CellKey, Trial]] = []
    for number, text in enumerate(lines, start=1):
        with refusing(path, f"delete its line {number} to use the rest"):
            found.append(_trial_line(text))
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError, Unusable):
        found.append(_trial_line(last))
    return found


def _trial_line(text: bytes) -> tuple[CellKey, Trial]:
    line = msgspec.json.decode(text, type=_Line)
    check_trial(line.trial, "trial")
    return line.cell, line.trial


def encode(run: Run) -> bytes:
    """The bytes of a result file: compact JSON, one line per cell and per trial.

    The same run always gives the same bytes. Raises `ResultError` for a run that `load` would
    refuse, such as one with a number that is not finite.
    """
    encoder = msgspec.json.Encoder()

    def line(value: object) -> msgspec.Raw:
        return msgspec.Raw(b"\n" + encoder.encode(value))

    try:
        check_run(run)
        cells = [
            line({**msgspec.structs.asdict(cell), "trials": [line(t) for t in cell.trials]})
            for cell in run.cells
        ]
        return encoder.encode({**msgspec.structs.asdict(run), "cells": cells}) + b"\n"
    except (Unusable, UnicodeEncodeError) as error:
        raise ResultError(
            f"the run cannot be stored ({error}): this is a fault of iomodels, please report it"
        ) from None


def save(run: Run, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write `run` to `path`, whole or not at all, and never over an existing file unless `force`.

    It is written beside `path`, synchronised, and then given its name in one step. Raises
    `OutputError` when that fails; the message names the file that still holds the measurements.
    """
    write(encode(run), path, force=force, kept=partial_path(path))


class PartialWriter:
    """Keeps each trial in PATH.partial as soon as it ends, one JSON object per line.

    A context manager. The file stays when the block ends, however it ends, unless `discard` was
    called (after a successful `save`) or nothing was ever appended.
    """

    def __init__(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        self.path = partial_path(path)
        self.failed = False
        """Whether a write failed: the trials since then are not in the file."""
        self._force = force
        self._descriptor = -1
        self._size = 0

    def __enter__(self) -> Self:
        """Create the file. Raises `OutputError`, also for an old one unless `force`."""
        try:
            if self._force:
                self.path.unlink(missing_ok=True)
            self._descriptor = create(self.path)
        except FileExistsError:
            raise OutputError(partial_exists(self.path)) from None
        except (OSError, ValueError) as error:
            raise cannot_write(self.path, error) from None
        return self

    def append(self, cell_key: CellKey, trial: Trial) -> None:
        """Keep one finished trial.

        Raises `OutputError` at the first write that fails, such as on a full disk. What was there
        before stays whole, and later calls do nothing: the caller has been told, and may go on
        with the trials it has in memory.
        """
        if self.failed:
            return
        data = msgspec.json.encode(_Line(cell_key, trial)) + b"\n"
        try:
            # To the kernel, not to the disk: that outlives this process, and to wait for the
            # disk between two trials would disturb the next.
            write_all(self._descriptor, data)
        except OSError as error:
            self.failed = True
            with contextlib.suppress(OSError):  # a torn last line is tolerated by `recover`
                os.ftruncate(self._descriptor, self._size)
            raise cannot_write(self.path, error, kept=self.path if self._size else None) from None
        self._size += len(data)

    def discard(self) -> None:
        """Remove the file: the result is saved."""
        self.path.unlink(missing_ok=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
        if not self._size:
            self.discard()
