"""Running a plan: trial by trial, each record kept as it ends, and the result file at the end.

Knows the order of things and nothing else: how to measure is `trials/trial.py`, what numbers mean
is `statistics/rounds.py`, what it looks like is the listener's business.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from iomodels import __version__
from iomodels.analysis import notices
from iomodels.analysis.assembled import assembled, kept_lines
from iomodels.analysis.cells import has_measurements
from iomodels.base import files, signals
from iomodels.base.errors import (
    NotApplicable,
    NothingEnded,
    NothingMeasured,
    NotWritten,
    TrialError,
)
from iomodels.base.names import text_of
from iomodels.base.signals import Interrupted
from iomodels.base.units import counted
from iomodels.engines.spec import parse_list as parse_engines
from iomodels.machine import environment, noise
from iomodels.measure import places
from iomodels.measure.defaults import DURATION_S, ROUNDS, WARMUP_S
from iomodels.measure.earlier import Earlier
from iomodels.measure.listening import Listener, RunListener
from iomodels.measure.plan import Plan, make_plan
from iomodels.results import save
from iomodels.results.partial import KeptLine, PartialWriter
from iomodels.results.schema import SCHEMA, Asked, Cell, Notice, Parameter, Run, Status, Tool, Trial
from iomodels.statistics.thinning import buckets_each, thinned_trial
from iomodels.trials.launch import core_hash
from iomodels.trials.planned import PlannedCell, PlannedTrial
from iomodels.trials.preparation import Preparation, Unavailable, check_folders
from iomodels.trials.trial import run_trial, with_repeats
from iomodels.workload.point import NOT_STORED
from iomodels.workload.scenario import resolve, usual_duration_s


class RunInterrupted(Interrupted):
    """Ctrl-C, SIGTERM or SIGHUP came. What was measured until then, if anything, is in `run`, and
    saved unless `not_saved` says why not."""

    def __init__(self, run: Run, number: int, not_saved: NotWritten | None = None) -> None:
        super().__init__(number)
        self.run = run
        self.not_saved = not_saved


class RunNotSaved(NotWritten):
    """All was measured, and is in `run`, but the result file could not be written."""

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message)
        self.run = run


def bench(
    scenarios: str | Sequence[str] = ("default",),
    *,
    engines: Sequence[str] = (),
    settings: Mapping[str, Sequence[str]] | None = None,
    rounds: int = ROUNDS,
    duration_s: float | None = None,
    warmup_s: float = WARMUP_S,
    seed: int | None = None,
    output: str | Path | None = None,
    force: bool = False,
    listener: RunListener | None = None,
) -> Run:
    """Measure `scenarios` (shipped names, suites or paths) and return the run.

    A single scenario may be a plain string. `settings` are what `--set` takes: a key and its
    values, several of which make a sweep. `duration_s`: None is what the suite says, else half a
    second. With `output` the result is also kept on disk as it grows, and written there at the
    end; where nothing was measured there is no file.

    Raises `ScenarioError`, `EngineError` or `OutputError` before anything is measured,
    `NothingMeasured` if not one trial succeeded, `RunInterrupted` on Ctrl-C, and `RunNotSaved`.
    """
    if isinstance(scenarios, str):
        scenarios = [scenarios]
    if output is not None:
        files.check_output(output, force=force)
    plan = make_plan(
        resolve(scenarios, settings or {}),
        parse_engines(engines),
        rounds=rounds,
        duration_s=usual_duration_s(scenarios, DURATION_S) if duration_s is None else duration_s,
        warmup_s=warmup_s,
        seed=secrets.randbits(32) if seed is None else seed,
    )
    asked = _asked(scenarios, engines, settings or {})
    return bench_plan(plan, output=output, force=force, listener=listener, asked=asked)


def _asked(
    scenarios: Sequence[str], engines: Sequence[str], settings: Mapping[str, Sequence[str]]
) -> Asked:
    """What was asked, without any folder."""
    return Asked(
        scenarios=[text_of(Path(name).name) for name in scenarios],
        engines=list(engines),
        settings={key: list(values) for key, values in settings.items() if key != NOT_STORED},
    )


def bench_plan(
    plan: Plan,
    *,
    output: str | Path | None = None,
    force: bool = False,
    listener: RunListener | None = None,
    asked: Asked | None = None,
    earlier: Earlier | None = None,
    nothing_is_a_result: bool = False,
) -> Run:
    """Measure a plan made elsewhere (`plan.of_pairs`), or the rest of an `earlier` run.

    Raises as `bench` does, but where `nothing_is_a_result`: then a run without one trial that
    succeeded is a run too.
    """
    path = Path(output) if output is not None else None
    if path is not None:
        files.check_output(path, force=force)
    check_folders(plan.cells)
    places.check_one_file_system(plan.cells)
    run = _Runner(plan, path, force, listener or Listener(), asked, earlier).measure()
    if not nothing_is_a_result and not has_measurements(run):
        raise NothingMeasured(_why_nothing(run))
    return run


GIVE_UP_AFTER = 2
"""Rounds in which no operation ends, where none ended before, after which a cell has failed."""


@dataclass
class _Progress:
    """What has become of one cell so far."""

    cell: PlannedCell
    trials: list[Trial] = field(default_factory=list)
    na_reason: str | None = None
    failure: str | None = None
    empty: list[str] = field(default_factory=list)
    """Of rounds in which no operation ended, the sentences that say so."""

    @property
    def goes_on(self) -> bool:
        return self.na_reason is None and self.failure is None


class _Runner:
    def __init__(
        self,
        plan: Plan,
        path: Path | None,
        force: bool,
        listener: RunListener,
        asked: Asked | None,
        earlier: Earlier | None,
    ) -> None:
        self._plan = plan
        self._asked = asked
        self._path = path
        self._force = force
        self._listener = listener
        self._cells = [_Progress(cell, na_reason=cell.na_reason) for cell in plan.cells]
        self._notices: list[Notice] = []
        self._void: Counter[str] = Counter()
        self._monitor = noise.Monitor()
        self._created_utc = datetime.now(UTC).isoformat(timespec="seconds")
        self._texts: dict[str, Any] = {
            "questions": {s.name: s.question for s in plan.scenarios if s.question},
            "titles": {s.name: s.title for s in plan.scenarios if s.title != s.name},
            "changed": {s.name: list(s.changed) for s in plan.scenarios if s.changed},
        }
        self._buckets = buckets_each(len(plan.cells) * plan.rounds)
        self._earlier = earlier
        if earlier is not None:
            self._go_on(earlier)

    def _go_on(self, earlier: Earlier) -> None:
        """With what an earlier run measured of the same plan."""
        self._asked = earlier.run.asked
        self._texts = {name: getattr(earlier.run, name) for name in self._texts}
        self._created_utc = earlier.run.created_utc
        self._notices = [earlier.notice]
        for progress, cell in zip(self._cells, earlier.run.cells, strict=True):
            progress.trials = list(cell.trials)
            if cell.status == "n/a":
                progress.na_reason = cell.reason
            elif cell.status == "failed":
                progress.failure = cell.reason

    def measure(self) -> Run:
        """From the end of measuring until the result is written, signals wait."""
        number: int | None = None
        failure: NotWritten | None = None
        with signals.held() as held, ExitStack() as stack:
            kept = stack.enter_context(self._writer()) if self._path is not None else None
            self._listener.planned(self._plan)
            try:
                with held.let_through():
                    self._measure(kept)
            except KeyboardInterrupt as interruption:
                number = signals.number_of(interruption)
            for notice in (*self._monitor.notices(), *notices.of_void_trials(self._void)):
                self._note(notice)
            run = self._to_run()
            if self._path is not None and kept is not None:
                failure = self._save(run, self._path, kept)
            number = number or held.take()
            if number is not None:
                raise RunInterrupted(run, number, failure)
        if failure is not None:
            raise RunNotSaved(str(failure), run)
        return run

    def _writer(self) -> PartialWriter:
        assert self._path is not None
        known = None if self._earlier is None else kept_lines(self._earlier.run)
        return PartialWriter(self._path, self._bare_run(), force=self._force, known=known)

    def _save(self, run: Run, path: Path, kept: PartialWriter) -> NotWritten | None:
        """What kept it from being saved, if anything did; then its trials stay where they are."""
        if has_measurements(run):
            try:
                save.save(run, path, force=self._force, kept=None if kept.failed else kept.path)
            except NotWritten as error:
                return NotWritten(f"{error}{kept.first_trials}")
        kept.discard()
        return None

    def _measure(self, kept: PartialWriter | None) -> None:
        if not self._plan.trials:
            return
        for notice in noise.preflight():
            self._note(notice)
        self._monitor.start()
        with Preparation(self._plan.seed, self._listener.making_file) as preparation:
            self._find_unavailable(preparation)
            self._note_doubts(preparation)
            for planned in self._plan.trials:
                progress = self._cells[planned.cell.index]
                if progress.goes_on:
                    self._one(planned, progress, preparation, kept)
                    status, reason = self._status(progress)
                    if status != "partial" and reason is not None:
                        self._keep(kept, KeptLine(planned.cell.index, None, status, reason))

    def _find_unavailable(self, preparation: Preparation) -> None:
        for progress in self._cells:
            if progress.na_reason is not None:
                continue
            try:
                progress.na_reason = preparation.why_not(progress.cell.point)
            except Unavailable as unavailable:
                progress.failure = str(unavailable)

    def _note_doubts(self, preparation: Preparation) -> None:
        for notice in preparation.doubts(p.cell.point for p in self._cells if p.goes_on):
            self._note(notice)

    def _one(
        self,
        planned: PlannedTrial,
        progress: _Progress,
        preparation: Preparation,
        kept: PartialWriter | None,
    ) -> None:
        self._listener.trial_started(planned)
        self._monitor.trial_started()
        try:
            trial = self._attempt(planned, preparation)
        except NotApplicable as reason:
            progress.na_reason = str(reason)
            self._listener.trial_ended(planned, None, None)
            return
        except NothingEnded as error:
            progress.empty.append(str(error))
            if len(progress.empty) >= GIVE_UP_AFTER and not progress.trials:
                progress.failure = str(error)
            self._listener.trial_ended(planned, None, str(error))
            return
        except (TrialError, Unavailable) as error:
            progress.failure = str(error)
            self._listener.trial_ended(planned, None, progress.failure)
            return
        finally:
            self._monitor.trial_ended()
        trial = thinned_trial(trial, self._buckets)
        progress.trials.append(trial)
        self._keep(kept, KeptLine(planned.cell.index, trial))
        self._listener.trial_ended(planned, trial, None)

    def _keep(self, kept: PartialWriter | None, line: KeptLine) -> None:
        """On the disk. Where that fails, measuring goes on in memory."""
        if kept is None:
            return
        try:
            kept.append(line)
        except NotWritten as error:
            message = f"{error}; measuring goes on, in memory"
            self._listener.notice(Notice("not-kept", message))  # no result names its own path

    def _attempt(self, planned: PlannedTrial, preparation: Preparation) -> Trial:
        """Run the trial, and again where it was void."""
        started_s = time.monotonic()

        def progressed(operations: int) -> None:
            self._listener.trial_progress(planned, operations, time.monotonic() - started_s)

        def attempt() -> Trial:
            with preparation.command(planned) as command:
                return run_trial(planned, command, progressed)

        return with_repeats(attempt, lambda void: self._void.update([void.cause]))

    def _note(self, notice: Notice) -> None:
        self._notices.append(notice)
        self._listener.notice(notice)

    def _to_run(self) -> Run:
        run = assembled(self._bare_run())
        self._notices += notices.of_cells(run.cells)
        return msgspec.structs.replace(run, warnings=self._notices)

    @cached_property
    def _environment(self) -> dict[str, Parameter | None]:
        """Described once: on some systems that starts processes and makes files."""
        return environment.describe(places.described(cell.point for cell in self._plan.cells))

    def _bare_run(self) -> Run:
        return Run(
            schema=SCHEMA,
            tool=Tool(version=__version__, core_hash=core_hash()),
            created_utc=self._created_utc,
            seed=self._plan.seed,
            settings={
                "rounds": self._plan.rounds,
                "duration_s": self._plan.duration_s,
                "warmup_s": self._plan.warmup_s,
            },
            environment=self._environment,
            warnings=[],
            cells=[self._to_cell(progress) for progress in self._cells],
            asked=self._asked,
            **self._texts,
        )

    def _to_cell(self, progress: _Progress) -> Cell:
        status, reason = self._status(progress)
        return Cell(
            scenario=progress.cell.point.scenario,
            parameters=progress.cell.point.parameters,
            engine=progress.cell.engine.canonical,
            status=status,
            reason=reason,
            note=progress.cell.note,
            trials=progress.trials,
        )

    def _status(self, progress: _Progress) -> tuple[Status, str | None]:
        """Without a reason, the number of its trials says it."""
        if progress.na_reason is not None:
            return "n/a", progress.na_reason
        if progress.failure is not None:
            return "failed", progress.failure
        if progress.empty and not progress.trials:
            return "failed", progress.empty[-1]
        if progress.empty:
            empty, rounds = len(progress.empty), counted(self._plan.rounds, "round")
            return "partial", f"{empty} of {rounds} {progress.empty[-1]}"
        return "partial", None


def _why_nothing(run: Run) -> str:
    reasons = [f"{c.engine}: {c.reason}" for c in run.cells if c.reason and not c.is_harness]
    first = reasons[0] if reasons else "no engine ended a trial"
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return f"nothing was measured; {first}{more}"
