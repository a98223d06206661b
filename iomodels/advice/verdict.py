"""Which engine to use, from what was measured; or that it is inconclusive, and what would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iomodels.advice.document import Candidate, Gain, GivenLimit, Goal
from iomodels.advice.measured import MeasuredCandidate, MeasuredPoint, quantity_of
from iomodels.analysis.quantities import QUANTITIES
from iomodels.results.schema import Cell, Interval
from iomodels.statistics.rounds import paired_ratio
from iomodels.statistics.summary import summarise

SAME = 0.03
"""A difference up to this share is none that matters: the simpler one is used."""


@dataclass(frozen=True)
class PointVerdict:
    """The part of a `PointAdvice` that follows from the rounds."""

    use: str | None
    why_none: str | None
    gain: Gain | None
    as_good: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    caveats: tuple[str, ...] = ()


def judge(measured: MeasuredPoint, goal: Goal, limits: Sequence[GivenLimit] = ()) -> PointVerdict:
    """Judge a point by its confirming rounds alone."""
    quantity = quantity_of(goal, measured.point)
    candidates = tuple(_candidate(measured, one) for one in measured.candidates)
    able = [one for one in measured.candidates if one.confirming and not one.beyond]
    if not able:
        return PointVerdict(None, "no candidate was measured to the end", None, (), candidates)
    sign = 1.0 if quantity.bigger_is_better else -1.0

    def value(one: MeasuredCandidate) -> float:
        found = [quantity.of_trial(trial) for trial in one.confirming]
        return sign * sorted(found)[len(found) // 2]

    best = max(able, key=value)
    base = next((c for c in able if c.engine == measured.today), able[0])
    found = paired_ratio(best.confirming, base.confirming, quantity.of_trial)
    gain = None
    if found is not None and best is not base:
        gain = Gain(base.engine, found.interval, found.rounds, found.excludes_one)
    return PointVerdict(best.engine, None, gain, (), candidates)


def _candidate(measured: MeasuredPoint, one: MeasuredCandidate) -> Candidate:
    return Candidate(
        engine=one.engine,
        complexity=one.complexity,
        rounds=len(one.trials),
        left_after=one.left_after,
        values=values(measured, one),
        reason=one.reason,
        beyond=one.beyond,
    )


def values(measured: MeasuredPoint, one: MeasuredCandidate) -> dict[str, Interval]:
    """Of its confirming rounds, or if it has none of the others, by key of the quantity."""
    trials = list(one.confirming or one.choosing)
    if not trials:
        return {}
    cell = Cell(
        scenario=measured.point.scenario,
        parameters=measured.point.parameters,
        engine=one.engine,
        status="ok",
        trials=trials,
        summary=summarise(trials),
    )
    found = {quantity.key: quantity.interval(cell) for quantity in QUANTITIES}
    return {key: interval for key, interval in found.items() if interval is not None}
