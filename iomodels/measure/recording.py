"""Recording traces: a few requests of each engine, in a child process as any trial.

A recording is one try. It is never repeated until it looks well: what disturbed it is noted in
the trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from iomodels import __version__
from iomodels.base.errors import NotApplicable, ScenarioError, TrialError, Void
from iomodels.base.units import Duration, counted, format_duration
from iomodels.engines.kinds.twins import twin_of
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import EngineSpec, of_scenario
from iomodels.engines.spec import parse_list as parse_engines
from iomodels.machine import environment
from iomodels.measure import places
from iomodels.measure.plan import make_plan
from iomodels.results.schema import Tool
from iomodels.trace import ring
from iomodels.trace.part import first_requests
from iomodels.trace.ring import Recorded, Ring
from iomodels.trace.schema import SCHEMA, Trace
from iomodels.trials.child import Child, Progress
from iomodels.trials.launch import core_hash
from iomodels.trials.planned import Command, PlannedCell, PlannedTrial
from iomodels.trials.preparation import Preparation, Unavailable, check_folders
from iomodels.trials.record import Record, new_record
from iomodels.trials.trial import with_repeats
from iomodels.workload.channels import TimerChannel
from iomodels.workload.scenario import Point, Scenario, points, resolve

DEFAULT_SCENARIO = "slow-device"
DEFAULT_ENGINES = ("blocking", "nonblocking", "select", "aio:notify=signal")
"""The article's Figures 2 to 5: in the last, a signal says that the data is there."""
REQUESTS = 4
"""How many are recorded, or as many as are in flight where that is more: the first starts from rest
and is not like the others."""
MAX_REQUESTS = 1000
WARMUP_S = 0.1
LONGEST_S = 10.0
"""A recording ends then even if not all of its requests have been made."""
SHOWN_COMPUTE_SHARE = 0.4
"""Of the device's time: what an engine that need not wait computes meanwhile, as in Figure 5."""


@dataclass(frozen=True)
class Recording:
    """What became of one engine. `reason` says why there is no trace, or why it is cut short."""

    engine: str
    trace: Trace | None = None
    reason: str | None = None
    failed: bool = False
    """Whether something broke; otherwise an engine without a trace is n/a."""


def engines_of(
    engines: Sequence[str], scenario: str, settings: Mapping[str, Sequence[str]] | None = None
) -> list[EngineSpec]:
    """Those that are recorded: the given ones, else the scenario's own, else `DEFAULT_ENGINES`.

    Raises `ScenarioError` or `EngineError`.
    """
    chosen = _one_scenario(scenario, settings or {})
    return parse_engines(engines) or of_scenario(chosen, DEFAULT_ENGINES)


def record(
    engines: Sequence[str] = (),
    scenario: str = DEFAULT_SCENARIO,
    settings: Mapping[str, Sequence[str]] | None = None,
    *,
    requests: int | None = None,
    capacity: int = ring.CAPACITY,
    progress: Progress = lambda operations: None,
) -> list[Recording]:
    """Record `requests` requests of each engine (`engines_of`), one by one.

    `settings` are what `--set` takes. Where they and the scenario ask for no computation, an
    engine that can go on computing while its device works is given some. Of a scenario with
    several points the first is taken, and the trace says so. `requests`: `REQUESTS`, or as many as
    are in flight if that is more.

    Raises `ScenarioError` or `EngineError` before anything is recorded.
    """
    specs = engines_of(engines, scenario, settings)
    chosen = _one_scenario(scenario, settings or {})
    plan = make_plan([chosen], specs, rounds=1, duration_s=LONGEST_S, warmup_s=WARMUP_S, seed=1)
    first, *others = points(chosen)
    which = _which_point(chosen, first, len(others))
    cells = {cell.engine: cell for cell in plan.cells if cell.point == first}
    check_folders(cells.values())
    asked = "load.compute" in (settings or {})
    found = []
    with Preparation(plan.seed) as preparation:
        for spec in specs:
            cell, added = (cells[spec], "") if asked else _computing(cells[spec])
            job = _Job(
                planned=PlannedTrial(0, 0, cell, duration_s=LONGEST_S, warmup_s=WARMUP_S),
                requests=requests or max(REQUESTS, first.load.depth),
                capacity=capacity,
                notes=[note for note in (cell.note, which, added) if note],
            )
            found.append(_recording(job, preparation, progress))
    return [_with_question(recording, chosen.question) for recording in found]


@dataclass(frozen=True)
class _Job:
    """One recording to make: `notes` are known before."""

    planned: PlannedTrial
    requests: int
    capacity: int
    notes: list[str]

    @property
    def engine(self) -> str:
        return self.planned.cell.engine.canonical


def _with_question(recording: Recording, question: str) -> Recording:
    if recording.trace is None:
        return recording
    return replace(recording, trace=msgspec.structs.replace(recording.trace, question=question))


def _one_scenario(name: str, settings: Mapping[str, Sequence[str]]) -> Scenario:
    found = resolve([name], settings)
    if len(found) != 1:
        raise ScenarioError(
            f"'{name}' is a suite of {len(found)} scenarios, but a trace needs one: "
            f"name a scenario, such as '{found[0].name}'"
        )
    return found[0]


