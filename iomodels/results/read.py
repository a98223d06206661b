"""Reading and writing result files (`schema.py` says what is in them).

Writing loses nothing: every trial is appended to PATH.partial as it ends, and PATH itself appears
whole or not at all and never replaces a file unasked. Reading trusts nothing: a result file may
come from anywhere, so its size, its types and its numbers are checked before anyone uses it.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec

from iomodels.base.errors import OutputError, ResultError
from iomodels.results.schema import SCHEMA, Asked, Cell, Histogram, Interval, Run, Trial

MAX_BYTES = 256 * 1024 * 1024
MAX_CELLS = 100_000
MAX_BUCKETS = 10_000
MAX_ASKED = 10_000
MAX_ASKED_TEXT = 4096
MAX_PARTS = 10_000
MAX_SLUG = 80
HISTOGRAMS = ("latency_ns", "submit_ns", "service_ns", "added_ns", "cancel_ns", "cancel_late_ns")

_MAX_INTEGER = 2**64
_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_MAY_BE_NEGATIVE = {"overlap", "overlap_parts", "counters"}

CellKey = dict[str, Any]
"""What names a cell in a .partial file: its `scenario`, `parameters` and `engine`."""


Content = TypeVar("Content")


class _Header(msgspec.Struct):
    schema: str


class _Line(msgspec.Struct):
    cell: CellKey
    trial: Trial


class _Unusable(Exception):  # noqa: N818 - becomes a ResultError as soon as the path is known
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
    return load_document(path, Document(Run, SCHEMA, _check_run, "result", "iomodels bench"))


def load_document(path: str | os.PathLike[str], kind: Document[Content]) -> Content:
    """Read a file of this kind. Raises `ResultError` for whatever is not a sound one."""
    data = _read(Path(path), kind.what, kind.command)
    remedy = f"make one with '{kind.command}' or use another file"
    with _refusing(path, remedy, kind.what):
        schema = msgspec.json.decode(data, type=_Header).schema
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


def recover(path: str | os.PathLike[str]) -> list[tuple[CellKey, Trial]]:
    """The trials in a PATH.partial file, in the order in which they were measured.

    A last line without its end is what a crash leaves of a trial under way: it is left out if it
    cannot be read. Raises `ResultError` for anything else that is wrong.
    """
    *lines, last = _read(Path(path)).split(b"\n")
    found: list[tuple[CellKey, Trial]] = []
    for number, text in enumerate(lines, start=1):
        with _refusing(path, f"delete its line {number} to use the rest"):
            found.append(_trial_line(text))
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError, _Unusable):
        found.append(_trial_line(last))
    return found


def _trial_line(text: bytes) -> tuple[CellKey, Trial]:
    line = msgspec.json.decode(text, type=_Line)
    _check_trial(line.trial, "trial")
    return line.cell, line.trial


@contextlib.contextmanager
def _refusing(path: str | os.PathLike[str], remedy: str, what: str = "result") -> Iterator[None]:
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
    except (_Unusable, ValueError) as error:
        problem = f"is not a sound iomodels {what} ({error})"
    else:
        return
    raise ResultError(f"{os.fspath(path)} {problem}: {remedy}") from None


def _read(path: Path, what: str = "result", command: str = "iomodels bench") -> bytes:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ResultError(f"{path} is not a regular file: give a {what} file")
            data = file.read(MAX_BYTES + 1) if status.st_size <= MAX_BYTES else b""
    except IsADirectoryError:
        raise ResultError(f"{path} is a folder: give the {what} file in it") from None
    except FileNotFoundError:
        raise ResultError(
            f"{path} does not exist: check the name, or make one with '{command} -o {path}'"
        ) from None
    except (OSError, ValueError) as error:
        raise ResultError(
            f"{path} cannot be read ({_reason(error)}): check its name and permissions"
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


def _check_run(run: Run) -> None:
    if run.schema != SCHEMA:
        raise _Unusable(f"its schema is {_shown(run.schema)}, not {SCHEMA}")
    if len(run.cells) > MAX_CELLS:
        raise _Unusable(f"{len(run.cells)} cells, and at most {MAX_CELLS} are read")
    for field in ("seed", "settings", "environment"):
        _check_numbers(getattr(run, field), field, sign_matters=False)
    if run.asked is not None:
        _check_asked(run.asked)
    for number, cell in enumerate(run.cells):
        _check_cell(cell, f"cells[{number}]")


def _check_asked(asked: Asked) -> None:
    texts = [*asked.scenarios, *asked.engines, *asked.settings]
    texts += [value for values in asked.settings.values() for value in values]
    if len(texts) > MAX_ASKED:
        raise _Unusable(f"asked has {len(texts)} texts, and at most {MAX_ASKED} are read")
    longest = max(map(len, texts), default=0)
    if longest > MAX_ASKED_TEXT:
        raise _Unusable(
            f"asked has a text of {longest} characters, and at most {MAX_ASKED_TEXT} are read"
        )


def _check_cell(cell: Cell, where: str) -> None:
    if cell.status == "ok" and cell.summary is None:
        raise _Unusable(f"{where} is ok and has no summary")
    _check_numbers(cell.parameters, f"{where}.parameters", sign_matters=False)
    _check_numbers(cell.summary, f"{where}.summary")
    for number, trial in enumerate(cell.trials):
        _check_trial(trial, f"{where}.trials[{number}]")


def _check_trial(trial: Trial, where: str) -> None:
    for field in trial.__struct_fields__:
        value = getattr(trial, field)
        if field in HISTOGRAMS:
            _check_histogram(value or [], f"{where}.{field}")
        elif field == "timeline":
            _check_timeline(value or [], f"{where}.{field}")
        else:
            _check_numbers(value, f"{where}.{field}", sign_matters=field not in _MAY_BE_NEGATIVE)


def _check_histogram(histogram: Histogram, where: str) -> None:
    if len(histogram) > MAX_BUCKETS:
        raise _Unusable(f"{where} has {len(histogram)} buckets, and at most {MAX_BUCKETS} are read")
    previous = -1
    for lower, count in histogram:
        if lower <= previous:
            raise _Unusable(f"{where} does not ascend from 0 at bucket {lower}")
        if count < 0:
            raise _Unusable(f"{where} has a negative count at bucket {lower}")
        if lower >= _MAX_INTEGER or count >= _MAX_INTEGER:
            raise _Unusable(f"{where} has a number above 2^64")
        previous = lower


def _check_timeline(timeline: list[int], where: str) -> None:
    if len(timeline) > MAX_PARTS:
        raise _Unusable(f"{where} has {len(timeline)} parts, and at most {MAX_PARTS} are read")
    for number, count in enumerate(timeline):
        _check_numbers(count, f"{where}[{number}]")


def _check_numbers(value: object, where: str, *, sign_matters: bool = True) -> None:
    """Every number in `value`, however deep, is finite, of sane size, and not negative."""
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            signed = sign_matters and field not in _MAY_BE_NEGATIVE
            _check_numbers(getattr(value, field), f"{where}.{field}", sign_matters=signed)
        if isinstance(value, Interval) and not value.low <= value.median <= value.high:
            raise _Unusable(f"{where} is not in order: low, median, high")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_numbers(item, f"{where}[{_shown(key)}]", sign_matters=sign_matters)
    elif isinstance(value, float) and not math.isfinite(value):
        raise _Unusable(f"{where} is not a finite number")
    elif isinstance(value, int) and abs(value) >= _MAX_INTEGER:
        raise _Unusable(f"{where} is above 2^64")
    elif isinstance(value, (int, float)) and sign_matters and value < 0:
        raise _Unusable(f"{where} is negative")


# Writing


def encode(run: Run) -> bytes:
    """The bytes of a result file: compact JSON, one line per cell and per trial.

    The same run always gives the same bytes. Raises `ResultError` for a run that `load` would
    refuse, such as one with a number that is not finite.
    """
    encoder = msgspec.json.Encoder()

    def line(value: object) -> msgspec.Raw:
        return msgspec.Raw(b"\n" + encoder.encode(value))

    try:
        _check_run(run)
        cells = [
            line({**msgspec.structs.asdict(cell), "trials": [line(t) for t in cell.trials]})
            for cell in run.cells
        ]
        return encoder.encode({**msgspec.structs.asdict(run), "cells": cells}) + b"\n"
    except (_Unusable, UnicodeEncodeError) as error:
        raise ResultError(
            f"the run cannot be stored ({error}): this is a fault of iomodels, please report it"
        ) from None


def partial_path(path: str | os.PathLike[str]) -> Path:
    """Where the trials of a run that is being measured for `path` are kept: PATH.partial."""
    path = Path(path)
    return path.with_name(path.name + ".partial") if path.name else path


def check_output(path: str | os.PathLike[str], *, force: bool) -> None:
    """Refuse, before anything is measured, an output path that could not be written afterwards.

    Nothing stays of the test. Raises `OutputError` for a file that exists (unless `force`), for
    what is not a regular file, for "-", which is meant as standard output, for a missing or
    read-only folder, and for a PATH.partial that an interrupted run left behind (unless `force`,
    which `PartialWriter` then needs too).
    """
    path = Path(path)
    partial = partial_path(path)
    try:
        _check_target(path, force=force)
        if os.path.lexists(partial):
            if not force or not stat.S_ISREG(partial.lstat().st_mode):
                raise OutputError(_partial_exists(partial))
            probe = _temporary_beside(path)
        else:
            probe = partial
        # Tried, not asked: to the superuser `access` allows even a read-only file system.
        os.close(_create(probe))
        probe.unlink()
    except (OSError, ValueError) as error:
        raise _cannot_write(path, error) from None


def _check_target(path: Path, *, force: bool) -> None:
    if str(path) == "-":
        raise OutputError("'-' would be a file of that name, not standard output: name another")
    if not path.name or path.is_dir():
        raise OutputError(f"{path} is a folder: give the name of a file in it")
    if os.path.lexists(path):
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is not a regular file: give the name of a new file")
        if not force:
            raise OutputError(f"{path} exists already: name another, or --force to replace it")
    if not path.parent.exists():
        raise OutputError(
            f"the folder {path.parent} of {path.name} does not exist: make it, or name another"
        )


def save(run: Run, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write `run` to `path`, whole or not at all, and never over an existing file unless `force`.

    It is written beside `path`, synchronised, and then given its name in one step. Raises
    `OutputError` when that fails; the message names the file that still holds the measurements.
    """
    write(encode(run), path, force=force, kept=partial_path(path))


