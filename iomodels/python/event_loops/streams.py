"""api=streams: a coroutine for each connection, with a StreamReader and a StreamWriter.

A write is over when `drain` returns, and that is when the kernel has all of its bytes: the limit of
the transport's buffer is 0 (`ends.py`). With the default (64 KiB) `drain` returns while bytes still
lie in the process: a write would seem to take less time than it does.
"""

from __future__ import annotations

import asyncio
from asyncio import IncompleteReadError, StreamReader, StreamReaderProtocol, StreamWriter
from collections.abc import Callable

from iomodels.python.contract import READ, Setup, SlotTransfer
from iomodels.python.event_loops.ends import open_reader, open_socket, open_writer
from iomodels.python.event_loops.slots import TaskPerSlot, error_number, let_transports_close


class _Ends:
    """A slot's two directions."""

    def __init__(self) -> None:
        self.reader: StreamReader | None = None
        self.writer: StreamWriter | None = None


class Streams(TaskPerSlot):
    """Connections by slot, each opened when its first transfer comes. They have descriptors of
    their own (dup): a transport closes its one."""

    def __init__(self, setup: Setup, fail: Callable[[BaseException], None]) -> None:
        super().__init__(setup, fail)
        self._on_sockets = setup.on_sockets
        self._ends: dict[int, _Ends] = {}
        self._transports: list[asyncio.BaseTransport] = []

    async def make_all(self, transfer: SlotTransfer | None) -> None:
        if transfer is None:
            return
        ends = self._ends.setdefault(transfer.slot, _Ends())
        reader, writer, take_next = ends.reader, ends.writer, self.next
        result: bytes | int
        while transfer is not None:
            try:
                if transfer.operation == READ:
                    if reader is None:
                        reader = await self._reader(ends, transfer.fd)
                    result = await reader.readexactly(transfer.length)
                else:
                    if writer is None:
                        writer = await self._writer(ends, transfer.fd)
                    writer.write(transfer.buffer)
                    await writer.drain()
                    result = transfer.length
            except IncompleteReadError as error:
                result = error.partial or 0
            except OSError as error:
                result = _cause(error, ends)
            transfer = take_next(transfer, result)

    async def _reader(self, ends: _Ends, fd: int) -> StreamReader:
        if self._on_sockets:
            return (await self._both(ends, fd))[0]
        ends.reader = reader = StreamReader(loop=self.loop)
        protocol = StreamReaderProtocol(reader, loop=self.loop)
        self._transports.append(await open_reader(self.loop, protocol, fd))
        return reader

    async def _writer(self, ends: _Ends, fd: int) -> StreamWriter:
        if self._on_sockets:
            return (await self._both(ends, fd))[1]
        protocol = StreamReaderProtocol(StreamReader(loop=self.loop), loop=self.loop)
        transport = await open_writer(self.loop, protocol, fd)
        ends.writer = StreamWriter(transport, protocol, None, self.loop)
        self._transports.append(transport)
        return ends.writer

    async def _both(self, ends: _Ends, fd: int) -> tuple[StreamReader, StreamWriter]:
        """A socket's, opened when its first transfer comes."""
        if ends.reader is None or ends.writer is None:
            ends.reader = StreamReader(loop=self.loop)
            protocol = StreamReaderProtocol(ends.reader, loop=self.loop)
            transport = await open_socket(self.loop, protocol, fd)
            ends.writer = StreamWriter(transport, protocol, ends.reader, self.loop)
            self._transports.append(transport)
        return ends.reader, ends.writer

    async def close(self) -> None:
        for transport in self._transports:
            transport.close()
        await let_transports_close()


def _cause(error: OSError, ends: _Ends) -> int:
    """Why the connection was lost is known to the reader."""
    first = ends.reader.exception() if ends.reader else None
    return error_number(first if isinstance(first, OSError) else error)
