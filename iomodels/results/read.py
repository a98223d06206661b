"""Reading result files (`schema.py` says what is in them, and `save.py` writes them).

Reading trusts nothing: a result file may come from anywhere, so its size, its types and its
numbers are checked before anyone uses it.
"""

from __future__ import annotations

import codecs
import contextlib
import math
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from iomodels.base.errors import ResultError
from iomodels.base.files import reason_of
from iomodels.base.names import PYTHON_LABEL
from iomodels.results.schema import SCHEMA, Asked, Cell, Histogram, Interval, Run, Trial

MAX_BYTES = 256 * 1024 * 1024
MAX_CELLS = 100_000
MAX_BUCKETS = 10_000
MAX_TRIALS = 1000
"""Of a cell: what `bench --rounds` can ask for."""
MAX_TEXT = 16_384
"""Characters. The longest that is written is a list of CPUs."""
MAX_ENTRIES = 10_000
"""Of any list or table but cells, trials, histograms and timelines, which have their own bounds."""
MAX_ASKED = 10_000
MAX_ASKED_TEXT = 4096
MAX_PARTS = 10_000
MAX_CHANGE_TEXT = 500
"""Characters of `Run.known_change`: a sentence or two."""
HISTOGRAMS = ("latency_ns", "submit_ns", "service_ns", "added_ns", "cancel_ns", "cancel_late_ns")

_MAX_NUMBER = 2**64
_LEAST_NUMBER = 2**-64
"""What is measured is nowhere near these: nanoseconds of centuries, one call in 10^19 operations.
Sums, squares and ratios of numbers between them are finite."""
_MAY_BE_NEGATIVE = {"overlap", "overlap_parts", "counters"}

_PYTHON = re.compile(r"[:,]\s*python\s*=([^,]*)")

Content = TypeVar("Content")


class _Header(msgspec.Struct):
    schema: str


class Unusable(Exception):  # noqa: N818 - becomes a ResultError as soon as the path is known
    """What is wrong with a value, and where in the file it is."""


# Reading


@dataclass(frozen=True)
class Document(Generic[Content]):
    """A kind of file: what is in it, and how to speak of it.

    `check` raises `ValueError` for what the types leave open. `what` is one word, `command` makes
    such a file.
    """

    content: type[Content]
    schema: str
    check: Callable[[Content], None]
    what: str
    command: str


def load(path: str | os.PathLike[str]) -> Run:
    """Read a result file. Raises `ResultError` for whatever is not a sound one, with a remedy."""
    return load_document(path, RUN)


def load_document(path: str | os.PathLike[str], kind: Document[Content]) -> Content:
    """Read a file of this kind. Raises `ResultError` for whatever is not a sound one."""
    data = read_bytes(Path(path), kind.what, kind.command)
    return decode(data, path, kind)


