"""The lines of a stream of bytes, however long they are, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

CHUNK_BYTES = 256 << 10
MAX_LINE_BYTES = 1 << 20
"""strace writes no longer ones: with `-s 0`, an epoll_wait of 10,000 events has 500 kB."""


def lines(stream: BinaryIO, progress: Callable[[int], None] | None = None) -> Iterator[str | None]:
    """Each line without its end (`\\n` or `\\r\\n`); None for one that is too long, and for a last
    one without an end that may be cut within a number.

    A stream that still grows (a pipe) gives each line as soon as it is there. Any byte is a letter
    (ISO 8859-1): names of files need not be text, and nothing here is ever shown.
    """
    # `read` would wait for a whole chunk.
    read = getattr(stream, "read1", stream.read)
    begun: list[bytes] = []
    size = total = 0
    while chunk := read(CHUNK_BYTES):
        total += len(chunk)
        first, *rest = chunk.split(b"\n")
        size += len(first)
        if size <= MAX_LINE_BYTES:
            begun.append(first)
        if rest:
            yield _line(b"".join(begun)) if size <= MAX_LINE_BYTES else None
            *whole, last = rest
            yield from map(_line, whole)
            begun, size = [last], len(last)
        if progress is not None:
            progress(total)
    if size:
        last = b"".join(begun)
        is_cut = size > MAX_LINE_BYTES or last[-1:].isdigit()
        yield None if is_cut else _line(last)


def _line(raw: bytes) -> str:
    return raw.decode("latin-1").removesuffix("\r")
