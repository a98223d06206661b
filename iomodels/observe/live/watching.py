"""A command, or a process that runs already, under strace: its log as it grows, and how it ended.

A command is started here, and ends before the watching does: with the kernel's filter on it
(`--seccomp-bpf`) it could not go on without strace. A process that is attached to is left as it
was. Whatever happens, only what was started here is ended.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from iomodels.base import signals
from iomodels.base.errors import NothingSeen, UsageError
from iomodels.observe.live.log_pipe import CHUNK_BYTES, LogPipe
from iomodels.observe.live.processes import (
    has_terminal,
    is_alive,
    threads_of,
    traced_by,
    why_not_traced,
)
from iomodels.observe.live.strace import Strace, why_not
from iomodels.observe.log.chunks import stream_of

PATIENCE_S = 5.0
"""For what was asked to end, before it is asked harder."""
_NOBODY = 0
"""The number of no process."""
LINGERING_S = 1.0
"""How long others go on after the command, before that is said."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class End:
    """How the watching ended. Of a command, its exit code, or the `signal` that killed it."""

    watched_s: float
    exit_code: int | None = None
    killed_by: int | None = None
    interrupted_by: int | None = None
    """The signal to this process that ended it."""
    time_is_over: bool = False


class Watching:
    """One use of strace. `chunks` gives its log; after that `end` says how it ended.

    `held` has the signals to this process. `say` is told what a person at the terminal should know.
    """

    def __init__(self, held: signals.Held, say: Say, seconds: float | None) -> None:
        self.threads: dict[int, int] = {}
        """Those that ran before, each with its process."""
        self._held = held
        self._say = say
        self._seconds = seconds
        self._began_s: float | None = None
        self._ended_s = 0.0
        self._asked_s: float | None = None
        """When it was last asked to end."""
        self._asked = 0
        self._signal: int | None = None
        self._time_is_over = False

    def chunks(self) -> Generator[bytes, None, None]:
        """The log as it grows; it must be read to its end.

        Raises `NothingSeen` where strace could not start what is to be watched.
        """
        with LogPipe() as pipe:
            self._strace = self._start(pipe.path)
            try:
                for chunk in pipe.chunks(self._strace, self._tick):
                    if self._began_s is None:
                        self._began_s = time.monotonic()
                    yield chunk
                self._ended_s = time.monotonic()
            finally:
                if self._strace.poll() is None:  # something went wrong here
                    self._end_at_once()
                    for _ in pipe.chunks(self._strace, self._end_at_once):
                        pass
        if self._began_s is None:
            raise self._not_started()

    @contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """The same as a stream. Leaving the context early ends what was started."""
        with closing(self.chunks()) as chunks:
            yield stream_of(chunks, CHUNK_BYTES)

    def _start(self, log: str) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _not_started(self) -> NothingSeen:
        raise NotImplementedError

    def _ask_to_end(self, times: int) -> None:
        """Ask, harder each time: `times` counts from 0."""
        raise NotImplementedError

    def _end_at_once(self) -> None:
        raise NotImplementedError

    def _interrupted(self, number: int) -> None:
        self._ask()

    def _tick(self) -> None:
        number = self._held.take()
        if number is not None:
            self._signal = self._signal or number
            self._interrupted(number)
        now_s = time.monotonic()
        over = self._seconds is not None and now_s > (self._began_s or now_s) + self._seconds
        if over and not self._time_is_over:
            self._time_is_over = True
            self._ask()
        if self._asked_s is not None and now_s > self._asked_s + PATIENCE_S:
            self._ask()

    def _ask(self) -> None:
        self._ask_to_end(self._asked)
        self._asked += 1
        self._asked_s = time.monotonic()

    @property
    def watched_s(self) -> float:
        """From the first line of the log to the end."""
        return self._ended_s - self._began_s if self._began_s is not None else 0.0


