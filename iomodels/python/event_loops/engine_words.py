"""What is said of both event loops: one is a drop-in replacement of the other."""

from __future__ import annotations

from iomodels.python.contract import EngineQuestion, PythonOption

APIS = PythonOption(
    name="api",
    meaning="which calls a connection's coroutine makes: StreamReader and StreamWriter, "
    "loop.sock_recv and sock_sendall, or none, with a Protocol's callbacks",
    choices=("streams", "sock", "protocol"),
)
FLAGS = frozenset({"files", "streams", "waits", "nonblocking_descriptors", "moves_data", "cancels"})
CALLS = "StreamReader.readexactly, StreamWriter.write and drain"
THREADS = "those of the default executor, for files: CPUs + 4, at most 32"


def cannot(question: EngineQuestion) -> str | None:
    """Where the API that was asked for does not exist."""
    api = question.options[APIS.name]
    if api == APIS.choices[0] or question.on_sockets:
        return None
    if question.on_files:
        return f"api={api} is of connections: an event loop reads and writes files in its executor"
    if question.on_devices:
        return f"api={api} is of connections: an event loop waits for a timerfd with add_reader"
    if api == "sock":
        return "loop.sock_recv and sock_sendall are of sockets, not of pipes"
    return None
