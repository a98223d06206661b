"""Standard output and error: closed, full, or with nobody who reads them any more.

A message that cannot be written costs only itself. An output that cannot be written is an error of
its own kind.
"""

from __future__ import annotations

import io
import os
import re
import select
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, TextIO

from iomodels.base import plain
from iomodels.base.errors import NotWritten
from iomodels.base.escape import visible

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


LEAST_WIDTH = 40


class StreamError(NotWritten):
    """Standard output cannot be written: it is closed, or the disk behind it is full."""


class _Stream(io.FileIO):
    """A standard stream whose own failures are told from everybody else's `OSError`s."""

    def __init__(self, descriptor: int, *, closed: bool = False, only_messages: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.was_closed = closed
        self.only_messages = only_messages
        self.forgotten = False
        """Whether nobody is to hear of a failure any more."""
        self.lost = False
        """Whether messages could not be written."""

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        if self.forgotten or (self.was_closed and self.only_messages):
            return size
        if self.was_closed:
            raise StreamError("standard output is closed: send it to a file or a pipe")
        try:
            return self._write(data)
        except OSError as error:
            if self.only_messages:
                self.lost = self.forgotten = True
                return size
            if isinstance(error, BrokenPipeError):
                raise
            raise StreamError(
                f"standard output cannot be written ({error.strerror}): send it elsewhere"
            ) from None

    def _write(self, data: ReadableBuffer) -> int:
        """Somebody else may have made the stream non-blocking: then it takes its time."""
        while (written := super().write(data)) is None:
            poll = select.poll()
            poll.register(self.fileno(), select.POLLOUT)
            poll.poll()
        return written


def open_standard() -> None:
    """Replace `sys.stdout` and `sys.stderr` by streams of this kind.

    What was closed when the process began is replaced by /dev/null first: otherwise the next file
    that is opened would get its number, and the output into it.
    """
    plain.register()
    absent = [stream is None for stream in (sys.stdin, sys.stdout, sys.stderr)]
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = _reopened(sys.stdout, 1, closed=absent[1])
    sys.stderr = _reopened(sys.stderr, 2, closed=absent[2])


def _reopened(stream: TextIO | None, descriptor: int, *, closed: bool) -> TextIO:
    """A terminal that cannot show "µ" or "≈" is no reason to fail."""
    if stream is not None and not isinstance(stream, io.TextIOWrapper):
        return stream  # somebody else's, such as a test's
    raw = _Stream(descriptor, closed=closed, only_messages=descriptor == 2)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8" if stream is None else stream.encoding,
        errors=plain.ERRORS,
        line_buffering=stream is not None and (stream.line_buffering or stream.write_through),
    )


def complain(message: str) -> None:
    """One line on standard error; on a terminal wrapped at its width."""
    line = f"iomodels: {visible(' '.join(message.split()))}"
    if sys.stderr.isatty():
        line = wrapped(line, shutil.get_terminal_size().columns)
    print(line, file=sys.stderr, flush=True)


def wrapped(line: str, width: int, indent: str = "") -> str:
    """`line` in lines of at most `width` columns, each with the `indent`. Paths, and what is in
    backquotes, stay whole."""
    whole = re.sub(r"`[^`]*`", lambda found: found[0].replace(" ", "\0"), line)
    lines = textwrap.wrap(
        whole,
        max(LEAST_WIDTH, width),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace("\0", " ")


def forget(stream: TextIO) -> None:
    """Nobody reads it any more; what is still buffered must not complain when Python ends."""
    raw = _raw(stream)
    if raw is not None:
        raw.forgotten = True


def messages_lost() -> bool:
    """Whether a message could not be written to standard error."""
    raw = _raw(sys.stderr)
    return raw is not None and raw.lost


def _raw(stream: TextIO) -> _Stream | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Stream) else None
