"""Where the program starts: before anything else is loaded, signals end it with one line."""

from __future__ import annotations

import os
import sys

from iomodels.base import signals
from iomodels.base.exit_codes import Exit
from iomodels.base.system import NOT_ALLOWED


def main() -> None:
    """The command line; see `main.main`."""
    signals.leave_at_once()
    try:
        from .main import main
    except OSError as error:  # of what is loaded, something makes a call that is refused
        reason = os.strerror(error.errno or 0)
        sys.stderr.write(f"iomodels: the program cannot be loaded ({reason}): {NOT_ALLOWED}\n")
        sys.exit(Exit.OUTPUT)
    main()
