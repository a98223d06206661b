"""What one thread does beside its transfers: it shows what kind of thread it is."""

from __future__ import annotations

from dataclasses import dataclass

_MEETS = 0.2
"""Calls of futex for each transfer: a queue between threads needs about one, but not while it is
never empty. A thread that works for itself takes a lock now and then."""


@dataclass(slots=True, eq=False)
class Habits:
    """`eq=False`: threads are told apart by identity, since their numbers come again."""

    is_first: bool
    """Whether its process began with it."""
    transfers: int = 0
    first_s: float = float("inf")
    last_s: float = float("-inf")
    """From its first to its last transfer."""
    meetings: int = 0
    """Calls of futex: it waits for other threads, or wakes them."""
    waits_like_aio: int = 0
    """Waits of one second by the wall clock: an idle helper of glibc's POSIX AIO makes them."""
    tries_at_place: int = 0
    """Positioned transfers on what has no place (ESPIPE): POSIX AIO tries that first."""
    completion_signals: int = 0
    started_threads: int = 0
    """That make no transfers, as far as was seen."""
    starter: Habits | None = None

    def transfer(self, start_s: float, end_s: float) -> None:
        """It made one."""
        if self.transfers == 0 and self.starter is not None:
            self.starter.started_threads -= 1
        self.transfers += 1
        self.first_s = min(self.first_s, start_s)
        self.last_s = max(self.last_s, end_s)

    @property
    def is_aio_helper(self) -> bool:
        """Whether it is one of glibc's threads for POSIX AIO."""
        return not self.is_first and bool(
            self.waits_like_aio or self.tries_at_place or self.completion_signals
        )

    @property
    def works_for_others(self) -> bool:
        """Whether other threads hand it what it does: it waits for them between its transfers, or
        wakes them after."""
        return self.meetings >= _MEETS * self.transfers > 0


def most_at_once(spans: list[tuple[float, float]]) -> int:
    """Of what lasts from … to …, the most at a time."""
    changes = sorted([(start, -1) for start, _ in spans] + [(end, 1) for _, end in spans])
    level = most = 0
    for _, change in changes:
        level -= change
        most = max(most, level)
    return most
