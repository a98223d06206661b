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
    except (OSError, MemoryError, ImportError, SystemError) as error:
        if isinstance(error, OSError) or is_shortage(error):
            limits = "raise the limits (ulimit -n, -v)"
            _leave(f"too little to begin with ({error}): {limits}", Exit.OUTPUT)
        _leave(f"it is not installed completely ({error}): install it again", Exit.INTERNAL)
    main()


def is_shortage(error: Exception) -> bool:
    """Whether there was no memory. For a shared library dlopen(3) says so in words only."""
    unmapped = isinstance(error, ImportError) and "failed to map segment" in str(error)
    return isinstance(error, MemoryError) or unmapped or _is_forgotten(error)


def _is_forgotten(error: Exception) -> bool:
    """Where memory is limited, CPython's compiler may fail without an exception, which is an error
    of its own."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    said = isinstance(error, SystemError) and "without exception set" in str(error)
    return said and limit != resource.RLIM_INFINITY


def _leave(sentence: str, code: Exit) -> NoReturn:
    """With nothing that would have to be loaded first."""
    try:
        os.write(2, f"iomodels: {' '.join(sentence.split())}\n".encode())
    finally:
        os._exit(code)
