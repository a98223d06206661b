"""Which engine to use, from what was measured; or that it is inconclusive, and what would help."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iomodels.advice.document import Candidate, Gain, GivenLimit, Goal
from iomodels.advice.measured import MeasuredCandidate, MeasuredPoint, quantity_of
from iomodels.analysis.quantities import QUANTITIES, named
from iomodels.analysis.quantity_definition import Quantity, format_share
from iomodels.base.units import counted, listed
from iomodels.results.schema import Cell, Interval, Trial
from iomodels.statistics.ranking import SAME, Contender, Outcome, Pairing, decide
from iomodels.statistics.rounds import MIN_ROUNDS, is_bimodal, median_interval
from iomodels.statistics.summary import summarise

LEAST_FOR_LIMIT = 3
"""Rounds from which on a candidate may be said to be beyond a limit."""
CLEARLY = 1.1
"""So many times the limit all values have to be above where they are too few for an interval: one
that is just within it is beyond it in three noisy rounds by luck, in up to a tenth of tries."""


@dataclass(frozen=True)
class PointVerdict:
    """The part of a `PointAdvice` that follows from the rounds."""

    use: str | None
    why_none: str | None
    gain: Gain | None
    as_good: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    caveats: tuple[str, ...] = ()
    gains: tuple[tuple[str, Gain], ...] = ()
    """Of `use` over each other one that stayed to the end."""

    @property
    def has_able(self) -> bool:
        """Whether any was measured and is within all limits."""
        return any(one.rounds and not one.beyond for one in self.candidates)


def judge(measured: MeasuredPoint, goal: Goal, limits: Sequence[GivenLimit] = ()) -> PointVerdict:
    """Judge a point by its confirming rounds alone: those of choosing made the choice, and flatter
    who was chosen."""
    quantity = quantity_of(goal, measured.point)
    exceeded = {
        one.engine: one.beyond or beyond(limits, one.confirming) for one in measured.candidates
    }
    candidates = tuple(_candidate(measured, one, exceeded) for one in measured.candidates)
    stayed = [one for one in measured.candidates if one.confirming]
    able = [one for one in stayed if not exceeded[one.engine]]
    if not able:
        why = _why_nobody(measured, exceeded)
        return PointVerdict(None, why, None, (), candidates)
    decision = decide([_contender(one, quantity) for one in able])
    use = decision.use
    gains = _gains(measured, use, stayed, quantity) if use else ()
    reference = measured.today or next((one.engine for one in stayed), None)
    gain = next((gain for over, gain in gains if over == reference), None)
    as_good = decision.contenders if use and len(decision.contenders) > 1 else ()
    return PointVerdict(
        use,
        None if use else _why_none(decision, measured),
        gain,
        as_good,
        candidates,
        tuple(_caveats(able, decision, quantity, limits)),
        gains,
    )


# ------------------------------------------------------------------ limits


def beyond(limits: Sequence[GivenLimit], trials: Sequence[Trial]) -> tuple[GivenLimit, ...]:
    """The limits that these trials are beyond with their whole interval; of fewer than `MIN_ROUNDS`
    each by far."""
    most = 1.0 if len(trials) >= MIN_ROUNDS else CLEARLY
    found = []
    for limit in limits:
        interval = _interval(named(limit.quantity), trials)
        if interval is not None and interval.low > limit.value * most:
            found.append(limit)
    return tuple(found)


def _interval(quantity: Quantity, trials: Sequence[Trial]) -> Interval | None:
    values = [v for trial in trials if math.isfinite(v := quantity.of_trial(trial))]
    if len(values) < LEAST_FOR_LIMIT or quantity.has_too_few(trials):
        return None
    return median_interval(values)


# ------------------------------------------------------------------ values


def _contender(one: MeasuredCandidate, quantity: Quantity) -> Contender:
    return Contender(one.engine, one.complexity, logs(one.confirming, quantity))


def logs(trials: Sequence[Trial], quantity: Quantity) -> dict[int, float]:
    """By round, the logs of the values, better counted as up."""
    found = {trial.round: log(trial, quantity) for trial in trials}
    return {r: value for r, value in found.items() if math.isfinite(value)}


def log(trial: Trial, quantity: Quantity) -> float:
    """Of its value, better counted as up; NaN where it has none."""
    value = quantity.of_trial(trial)
    if not (value > 0 and math.isfinite(value)):
        return math.nan
    return math.log(value) if quantity.bigger_is_better else -math.log(value)


def _gains(
    measured: MeasuredPoint, use: str, stayed: Sequence[MeasuredCandidate], quantity: Quantity
) -> tuple[tuple[str, Gain], ...]:
    """Of `use` over all that stayed, those beyond a limit too: today's engine may be one."""
    decision = decide([_contender(one, quantity) for one in stayed])
    found = []
    for one in stayed:
        pairing = decision.over(use, one.engine)
        if pairing is not None:
            found.append((one.engine, _gain(one.engine, pairing)))
    return tuple(found)


