"""api=sock: a coroutine for each connection, with `loop.sock_recv` and `loop.sock_sendall`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from errno import ECANCELED

from iomodels.python.contract import READ, Setup, SlotTransfer
from iomodels.python.event_loops.slots import TaskPerSlot, error_number


class Sockets(TaskPerSlot):
    """Connections by descriptor. The descriptors stay the trial's, and are detached at the end."""

    def __init__(self, setup: Setup, fail: Callable[[BaseException], None]) -> None:
        super().__init__(setup, fail)
        self._sockets: dict[int, socket.socket] = {}
        self._left: dict[int, asyncio.Future[bytes]] = {}
        """Reads that a deadline has left pending: the next read of that connection takes theirs."""

    async def make_all(self, transfer: SlotTransfer | None) -> None:
        if transfer is None:
            return
        connection = self._socket(transfer.fd)
        receive, send_all = self.loop.sock_recv, self.loop.sock_sendall
        result: bytes | int
        while transfer is not None:
            try:
                if transfer.operation != READ:
                    await send_all(connection, transfer.buffer)
                    result = transfer.length
                elif self.deadline_s is None:
                    result = await receive(connection, transfer.length)
                else:
                    result = await self._receive_within(
                        connection, transfer.length, self.deadline_s
                    )
            except OSError as error:
                result = error_number(error)
            transfer = self.next(transfer, result)

    async def _receive_within(
        self, connection: socket.socket, length: int, deadline_s: float
    ) -> bytes | int:
        """A sock_recv that is cancelled when the loop has just read loses what it has read. So it
        stays, and what it brings is the next read's."""
        pending = self._left.pop(connection.fileno(), None)
        if pending is None:
            pending = asyncio.ensure_future(self.loop.sock_recv(connection, length))
        done, _ = await asyncio.wait((pending,), timeout=deadline_s)
        if done:
            return pending.result()
        self._left[connection.fileno()] = pending
        return -ECANCELED

    def _socket(self, fd: int) -> socket.socket:
        found = self._sockets.get(fd)
        if found is None:
            found = self._sockets[fd] = socket.socket(fileno=fd)
            found.setblocking(False)
        return found

    async def close(self) -> None:
        for pending in self._left.values():
            pending.cancel()
        await asyncio.gather(*self._left.values(), return_exceptions=True)
        for each in self._sockets.values():
            each.detach()
