"""Runs Python in fresh processes that begin with their imports done.

Helper threads, signals, limits and children stay in such a process, and the C library's pool of AIO
threads is sized once in it. Since hundreds of tests want one, a server does the imports once and
forks for each process, which costs some milliseconds.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

MAX_MESSAGE = 1 << 17
CORE = ("iomodels._core", "iomodels.trials.record", "iomodels.engines.spec")
COMMAND_LINE = (
    *(
        "iomodels.cli.main",
        "iomodels.measure.run",
        "iomodels.comparison.runs",
        "iomodels.check.history.against_baseline",
    ),
    *(
        "iomodels.check.a_against_b",
        "iomodels.report.page",
        "iomodels.measure.recording",
        "iomodels.exports",
    ),
    *("iomodels.charts", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg"),
    *("rich.table", "rich.progress", "rich.console"),
)
"""What the processes begin with."""


def run_python(program: str, *arguments: object, timeout_s: float = 60) -> str:
    """What the program, with these in sys.argv[1:], writes to standard output.

    AssertionError with its standard error where its exit code is not 0; `TimeoutExpired` where it
    does not end, and is killed.
    """
    words = [str(argument) for argument in arguments]
    done = _run(CORE, {"program": program, "arguments": words}, timeout_s)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def run_iomodels(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """`python -m iomodels`, in this folder and environment. `TimeoutExpired` as above."""
    environment = dict(os.environ if env is None else env)
    task = {"arguments": arguments, "folder": str(cwd), "environment": environment}
    return _run(COMMAND_LINE, task, timeout_s)


# ------------------------------------------------------------------ a server's client


def _run(
    modules: tuple[str, ...], task: dict[str, Any], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    outputs = [os.memfd_create(name) for name in ("stdout", "stderr")]
    try:
        code = _await_code(start_server(modules), task, outputs, timeout_s)
        said, errors = (Path(f"/proc/self/fd/{fd}").read_text() for fd in outputs)
    finally:
        for fd in outputs:
            os.close(fd)
    return subprocess.CompletedProcess(task["arguments"], code, said, errors)


def _await_code(
    connection: socket.socket, task: dict[str, Any], outputs: list[int], timeout_s: float
) -> int:
    message = json.dumps(task).encode()
    assert len(message) <= MAX_MESSAGE
    socket.send_fds(connection, [message], outputs)
    ended, _, _ = select.select([connection], [], [], timeout_s)
    if not ended:
        connection.send(b"kill")
    answer = connection.recv(MAX_MESSAGE)
    assert answer, "the server of processes has ended"
    code = int(answer)
    if not ended:
        raise subprocess.TimeoutExpired(task["arguments"], timeout_s)
    return code


@cache
def start_server(modules: tuple[str, ...]) -> socket.socket:
    """The connection to this process's server, which ends when the connection does.

    It is nobody's child, since tests look whether this process has any.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.run(
            [sys.executable, __file__, str(theirs.fileno()), *modules],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            check=True,
        )
    return ours


# ------------------------------------------------------------------ the server


def _serve(client: socket.socket) -> dict[str, Any]:
    """Returns in a child process only, with what it is to do."""
    while True:
        message, outputs, _, _ = socket.recv_fds(client, MAX_MESSAGE, 2)
        if not message:
            sys.exit()
        if not outputs:  # to end a process that had just ended
            continue
        child = os.fork()
        if child == 0:
            client.close()
            for fd, output in enumerate(outputs, start=1):
                os.dup2(output, fd)
                os.close(output)
            return json.loads(message)
        for output in outputs:
            os.close(output)
        client.send(str(_await_end(child, client)).encode())


def _await_end(child: int, client: socket.socket) -> int:
    """Its exit code, negative for a signal. It is killed when the client says so, or has gone."""
    watched = os.pidfd_open(child)
    ready, _, _ = select.select([watched, client], [], [])
    if client in ready:
        client.recv(MAX_MESSAGE)
        os.kill(child, signal.SIGKILL)
    os.close(watched)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _do(task: dict[str, Any]) -> None:
    sys.argv[1:] = task["arguments"]
    if "program" in task:
        exec(compile(task["program"], "<program>", "exec"), {"__name__": "__main__"})
        return
    os.chdir(task["folder"])
    os.environ.clear()
    os.environ.update(task["environment"])
    runpy.run_module("iomodels", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    for name in sys.argv[2:]:
        importlib.import_module(name)
    if "iomodels.measure.run" in sys.modules:
        importlib.import_module("hurry").hurry()
    gc.freeze()  # or a child's end would go through, and so copy, all that was imported
    _do(_serve(socket.socket(fileno=int(sys.argv[1]))))
