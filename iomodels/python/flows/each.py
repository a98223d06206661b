"""Blocking calls on a thread for each slot, which goes on by itself: thread per connection."""

from __future__ import annotations

from threading import Thread

from iomodels.python.contract import Setup, TrialWork
from iomodels.python.flows.limits import TooFewThreadsError
from iomodels.python.making import make_all


def _serve(work: TrialWork) -> None:
    """Whichever slots come: a thread has one until it is at rest, and there are as many of each."""
    while work.wait():
        make_all(work, work.take())


def run(setup: Setup) -> None:
    threads = [Thread(target=_serve, args=(setup.work,)) for _ in range(setup.depth)]
    for thread in threads:
        try:
            thread.start()
        except RuntimeError:
            raise TooFewThreadsError(setup.depth) from None
    for thread in threads:
        thread.join()