def schema_of(data: bytes) -> str:
    """Which kind of file these bytes are, and its version. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8), type=_Header).schema


def decode(data: bytes, path: str | os.PathLike[str], kind: Document[Content]) -> Content:
    """The same of bytes that were read from `path`."""
    # Editors and shells of Windows put a byte order mark before the text.
    data = data.removeprefix(codecs.BOM_UTF8)
    remedy = f"make one with '{kind.command}' or use another file"
    with refusing(path, remedy, kind.what):
        schema = schema_of(data)
        if schema == kind.schema:
            content = msgspec.json.decode(data, type=kind.content)
            kind.check(content)
            return content
    if schema.startswith(kind.schema.rpartition("/")[0] + "/"):
        raise ResultError(
            f"{path} is of version {_shown(schema)} and this iomodels reads {kind.schema}: "
            "use the iomodels that wrote it, or a newer one"
        )
    raise ResultError(
        f"{path} is not an iomodels {kind.what} (its schema is {_shown(schema)}, not "
        f"{kind.schema}): give a file that '{kind.command}' wrote"
    )


@contextlib.contextmanager
def refusing(path: str | os.PathLike[str], remedy: str, what: str = "result") -> Iterator[None]:
    """Turns every way in which the bytes of a file can be unsound into one `ResultError`."""
    try:
        yield
    except msgspec.ValidationError as error:
        problem = f"is not a sound iomodels {what} ({_shortened(str(error))})"
    except msgspec.DecodeError as error:
        problem = f"is not JSON, or is cut off ({_shortened(str(error))})"
    except UnicodeDecodeError as error:
        problem = f"is not JSON (not UTF-8 at byte {error.start} of a text)"
    except RecursionError:
        problem = f"is not an iomodels {what} (nested too deeply)"
    except (Unusable, ValueError) as error:
        problem = f"is not a sound iomodels {what} ({error})"
    else:
        return
    raise ResultError(f"{os.fspath(path)} {problem}: {remedy}") from None


def read_bytes(path: Path, what: str = "result", command: str = "iomodels bench") -> bytes:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ResultError(f"{path} is not a regular file: give a {what} file")
            # Not MAX_BYTES at once: so much memory would be asked for.
            data = file.read(min(status.st_size, MAX_BYTES) + 1)
    except IsADirectoryError:
        raise ResultError(f"{path} is a folder: give the {what} file in it") from None
    except FileNotFoundError:
        raise ResultError(
            f"{path} does not exist: check the name, or make one with '{command} -o {path}'"
        ) from None
    except (OSError, ValueError) as error:
        raise ResultError(
            f"{path} cannot be read ({reason_of(error)}): check its name and permissions"
        ) from None
    if status.st_size > MAX_BYTES or len(data) > MAX_BYTES:
        raise ResultError(
            f"{path} is larger than {MAX_BYTES >> 20} MiB, the most that is read: "
            f"give a {what} file, or measure less at a time"
        )
    return data


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # to open a FIFO could wait for ever


# What msgspec's types leave open


def check_run(run: Run) -> None:
    if run.schema != SCHEMA:
        raise Unusable(f"its schema is {_shown(run.schema)}, not {SCHEMA}")
    if len(run.cells) > MAX_CELLS:
        raise Unusable(f"{len(run.cells)} cells, and at most {MAX_CELLS} are read")
    for field in run.__struct_fields__:
        if field not in ("cells", "asked"):
            check_values(getattr(run, field), field, sign_matters=False)
    if len(run.known_change) > MAX_CHANGE_TEXT:
        raise Unusable(
            f"known_change has {len(run.known_change)} characters, and at most {MAX_CHANGE_TEXT} "
            "are read"
        )
    if run.asked is not None:
        _check_asked(run.asked)
    for number, cell in enumerate(run.cells):
        _check_cell(cell, f"cells[{number}]")


def _check_asked(asked: Asked) -> None:
    texts = [*asked.scenarios, *asked.engines, *asked.settings]
    texts += [value for values in asked.settings.values() for value in values]
    if len(texts) > MAX_ASKED:
        raise Unusable(f"asked has {len(texts)} texts, and at most {MAX_ASKED} are read")
    longest = max(map(len, texts), default=0)
    if longest > MAX_ASKED_TEXT:
        raise Unusable(
            f"asked has a text of {longest} characters, and at most {MAX_ASKED_TEXT} are read"
        )


def _check_cell(cell: Cell, where: str) -> None:
    for label in _PYTHON.findall(cell.engine):
        if not re.fullmatch(PYTHON_LABEL, label.strip()):
            raise Unusable(
                f"{where}.engine names an interpreter as {_shown(label)}: a result knows only its "
                "version"
            )
    if cell.status == "ok" and cell.summary is None and not cell.trials:
        raise Unusable(f"{where} is ok and has neither trials nor a summary")
    if len(cell.trials) > MAX_TRIALS:
        raise Unusable(f"{where} has {len(cell.trials)} trials, and at most {MAX_TRIALS} are read")
    for field in cell.__struct_fields__:
        if field == "latency_ns":
            _check_histogram(cell.latency_ns or [], f"{where}.{field}")
        elif field != "trials":
            signed = field != "parameters"
            check_values(getattr(cell, field), f"{where}.{field}", sign_matters=signed)
    for number, trial in enumerate(cell.trials):
        check_trial(trial, f"{where}.trials[{number}]")


def check_trial(trial: Trial, where: str) -> None:
    for field in trial.__struct_fields__:
        value = getattr(trial, field)
        if field in HISTOGRAMS:
            _check_histogram(value or [], f"{where}.{field}")
        elif field == "timeline":
            _check_timeline(value or [], f"{where}.{field}")
        else:
            check_values(value, f"{where}.{field}", sign_matters=field not in _MAY_BE_NEGATIVE)


def _check_histogram(histogram: Histogram, where: str) -> None:
    if len(histogram) > MAX_BUCKETS:
        raise Unusable(f"{where} has {len(histogram)} buckets, and at most {MAX_BUCKETS} are read")
    previous = -1
    for lower, count in histogram:
        if lower <= previous:
            raise Unusable(f"{where} does not ascend from 0 at bucket {lower}")
        if count < 0:
            raise Unusable(f"{where} has a negative count at bucket {lower}")
        if lower >= _MAX_NUMBER or count >= _MAX_NUMBER:
            raise Unusable(f"{where} has a number above 2^64")
        previous = lower


def _check_timeline(timeline: list[int], where: str) -> None:
    if len(timeline) > MAX_PARTS:
        raise Unusable(f"{where} has {len(timeline)} parts, and at most {MAX_PARTS} are read")
    for number, count in enumerate(timeline):
        check_values(count, f"{where}[{number}]")


def check_values(value: object, where: str, *, sign_matters: bool = True) -> None:
    """Every number in `value`, however deep, is finite, of sane size, and not negative; every text
    and every list has a sane length."""
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            signed = sign_matters and field not in _MAY_BE_NEGATIVE
            check_values(getattr(value, field), f"{where}.{field}", sign_matters=signed)
        if isinstance(value, Interval) and not value.low <= value.median <= value.high:
            raise Unusable(f"{where} is not in order: low, median, high")
    elif isinstance(value, (dict, list, tuple)) and len(value) > MAX_ENTRIES:
        raise Unusable(f"{where} has {len(value)} entries, and at most {MAX_ENTRIES} are read")
    elif isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise Unusable(
                f"{where} is a text of {len(value)} characters, and at most {MAX_TEXT} are read"
            )
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            check_values(item, f"{where}[{number}]", sign_matters=sign_matters)
    elif isinstance(value, dict):
        for key, item in value.items():
            check_values(key, f"a name in {where}")
            check_values(item, f"{where}[{_shown(key)}]", sign_matters=sign_matters)
    elif isinstance(value, float) and not math.isfinite(value):
        raise Unusable(f"{where} is not a finite number")
    elif isinstance(value, (int, float)) and abs(value) >= _MAX_NUMBER:
        raise Unusable(f"{where} is 2^64 or more")
    elif isinstance(value, float) and 0 < abs(value) < _LEAST_NUMBER:
        raise Unusable(f"{where} is not 0 and below 2^-64")
    elif isinstance(value, (int, float)) and sign_matters and value < 0:
        raise Unusable(f"{where} is negative")


RUN = Document(Run, SCHEMA, check_run, "result", "iomodels bench")


# Messages


def _shown(text: str) -> str:
    return repr(_shortened(text))


def _shortened(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
