"""What a run shows while it measures, on standard error only.

On a terminal: one line that says which round and cell runs, its throughput and the time left. In a
pipe: one line at the start. Warnings and failed trials in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column as RichColumn

from iomodels.base.escape import visible
from iomodels.base.units import counted, format_count, format_size
from iomodels.measure.listening import LARGE_FILE

from .console import safe

if TYPE_CHECKING:
    from iomodels.measure.plan import Plan
    from iomodels.results.schema import Notice, Trial
    from iomodels.trials.planned import PlannedTrial
    from iomodels.workload.scenario import Scenario


OF_THE_MOMENT = ("not-kept", "confirming")
"""The codes of notices that no result has: a table does not repeat them."""


class PlainDisplay:
    """For a pipe or a log: no line is ever taken back."""

    def __init__(self, console: Console, preface: str = "", *, table_below: bool = False) -> None:
        """`preface` is said when nothing is wrong with what was asked, and the run begins.

        With a `table_below`, the warnings that come after the first trial began are left to it.
        """
        self._console = console
        self._preface = preface
        self._table_below = table_below
        self._begun = False
        self._further = False
        self._made: set[int] = set()
        self.before: list[Notice] = []
        """The warnings of the moment before the first trial: afterwards they are no news."""

    def planned(self, plan: Plan) -> None:
        if not plan.trials:
            return  # what follows says why
        if self._preface:
            self._console.print(safe(self._preface))
        for key, scenarios in _without(plan.scenarios).items():
            self._console.print(safe(f"no {key} in {', '.join(scenarios)}: measured as they are"))
        at_most = f", at most {_clock(plan.longest_s)}" if plan.precision else ""
        about = f"about {_clock(plan.estimate_s)}{at_most}, seed {plan.seed}"
        self._console.print(safe(f"{_trials(plan)}, {about}"))

    def notice(self, notice: Notice) -> None:
        if not self._begun:
            self.before.append(notice)
        elif self._table_below and notice.code not in OF_THE_MOMENT:
            return
        self._console.print(safe(notice.in_words, "yellow" if notice.is_warning else ""))

    def making_file(self, size: int) -> None:
        """A line for the first of those that take seconds: writers have one in each trial."""
        if size >= LARGE_FILE and size not in self._made:
            self._made.add(size)
            self._console.print(f"making a data file of {format_size(size)}")

    def further_round(self, trials: Sequence[PlannedTrial], left_s: float) -> None:
        """One line for all of them: in a log a line for each would be noise."""
        if not self._further:
            self._further = True
            cells = counted(len(trials), "cell")
            text = f"further rounds of {cells}, at most {_clock(left_s)} more"
            self._console.print(safe(text))

    def trial_started(self, trial: PlannedTrial) -> None:
        self._begun = True

    def trial_progress(self, trial: PlannedTrial, operations: int, elapsed_s: float) -> None:
        pass

    def trial_ended(self, trial: PlannedTrial, result: Trial | None, reason: str | None) -> None:
        if reason is not None:
            self._console.print(
                safe(f"failed: {_name(trial)}, round {trial.round + 1}: {reason}", "red")
            )


class LiveDisplay(PlainDisplay):
    """For a terminal: a bar over the whole run, gone when it ends.

    Redrawn only when there is something new: a thread that redraws by itself would take
    processor time from what is being measured.
    """

    def __init__(
        self, console: Console, bar: Progress, preface: str = "", *, table_below: bool = False
    ) -> None:
        super().__init__(console, preface, table_below=table_below)
        self._bar = bar
        self._task: TaskID | None = None
        self._rounds = 0
        self._cells_left = 0
        """Of the further rounds: the cells that this one has."""
        self._longest_s = 0.0
        self._done_s = 0.0
        self._speed = ""
        self._speeds: dict[int, str] = {}
        """By cell: what its last round came to, shown until this round has something to show."""
        self._last: tuple[int, float] | None = None

    def planned(self, plan: Plan) -> None:
        super().planned(plan)
        if not plan.trials:
            return
        self._rounds = plan.rounds
        # Not earlier: a mistake in what was asked would find a bar on the screen.
        self._end_at(sum(map(_planned_s, plan.trials)))

    def _end_at(self, total_s: float) -> None:
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task("", total=total_s, speed="")
        self._bar.update(self._task, total=total_s)

    def further_round(self, trials: Sequence[PlannedTrial], left_s: float) -> None:
        """From here on the end of the bar is the longest time."""
        if not self._cells_left:
            self._longest_s = self._done_s + left_s
            self._end_at(self._longest_s)
        self._done_s = self._longest_s - left_s
        self._cells_left = len(trials)

    def making_file(self, size: int) -> None:
        self._redraw(0.0, f"making a data file of {format_size(size)}")

    def trial_started(self, trial: PlannedTrial) -> None:
        super().trial_started(trial)
        self._speed, self._last = self._speeds.get(trial.cell.index, ""), None
        self._redraw(0.0, self._which(trial))

    def trial_progress(self, trial: PlannedTrial, operations: int, elapsed_s: float) -> None:
        # The difference to the last look, since the count begins anew after the warm-up.
        last_operations, last_s = self._last or (operations, elapsed_s)
        self._last = operations, elapsed_s
        if operations > last_operations and elapsed_s > last_s:
            self._speed = _speed((operations - last_operations) / (elapsed_s - last_s))
        self._redraw(min(elapsed_s, _planned_s(trial)), self._which(trial))

    def trial_ended(self, trial: PlannedTrial, result: Trial | None, reason: str | None) -> None:
        super().trial_ended(trial, result, reason)
        self._done_s += _planned_s(trial)
        if result is not None:
            self._speeds[trial.cell.index] = self._speed = _speed(result.throughput_ops)
        self._redraw(0.0)

    def _which(self, trial: PlannedTrial) -> str:
        if self._cells_left:
            left = counted(self._cells_left, "cell")
            return f"round {trial.round + 1}, {left} left: {_name(trial)}"
        return f"round {trial.round + 1}/{self._rounds}: {_name(trial)}"

    def _redraw(self, elapsed_s: float, description: str | None = None) -> None:
        """`elapsed_s` is of the trial under way; without a `description` it stays as it was."""
        if self._task is not None:
            self._bar.update(
                self._task,
                description=None if description is None else visible(description),
                completed=self._done_s + elapsed_s,
                speed=self._speed,
                refresh=True,
            )


@contextmanager
def display(
    console: Console, preface: str = "", *, table_below: bool = False
) -> Iterator[PlainDisplay]:
    """The listener that fits where `console` writes; the bar is taken off when the block ends."""
    if not console.is_terminal:
        yield PlainDisplay(console, preface, table_below=table_below)
        return
    bar = Progress(
        BarColumn(bar_width=16),
        TextColumn(
            "{task.description}", markup=False, table_column=RichColumn(ratio=1, no_wrap=True)
        ),
        TextColumn("{task.fields[speed]}", markup=False),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        auto_refresh=False,
        expand=True,
    )
    try:
        yield LiveDisplay(console, bar, preface, table_below=table_below)
    finally:
        bar.stop()


def _without(scenarios: Iterable[Scenario]) -> dict[str, list[str]]:
    """The keys set for a whole suite that some of its scenarios lack, with those scenarios."""
    found: dict[str, list[str]] = {}
    for scenario in scenarios:
        for key in scenario.lacks:
            found.setdefault(key, []).append(scenario.name)
    return found


def _trials(plan: Plan) -> str:
    """How many there are, and of what. The harness's are short, and of no engine."""
    alone = all(trial.cell.is_harness for trial in plan.trials)
    kept = [trial for trial in plan.trials if alone or not trial.cell.is_harness]
    cells = len({trial.cell.index for trial in kept})
    of_what = f"{counted(cells, 'cell')} × {counted(plan.rounds, 'round')}"
    text = f"{counted(len(kept), 'trial')} ({of_what})"
    short = len(plan.trials) - len(kept)
    return f"{text} + {short} of the harness" if short else text


def _speed(per_second: float) -> str:
    return f"{format_count(per_second)}/s"


def _planned_s(trial: PlannedTrial) -> float:
    return trial.expected_s


def _name(trial: PlannedTrial) -> str:
    """`slow-devices, depth 4 · aio`."""
    point = trial.cell.point
    where = f"{point.scenario}, {point.label}" if point.label else point.scenario
    harness = " (harness)" if trial.cell.is_harness else ""
    return f"{where} · {trial.cell.engine.canonical}{harness}"


def _clock(seconds: float) -> str:
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min"
