"""A program watched from beginning to end: its log counted as it grows, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from signal import Signals

from iomodels.base import signals
from iomodels.base.errors import NothingSeen
from iomodels.observe.from_log import observation_of
from iomodels.observe.live.slowing import Slowing, estimated, measured
from iomodels.observe.live.strace import Strace
from iomodels.observe.live.watching import End, WatchedCommand, WatchedProcess
from iomodels.observe.scenarios import no_scenario_of, scenarios_of
from iomodels.observe.seen import Observation
from iomodels.workload.writing import WrittenScenario


@dataclass(frozen=True)
class Observed:
    """What was seen, the scenarios of it, how the watching ended and what it cost the program."""

    observation: Observation
    scenarios: tuple[WrittenScenario, ...]
    end: End
    slowing: Slowing


def observed(
    watching: WatchedCommand | WatchedProcess,
    strace: Strace,
    run_plainly: Callable[[], float] | None = None,
) -> Observed:
    """Watch it to its end. `run_plainly` gives the seconds that it takes without strace; it is
    not called after an interruption.

    Raises `NothingSeen` where strace could not begin.
    """
    with watching.stream() as stream:
        observation = observation_of(stream, processes=watching.threads, is_live=True)
    end = watching.end
    slowing = estimated(observation.calls, strace.call_s, end.watched_s)
    if run_plainly is not None and end.interrupted_by is None:
        try:
            slowing = measured(observation.calls, strace.call_s, end.watched_s, run_plainly())
        except signals.Interrupted as interruption:
            end = replace(end, interrupted_by=interruption.number)
    if slowing.is_measured:
        observation = replace(observation, slowdown=slowing.ratio)
    return Observed(observation, scenarios_of(observation), end, slowing)


def how_it_ended(end: End, *, is_command: bool) -> Iterator[str]:
    """What a user should know of it, one sentence each."""
    if end.time_is_over:
        yield "the time is over" + (", and the command was ended" if is_command else "")
    elif end.interrupted_by is not None:
        yield f"{signals.words(end.interrupted_by)}: this is what was seen until then"
    elif not is_command:
        yield "the process has ended"
    elif end.killed_by is not None:
        yield f"the command was ended by {Signals(end.killed_by).name}"
    elif end.exit_code:
        yield f"the command ended with exit code {end.exit_code}"


def nothing_seen(observed: Observed) -> NothingSeen:
    """The error for no work at all, with what there was instead."""
    return NothingSeen(
        f"{no_scenario_of(observed.observation)}: watch it while it works, and longer"
    )
