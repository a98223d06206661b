"""The file of a comparison: what `check -o` keeps, and `chart` and `report` take.

It is the comparison of `schema.py`, field by field. Reading trusts it as little as a result: it may
come from anywhere.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from iomodels.base.errors import NotWritten, ResultError
from iomodels.base.files import write
from iomodels.comparison.schema import SCHEMA, Change, Comparison, Trend
from iomodels.results import read
from iomodels.results.read import Document, Unusable, check_values

MAX_CHANGES = 100_000
MAX_TRENDS = 10_000
MAX_RUNS = 1_000
"""Of a history."""
_OF_ANY_SIZE = ("ratio", "noise", "detectable", "detectable_later")
"""Too few rounds have an interval from nearly none to nearly all there is."""
_OF_ANY_SIGN = ("parameters",)


def load(path: str | os.PathLike[str]) -> Comparison:
    """Read a comparison file. Raises `ResultError` for whatever is not a sound one."""
    return read.load_document(path, COMPARISON)


def is_comparison(path: str | os.PathLike[str]) -> bool:
    """Whether this file says that it is a comparison, of whatever version, sound or not."""
    try:
        schema = read.schema_of(read.read_bytes(Path(path)))
    except (ResultError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return schema.startswith(SCHEMA.rpartition("/")[0] + "/")


def text(comparison: Comparison) -> str:
    """It as JSON, for people as well: a field that is not known is null, as in the types."""
    return msgspec.json.format(msgspec.json.encode(comparison)).decode() + "\n"


def save(comparison: Comparison, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write it to `path`, whole or not at all, and never over an existing file unless `force`.

    Raises `NotWritten` when that fails, also for a comparison that `load` would refuse, such as one
    with a number that is not finite.
    """
    try:
        check_comparison(comparison)
        data = text(comparison).encode()
    except (Unusable, UnicodeEncodeError) as error:
        raise NotWritten(
            f"the comparison cannot be stored ({error}): this is a fault of iomodels, please "
            "report it"
        ) from None
    write(data, path, force=force)


def check_comparison(comparison: Comparison) -> None:
    """What the types leave open. Raises `Unusable`."""
    for name, most in (("changes", MAX_CHANGES), ("trends", MAX_TRENDS), ("history", MAX_RUNS)):
        if (found := len(getattr(comparison, name))) > most:
            raise Unusable(f"{found} {name}, and at most {most} are read")
    for field in comparison.__struct_fields__:
        if field not in ("changes", "trends"):
            signed = field != "differences"
            check_values(getattr(comparison, field), field, sign_matters=signed)
    for number, change in enumerate(comparison.changes):
        _check_change(change, f"changes[{number}]")
    for number, trend in enumerate(comparison.trends):
        _check_trend(trend, len(comparison.history), f"trends[{number}]")


def _check_change(change: Change, where: str) -> None:
    _check_fields(change, where, but=_OF_ANY_SIZE)
    ratio = change.ratio
    numbers = [(name, getattr(change, name)) for name in _OF_ANY_SIZE if name != "ratio"]
    if ratio is not None:
        numbers += [("ratio", value) for value in (ratio.low, ratio.median, ratio.high)]
        if not ratio.low <= ratio.median <= ratio.high:
            raise Unusable(f"{where}.ratio is not in order: low, median, high")
    for name, value in numbers:
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise Unusable(f"{where}.{name} is negative or not a finite number")


def _check_trend(trend: Trend, runs: int, where: str) -> None:
    _check_fields(trend, where)
    if len(trend.runs) != runs:
        raise Unusable(f"{where} has {len(trend.runs)} runs, and the history has {runs}")
    if any(not 0 <= index < runs for index in trend.changed_at):
        raise Unusable(f"{where}.changed_at is of no run of the history")


def _check_fields(struct: msgspec.Struct, where: str, but: Iterable[str] = ()) -> None:
    for field in struct.__struct_fields__:
        if field not in but:
            signed = field not in _OF_ANY_SIGN
            check_values(getattr(struct, field), f"{where}.{field}", sign_matters=signed)


COMPARISON = Document(Comparison, SCHEMA, check_comparison, "comparison", "iomodels check")
