"""What is imported: a file or standard input, told apart by what it contains."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from iomodels.base.errors import JobFileError
from iomodels.base.toml import printable

STANDARD_INPUT = "-"
Format = Literal["job file", "log"]

_OF_A_LOG = re.compile(
    rb"\s*(?:\[pid +\d+\] *|\d+ +)?(?:[\d:]+(?:\.\d+)? +)?"
    rb"(?:[a-z_0-9]+\(|<\.\.\. |--- SIG|\+\+\+ |strace: )"
)
_OF_A_JOB_FILE = re.compile(rb"\s*(?:\[[^\]]*\]?\s*(?:[;#].*)?|[\w-]+\s*(?:=.*)?|include\s.*)")
_LOOKED_AT = 1 << 16
"""Bytes at the beginning."""


@dataclass(frozen=True)
class Source:
    """An open source. `where` names it in errors; `folder` is the one it is in, or, of standard
    input, the current one. `size` is None where it is not known."""

    stream: BinaryIO
    beginning: bytes
    where: str
    folder: Path
    size: int | None

    @property
    def format(self) -> Format:
        """What it is. Raises `JobFileError` where it is neither."""
        if _is_mostly_a_log(self.beginning):
            return "log"
        for line in self.beginning.removeprefix(b"\xef\xbb\xbf").splitlines():
            if not line.strip() or line.strip().startswith((b";", b"#")):
                continue
            if _OF_A_JOB_FILE.fullmatch(line):
                return "job file"
            break
        else:
            if self.beginning.strip():
                return "job file"  # of comments alone
        what = "neither a fio job file nor a log of strace" if self.beginning else "empty"
        raise JobFileError(
            f"{self.where} is {what}: a job file begins with a section such as [global], and a log "
            "with a call such as read(3, …)"
        )

    def read(self, most: int) -> bytes:
        """All of it, or somewhat more than `most` bytes."""
        return self.beginning + self.stream.read(max(0, most + 1 - len(self.beginning)))


def _is_mostly_a_log(beginning: bytes) -> bool:
    """Its first line may be the end of one."""
    lines = [line for line in beginning.split(b"\n") if line.strip()][:100]
    return 2 * sum(_OF_A_LOG.match(line) is not None for line in lines) > len(lines)


@contextmanager
def opened(name: str) -> Iterator[Source]:
    """The file of this name, or standard input for "-". Raises `JobFileError`."""
    if name == STANDARD_INPUT:
        stream = sys.stdin.buffer
        yield Source(stream, stream.read(_LOOKED_AT), "standard input", Path(), None)
        return
    where = printable(name)
    try:
        file = open(name, "rb")  # noqa: SIM115 - closed below
    except (OSError, ValueError) as error:
        raise JobFileError(f"{where}: {_why(error)}") from None
    with file:
        status = os.fstat(file.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        try:
            beginning = file.read(_LOOKED_AT)
        except OSError as error:
            raise JobFileError(f"{where}: {_why(error)}") from None
        yield Source(file, beginning, where, Path(name).parent, size)


def _why(error: Exception) -> str:
    if not isinstance(error, OSError):
        return "no file can have this name"
    remedies = {
        errno.ENOENT: "there is no such file",
        errno.EISDIR: "it is a folder: name a file in it",
        errno.EACCES: "you may not read this file: check its permissions",
    }
    return remedies.get(error.errno or 0, f"it cannot be read ({error.strerror})")
