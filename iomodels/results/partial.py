"""PATH.partial, which keeps the trials of a run as they end: no fault and no signal loses one.

One JSON object per line. The first is the run without trials, so that the file says by itself what
was to be measured; then a line for each trial, and for each cell that turned out to have none.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from iomodels.base import signals
from iomodels.base.errors import OutputError, ResultError
from iomodels.base.files import cannot_write, create, partial_path, write_all
from iomodels.base.units import counted
from iomodels.results.locks import TakenError, has_lock, is_at
from iomodels.results.read import Document, check_run, check_trial, decode, refusing
from iomodels.results.schema import SCHEMA as RUN_SCHEMA
from iomodels.results.schema import Cell, Run, Status, Trial

SCHEMA = "iomodels.partial/1"
_BEGINNING = f'{{"schema":"{SCHEMA}",'.encode()


class KeptLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became known of one cell: a trial, or that it can have none and why."""

    cell: int
    trial: Trial | None = None
    status: Status | None = None
    reason: str | None = None


# Reading


def is_partial(data: bytes) -> bool:
    """Whether these are the bytes of such a file."""
    return data.startswith(_BEGINNING)


def read(data: bytes, path: str | os.PathLike[str]) -> tuple[Run, list[KeptLine]]:
    """The run as it was to be measured, without any trials, and what became known, in order.

    A last line without its end is what a crash leaves of a trial under way: it is left out if it
    cannot be read. Raises `ResultError` for anything else that is wrong.
    """
    header, *texts = data.split(b"\n")
    kind = Document(Run, SCHEMA, _check_header, "partial result", "iomodels bench")
    run = msgspec.structs.replace(decode(header, path, kind), schema=RUN_SCHEMA)
    last = texts.pop() if texts else b""
    found = []
    for number, text in enumerate(texts, start=2):
        with refusing(path, f"delete its line {number} to use the rest", "partial result"):
            found.append(_line(text, len(run.cells)))
    with (
        contextlib.suppress(ResultError),
        refusing(path, "the last line is incomplete", "partial result"),
    ):
        found.append(_line(last, len(run.cells)))
    return run, found


def _check_header(run: Run) -> None:
    check_run(msgspec.structs.replace(run, schema=RUN_SCHEMA))
    if any(cell.trials for cell in run.cells):
        raise ValueError("its first line has trials")


def _line(text: bytes, cells: int) -> KeptLine:
    line = msgspec.json.decode(text, type=KeptLine)
    if not 0 <= line.cell < cells:
        raise ValueError(f"it has no cell {line.cell}")
    if line.trial is not None:
        check_trial(line.trial, "trial")
    return line


# Writing


