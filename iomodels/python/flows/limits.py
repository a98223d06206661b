"""What a limit of the system takes from an engine, in words."""

from __future__ import annotations


class TooFewThreadsError(ValueError):
    """The system refused one. The trial's last words are its text."""

    def __init__(self, wanted: int) -> None:
        super().__init__(
            f"fewer than {wanted} threads could be started: raise the limits on processes and "
            "threads (ulimit -u, and the pids limit of the container or control group), or lower "
            "load.depth"
        )
