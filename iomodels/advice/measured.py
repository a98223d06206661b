"""What a contest measured: the candidates of a point, and their rounds. Pure data, to be judged."""

from __future__ import annotations

from dataclasses import dataclass

from iomodels.advice.document import GivenLimit
from iomodels.analysis.quantities import deciding, named
from iomodels.analysis.quantity_definition import Quantity
from iomodels.results.schema import Trial
from iomodels.workload.point import Point


@dataclass(frozen=True)
class MeasuredCandidate:
    """One engine with its options, and its trials: those by which the field was narrowed, and
    those after it, by which alone it is judged. The rounds of a point are numbered through, and
    trials of one round of different candidates are pairs.

    Without any trial, `reason` says why (n/a, left out as the same as another, failed).
    """

    engine: str
    """Canonical."""
    complexity: int
    choosing: tuple[Trial, ...] = ()
    confirming: tuple[Trial, ...] = ()
    left_after: int | None = None
    """The stage of choosing, from 1, after which it was left behind."""
    reason: str | None = None
    beyond: tuple[GivenLimit, ...] = ()
    """The limits for which it was left behind."""

    @property
    def trials(self) -> tuple[Trial, ...]:
        return self.choosing + self.confirming


@dataclass(frozen=True)
class MeasuredPoint:
    """A point with all its candidates, simplest first."""

    point: Point
    title: str
    today: str | None
    """The engine in use today, canonical, where it is known; it is one of the candidates."""
    candidates: tuple[MeasuredCandidate, ...]
    measured_s: float
    """How long the trials took."""
    full_s: float
    """How long they would have taken if all candidates had stayed to the end."""
    ended_by_budget: bool = False
    """Whether more rounds were needed than the budget had."""

    @property
    def beside_s(self) -> float:
        """What a trial takes on average beside its measured time: its process, and its files."""
        trials = [trial for candidate in self.candidates for trial in candidate.trials]
        within_s = sum(trial.duration_ns for trial in trials) / 1e9
        return max(0.0, self.measured_s - within_s) / max(1, len(trials))


def quantity_of(goal: str, point: Point) -> Quantity:
    """What a goal asks for: throughput (of an open loop the median latency, since all engines have
    the throughput that was asked for), latency (the median; a limit holds the tail), or CPU per
    operation."""
    if goal == "throughput":
        return deciding(point.parameters)
    return named({"latency": "latency_ns.p50", "cpu": "cpu_ns_per_op"}[goal])
