"""The end of a command: everything that is left to do is done, also after a part of it failed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iomodels.base import exit_codes
from iomodels.base.errors import OutputError

from . import streams

EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE, which is what a program ends with that does not catch the signal."""


@contextmanager
def naming(saved: Path | None) -> Iterator[None]:
    """Whatever unforeseen happens inside, its message says where the measurements are."""
    try:
        yield
    except Exception as error:
        if saved is not None:
            error.add_note(f"what was measured is in {saved}")
        raise


class Ending:
    """Collects what could not be written, says it at the end, and gives the exit code."""

    def __init__(self) -> None:
        self.failures: list[OutputError] = []
        self._reader_gone = False

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part that may fail by `OutputError`, or because the reader went away."""
        try:
            yield
        except OutputError as error:
            self.failures.append(error)
            if isinstance(error, streams.StreamError):
                streams.forget(sys.stdout)
        except BrokenPipeError:
            self._reader_gone = True
            streams.forget(sys.stdout)

    def code(self, code: int, signal: int | None = None) -> int:
        """Say what failed, and give the exit code: that of the `signal`; else `code`, what the
        command found. An output that could not be written comes before all but a regression or a
        failed cell: a job that lets an inconclusive check pass must not pass without its report."""
        for failure in self.failures:
            streams.complain(str(failure))
        if signal is not None:
            return exit_codes.of_signal(signal)
        if self._reader_gone:
            return EXIT_BROKEN_PIPE
        if self.failures and code != exit_codes.Exit.FAILED:
            return exit_codes.Exit.OUTPUT
        return code
