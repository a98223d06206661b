"""api=protocol: no coroutine; a Protocol's callbacks make a connection's transfers.

A write is over when the transport has no bytes left, as in api=streams. Bytes that come when none
are asked for are kept, up to a limit; beyond it the transport does not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from errno import EPIPE
from typing import cast

from iomodels.python.contract import READ, Setup, SlotTransfer
from iomodels.python.event_loops.ends import open_reader, open_socket, open_writer
from iomodels.python.event_loops.slots import Slots, Tasks, error_number, let_transports_close

KEPT_BYTES = 1 << 17
"""As many as a StreamReader keeps before it stops its transport: twice its limit of 64 KiB, …"""
RESUMED_BYTES = 1 << 16
"""… and starts it again."""


class Connection(asyncio.Protocol):
    """A slot's connection: a socket's, or both pipes'."""

    reading: asyncio.ReadTransport | None = None
    writing: asyncio.WriteTransport | None = None

    def __init__(self, slots: Protocols) -> None:
        self._slots = slots
        self._next = slots.next
        self._transfer: SlotTransfer | None = None
        """None while the slot is at rest."""
        self._is_full = False
        """Whether the write under way waits for room."""
        self._kept = b""
        self._taken = 0
        """So many bytes of those that are kept have been read."""
        self._is_paused = False
        self._end: int | None = None
        """What a read gives when all that is kept has been read: 0 or -errno."""

    # ------------------------------------------------------------ the transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """What the slot is to transfer waits for it."""
        assert self._transfer is not None
        reads = self._transfer.operation == READ
        if reads or self._slots.on_sockets:
            self.reading = cast(asyncio.ReadTransport, transport)
        if not reads or self._slots.on_sockets:
            self.writing = cast(asyncio.WriteTransport, transport)
            self.writing.set_write_buffer_limits(high=0)
        self._is_full = False
        self._go_on(self._transfer)

    def data_received(self, data: bytes) -> None:
        transfer = self._transfer
        if transfer is None or self._is_full or len(data) > transfer.length:
            self._keep(data)
        else:
            self._go_on(self._next(transfer, data))

    def eof_received(self) -> bool:
        self._lose(0)
        return True  # what is to be written still can be

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(error_number(exc) if isinstance(exc, OSError) else 0)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        # Not at once: where a write fails that a protocol makes in here, asyncio ends the transport
        # twice (_write_ready, CPython 3.11 to 3.13), and the second time has nothing to end.
        self._slots.loop.call_soon(self._written)

    def _written(self) -> None:
        transfer = self._transfer
        if not self._is_full:
            return  # the connection has been lost meanwhile
        self._is_full = False
        if transfer is not None and transfer.operation != READ:
            self._go_on(self._next(transfer, transfer.length))

    # ------------------------------------------------------------ the slot's transfers

    def begin(self, transfer: SlotTransfer) -> None:
        self._go_on(transfer)

    def _go_on(self, transfer: SlotTransfer | None) -> None:
        """Until one has to wait, or the slot is at rest."""
        while transfer is not None:
            if transfer.operation == READ:
                result = self._read(transfer.length) if self._kept else self._end
            else:
                result = self._write(transfer)
            if result is None:
                break
            transfer = self._next(transfer, result)
        self._transfer = transfer
        if self.reading is None and transfer is not None and not self._is_full:
            self._slots.open(self, transfer)

    def _write(self, transfer: SlotTransfer) -> int | None:
        if self.writing is None:
            self._is_full = True
            self._slots.open(self, transfer)
            return None
        self.writing.write(transfer.buffer)
        if self._is_full:
            return None
        return transfer.length if not self.writing.is_closing() else self._end or -EPIPE

    def _read(self, length: int) -> memoryview:
        """Of what is kept."""
        start, left = self._taken, len(self._kept) - self._taken - length
        read = memoryview(self._kept)[start : start + length]
        if left > 0:
            self._taken += length
        else:
            self._kept, self._taken = b"", 0
        if self._is_paused and left < RESUMED_BYTES:
            self._pause(False)
        return read

    def _keep(self, data: bytes) -> None:
        self._kept = self._kept[self._taken :] + data
        self._taken = 0
        if self._transfer is not None and not self._is_full:
            self._go_on(self._transfer)
        elif len(self._kept) > KEPT_BYTES:
            self._pause(True)

    def _pause(self, pause: bool) -> None:
        assert self.reading is not None
        if pause != self._is_paused and not self.reading.is_closing():
            self._is_paused = pause
            (self.reading.pause_reading if pause else self.reading.resume_reading)()

    def _lose(self, end: int) -> None:
        """Nothing more comes."""
        self._end = self._end or end
        transfer = self._transfer
        if transfer is None:
            return
        if transfer.operation == READ:
            self._go_on(transfer)
        elif self.writing is not None and self.writing.is_closing():
            self._is_full = False
            self._go_on(self._next(transfer, self._end or -EPIPE))

    def close(self) -> None:
        for transport in (self.reading, self.writing):
            if transport is not None:
                transport.close()


class Protocols(Slots):
    """Connections by slot, each opened when its first transfer comes."""

    def __init__(self, setup: Setup, fail: Callable[[BaseException], None]) -> None:
        super().__init__(setup, fail)
        self.on_sockets = setup.on_sockets
        self._connections: dict[int, Connection] = {}
        self._opening = Tasks(fail)

    def begin(self, transfer: SlotTransfer) -> None:
        connection = self._connections.get(transfer.slot)
        if connection is None:
            connection = self._connections[transfer.slot] = Connection(self)
        connection.begin(transfer)

    def open(self, connection: Connection, transfer: SlotTransfer) -> None:
        """What this transfer needs; `connection_made` goes on."""
        self._opening.start(self._open(connection, transfer.fd, transfer.operation == READ))

    async def _open(self, connection: Connection, fd: int, reads: bool) -> None:
        if self.on_sockets:
            await open_socket(self.loop, connection, fd)
        else:
            await (open_reader if reads else open_writer)(self.loop, connection, fd)

    async def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        await let_transports_close()
