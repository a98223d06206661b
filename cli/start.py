"""Where the program starts: before anything else is loaded, signals end it with one line."""

from __future__ import annotations

import os
import resource
from typing import NoReturn

from iomodels.base import signals
from iomodels.base.exit_codes import Exit


def main() -> None:
    """The command line; see `main.main`."""
    signals.leave_at_once()
    try:
        from .main import main
    except (OSError, MemoryError, ImportError, SystemError, ValueError) as error:
        if isinstance(error, OSError) or is_shortage(error):
            limits = "raise the limits (ulimit -n, -v)"
            _leave(f"too little to begin with ({error}): {limits}", Exit.OUTPUT)
        _leave(f"it is not installed completely ({error}): install it again", Exit.INTERNAL)
    try:
        main()
    except MemoryError:  # there was too little even for saying so
        limit = "free some memory, or raise the limit (ulimit -v)"
        _leave(f"Cannot allocate memory: {limit}", Exit.OUTPUT)


def is_shortage(error: Exception) -> bool:
    """Whether there was no memory. For a shared library dlopen(3) says so in words only."""
    unmapped = isinstance(error, ImportError) and "failed to map segment" in str(error)
    return isinstance(error, MemoryError) or unmapped or _is_forgotten(error)


_FORGOTTEN = (
    (SystemError, "without exception set"),
    (SystemError, "without setting an exception"),
    (ValueError, " is required for "),
)
"""What CPython's compiler raises, with these words, where it forgot that memory was short."""


def _is_forgotten(error: Exception) -> bool:
    """Where memory is limited: elsewhere such an error is one."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    said = any(isinstance(error, kind) and words in str(error) for kind, words in _FORGOTTEN)
    return said and limit != resource.RLIM_INFINITY


def _leave(sentence: str, code: Exit) -> NoReturn:
    """With nothing that would have to be loaded first."""
    try:
        os.write(2, f"iomodels: {' '.join(sentence.split())}\n".encode())
    finally:
        os._exit(code)