def _gain(over: str, pairing: Pairing) -> Gain:
    log = pairing.log
    ratio = Interval(*(math.exp(min(each, 700.0)) for each in (log.median, log.low, log.high)))
    return Gain(over, ratio, pairing.rounds, pairing.is_shown)


def _candidate(
    measured: MeasuredPoint,
    one: MeasuredCandidate,
    exceeded: Mapping[str, tuple[GivenLimit, ...]],
) -> Candidate:
    return Candidate(
        engine=one.engine,
        complexity=one.complexity,
        rounds=len(one.trials),
        left_after=one.left_after,
        values=values(measured, one),
        reason=one.reason,
        beyond=exceeded[one.engine],
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


# ------------------------------------------------------------------ in words


def _why_nobody(measured: MeasuredPoint, exceeded: Mapping[str, tuple[GivenLimit, ...]]) -> str:
    tried = [one for one in measured.candidates if one.trials]
    within = [one.engine for one in tried if not exceeded[one.engine]]
    if tried and not within:
        return "every candidate that can do this is beyond a limit: give a wider --limit"
    if any(one.confirming for one in tried):
        return (
            "the last candidates are beyond a limit, and others were left behind before that was "
            f"seen. What would help: only those (-e {','.join(within)}), or a wider --limit"
        )
    if tried:
        return (
            f"{'the budget' if measured.ended_by_budget else 'it'} ended before the last "
            "candidates were compared. What would help: a larger --budget"
        )
    reasons = [f"{one.engine}: {one.reason}" for one in measured.candidates if one.reason]
    return f"no engine can be measured here; {reasons[0]}" if reasons else "there is no candidate"


def _why_none(decision: Outcome, measured: MeasuredPoint) -> str:
    """Which of them keeps the simplest from being used, by how much, and what would help."""
    simplest, *others = decision.contenders
    over = {
        other: pairing
        for other in others
        if (pairing := decision.over(other, simplest)) is not None
    }
    if len(over) < len(others):
        return "too few rounds of the last candidates are pairs. What would help: a larger --budget"
    other = max(over, key=lambda name: over[name].log.high)
    pairing = over[other]
    low, high = (math.expm1(each) for each in (pairing.log.low, pairing.log.high))
    is_short = pairing.rounds < MIN_ROUNDS or measured.ended_by_budget
    help_ = f"a quieter machine, or {'a larger --budget' if is_short else 'longer trials (-d)'}"
    between = listed(list(decision.contenders))
    # An interval that has one sign, and is yet no answer, would look like a contradiction.
    has_sign = low * high > 0 and not pairing.is_shown
    few = ", too few to show it for so many engines" if has_sign else ""
    return (
        f"the rounds do not decide between {between}: {other} is {_as_better(low)} to "
        f"{_as_better(high)} than {simplest} after {counted(pairing.rounds, 'round')}{few}. "
        f"What would help: {help_}"
    )


def _as_better(share: float) -> str:
    """`12 % better`, `3.0 % worse`: of a ratio better counted as up, less 1."""
    return f"{format_share(abs(share))} {'better' if share >= 0 else 'worse'}"


def _caveats(
    able: Sequence[MeasuredCandidate],
    decision: Outcome,
    quantity: Quantity,
    limits: Sequence[GivenLimit],
) -> list[str]:
    found = []
    of_use = next((one for one in able if one.engine == decision.use), None)
    for one in able:
        if one.engine in decision.contenders and is_bimodal(
            [quantity.of_trial(trial) for trial in one.confirming]
        ):
            found.append(
                f"{one.engine} jumps between two levels from round to round, and its median is "
                "that of the more frequent one"
            )
    if of_use is not None:
        for limit in limits:
            asked = named(limit.quantity)
            interval = _interval(asked, of_use.confirming)
            if interval is not None and interval.high > limit.value:
                found.append(
                    f"its {asked.title} is within the limit of {asked.unit.spoken(limit.value)} "
                    f"in some rounds only: up to {asked.unit.spoken(interval.high)}"
                )
        if len(decision.contenders) > 1:
            found.append(
                f"a difference below {format_share(SAME)}, or one that noise hides, counts as none"
            )
    return found
