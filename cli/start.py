"""Where the program starts: before anything else is loaded, signals end it with one line."""

from __future__ import annotations

import os
from typing import NoReturn

from iomodels.base import signals
from iomodels.base.exit_codes import Exit


def main() -> None:
    """The command line; see `main.main`."""
    signals.leave_at_once()
    try:
        from .main import main
    except (OSError, MemoryError) as error:
        _leave(f"too little to begin with ({error}): raise the limits (ulimit -n, -v)", Exit.OUTPUT)
    except ImportError as error:
        _leave(f"it is not installed completely ({error}): install it again", Exit.INTERNAL)
    main()


def _leave(sentence: str, code: Exit) -> NoReturn:
    """With nothing that would have to be loaded first."""
    try:
        os.write(2, f"iomodels: {' '.join(sentence.split())}\n".encode())
    finally:
        os._exit(code)
