"""Writing result files: PATH appears whole or not at all, and never replaces a file unasked."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from iomodels.base.errors import ResultError
from iomodels.base.files import write
from iomodels.results.read import Unusable, check_run
from iomodels.results.schema import Cell, Run, Trial


def encode(run: Run, *, without_nulls: bool = False) -> bytes:
    """The bytes of a result file: compact JSON, one line per cell and per trial.

    The same run always gives the same bytes. `without_nulls`: what a cell or a trial does not have
    is left out, for a smaller file that says the same. Raises `ResultError` for a run that `load`
    would refuse, such as one with a number that is not finite.
    """
    encoder = msgspec.json.Encoder()

    def line(value: object) -> msgspec.Raw:
        return msgspec.Raw(b"\n" + encoder.encode(value))

    def fields(of: Cell | Trial) -> dict[str, object]:
        every = msgspec.structs.asdict(of)
        return {k: v for k, v in every.items() if v is not None or not without_nulls}

    try:
        check_run(run)
        cells = [
            line({**fields(cell), "trials": [line(fields(t)) for t in cell.trials]})
            for cell in run.cells
        ]
        return encoder.encode({**msgspec.structs.asdict(run), "cells": cells}) + b"\n"
    except (Unusable, UnicodeEncodeError) as error:
        raise ResultError(
            f"the run cannot be stored ({error}): this is a fault of iomodels, please report it"
        ) from None


def save(run: Run, path: str | os.PathLike[str], *, force: bool, kept: Path | None = None) -> None:
    """Write `run` to `path`, whole or not at all, and never over an existing file unless `force`.

    It is written beside `path`, synchronised, and then given its name in one step. Raises
    `NotWritten` when that fails; the message names `kept`, which still holds the measurements.
    """
    write(encode(run), path, force=force, kept=kept)
