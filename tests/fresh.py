"""Runs Python in fresh processes that begin with their imports done.

Helper threads, signals, limits and children stay in such a process, and the C library's pool of AIO
threads is sized once in it. Since hundreds of tests want one, a server does the imports once and
forks for each process, which costs some milliseconds.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
    *("iomodels.cli.advise", "iomodels.cli.bench", "iomodels.cli.chart", "iomodels.cli.check"),
    *("iomodels.cli.compare", "iomodels.cli.completion", "iomodels.cli.conform"),
    *("iomodels.cli.engines", "iomodels.cli.help", "iomodels.cli.import_file", "iomodels.cli.man"),
    *("iomodels.cli.observe", "iomodels.cli.report", "iomodels.cli.scenarios"),
    *("iomodels.cli.trace", "iomodels.cli.advising.answer", "iomodels.cli.shared.drawing"),
    *("iomodels.cli.show.table", "iomodels.cli.show.changes_table", "iomodels.cli.show.flow_text"),
    *("iomodels.cli.show.ending.verdicts", "iomodels.cli.show.progress"),
    *("iomodels.cli.show.rendering", "iomodels.cli.shared.exporting", "iomodels.trace.figures"),
    *("iomodels.advice.stored", "iomodels.contest.answering", "iomodels.exports.perfetto"),
    *("iomodels.conform.suite", "iomodels.engines.plugins.finding", "iomodels.engines.words"),
    *("iomodels.check.history.folder", "iomodels.charts.flows.flow", "iomodels.machine.doctor"),
    *("jinja2.compiler", "encodings.utf_8_sig"),
)
"""What the processes begin with."""


def run_python(program: str, *arguments: object, timeout_s: float = 60) -> str:
    """What the program, with these in sys.argv[1:], writes to standard output.

    AssertionError with its standard error where its exit code is not 0; `TimeoutExpired` where it
    does not end, and is killed.
    """
    words = [str(argument) for argument in arguments]
    server = start_server(CORE)
    done = _run(server, {"program": program, "arguments": words}, timeout_s)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def run_iomodels(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 60,
    python: str = sys.executable,
) -> subprocess.CompletedProcess[str]:
    """`python -m iomodels`, in this folder and environment. `TimeoutExpired` as above."""
    return _run(start_server(COMMAND_LINE, python), _task(arguments, cwd, env), timeout_s)


class Running:
    """A process of a server, which can be signalled and looked at while it runs."""

    def __init__(self, connection: socket.socket, pid: int, stdout: int, stderr: int) -> None:
        self.pid = pid
        """Its own until the context in which it was started ends, even once the process has."""
        self._connection = connection
        self._written = stdout, stderr
        self._code: int | None = None

    @property
    def stdout(self) -> str:
        """What it has written so far; "" where it was given another stream."""
        return _text(self._written[0])

    @property
    def stderr(self) -> str:
        return _text(self._written[1])

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        if self._code is None and select.select([self._connection], [], [], 0)[0]:
            self._code = int(self._connection.recv(MAX_MESSAGE))
        return self._code

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait_until(self, condition: Callable[[], object], timeout_s: float = 60) -> None:
        """AssertionError where the process ends before, or it does not become true."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert self.returncode is None, f"{self.returncode}\n{self.stdout}{self.stderr}"
            assert time.monotonic() < deadline, f"in vain\n{self.stdout}{self.stderr}"
            time.sleep(0.005)

    def wait(self, timeout_s: float = 60) -> int:
        """Its exit code. AssertionError where it does not end."""
        select.select([self._connection], [], [], timeout_s)
        code = self.returncode
        assert code is not None, f"it goes on\n{self.stdout}{self.stderr}"
        return code


