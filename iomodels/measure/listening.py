"""Who is told what happens while a run measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from iomodels.measure.plan import Plan
from iomodels.results.schema import Notice, Trial
from iomodels.trials.planned import PlannedTrial

LARGE_FILE = 1 << 28
"""Bytes. To make one of that size takes a second or more."""


class RunListener(Protocol):
    """Told what happens while it happens. A progress display is one; a test's recorder another."""

    def planned(self, plan: Plan) -> None: ...
    def notice(self, notice: Notice) -> None: ...
    def making_file(self, size: int) -> None: ...
    def further_round(self, trials: Sequence[PlannedTrial], left_s: float) -> None: ...
    def trial_started(self, trial: PlannedTrial) -> None: ...
    def trial_progress(self, trial: PlannedTrial, operations: int, elapsed_s: float) -> None: ...
    def trial_ended(
        self, trial: PlannedTrial, result: Trial | None, reason: str | None
    ) -> None: ...


class Listener:
    """Derive from it and override what you want to hear of. Each method does nothing by itself.

    They are called in the thread that called `bench`, between trials but for `trial_progress`. An
    exception that one raises ends the run; the trials that were measured stay in `output`.partial.
    """

    def planned(self, plan: Plan) -> None:
        """Once, before anything runs: all cells, and the trials of the planned rounds."""

    def notice(self, notice: Notice) -> None:
        """A warning about the machine or the run."""

    def making_file(self, size: int) -> None:
        """A data file of `size` bytes is about to be made."""

    def further_round(self, trials: Sequence[PlannedTrial], left_s: float) -> None:
        """After the planned rounds, with a precision: another round begins, of the cells whose
        intervals are not narrow yet. All is over in `left_s` at the latest."""

    def trial_started(self, trial: PlannedTrial) -> None:
        """A trial begins. `trial.order` counts from 0 over the run, `trial.round` the rounds."""

    def trial_progress(self, trial: PlannedTrial, operations: int, elapsed_s: float) -> None:
        """Several times per second while a trial runs."""

    def trial_ended(self, trial: PlannedTrial, result: Trial | None, reason: str | None) -> None:
        """A trial ended with its result, or `reason` says why it failed; with neither, the engine
        turned out to be unable (n/a)."""