class WatchedCommand(Watching):
    """A command, with its own standard streams. With `to_stderr`, its output goes there.

    When the time is over, or this process is to end, it gets SIGTERM, then all that it started,
    and then SIGKILL. Ctrl-C reaches it, and only a second one does the same.

    Raises `UsageError` where there is no such program.
    """

    def __init__(
        self,
        strace: Strace,
        command: Sequence[str],
        held: signals.Held,
        say: Say = lambda text: None,
        seconds: float | None = None,
        *,
        to_stderr: bool = False,
        environment: Mapping[bytes, bytes] | None = None,
    ) -> None:
        super().__init__(held, say, seconds)
        check_command(command)
        self._environment = environment
        self._tool = strace
        self._command = list(command)
        self._stdout = 2 if to_stderr else None
        self._main: int | None = None
        self._main_ended_s: float | None = None
        self._has_said = False

    @property
    def end(self) -> End:
        """How it ended."""
        code = self._strace.returncode  # that of the command, or the same signal
        return End(
            watched_s=self.watched_s,
            exit_code=code if code >= 0 else None,
            killed_by=-code if code < 0 else None,
            interrupted_by=self._signal,
            time_is_over=self._time_is_over,
        )

    def _start(self, log: str) -> subprocess.Popen[bytes]:
        # Not its own process group: the terminal's keys, and reading from it, are the command's.
        return subprocess.Popen(
            self._tool.command(log, "--", *self._command),
            stdout=self._stdout,
            close_fds=False,
            env=self._environment,
        )

    def _not_started(self) -> NothingSeen:
        return NothingSeen("strace could not start the command: see what it said above")

    def _tick(self) -> None:
        super()._tick()
        if self._main is None:
            self._main = self._find_main()
        elif self._main_ended_s is None:
            self._main_ended_s = None if is_alive(self._main) else time.monotonic()
        elif not self._has_said and time.monotonic() > self._main_ended_s + LINGERING_S:
            self._has_said = True
            if self._strace.poll() is None:
                self._say(
                    "the command has ended, and what it started is watched further: Ctrl-C ends it"
                )

    def _find_main(self) -> int | None:
        # Before the first call strace tries with children of its own what this kernel can.
        if self._began_s is None:
            return None
        watched = dict(traced_by(self._strace.pid))
        own = [pid for pid, parent in watched.items() if parent == self._strace.pid]
        # It can have ended before anybody looked; only what it started is there then.
        return own[0] if own else _NOBODY if watched else None

    def _interrupted(self, number: int) -> None:
        main_is_there = self._main is not None and is_alive(self._main)
        if number == signal.SIGINT and main_is_there and not self._has_said:
            if not has_terminal():  # which sends it to all of them
                self._send(number, only_main=True)
            self._has_said = True
            self._say("Ctrl-C goes to the command, which can end as it likes; a second one ends it")
            return
        self._ask()

    def _ask_to_end(self, times: int) -> None:
        if times < 2:
            self._send(signal.SIGTERM, only_main=times == 0)
        else:
            self._end_at_once()

    def _end_at_once(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: int, *, only_main: bool = False) -> None:
        """To the command; where that has ended, or not `only_main`, to all that strace watches."""
        watched = [pid for pid, _ in traced_by(self._strace.pid)]
        for pid in [self._main] if only_main and self._main in watched else watched:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


class WatchedProcess(Watching):
    """A process that runs already, with its threads and what it starts. It goes on afterwards."""

    def __init__(
        self,
        strace: Strace,
        pid: int,
        held: signals.Held,
        say: Say = lambda text: None,
        seconds: float | None = None,
    ) -> None:
        super().__init__(held, say, seconds)
        reason = why_not_traced(pid)
        if reason is not None:
            raise UsageError(f"--pid {pid}: {reason}")
        self._tool = strace
        self._pid = pid
        self.threads = threads_of(pid)

    @property
    def end(self) -> End:
        """How it ended: neither by a signal nor as the time was over, where the process did."""
        return End(self.watched_s, interrupted_by=self._signal, time_is_over=self._time_is_over)

    def _start(self, log: str) -> subprocess.Popen[bytes]:
        self._began_s = time.monotonic()  # it may do nothing for long
        return subprocess.Popen(
            self._tool.command(log, "-p", str(self._pid), attaches=True),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,  # Ctrl-C is for this process, which then asks strace to let go
        )

    def chunks(self) -> Generator[bytes, None, None]:
        """As of `Watching`; strace says little, so that a pipe holds it."""
        any_chunk = False
        try:
            for chunk in super().chunks():
                if not any_chunk:  # more may have begun until strace was there
                    self.threads.update(threads_of(self._pid))
                any_chunk = True
                yield chunk
        finally:
            assert self._strace.stderr is not None
            with self._strace.stderr as stream:
                said = stream.read().decode(errors="replace")
        if not any_chunk and re.search(r"strace: attach: ", said):
            raise NothingSeen(f"--pid {self._pid}: {why_not(said)}")

    def _not_started(self) -> NothingSeen:
        raise AssertionError("it began at once")

    def _ask_to_end(self, times: int) -> None:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
        with suppress(ProcessLookupError):
            self._strace.send_signal(numbers[min(times, 2)])

    def _end_at_once(self) -> None:
        self._ask_to_end(0)


def check_command(command: Sequence[str]) -> None:
    """Raises `UsageError` where there is no such program, or none that can be executed."""
    name = command[0]
    paths = [Path(name)] if "/" in name else [Path(f, name) for f in os.get_exec_path()]
    found = [path for path in paths if path.is_file()]
    if not found:
        raise UsageError("there is no such command: check its name, and write it after `--`")
    if not any(os.access(path, os.X_OK) for path in found):
        raise UsageError("the command is a file that cannot be executed: try `chmod +x`")


def run_plainly(
    command: Sequence[str],
    held: signals.Held,
    *,
    to_stderr: bool = False,
    environment: Mapping[bytes, bytes] | None = None,
) -> float:
    """How long the command takes without strace, in seconds.

    A signal to this process while it runs goes to the command as well, and stays with `held`.
    """
    began_s = time.monotonic()
    with subprocess.Popen(
        command, stdout=2 if to_stderr else None, close_fds=False, env=environment
    ) as process:
        while process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
            number = held.take()
            if number is not None:
                process.send_signal(number)
                process.wait()
                raise signals.Interrupted(number)
    return time.monotonic() - began_s
