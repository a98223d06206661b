"""The child process of a trial: starting it, talking to it, watching it, ending it."""

from __future__ import annotations

import errno
import os
import re
import select
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress

from iomodels.base.errors import (
    Garbled,
    IomodelsError,
    NoAnswer,
    NotApplicable,
    Paused,
    TrialError,
)
from iomodels.base.system import await_end, end_group, memory_file
from iomodels.base.toml import printable
from iomodels.trials import failures, pauses, worker
from iomodels.trials.launch import Launch, own_launch
from iomodels.trials.planned import Command
from iomodels.trials.record import Record
from iomodels.trials.starting import forking

ANSWER_TIMEOUT_S = 10.0
"""How much longer than asked an answer may take before the watchdog kills the child."""
OPEN_TIMEOUT_S = 30.0
STOP_PATIENCE_S = 0.5
"""For a child that is to end early: the loop looks every 0.1 s whether it should."""
END_TIMEOUT_S = 10.0
"""For a process that was killed, or has said its last, to be gone."""
STOPPED_TIMEOUT_S = 600.0
"""How long a stopped process (SIGSTOP) may stay so; the watchdog does not count that time."""
SLOWEST_DISK_BYTES_PER_S = 20e6
PROGRESS_INTERVAL_S = 0.2
BOTH, IO_ALONE, COMPUTATION_ALONE = 0, 1, 2
"""The parts of a slice (`core/loop/loop.h`)."""

LAST_WORDS_BYTES = 2000
GARBLED_CHARACTERS = 60
"""Of what an engine printed, so many are shown."""

Progress = Callable[[int], None]
"""Called about every `PROGRESS_INTERVAL_S` with the operations completed so far."""


