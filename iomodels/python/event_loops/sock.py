"""api=sock: a coroutine for each connection, with `loop.sock_recv` and `loop.sock_sendall`."""

from __future__ import annotations

import socket
from collections.abc import Callable

from iomodels.python.contract import READ, Setup, SlotTransfer
from iomodels.python.event_loops.slots import TaskPerSlot, error_number


class Sockets(TaskPerSlot):
    """Connections by descriptor. The descriptors stay the trial's, and are detached at the end."""

    def __init__(self, setup: Setup, fail: Callable[[BaseException], None]) -> None:
        super().__init__(setup, fail)
        self._sockets: dict[int, socket.socket] = {}

    async def make_all(self, transfer: SlotTransfer | None) -> None:
        if transfer is None:
            return
        connection = self._socket(transfer.fd)
        receive, send_all, take_next = self.loop.sock_recv, self.loop.sock_sendall, self.next
        result: bytes | int
        while transfer is not None:
            try:
                if transfer.operation == READ:
                    result = await receive(connection, transfer.length)
                else:
                    await send_all(connection, transfer.buffer)
                    result = transfer.length
            except OSError as error:
                result = error_number(error)
            transfer = take_next(transfer, result)

    def _socket(self, fd: int) -> socket.socket:
        found = self._sockets.get(fd)
        if found is None:
            found = self._sockets[fd] = socket.socket(fileno=fd)
            found.setblocking(False)
        return found

    async def close(self) -> None:
        for each in self._sockets.values():
            each.detach()