def _computing(cell: PlannedCell) -> tuple[PlannedCell, str]:
    """The cell with some computation, where its engine can go on while a timer runs; and a note."""
    point = cell.point
    if point.load.compute or not isinstance(point.channel, TimerChannel):
        return cell, ""
    on_schedule = point.load.arrivals != "closed"
    if on_schedule or int(point.load.deadline) or not _goes_on(cell.engine):
        return cell, ""
    compute = Duration(round(SHOWN_COMPUTE_SHARE * int(point.channel.service.mean_ns)))
    load = msgspec.structs.replace(point.load, compute=compute)
    added = (
        f"Computation of {format_duration(int(compute))} was added to show the overlap "
        "(-s load.compute='0 ns' for none)."
    )
    return replace(cell, point=replace(point, load=load)), added


def _which_point(scenario: Scenario, first: Point, others: int) -> str:
    """In words, where a sweep leaves a choice; nothing otherwise."""
    if not others:
        return ""
    keys = ", ".join(f"-s {key}=…" for key in scenario.sweep)
    return f"This is the first of {others + 1} points, {first.label} ({keys} for another)."


def _goes_on(spec: EngineSpec) -> bool:
    """Whether the application may do something else while its request is on its way."""
    descriptor = DESCRIPTORS[spec.name]
    asynchronous = not descriptor.synchronous and not descriptor.blocking
    return asynchronous and not spec.caps["blocks_in_submit"]


def _recording(job: _Job, preparation: Preparation, progress: Progress) -> Recording:
    cell = job.planned.cell
    reason = cell.na_reason or _why_not(cell)
    if reason is not None:
        return Recording(job.engine, reason=reason)
    try:
        reason = preparation.why_not(cell.point)
        if reason is not None:
            return Recording(job.engine, reason=reason)

        def attempt() -> Recording:
            with preparation.command(job.planned) as command, ring.new_ring(job.capacity) as events:
                return _run(job, command, events, progress)

        return with_repeats(attempt)
    except NotApplicable as error:
        return Recording(job.engine, reason=str(error))
    except (TrialError, Unavailable) as error:
        return Recording(job.engine, reason=str(error), failed=True)


def _why_not(cell: PlannedCell) -> str | None:
    spec = cell.engine
    if not spec.caps["moves_data"]:
        return "it does no I/O, so nothing can be traced"
    if not spec.in_python:
        return None
    twin = twin_of(spec.canonical, on_files=cell.point.channel.kind == "file")
    instead = f". Trace {twin}, which makes the same calls" if twin else ""
    return f"its calls are made in Python, and those of engines in C are recorded{instead}"


def _run(job: _Job, command: Command, events: Ring, progress: Progress) -> Recording:
    """One recording. Of a child that dies, what it had recorded until then is kept."""
    planned = job.planned
    started_utc = datetime.now(UTC).isoformat(timespec="seconds")
    command = replace(
        command,
        settings={**command.settings, "events_fd": events.fd},
        descriptors=(*command.descriptors, events.fd),
    )
    failure = None
    with new_record() as record:
        try:
            with Child(command, record) as child:
                child.open()
                events.on()
                child.run_slice(planned.warmup_s, progress)
                events.begin()
                child.run_slice(planned.duration_s, progress, operations=job.requests)
                events.off()
                child.close()
        except Void:
            raise
        except TrialError as error:
            failure = error
        trace = _to_trace(job, record, events.read(), started_utc, failure)
    if failure is not None and not trace.events:
        raise failure
    return Recording(
        job.engine, trace, str(failure) if failure else None, failed=failure is not None
    )


def _to_trace(
    job: _Job, record: Record, recorded: Recorded, started_utc: str, failure: TrialError | None
) -> Trace:
    point = job.planned.cell.point
    return Trace(
        schema=SCHEMA,
        tool=Tool(version=__version__, core_hash=core_hash()),
        created_utc=started_utc,
        scenario=point.scenario,
        parameters=point.parameters,
        engine=job.engine,
        events=first_requests(recorded.events, job.requests),
        events_lost=recorded.lost,
        calls=record.table("calls"),
        eagain=record.table("eagain"),
        notes=_notes(job, record, recorded, failure),
        environment=environment.describe(places.described([point])),
        begin_ns=recorded.begin_ns,
    )


def _notes(job: _Job, record: Record, recorded: Recorded, failure: TrialError | None) -> list[str]:
    notes = list(job.notes)
    ended = sum(event.kind == "request" for event in recorded.events)
    if failure is not None:
        notes.append(f"The recording failed: {failure}")
    elif ended < job.requests and not recorded.lost:
        longest = format_duration(LONGEST_S * 1e9)
        notes.append(f"Only {ended} of {job.requests} requests ended within {longest}.")
    if recorded.lost:
        notes.append(
            f"The oldest {counted(recorded.lost, 'event')} are missing: there was no room for more "
            "(-n for fewer requests)."
        )
    serves = job.planned.cell.point.serves  # then the client goes on until it is stopped
    if ended > job.requests and not serves:
        notes.append(
            f"{counted(ended - job.requests, 'more request')} began before the last of them ended; "
            "what happened after that is left out."
        )
    if preempted := record.field("window_involuntary"):
        times = "once" if preempted == 1 else f"{preempted} times"
        notes.append(
            f"The application was preempted {times} during the recording, "
            "so some calls may have taken longer than usual."
        )
    return notes