class Child:
    """The worker process, from spawn to reap. Leaving the context ends it in any case.

    `record` has the layout of the core that `launch` starts; `patience_s` is how much longer than
    asked an answer may take (`ANSWER_TIMEOUT_S`). Raises `TrialError` if it cannot be started.
    """

    def __init__(
        self,
        command: Command,
        record: Record,
        launch: Launch | None = None,
        patience_s: float | None = None,
    ) -> None:
        self._record = record
        self._patience_s = ANSWER_TIMEOUT_S if patience_s is None else patience_s
        self._settings = command.settings
        # Before and after a slice a file may be read once more, from end to end.
        self._checks_s = 2 * command.settings.get("file_size", 0) / SLOWEST_DISK_BYTES_PER_S
        self._launch = launch or own_launch()
        self._behind: forking.Watched | None = None
        """The worker, where it is not the process that was started here; None before it answers."""
        # A memfd keeps the last words without a thread that drains a pipe.
        self._stderr = memory_file("iomodels-last-words")
        try:
            self._process = self._start(command)
        except OSError as error:
            os.close(self._stderr)
            raise TrialError(
                f"the trial's process cannot be started: {error.strerror or error}"
                + (f" ({_MORE_PROCESSES})" if error.errno == errno.EAGAIN else "")
            ) from None
        if self._heard is not None:
            self._heard.started()
        self._pauses = pauses.Pauses(self._process.pid)

    def _start(self, command: Command) -> subprocess.Popen[bytes]:
        launch = self._launch
        self._heard = forking.Answers() if launch.forks else None
        try:
            return subprocess.Popen(
                launch.words(
                    command,
                    parent=worker.ANY_PARENT if launch.forks else os.getpid(),
                    record_fd=self._record.fd,
                ),
                env=launch.full_environment(),
                stdin=subprocess.PIPE,
                stdout=self._heard.their_fd if self._heard else subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,  # a line that was read ahead is none that poll sees
                pass_fds=(self._record.fd, *command.descriptors),
                # Its own process group: the terminal's Ctrl-C goes to the parent alone.
                process_group=0,
            )
        except OSError:
            if self._heard is not None:
                self._heard.close()
            raise

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        os.close(self._stderr)

    def open(self) -> None:
        answer = self._answer(OPEN_TIMEOUT_S, None)
        if self._heard is not None:
            self._watch(self._heard.sender)
        if answer == "failed":
            raise failures.error(self._record, self._settings)
        if answer != "open":
            raise _garbled(answer)

    @property
    def pid(self) -> int:
        """Of the process that was started here."""
        return self._process.pid

    @property
    def said(self) -> str:
        """What it has written to standard error; of much, the end."""
        size = os.fstat(self._stderr).st_size
        tail = os.pread(self._stderr, LAST_WORDS_BYTES, max(0, size - LAST_WORDS_BYTES))
        return tail.decode(errors="replace").strip()

    def _watch(self, pid: int) -> None:
        """From its first answer on, the worker itself, instead of what started it."""
        try:
            self._behind = forking.Watched(pid)
        except OSError:
            raise TrialError(self._obituary()) from None
        self._pauses = pauses.Pauses(pid, self._behind.last_stop)

    def run_slice(
        self, duration_s: float, progress: Progress, part: int = BOTH, operations: int = 0
    ) -> None:
        """One slice; it ends earlier after so many `operations` if they are not 0.

        Raises `Paused` where this process or the child did not run meanwhile.
        """
        self._ask(f"run {round(duration_s * 1e9)} {part} {operations}")
        timeout_s = duration_s + self._patience_s + self._checks_s
        answer = _number(self._answer(timeout_s, progress))
        failure = self._failure(answer) if answer != 0 else None
        if self._pauses.found and not isinstance(failure, NotApplicable):
            raise _paused(self._pauses)
        if failure is not None:
            raise failure

    def _failure(self, answer: int) -> IomodelsError:
        """A number that the core knows nothing of is one that an engine has printed."""
        record = self._record
        if record.stage == "none" and not (record.reason or record.field("peer_status")):
            return _garbled(str(answer))
        return failures.error(record, self._settings)

    def close(self, *, stays: bool = False) -> None:
        """Everything ends. A process that `stays` does not itself: `await_over` comes next."""
        self._ask("close stay" if stays else "close")
        if _number(self._answer(2 * self._patience_s, None)) != 0:
            if self._pauses.found:
                raise _paused(self._pauses)
            raise failures.error(self._record, self._settings)

    def await_over(self) -> None:
        """Until the engine has nothing to do any more, and only the end of the process is left."""
        answer = self._answer(self._patience_s, None)
        if answer != "over":
            raise _garbled(answer)

    def _ask(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise TrialError(self._obituary()) from None

    def _answer(self, timeout_s: float, progress: Progress | None) -> str:
        """The child's next line. Raises `TrialError` when it dies or the time is over."""
        answers = self._heard or self._process.stdout
        assert answers is not None
        poll = select.poll()
        poll.register(answers, select.POLLIN)
        if self._behind is not None:  # what started it may keep its output open
            poll.register(self._behind, select.POLLIN)
        self._pauses.begin()
        waited_s = 0.0
        while True:
            before = pauses.now()
            ready = [fd for fd, _ in poll.poll(PROGRESS_INTERVAL_S * 1000)]
            waited_s += self._pauses.waited(before, pauses.now(), PROGRESS_INTERVAL_S)
            if ready:
                break
            if progress is not None:
                progress(self._record.field("live_operations"))
            if waited_s > timeout_s:
                raise self._hung(timeout_s)
            if self._pauses.is_stopped and self._pauses.paused_s > STOPPED_TIMEOUT_S:
                raise TrialError(
                    f"the trial's process was stopped (SIGSTOP) for {STOPPED_TIMEOUT_S:g} s, "
                    "so it was killed: measure again"
                )
        line = answers.readline() if answers.fileno() in ready else b""
        if not line:
            raise TrialError(self._obituary())
        return line.decode().strip()

    def _hung(self, timeout_s: float) -> TrialError:
        if self._pauses.found:  # a clock may have jumped meanwhile
            return _paused(self._pauses)
        operations = self._record.field("live_operations")
        return NoAnswer(
            f"hung: no answer for {timeout_s:.1f} s after {operations} operations, so it was killed"
        )

    def _obituary(self) -> str:
        try:
            code = self._reap(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return (
                f"the trial's process said nothing more and did not end for {END_TIMEOUT_S:g} s, "
                "so it was killed"
            )
        words = self._last_words()
        if unknown := _UNKNOWN_SETTING.search(words):
            return _too_old(unknown[1], self._launch.installation.version)
        said = f"; its last words: {words}" if words else ""
        if code < 0:
            return f"the trial's process was ended by {_signal_name(-code)}{said}"
        return f"the trial's process ended early with exit code {code}{said}"

    def _last_words(self) -> str:
        lines = self.said.splitlines()
        return fit_for_a_result(lines[-1]) if lines else ""

    def _end(self) -> None:
        """It stops, cancels what is in flight, and ends. One that does not is killed: the record is
        ours, the data file has no name, helper threads and peers end with it."""
        assert self._process.stdin is not None
        self._record.ask_to_stop()
        with suppress(BrokenPipeError):  # unsent words for a child that is gone
            self._process.stdin.close()
        if self._heard is not None:
            forking.end(self._process, self._behind, STOP_PATIENCE_S, END_TIMEOUT_S)
            self._heard.close()
            if self._behind is not None:
                self._behind.close()
            return
        assert self._process.stdout is not None
        try:
            self._reap(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            # In a call that cannot be interrupted it lives on. That must not keep the others.
            with suppress(subprocess.TimeoutExpired):
                self._reap(END_TIMEOUT_S)
        self._process.stdout.close()

    def _reap(self, patience_s: float) -> int:
        """Its exit code. What it has left in its process group ends: an engine may fork."""
        if await_end(self._process, patience_s):
            end_group(self._process)
        return self._process.wait(0)


def _number(answer: str) -> int:
    """A loop's result."""
    try:
        return int(answer)
    except ValueError:
        raise _garbled(answer) from None


def _garbled(answer: str) -> Garbled:
    shown = printable(answer[:GARBLED_CHARACTERS])
    return Garbled(
        f"the trial's process wrote '{shown}' to standard output, where its answers belong: an "
        "engine must not print"
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _too_old(setting: str, version: str) -> str:
    """The core of another Python is older than what the point asks of it."""
    what = "block in several sizes" if setting.startswith("block_size") else setting
    return f"iomodels {version} of that Python has no {what}: install a newer one there"


_MORE_PROCESSES = (
    "raise the limits on processes and threads: ulimit -u, and the pids limit of the container or "
    "control group"
)


def _paused(pauses: pauses.Pauses) -> Paused:
    how_long = f"about {pauses.paused_s:.1f} s" if pauses.paused_s >= 0.1 else "a moment"
    return Paused(
        f"the trial's process, or the one that watches it, did not run for {how_long} while it was "
        "measuring (SIGSTOP, a paused container, or the machine was suspended): measure again"
    )


_ERROR = re.compile(r"(?:\w+\.)*(\w*(?:Error|Exception|Interrupt|Exit))(?:: (.*))?")
_UNKNOWN_SETTING = re.compile(r"KeyError: .*no setting '(\w+)'")
_ASSERTION = re.compile(r".*?(\w+\.[ch]):(\d+): \w+: Assertion (.*) failed\.")
_OWN_TEXTS = (
    *("ValueError", "KeyError", "ModuleNotFoundError"),
    *("ReturnedEarlyError", "TooFewThreadsError"),
)
"""Raised about what a worker was asked for, or by it; other errors' texts can hold paths."""


def fit_for_a_result(line: str) -> str:
    """The last line that a dying process wrote, without what could name a user or a folder.

    Of a Python error its type, and the text if it is ours; of a failed assertion where it is.
    Anything else is "".
    """
    if assertion := _ASSERTION.fullmatch(line):
        return f"{assertion[1]}:{assertion[2]}: assertion {assertion[3]} failed"
    error = _ERROR.fullmatch(line)
    if error is None:
        return ""
    text = error[2] or ""
    return f"{error[1]}: {text}" if error[1] in _OWN_TEXTS and "/" not in text else error[1]