@contextmanager
def running_iomodels(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    program: str | None = None,
    streams: Sequence[int | None] = (None, None, None),
) -> Iterator[Running]:
    """`python -m iomodels`, or a program that begins with all of it imported. It is killed where
    it has not ended when the context does.

    Standard input (nothing), output and error (kept) can be streams of the caller's.
    """
    task = _task(arguments, cwd, env) | ({} if program is None else {"program": program})
    message = json.dumps(task).encode()
    assert len(message) <= MAX_MESSAGE
    own = [os.open(os.devnull, os.O_RDONLY), *(os.memfd_create(n) for n in ("out", "err"))]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with theirs:
            given = [mine if fd is None else fd for mine, fd in zip(own, streams, strict=True)]
            socket.send_fds(start_server(COMMAND_LINE), [message], [*given, theirs.fileno()])
        yield Running(ours, int(ours.recv(MAX_MESSAGE)), *own[1:])
    finally:
        ours.close()
        for fd in own:
            os.close(fd)


# ------------------------------------------------------------------ a server's client


def _task(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None
) -> dict[str, Any]:
    given = dict(os.environ if environment is None else environment)
    return {"arguments": arguments, "folder": str(folder), "environment": given}


def _text(fd: int) -> str:
    return Path(f"/proc/self/fd/{fd}").read_text()


def _run(
    server: socket.socket, task: dict[str, Any], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    outputs = [os.memfd_create(name) for name in ("stdout", "stderr")]
    try:
        code = _await_code(server, task, outputs, timeout_s)
        said, errors = map(_text, outputs)
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


def start_server(modules: tuple[str, ...], python: str = sys.executable) -> socket.socket:
    """The connection to this process's server, which is started if there is none."""
    return _started(modules, python)


@cache
def _started(modules: tuple[str, ...], python: str) -> socket.socket:
    """The server ends when the connection does.

    It is nobody's child, since tests look whether this process has any.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.run(
            [python, __file__, str(theirs.fileno()), *modules],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            check=True,
        )
    return ours


# ------------------------------------------------------------------ the server


def _serve(client: socket.socket) -> dict[str, Any]:
    """Returns in a child process only, with what it is to do."""
    while True:
        message, outputs, _, _ = socket.recv_fds(client, MAX_MESSAGE, 4)
        if not message:
            sys.exit()
        if not outputs:  # to end a process that had just ended
            continue
        if len(outputs) > 2:
            keeper = os.fork()
            if keeper == 0:
                client.close()
                _keep(outputs)
                return json.loads(message)
            os.waitpid(keeper, 0)
            for output in outputs:
                os.close(output)
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


def _keep(descriptors: list[int]) -> None:
    """Starts the process that it returns in, and tells of its end; the server goes on meanwhile."""
    if os.fork():
        os._exit(0)
    *streams, last = descriptors
    connection = socket.socket(fileno=last)
    child = os.fork()
    if child == 0:
        connection.close()
        for fd, stream in enumerate(streams):
            os.dup2(stream, fd)
            os.close(stream)
        return
    for stream in streams:
        os.close(stream)
    watched = os.pidfd_open(child)
    with suppress(ConnectionError):
        connection.send(str(child).encode())
        ready, _, _ = select.select([watched, connection], [], [])
        if connection in ready:
            os.kill(child, signal.SIGKILL)
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        connection.send(str(code).encode())
        connection.recv(MAX_MESSAGE)  # until nobody uses its number any more
    os.waitpid(child, 0)
    os._exit(0)


def _do(task: dict[str, Any]) -> None:
    sys.argv[1:] = task["arguments"]
    if "folder" in task:
        os.chdir(task["folder"])
        os.environ.clear()
        os.environ.update(task["environment"])
        for stream in (sys.stdout, sys.stderr):  # they may be a terminal now
            assert isinstance(stream, io.TextIOWrapper)
            stream.reconfigure(line_buffering=stream is sys.stderr or stream.isatty())
    if "program" in task:
        exec(compile(task["program"], "<program>", "exec"), {"__name__": "__main__"})
        return
    runpy.run_module("iomodels", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    for name in sys.argv[2:]:
        importlib.import_module(name)
    if "iomodels.measure.run" in sys.modules:
        hurried = importlib.import_module("hurry")
        hurried.hurry()
        hurried.heed_no_load()
    gc.freeze()  # or a child's end would go through, and so copy, all that was imported
    _do(_serve(socket.socket(fileno=int(sys.argv[1]))))
