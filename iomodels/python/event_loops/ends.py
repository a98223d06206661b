"""Transports over the trial's connected descriptors, each with a descriptor of its own (dup).

A transport closes its descriptor, and the trial closes its own. Each write goes to
the kernel as a whole before the protocol may go on: so there is nothing in the transport's buffer
that the trial takes for transferred, and no view of the trial's memory.
"""

from __future__ import annotations

import asyncio
import os
import socket


async def open_socket(
    loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol, fd: int
) -> asyncio.Transport:
    connection = socket.socket(fileno=os.dup(fd))
    connection.setblocking(False)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection)
    transport.set_write_buffer_limits(high=0)
    return transport


async def open_reader(
    loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol, fd: int
) -> asyncio.ReadTransport:
    pipe = os.fdopen(os.dup(fd), "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: protocol, pipe)
    return transport


async def open_writer(
    loop: asyncio.AbstractEventLoop, protocol: asyncio.BaseProtocol, fd: int
) -> asyncio.WriteTransport:
    pipe = os.fdopen(os.dup(fd), "wb", buffering=0)
    transport, _ = await loop.connect_write_pipe(lambda: protocol, pipe)
    transport.set_write_buffer_limits(high=0)
    return transport
