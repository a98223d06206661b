"""Plain echo servers, as in a tutorial: they know nothing of iomodels.

    python plain_echo.py asyncio|uvloop streams|sock|protocol DESCRIPTOR...

Serves the unix sockets that it is given, until it is killed.
"""

from __future__ import annotations

import asyncio
import importlib
import socket
import sys
from typing import cast

READ_BYTES = 1 << 16


async def streams(connection: socket.socket) -> None:
    """With a StreamReader and a StreamWriter."""
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    while data := await reader.read(READ_BYTES):
        writer.write(data)
        await writer.drain()


async def sock(connection: socket.socket) -> None:
    """With loop.sock_recv and loop.sock_sendall."""
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(connection, READ_BYTES):
        await loop.sock_sendall(connection, data)


class Echo(asyncio.Protocol):
    """With callbacks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def protocol(connection: socket.socket) -> None:
    """With callbacks, as long as the connection lasts."""
    await asyncio.get_running_loop().create_unix_connection(Echo, sock=connection)
    await asyncio.Event().wait()


async def main(api: str, descriptors: list[str]) -> None:
    serve = {"streams": streams, "sock": sock, "protocol": protocol}[api]
    connections = [socket.socket(fileno=int(fd)) for fd in descriptors]
    for connection in connections:
        connection.setblocking(False)
    await asyncio.gather(*(serve(connection) for connection in connections))


if __name__ == "__main__":
    loop, chosen, *numbers = sys.argv[1:]
    factory = importlib.import_module(loop).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(chosen, numbers))
