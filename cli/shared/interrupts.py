"""What Ctrl-C, SIGTERM and SIGHUP do while something is measured or drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from iomodels.base import signals


@contextmanager
def interruptible() -> Iterator[None]:
    """While inside, the first of them raises `signals.Interrupted`, so that what has been started
    is ended in order; those that come after it wait until that is done."""
    with signals.held() as held, held.let_through():
        yield
