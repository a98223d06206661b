"""Running a plan: trial by trial, each record kept as it ends, and the result file at the end.

Knows the order of things and nothing else: how to measure is `trials/trial.py`, what numbers mean
is `statistics/rounds.py`, who gets further rounds is `precision.py`, what it looks like is the
listener's business.
"""

from __future__ import annotations

import time
from collections import Counter
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
from iomodels.base import signals
from iomodels.base.errors import NotApplicable, NothingEnded, NotWritten, TrialError
from iomodels.base.signals import Interrupted
from iomodels.base.units import counted
from iomodels.machine import environment, noise
from iomodels.measure import places
from iomodels.measure.alongside import Alongside
from iomodels.measure.earlier import Earlier
from iomodels.measure.listening import RunListener
from iomodels.measure.plan import FurtherTrials, Plan
from iomodels.measure.precision import FurtherRounds, Precision, most_trials, parameters_of
from iomodels.results import save
from iomodels.results.partial import KeptLine, PartialWriter
from iomodels.results.schema import SCHEMA, Asked, Cell, Notice, Parameter, Run, Status, Tool, Trial
from iomodels.statistics.thinning import buckets_each, thinned_trial
from iomodels.trials.launch import core_hash
from iomodels.trials.planned import PlannedCell, PlannedTrial, plugins
from iomodels.trials.preparation import Preparation, Unavailable
from iomodels.trials.pythons.named import taking_part
from iomodels.trials.trial import run_trial, with_repeats


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


class Runner:
    def __init__(
        self,
        plan: Plan,
        path: Path | None,
        force: bool,
        listener: RunListener,
        asked: Asked | None,
        earlier: Earlier | None,
        trials_only: bool = False,
        further: FurtherTrials | None = None,
    ) -> None:
        self._trials_only = trials_only
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
        planned = len(plan.cells) * plan.rounds
        self._buckets = buckets_each(
            most_trials(planned, plan.precision, plan.cells, plan.duration_s)
        )
        self._started_s = time.monotonic()
        self._earlier = earlier
        self._pythons = earlier.run.pythons if earlier else {}
        if earlier is not None:
            self._go_on(earlier)
        self._further = further
        if plan.precision is not None:
            self._further = self._further_rounds(plan.precision)

    def _go_on(self, earlier: Earlier) -> None:
        """With what an earlier run measured of the same plan."""
        self._asked = earlier.run.asked
        self._texts = {name: getattr(earlier.run, name) for name in self._texts}
        self._created_utc = earlier.run.created_utc
        self._notices = [earlier.notice]
        self._started_s -= earlier.spent_s
        for progress, cell in zip(self._cells, earlier.run.cells, strict=True):
            progress.trials = list(cell.trials)
            if cell.status == "n/a":
                progress.na_reason = cell.reason
            elif cell.status == "failed":
                progress.failure = cell.reason

    def _further_rounds(self, precision: Precision) -> FurtherRounds:
        plan = self._plan
        kept = [(progress, trial) for progress in self._cells for trial in progress.trials]
        rounds = FurtherRounds(
            precision,
            plan.cells,
            duration_s=plan.duration_s,
            warmup_s=plan.warmup_s,
            seed=plan.seed,
            round=max([plan.rounds, *(trial.round + 1 for _, trial in kept)]),
            order=1 + max([-1, *(t.order for t in plan.trials), *(t.order for _, t in kept)]),
            # What they compute is calibrated anew, and would be another amount of work.
            fixed={p.cell.index for p, _ in kept if p.cell.point.load.compute},
        )
        for progress, trial in kept:
            rounds.ended(progress.cell, trial)
        return rounds

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
            for notice in (
                *self._monitor.notices(),
                *notices.of_void_trials(self._void),
                *self._not_precise(),
            ):
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
        if self._trials_only:
            return None
        if has_measurements(run):
            try:
                save.save(run, path, force=self._force, kept=None if kept.failed else kept.path)
            except NotWritten as error:
                return NotWritten(f"{error}{kept.first_trials}")
        kept.discard()
        return None

    def _measure(self, kept: PartialWriter | None) -> None:
        plan = self._plan
        if not plan.trials and (self._further is None or (plan.precision and not self._earlier)):
            return
        for notice in noise.preflight():
            self._note(notice)
        self._monitor.start()
        with (
            Alongside(self._note),
            Preparation(self._plan.seed, self._listener.making_file) as preparation,
        ):
            self._find_unavailable(preparation)
            self._note_doubts(preparation)
            for planned in self._plan.trials:
                self._visit(planned, preparation, kept)
            if self._further is not None:
                self._measure_further(self._further, preparation, kept)

    def _measure_further(
        self, further: FurtherTrials, preparation: Preparation, kept: PartialWriter | None
    ) -> None:
        while trials := further.next(self._going(), self._left_s()):
            self._listener.further_round(trials, self._left_s())
            for planned in trials:
                if further.takes_s(planned) > self._left_s():
                    further.out_of_time()  # the trials of this round took longer than before
                    return
                self._visit(planned, preparation, kept)

    def _going(self) -> set[int]:
        return {progress.cell.index for progress in self._cells if progress.goes_on}

    def _left_s(self) -> float:
        """Of the budget."""
        assert self._further is not None
        return self._further.budget_s - (time.monotonic() - self._started_s)

    def _not_precise(self) -> list[Notice]:
        """Of an interruption in the planned rounds, each cell's reason says enough."""
        if self._further is None or any(
            progress.goes_on and len(progress.trials) + len(progress.empty) < self._plan.rounds
            for progress in self._cells
        ):
            return []
        found = self._further.notice(self._going())
        return [found] if found else []

    def _visit(
        self, planned: PlannedTrial, preparation: Preparation, kept: PartialWriter | None
    ) -> None:
        progress = self._cells[planned.cell.index]
        if not progress.goes_on:
            return
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
        started_s = time.monotonic()
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
        if self._further is not None:
            self._further.ended(planned.cell, trial, time.monotonic() - started_s)
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
                **parameters_of(self._plan.precision),
            },
            environment=self._environment,
            warnings=[],
            cells=[self._to_cell(progress) for progress in self._cells],
            asked=self._asked,
            others_cores=self._monitor.others_cores,
            pythons=self._pythons
            | taking_part(c.engine for c in self._plan.cells if not c.na_reason),
            plugins=plugins(c.engine.name for c in self._plan.cells),
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
            empty = len(progress.empty)
            rounds = max(self._plan.rounds, empty + len(progress.trials))
            return "partial", f"{empty} of {counted(rounds, 'round')} {progress.empty[-1]}"
        return "partial", None