def write(
    data: bytes, path: str | os.PathLike[str], *, force: bool, kept: Path | None = None
) -> None:
    """Write an output file, whole or not at all, and never over an existing one unless `force`.

    Raises `OutputError` when that fails; `kept` is where the contents are safe all the same.
    """
    path = Path(path)
    temporary = _temporary_beside(path)
    try:
        _write_synced(temporary, data)
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError):  # what matters is why it could not be written
            temporary.unlink(missing_ok=True)
        raise _cannot_write(path, error, kept=kept) from None
    try:
        _publish(temporary, path, force=force)
    except FileExistsError:
        raise OutputError(
            f"{path} appeared meanwhile and is left as it is: "
            f"what was to be written is in {temporary}, rename that"
        ) from None
    except OSError as error:
        raise _cannot_write(path, error, kept=temporary) from None
    _sync_folder(path.parent)


def _write_synced(path: Path, data: bytes) -> None:
    with open(_create(path), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _publish(temporary: Path, path: Path, *, force: bool) -> None:
    """Give the file its name in one step. Without `force`, raises `FileExistsError` if taken."""
    if not force:
        try:
            # A link refuses an existing name, which rename would replace without a word.
            os.link(temporary, path, follow_symlinks=False)
            temporary.unlink()
            return
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
        os.close(_create(path))  # no links on FAT and some network folders: reserve the name
    temporary.replace(path)


def _sync_folder(folder: Path) -> None:
    # The file is complete and in its place. Not every file system can synchronise a folder, and
    # where it cannot, a power failure in the next seconds may still take the name: no error.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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
            self._descriptor = _create(self.path)
        except FileExistsError:
            raise OutputError(_partial_exists(self.path)) from None
        except (OSError, ValueError) as error:
            raise _cannot_write(self.path, error) from None
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
            _write_all(self._descriptor, data)
        except OSError as error:
            self.failed = True
            with contextlib.suppress(OSError):  # a torn last line is tolerated by `recover`
                os.ftruncate(self._descriptor, self._size)
            raise _cannot_write(self.path, error, kept=self.path if self._size else None) from None
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


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _create(path: Path) -> int:
    """A new file, open for writing. Raises `FileExistsError`, also for a dangling symlink."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def _temporary_beside(path: Path) -> Path:
    # Short and independent of the path's own name, so that a long name has room for it.
    return path.with_name(f".iomodels-{secrets.token_hex(4)}.tmp")


def slug(text: str) -> str:
    """A file name made of `text`: ASCII letters, digits, '.', '_' and '-', and never a path."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._]+", "-", plain)[:MAX_SLUG].strip("-._")
    return name or "unnamed"


# Messages


def _partial_exists(partial: Path) -> str:
    return (
        f"{partial} holds the trials of an interrupted run: "
        "move it away to keep it, or give --force to drop it"
    )


def _cannot_write(path: Path, error: Exception, kept: Path | None = None) -> OutputError:
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        remedy = "free some space, or name an output on another disk"
    else:
        remedy = "check the name and the permissions of its folder, or name another output"
    safe = f"; what was measured is kept in {kept}" if kept and kept.exists() else ""
    return OutputError(f"cannot write {path} ({_reason(error)}): {remedy}{safe}")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _shown(text: str) -> str:
    return repr(_shortened(text))


def _shortened(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
