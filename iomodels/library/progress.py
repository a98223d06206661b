"""What `progress=True` writes while a run measures."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from iomodels.base.escape import visible
from iomodels.base.units import counted, format_size
from iomodels.measure.listening import LARGE_FILE, Listener

if TYPE_CHECKING:
    from iomodels.measure.plan import Plan
    from iomodels.results.schema import Notice, Trial
    from iomodels.trials.planned import PlannedTrial


class TextProgress(Listener):
    """What `progress=True` writes to standard error: one line that changes on a terminal, elsewhere
    (a notebook, a log) one line for each round."""

    def __init__(self) -> None:
        self._stream = None if sys.stderr is None or sys.stderr.closed else sys.stderr
        self._is_terminal = self._stream is not None and self._stream.isatty()
        self._line = ""
        self._trials = 0
        self._rounds = 0
        """0: nobody knows, since there are further rounds."""
        self._round = -1
        self._estimate_s = 0.0
        self._started_s = 0.0

    def planned(self, plan: Plan) -> None:
        self._trials, self._rounds = len(plan.trials), plan.rounds
        self._estimate_s, self._started_s = plan.estimate_s, time.monotonic()
        at_most = f", at most {plan.longest_s:.0f} s" if plan.precision else ""
        about = f"about {plan.estimate_s:.0f} s{at_most}"
        self._say(f"iomodels: {counted(self._trials, 'trial')}, {about}")

    def notice(self, notice: Notice) -> None:
        self._say(f"warning: {notice.message}")

    def making_file(self, size: int) -> None:
        if size >= LARGE_FILE:
            self._say(f"making a data file of {format_size(size)}")

    def further_round(self, trials: Sequence[PlannedTrial], left_s: float) -> None:
        self._trials, self._rounds = trials[-1].order + 1, 0
        self._estimate_s = time.monotonic() - self._started_s + left_s

    def trial_started(self, trial: PlannedTrial) -> None:
        cell = trial.cell
        if self._is_terminal:
            name = " ".join([cell.point.scenario, cell.point.label, cell.engine.canonical])
            left_s = max(0.0, self._estimate_s - (time.monotonic() - self._started_s))
            self._replace(f"trial {trial.order + 1} of {self._trials}, {left_s:.0f} s left: {name}")
        elif trial.round != self._round:
            of_all = f" of {self._rounds}" if self._rounds else ""
            self._say(f"round {trial.round + 1}{of_all}")
        self._round = trial.round

    def trial_ended(self, trial: PlannedTrial, result: Trial | None, reason: str | None) -> None:
        if reason is not None:
            where = f"{trial.cell.point.scenario} {trial.cell.engine.canonical}"
            self._say(f"not measured: {where}, round {trial.round + 1}: {reason}")
        if trial.order + 1 == self._trials:
            self._replace("")

    def _say(self, text: str) -> None:
        shown = self._line
        self._replace("")
        self._write(visible(text) + "\n")
        self._replace(shown)

    def _replace(self, text: str) -> None:
        if self._is_terminal:
            text = visible(text)[:79]
            self._write("\r" + " " * len(self._line) + "\r" + text if self._line else text)
            self._line = text

    def _write(self, text: str) -> None:
        """A stream that has gone away takes the progress, and never the measurement."""
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None
