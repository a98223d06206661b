"""A job file as fio reads it: sections with their lines, before anything is understood.

Not Python's `configparser`: fio has sections of one name several times, `include`, options without
a value, comments behind values and no continuation, and every refusal here names its line.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from iomodels.base.errors import JobFileError

MAX_BYTES = 1 << 20
"""Of one file."""
MAX_LINE = 4095
"""fio cuts longer lines in two."""
MAX_DEPTH = 8
"""How deep files may include each other."""
MAX_INCLUDES = 64
MAX_OPTIONS = 1000
"""Of one job, with those that it inherits: fio has some 250."""

_SECTION = re.compile(r"\[([^\n]*)\]")


@dataclass(frozen=True)
class JobLine:
    """One option as it is written. `value` is None where there is no `=`.

    `line` counts from 1; in an included file it is that of the `include`, and `inner` the line
    there.
    """

    option: str
    value: str | None
    line: int
    inner: tuple[int, ...] = ()

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return _place(self.line, self.inner)


@dataclass(frozen=True)
class JobSection:
    """A section: a job, or `[global]` with what the jobs below it have in common."""

    name: str
    line: int
    lines: tuple[JobLine, ...]

    @property
    def is_global(self) -> bool:
        """fio compares the first six letters only."""
        return self.name.startswith("global")


def read_sections(content: bytes, where: str, folder: Path | None) -> list[JobSection]:
    """The sections of a job file; `where` names it in errors, included files are looked for in
    `folder` (None: nothing may be included).

    Raises `JobFileError`, with the line.
    """
    return _Reader(where, folder).sections(content)


def _place(line: int, inner: tuple[int, ...]) -> str:
    return f"line {line}" + "".join(f", line {each} of the included file" for each in inner)


def _lines(content: bytes, where: str) -> Iterator[tuple[int, str]]:
    """Every line that says something, with its number, without comments and blanks around it."""
    if len(content) > MAX_BYTES:
        raise JobFileError(f"{where} is larger than 1 MiB, too large for a job file")
    if b"\0" in content:
        raise JobFileError(f"{where} is not a text file, and a job file is one")
    text = content.decode("utf-8-sig", "replace")
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line.encode()) > MAX_LINE:
            raise JobFileError(
                f"{where}: line {number} is longer than {MAX_LINE} bytes, and fio would cut it"
            )
        said = re.split(r"[;#]", line, maxsplit=1)[0].strip()
        if said:
            yield number, said


class _Reader:
    def __init__(self, where: str, folder: Path | None) -> None:
        self._where = where
        self._folder = folder
        self._included = 0

    def sections(self, content: bytes) -> list[JobSection]:
        found: list[JobSection] = []
        for number, text in _lines(content, self._where):
            if text.startswith("["):
                found.append(JobSection(self._section_name(text, number), number, ()))
                continue
            if not found:
                raise JobFileError(
                    f"{self._where}: line {number} is outside of a section: put it under [global] "
                    "or under the name of a job in brackets"
                )
            lines = (*found[-1].lines, *self._options(text, number, (), self._folder))
            if len(lines) > MAX_OPTIONS:
                raise JobFileError(f"{self._where}: line {number} is one option too many")
            found[-1] = replace(found[-1], lines=lines)
        return found

    def _section_name(self, text: str, number: int) -> str:
        match = _SECTION.fullmatch(text)
        if match is None or not match[1].strip():
            raise JobFileError(
                f"{self._where}: line {number} begins a section, and a section is one name in "
                "brackets, such as [job]"
            )
        return match[1].strip()

    def _options(
        self, text: str, line: int, inner: tuple[int, ...], folder: Path | None
    ) -> Iterator[JobLine]:
        if re.match(r"include\s", text):
            yield from self._included_lines(text[len("include") :].strip(), line, inner, folder)
            return
        option, equals, value = text.partition("=")
        yield JobLine(option.strip(), value.strip() if equals else None, line, inner)

    def _included_lines(
        self, name: str, line: int, inner: tuple[int, ...], folder: Path | None
    ) -> Iterator[JobLine]:
        place = f"{self._where}: {_place(line, inner)}"
        self._included += 1
        if folder is None:
            raise JobFileError(f"{place} includes a file, and this job file is not in a folder")
        if len(inner) == MAX_DEPTH or self._included > MAX_INCLUDES:
            raise JobFileError(f"{place} includes one file too many: does one include itself?")
        path = folder / name
        for number, text in _lines(_content(path, place), f"{place}: the included file"):
            if text.startswith("["):
                raise JobFileError(
                    f"{place}: line {number} of the included file begins a section, and there an "
                    "included file may have none"
                )
            yield from self._options(text, line, (*inner, number), path.parent)


def _content(path: Path, place: str) -> bytes:
    """Of an included file. Its name is not in the error: it may be a private one."""
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise JobFileError(f"{place}: the included file {_why(error)}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise JobFileError(f"{place}: the included file is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise JobFileError(f"{place}: the included file {_why(error)}") from None
    finally:
        os.close(descriptor)


def _why(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return "does not exist"
    return f"cannot be read ({getattr(error, 'strerror', None) or 'no file can have this name'})"
