"""`python:asyncio`: coroutines on the event loop of the standard library."""

from __future__ import annotations

from collections.abc import Callable

from iomodels.python.contract import (
    EngineQuestion,
    Options,
    PythonEngine,
    PythonOption,
    Setup,
)

_APIS = PythonOption(
    name="api",
    meaning="which calls a connection's coroutine makes: StreamReader and StreamWriter, "
    "loop.sock_recv and sock_sendall, or none, with a Protocol's callbacks",
    choices=("streams", "sock", "protocol"),
)


def _cannot(question: EngineQuestion) -> str | None:
    """Where the API that was asked for does not exist."""
    api = question.options[_APIS.name]
    if api == _APIS.choices[0] or question.on_sockets:
        return None
    if question.on_files:
        return f"api={api} is of connections: an event loop reads and writes files in its executor"
    if question.on_devices:
        return f"api={api} is of connections: an event loop waits for a timerfd with add_reader"
    if api == "sock":
        return "loop.sock_recv and sock_sendall are of sockets, not of pipes"
    return None


def _drive(options: Options) -> Callable[[Setup], None]:
    import asyncio

    from iomodels.python.event_loops.driving import driver

    return driver(options, asyncio.new_event_loop)


ENGINE = PythonEngine(
    name="asyncio",
    title="Python: asyncio",
    calls="StreamReader.readexactly, StreamWriter.write and drain",
    summary="a coroutine for each connection, resumed by the event loop when its data is there",
    drive=_drive,
    flags=frozenset(
        {"files", "streams", "waits", "nonblocking_descriptors", "moves_data", "cancels"}
    ),
    news="readiness",
    worker="caller",
    complexity="registered descriptors",
    twin="epoll",
    twin_on_files="threads",
    threads="those of the default executor, for files: CPUs + 4, at most 32",
    options=(_APIS,),
    cannot=_cannot,
)
