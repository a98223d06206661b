"""A trial on trio: a task for each slot, as a program has one for each connection.

Files are left out: trio gives each call to a thread, and keeps its threads for ten seconds. An
engine may leave nothing behind.
"""

from __future__ import annotations

import os
import socket

import trio

from iomodels.python.contract import READ, Setup, SlotTransfer

Stream = trio.SocketStream | trio.lowlevel.FdStream


def run(setup: Setup) -> None:
    """What `drive` gives back: it returns when the trial's work is over."""
    trio.run(_Trial(setup).run)


class _Trial:
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._work = setup.work
        self._streams: dict[int, Stream] = {}

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            while not self._work.is_over():
                await trio.lowlevel.wait_readable(self._work.fileno())
                while (transfer := self._work.take()) is not None:
                    nursery.start_soon(self._make_all, transfer)
        for stream in self._streams.values():
            await trio.aclose_forcefully(stream)

    async def _make_all(self, transfer: SlotTransfer | None) -> None:
        """Connections, and timers, which are streams, too."""
        while transfer is not None:
            try:
                result = await self._transfer(transfer)
            except trio.BrokenResourceError as error:
                result = _error_number(error)
            transfer = self._work.next(transfer, result)

    async def _transfer(self, transfer: SlotTransfer) -> int | bytes:
        stream = self._streams.get(transfer.fd)
        if stream is None:
            stream = self._streams[transfer.fd] = self._open(transfer.fd)
        if transfer.operation == READ:
            return await stream.receive_some(transfer.length)
        await stream.send_all(transfer.buffer)
        return transfer.length

    def _open(self, fd: int) -> Stream:
        """Over a descriptor of its own, since the stream closes it: the trial's stays open."""
        if self._setup.on_sockets:
            connection = trio.socket.from_stdlib_socket(socket.socket(fileno=os.dup(fd)))
            return trio.SocketStream(connection)
        return trio.lowlevel.FdStream(os.dup(fd))


def _error_number(error: trio.BrokenResourceError) -> int:
    """-errno, as the trial wants it: trio's error has the system's as its cause."""
    cause = error.__cause__
    assert isinstance(cause, OSError)
    return -(cause.errno or 0)
