"""The child process of a trial: starting it, talking to it, watching it, ending it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

from iomodels.base.errors import TrialError
from iomodels.base.system import memory_file
from iomodels.trials import failures
from iomodels.trials.launch import Launch, own_launch
from iomodels.trials.planned import Command
from iomodels.trials.record import Record

ANSWER_TIMEOUT_S = 10.0
"""How much longer than asked an answer may take before the watchdog kills the child."""
OPEN_TIMEOUT_S = 30.0
STOP_PATIENCE_S = 0.5
"""For a child that is to end early: the loop looks every 0.1 s whether it should."""
SLOWEST_DISK_BYTES_PER_S = 20e6
PROGRESS_INTERVAL_S = 0.2
BOTH, IO_ALONE, COMPUTATION_ALONE = 0, 1, 2
"""The parts of a slice (`core/loop/loop.h`)."""

LAST_WORDS_BYTES = 2000

Progress = Callable[[int], None]
"""Called about every `PROGRESS_INTERVAL_S` with the operations completed so far."""


class Child:
    """The worker process, from spawn to reap. Leaving the context ends it in any case.

    `record` has the layout of the core that `launch` starts. Raises `TrialError` if it cannot be
    started.
    """

    def __init__(self, command: Command, record: Record, launch: Launch | None = None) -> None:
        self._record = record
        self._settings = command.settings
        # Before and after a slice a file may be read once more, from end to end.
        self._checks_s = 2 * command.settings.get("file_size", 0) / SLOWEST_DISK_BYTES_PER_S
        # A memfd keeps the last words without a thread that drains a pipe.
        self._stderr = memory_file("iomodels-last-words")
        try:
            self._process = self._start(command, launch or own_launch())
        except OSError as error:
            os.close(self._stderr)
            raise TrialError(
                f"the trial's process cannot be started: {error.strerror or error}"
            ) from None

    def _start(self, command: Command, launch: Launch) -> subprocess.Popen[bytes]:
        options = launch.installation.option_settings(command.engine, command.options)
        settings = {**command.settings, **options}
        return subprocess.Popen(
            launch.command(
                str(os.getpid()),
                command.engine,
                command.channel,
                str(self._record.fd),
                *(f"{name}={value}" for name, value in settings.items()),
            ),
            env=launch.full_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            pass_fds=(self._record.fd, *command.descriptors),
            # Its own process group: the terminal's Ctrl-C goes to the parent alone.
            process_group=0,
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        os.close(self._stderr)

    def open(self) -> None:
        if self._answer(OPEN_TIMEOUT_S, None) != "open":
            raise failures.error(self._record, self._settings)

    def run_slice(
        self, duration_s: float, progress: Progress, part: int = BOTH, operations: int = 0
    ) -> None:
        """One slice; it ends earlier after so many `operations` if they are not 0."""
        self._ask(f"run {round(duration_s * 1e9)} {part} {operations}")
        timeout_s = duration_s + ANSWER_TIMEOUT_S + self._checks_s
        if int(self._answer(timeout_s, progress)) != 0:
            raise failures.error(self._record, self._settings)

    def close(self) -> None:
        self._ask("close")
        if int(self._answer(2 * ANSWER_TIMEOUT_S, None)) != 0:
            raise failures.error(self._record, self._settings)

    def _ask(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise TrialError(self._obituary()) from None

    def _answer(self, timeout_s: float, progress: Progress | None) -> str:
        """The child's next line. Raises `TrialError` when it dies or the time is over."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        while not poll.poll(PROGRESS_INTERVAL_S * 1000):
            if progress is not None:
                progress(self._record.field("live_operations"))
            if time.monotonic() > deadline:
                operations = self._record.field("live_operations")
                raise TrialError(
                    f"hung: no answer for {timeout_s:.1f} s after {operations} operations, "
                    f"so it was killed"
                )
        line = self._process.stdout.readline()
        if not line:
            raise TrialError(self._obituary())
        return line.decode().strip()

    def _obituary(self) -> str:
        code = self._process.wait()
        words = self._last_words()
        said = f"; its last words: {words}" if words else ""
        if code < 0:
            return f"the trial's process was ended by {_signal_name(-code)}{said}"
        return f"the trial's process ended early with exit code {code}{said}"

    def _last_words(self) -> str:
        size = os.fstat(self._stderr).st_size
        tail = os.pread(self._stderr, LAST_WORDS_BYTES, max(0, size - LAST_WORDS_BYTES))
        lines = tail.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _end(self) -> None:
        """It stops, cancels what is in flight, and ends. One that does not is killed: the record is
        ours, the data file has no name, helper threads and peers end with it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._record.ask_to_stop()
        with suppress(BrokenPipeError):  # unsent words for a child that is gone
            self._process.stdin.close()
        try:
            self._process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
