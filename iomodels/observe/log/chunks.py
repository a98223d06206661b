"""Bytes that come one chunk after another, as a stream to read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer


def stream_of(chunks: Iterator[bytes], buffer_bytes: int) -> BinaryIO:
    """Gives each chunk as soon as it is there (`read1`). An empty one ends the stream."""
    return io.BufferedReader(_Chunks(chunks), buffer_bytes)


class _Chunks(io.RawIOBase):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        if not self._rest:
            self._rest = next(self._chunks, b"")
        view = memoryview(buffer).cast("B")
        taken, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(taken)] = taken
        return len(taken)
