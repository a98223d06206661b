"""The file of an answer: what `advise -o` keeps, and `chart` and `report` take.

It is the document of `document.py`, field by field. Reading trusts it as little as a result: it may
come from anywhere.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from iomodels.advice.document import SCHEMA, Advice, Candidate, Gain, PointAdvice, Turning
from iomodels.analysis.quantities import named
from iomodels.base.errors import NotWritten, ResultError
from iomodels.base.files import write
from iomodels.results import read
from iomodels.results.read import Document, Unusable, check_values

MAX_POINTS = 1000
MAX_CANDIDATES = 1000
"""Of a point."""
MAX_TURNINGS = 100
MAX_VALUES = 1000
"""Of a turning."""
_OF_ANY_SIGN = ("parameters", "environment")


def load(path: str | os.PathLike[str]) -> Advice:
    """Read an answer. Raises `ResultError` for whatever is not a sound one."""
    return read.load_document(path, ADVICE)


def is_advice(path: str | os.PathLike[str]) -> bool:
    """Whether this file says that it is an answer, of whatever version, sound or not."""
    try:
        schema = read.schema_of(read.read_bytes(Path(path)))
    except (ResultError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return schema.startswith(SCHEMA.rpartition("/")[0] + "/")


def text(advice: Advice) -> str:
    """It as JSON, for people as well: a field that is not known is null, as in the types."""
    return msgspec.json.format(msgspec.json.encode(advice)).decode() + "\n"


def save(advice: Advice, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write it to `path`, whole or not at all, and never over an existing file unless `force`.

    Raises `NotWritten` when that fails, also for an answer that `load` would refuse.
    """
    try:
        check_advice(advice)
        data = text(advice).encode()
    except (Unusable, UnicodeEncodeError) as error:
        raise NotWritten(
            f"the answer cannot be stored ({error}): this is a fault of iomodels, please report it"
        ) from None
    write(data, path, force=force)


def check_advice(advice: Advice) -> None:
    """What the types leave open. Raises `Unusable`."""
    _at_most(advice.points, MAX_POINTS, "points")
    for field in advice.__struct_fields__:
        if field != "points":
            check_values(getattr(advice, field), field, sign_matters=field not in _OF_ANY_SIGN)
    for number, limit in enumerate(advice.limits):
        _check_known(limit.quantity, f"limits[{number}].quantity")
    for number, point in enumerate(advice.points):
        _check_point(point, f"points[{number}]")


def _check_point(point: PointAdvice, where: str) -> None:
    _at_most(point.candidates, MAX_CANDIDATES, f"{where}.candidates")
    _at_most(point.turnings, MAX_TURNINGS, f"{where}.turnings")
    for field in point.__struct_fields__:
        if field != "candidates":
            signed = field not in _OF_ANY_SIGN
            check_values(getattr(point, field), f"{where}.{field}", sign_matters=signed)
    for number, candidate in enumerate(point.candidates):
        _check_candidate(candidate, f"{where}.candidates[{number}]")
    _check_known(point.quantity, f"{where}.quantity")
    engines = [candidate.engine for candidate in point.candidates]
    if len(set(engines)) < len(engines):
        raise Unusable(f"{where}.candidates has an engine twice")
    told = {"use": point.use, **{f"as_good[{n}]": e for n, e in enumerate(point.as_good)}}
    for name, engine in told.items():
        if engine is not None and engine not in engines:
            raise Unusable(f"{where}.{name} is none of its candidates")
    if (point.use is None) == (point.why_none is None):
        raise Unusable(f"{where} needs either an engine to use, or why there is none")
    if point.gain is not None:
        _check_gain(point.gain, point, f"{where}.gain")
    for number, turning in enumerate(point.turnings):
        _check_turning(turning, f"{where}.turnings[{number}]")


def _check_candidate(candidate: Candidate, where: str) -> None:
    for field in candidate.__struct_fields__:
        # An overlap that is measured may be below 0.
        check_values(getattr(candidate, field), f"{where}.{field}", sign_matters=field != "values")
    for number, limit in enumerate(candidate.beyond):
        _check_known(limit.quantity, f"{where}.beyond[{number}].quantity")


def _check_gain(gain: Gain, point: PointAdvice, where: str) -> None:
    """No file may make us say that a gain is shown which its interval does not carry."""
    if point.use is None:
        raise Unusable(f"{where} is of no engine")
    if gain.ratio.low <= 0:
        raise Unusable(f"{where}.ratio is not above 0")
    if gain.is_shown and gain.ratio.low <= 1:
        raise Unusable(f"{where} is called shown, and its interval does not carry it")


def _check_turning(turning: Turning, where: str) -> None:
    _at_most(turning.values, MAX_VALUES, f"{where}.values")
    values = list(turning.values)
    if not values or values != sorted(set(values)):
        raise Unusable(f"{where}.values do not ascend")
    if any(value <= 0 for value in values):
        raise Unusable(f"{where}.values are not above 0")
    lengths = {"best": len(turning.best)}
    lengths |= {f"measured[{engine!r}]": len(found) for engine, found in turning.measured.items()}
    for name, length in lengths.items():
        if length != len(values):
            raise Unusable(f"{where}.{name} has {length} entries for {len(values)} values")
    ends = (turning.low, turning.high, turning.below, turning.above)
    if all(end is None for end in ends):
        return
    if any(end is None for end in ends):
        raise Unusable(f"{where} has only a part of low, high, below and above")
    assert turning.low is not None
    assert turning.high is not None
    if turning.low not in values or turning.high not in values or turning.low >= turning.high:
        raise Unusable(f"{where}.low and high are not two of its values in order")
    if turning.below == turning.above:
        raise Unusable(f"{where} turns from an engine to itself")


def _check_known(quantity: str, where: str) -> None:
    try:
        named(quantity)
    except KeyError:
        raise Unusable(f"{where} is of no quantity that is known") from None


def _at_most(found: tuple[object, ...], most: int, where: str) -> None:
    if len(found) > most:
        raise Unusable(f"{len(found)} {where}, and at most {most} are read")


ADVICE = Document(Advice, SCHEMA, check_advice, "answer", "iomodels advise")
