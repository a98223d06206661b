"""Rules about the ends that are no usual ones: stops, and what fails."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from threading import Event, Thread

from iomodels.base.errors import NoAnswer, NotApplicable, TrialError
from iomodels.conform.looking import descriptor_of
from iomodels.conform.role import IDLE
from iomodels.conform.rule import Rule, always, unless_has_peer, unless_moves_data
from iomodels.conform.session import Session
from iomodels.conform.subject import Subject
from iomodels.engines.spec import EngineSpec
from iomodels.trials.launch import own_launch

LONG_S = 20.0
SOON_S = 0.1
PROMPTLY_S = 1.5
SERVICE_NS = 10_000_000_000
SHORT_SERVICE_NS = 200_000_000
"""Where the call that waits is the one that submits: nobody sees meanwhile that it is to end."""
REFERENCE = EngineSpec("blocking")
FEW_DESCRIPTORS = 40
_NUMBER = re.compile(r"\d+")


# ------------------------------------------------------------------ stop


def _that_does_not_end(subject: Subject) -> AbstractContextManager[Session]:
    """A trial whose requests take long, where there is a device that decides that."""
    if subject.role.channel != "timer":
        return subject.opened()
    waits = subject.caps["blocks_in_submit"]
    return subject.opened(channel__service=SHORT_SERVICE_NS if waits else SERVICE_NS)


def _stops(subject: Subject) -> str | None:
    with _that_does_not_end(subject) as trial:
        started_s = time.monotonic()
        with trial.stop_after(SOON_S):
            try:
                trial.child.run_slice(LONG_S, lambda done: None)
            except NoAnswer as error:
                return str(error)
        took_s = time.monotonic() - started_s
        if took_s > SOON_S + PROMPTLY_S:
            return (
                f"it was asked to stop after {SOON_S} s, and the slice ended after {took_s:.1f} s"
            )
        started_s = time.monotonic()
        trial.child.close(stays=True)
        trial.child.await_over()
        took_s = time.monotonic() - started_s
        if took_s > PROMPTLY_S:
            return f"with requests pending, the end of the trial took {took_s:.1f} s"
        left = str(trial.left())
        return f"after the stop there was {left}" if left else None


# ------------------------------------------------------------------ failures


@contextmanager
def _meanwhile(trial: Session, act: Callable[[], None]) -> Iterator[None]:
    """Does this once a few operations have ended, while a slice runs."""
    over = Event()

    def wait_and_act() -> None:
        while trial.record.field("live_operations") < 2 and not over.wait(0.002):
            pass
        act()

    thread = Thread(target=wait_and_act)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _failure(trial: Session, act: Callable[[], None]) -> str | None:
    """How a slice fails in which this happens; None where it does not."""
    try:
        with _meanwhile(trial, act):
            trial.child.run_slice(PROMPTLY_S, lambda done: None)
    except TrialError as error:
        return str(error)
    return None


def _alike(subject: Subject, fail: Callable[[Subject], str | None]) -> str | None:
    """Broken where the engine fails with another sentence than the simplest one."""
    said = fail(subject)
    expected = fail(replace(subject, spec=REFERENCE, launch=None))
    if said is None:
        return f"the trial went on; it should have failed: {expected}"
    if _NUMBER.sub("N", said) != _NUMBER.sub("N", expected or ""):
        return (
            f"the trial failed with another sentence than {REFERENCE.name}'s ({expected}): {said}"
        )
    return None


def _with_dead_peer(subject: Subject) -> str | None:
    with subject.opened() as trial:
        peer = trial.record.field("peer_id")
        return _failure(trial, lambda: os.kill(peer, signal.SIGKILL))


def _dead_peer(subject: Subject) -> str | None:
    return _alike(subject, _with_dead_peer)


def _unless_reads_file(subject: Subject) -> str | None:
    if subject.role.name != "file:read":
        return "only a file that is read can be too short"
    return unless_moves_data(subject)


def _with_short_file(subject: Subject) -> str | None:
    with subject.opened(own_file=True) as trial:
        (fd,) = trial.command.descriptors
        return _failure(trial, lambda: os.ftruncate(fd, 0))


def _short_file(subject: Subject) -> str | None:
    return _alike(subject, _with_short_file)


def _unless_needs_many(subject: Subject) -> str | None:
    if subject.role.name not in ("timer", "socket:echo"):
        return "two channels with a descriptor for each request are enough"
    most = subject.caps["max_depth"]
    if most and most < FEW_DESCRIPTORS:
        return "the engine has few requests in flight"
    return None


def _few_descriptors(subject: Subject) -> str | None:
    prefix = ("sh", "-c", f'ulimit -n {FEW_DESCRIPTORS}; exec "$@"', "sh")
    launch = replace(subject.launch or own_launch(), prefix=prefix)
    try:
        with subject.opened(launch=launch, load__depth=2 * FEW_DESCRIPTORS):
            return f"{2 * FEW_DESCRIPTORS} requests opened with {FEW_DESCRIPTORS} descriptors"
    except TrialError as error:
        said = str(error)
    return None if "too few file descriptors" in said else f"the trial failed with: {said}"


# ------------------------------------------------------------------ idle descriptors


def _unless_idle(subject: Subject) -> str | None:
    if not subject.role.idle:
        return "there are no idle descriptors"
    return unless_moves_data(subject)


def _watches_idle(subject: Subject) -> str | None:
    """The last of them is shut down at the engine's end: its read ends, and that is noticed."""
    with subject.opened() as trial:
        highest = trial.record.field("highest_descriptor")
        try:
            copy = descriptor_of(trial.child.pid, highest)
        except OSError as error:
            raise NotApplicable(f"descriptors cannot be copied here ({error.strerror})") from None
        said = _failure(trial, lambda: _shut_down(copy))
    if said is None:
        return f"one of {IDLE} idle connections was shut down, and the engine did not notice"
    return None


def _shut_down(fd: int) -> None:
    with socket.socket(fileno=fd) as connection:
        connection.shutdown(socket.SHUT_RD)


END_RULES = (
    Rule("stops", "Where a stop is asked for, a trial ends soon.", always, _stops),
    Rule(
        "dead-peer",
        "A dead peer is reported as with blocking.",
        unless_has_peer,
        _dead_peer,
        where="pipes, sockets",
    ),
    Rule(
        "short-file",
        "The end of a file is reported as with blocking.",
        _unless_reads_file,
        _short_file,
        where="a file that is read",
    ),
    Rule(
        "few-descriptors",
        "A limit on descriptors is reported as with blocking.",
        _unless_needs_many,
        _few_descriptors,
        where="timers, sockets",
    ),
    Rule(
        "watches-idle",
        "Idle descriptors are watched.",
        _unless_idle,
        _watches_idle,
        where="sockets with idle ones beside",
    ),
)
