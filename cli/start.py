"""Where the program starts: before anything else is loaded, signals end it with one line."""

from __future__ import annotations

from iomodels.base import signals


def main() -> None:
    """The command line; see `main.main`."""
    signals.leave_at_once()
    from .main import main

    main()
