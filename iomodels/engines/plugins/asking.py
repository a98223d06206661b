"""Asking a shared object what its engine is, without loading it: a process that may crash, hang,
exit and print does that for us (`describing.py`).

One process answers many questions. It ends by itself when no more come, or with this one.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

from iomodels import _core
from iomodels.base.errors import EngineError
from iomodels.base.system import await_end, end_group
from iomodels.base.toml import printable
from iomodels.engines.plugins import describing
from iomodels.engines.plugins.strangers import how_it_ended

LIMIT_S = 5.0
"""For one answer: a probe asks the kernel, and waits for nothing."""
_ENDING_S = 1.0
"""For a process whose output has ended to be gone."""
_LONGEST_ANSWER_BYTES = 1 << 20


class SharedObjectProcess:
    """What has loaded the shared object. Every error is an `EngineError`, and begins with `whose`:
    the engine and its package."""

    def __init__(self, whose: str, path: str) -> None:
        self._whose = whose
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._told: dict[str, Any] = {}
        self._left = b""
        self._asks = os.getpid()  # and no process that is forked from it
        atexit.register(self.close)

    def told(self) -> dict[str, Any]:
        """`name`, and what the engine says of itself (`told`)."""
        if not self._told:
            self._start()
        return self._told

    def ask(self, *question: object) -> dict[str, Any]:
        """The answer to `["facts", settings]` or `["answers", channel, settings]`."""
        answer = self._asked(question) if self._process else None
        if answer is None:  # it had ended, since nobody had asked for a while
            self._start()
            answer = self._asked(question)
        if not isinstance(answer, dict):
            raise EngineError(f"{self._whose} gives no answer")
        return answer

    def close(self) -> None:
        """Ends the process, if there is one."""
        if os.getpid() == self._asks:
            self._end()

    def _start(self) -> None:
        script = [str(describing.__file__), str(_core.__file__), self._path, str(os.getpid())]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", *script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,
                bufsize=0,
            )
        except OSError as error:
            raise EngineError(
                f"{self._whose} cannot be asked what it is: {error.strerror}: try again"
            ) from None
        self._left = b""
        told = self._answer("when it was loaded")
        if not isinstance(told, dict):
            told = {"why": "it says nothing of itself"}
        why = told.get("why")
        if why is not None:
            self._end()
            raise EngineError(f"{self._whose} cannot be used: {printable(str(why))}")
        self._told = told

    def _asked(self, question: object) -> object:
        """None: it had ended before the question."""
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
        answer = self._answer("when it was asked what it can do here")
        if answer is None:
            self._end()
        return answer

    def _answer(self, when: str) -> object:
        """Raises `EngineError` where there is none: how the process ended."""
        assert self._process is not None
        line = self._line()
        if line is None:
            self._end()
            raise EngineError(
                f"{self._whose} did not answer within {LIMIT_S:g} s {when}, so its process was "
                "killed"
            )
        if not line.endswith(b"\n"):
            raise EngineError(f"{self._whose} {how_it_ended(self._end(_ENDING_S))} {when}")
        try:
            return json.loads(line)
        except ValueError:
            return "no answer"

    def _line(self) -> bytes | None:
        """The next one, or what there is of it at the end; None when the time is over."""
        assert self._process is not None
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        deadline_s = time.monotonic() + LIMIT_S
        while b"\n" not in self._left and len(self._left) < _LONGEST_ANSWER_BYTES:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([output], [], [], left_s)[0]:
                return None
            data = os.read(output, 1 << 16)
            if not data:
                break
            self._left += data
        line, newline, self._left = self._left.partition(b"\n")
        return line + newline

    def _end(self, patience_s: float = 0.0) -> int:
        """Its exit code, or a signal's number below 0; what it has started ends with it."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        await_end(process, patience_s)
        end_group(process)
        with process:  # closes the pipes, and reaps it
            pass
        return process.returncode