class PartialWriter:
    """Keeps each trial in PATH.partial as soon as it ends.

    A context manager. The file stays when the block ends, however it ends, unless `discard` was
    called (after a successful `save`) or nothing was ever measured. It is locked meanwhile, so that
    no other run takes it for an abandoned one.

    `run` is what is to be measured, without trials. `known` are the lines of an earlier run that
    is continued: where PATH.partial exists then, it is that run's, and goes on.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        run: Run,
        *,
        force: bool = False,
        known: Sequence[KeptLine] | None = None,
    ) -> None:
        self.path = partial_path(path)
        self.failed = False
        """Whether a write failed: the trials since then are not in the file."""
        self._run = run
        self._force = force
        self._known = known
        self._descriptor = -1
        self._size = 0
        self._kept = 0

    def __enter__(self) -> Self:
        """Create the file, or go on with it.

        Raises `TakenError` where another run writes it, `OutputError` for one that an interrupted
        run left behind (unless `force`), and `NotWritten`.
        """
        try:
            with signals.held():
                self._open()
        except (OSError, ValueError) as error:
            raise cannot_write(self.path, error) from None
        return self

    def _open(self) -> None:
        if os.path.lexists(self.path) and not self._go_on():
            raise OutputError(
                f"{self.path} holds the trials of an interrupted run: continue it with iomodels "
                f"bench --resume {self.path}, move it away to keep it, or give --force to drop it"
            )
        if self._descriptor >= 0:
            return
        try:
            self._descriptor = create(self.path)
        except FileExistsError:
            raise _taken(self.path) from None
        try:
            _lock(self._descriptor, self.path)
            self._write(msgspec.structs.replace(self._run, schema=SCHEMA, cells=self._bare_cells()))
            for line in self._known or ():
                self._write(line)
                self._kept += line.trial is not None
        except BaseException:
            if is_at(self._descriptor, self.path):
                self.path.unlink()
            os.close(self._descriptor)
            raise

    def _bare_cells(self) -> list[Cell]:
        return [
            msgspec.structs.replace(
                cell,
                trials=[],
                summary=None,
                status="partial" if cell.status == "ok" else cell.status,
            )
            for cell in self._run.cells
        ]

    def _go_on(self) -> bool:
        """Take over the file that is there: continue it, or remove it where nothing is lost by
        that. False where it holds trials that are not ours to drop."""
        descriptor = os.open(
            self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_APPEND
        )
        keep = False
        try:
            _lock(descriptor, self.path)
            size = os.fstat(descriptor).st_size
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return False
            if self._known is not None:
                self._descriptor, self._size = descriptor, _whole(descriptor)
                self._kept = sum(line.trial is not None for line in self._known)
                os.ftruncate(descriptor, self._size)
                keep = True
                return True
            if not self._force and size and not _without_trials(descriptor):
                return False
            self.path.unlink()
            return True
        finally:
            if not keep:
                os.close(descriptor)

    def append(self, line: KeptLine) -> None:
        """Keep one finished trial, or that a cell is n/a or failed.

        Raises `NotWritten` at the first write that fails, such as on a full disk. What was there
        before stays whole, and later calls do nothing: the caller has been told, and may go on
        with the trials it has in memory.
        """
        if self.failed:
            return
        try:
            # To the kernel, not to the disk: that outlives this process, and to wait for the
            # disk between two trials would disturb the next.
            with signals.held():
                self._write(line)
                if not is_at(self._descriptor, self.path):
                    raise FileNotFoundError(errno.ENOENT, "it was removed meanwhile")
            self._kept += line.trial is not None
        except OSError as error:
            self.failed = True
            with contextlib.suppress(OSError):  # a torn last line is tolerated by `read`
                os.ftruncate(self._descriptor, self._size)
            kept = self.path if self._kept and is_at(self._descriptor, self.path) else None
            raise cannot_write(self.path, error, kept=kept) from None

    def _write(self, value: Run | KeptLine) -> None:
        data = msgspec.json.encode(value) + b"\n"
        write_all(self._descriptor, data)
        self._size += len(data)

    @property
    def first_trials(self) -> str:
        """Where a write failed, what the file has all the same, for the end of a message."""
        if not self.failed or not self._kept or not is_at(self._descriptor, self.path):
            return ""
        return f"; the first {counted(self._kept, 'trial')} are kept in {self.path}"

    def discard(self) -> None:
        """Remove the file: the result is saved. Another's that has taken its place stays."""
        if is_at(self._descriptor, self.path):
            self.path.unlink(missing_ok=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._kept:
            self.discard()
        elif error is not None and is_at(self._descriptor, self.path):
            error.add_note(f"what was measured is kept in {self.path}")
        os.close(self._descriptor)


def _taken(path: Path) -> TakenError:
    return TakenError(
        f"{path} belongs to a run that is still going: wait for its end, or name another output"
    )


def _lock(descriptor: int, path: Path) -> None:
    """Raises `TakenError` where another process has it, or has put another in its place."""
    if not has_lock(descriptor) or not is_at(descriptor, path):
        raise _taken(path)


def _without_trials(descriptor: int) -> bool:
    """Whether it is one of ours that ended before its first trial did."""
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    return is_partial(data) and b'"trial":' not in data


def _whole(descriptor: int) -> int:
    """The size without a torn last line."""
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    return data.rfind(b"\n") + 1
