"""The document of an answer, put together from what was measured and how it was judged. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from iomodels.advice import caveats
from iomodels.advice.document import Advice, GivenLimit, Goal, PointAdvice, Turning
from iomodels.advice.measured import MeasuredPoint, quantity_of
from iomodels.advice.verdict import PointVerdict
from iomodels.base.units import capital
from iomodels.results.schema import Notice, Parameter, Tool


@dataclass(frozen=True)
class AnswerFrame:
    """What was asked for, with what it was asked of."""

    goal: Goal
    limits: tuple[GivenLimit, ...]
    seed: int
    tool: Tool
    environment: Mapping[str, Parameter | None]
    warnings: Sequence[Notice]
    remarks: tuple[str, ...] = ()
    """Caveats of all points."""


def point_advice(
    measured: MeasuredPoint,
    verdict: PointVerdict,
    asked: AnswerFrame,
    turnings: Sequence[Turning] = (),
) -> PointAdvice:
    """The answer for one point."""
    point = measured.point
    return PointAdvice(
        scenario=point.scenario,
        title=measured.title,
        parameters=dict(point.parameters),
        label=point.label,
        quantity=quantity_of(asked.goal, point).key,
        use=verdict.use,
        why_none=verdict.why_none,
        today=measured.today,
        candidates=verdict.candidates,
        gain=verdict.gain,
        as_good=verdict.as_good,
        turnings=tuple(turnings),
        caveats=(*_sentences(verdict), *asked.remarks, *caveats.of(point, asked.environment)),
    )


def advice(
    points: Sequence[PointAdvice],
    asked: AnswerFrame,
    *,
    measured_s: float,
    full_s: float,
    now: datetime | None = None,
) -> Advice:
    """The whole document."""
    return Advice(
        tool=asked.tool,
        created_utc=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
        seed=asked.seed,
        goal=asked.goal,
        limits=asked.limits,
        environment=dict(asked.environment),
        points=tuple(over_sweeps(points)),
        warnings=list(asked.warnings),
        measured_s=measured_s,
        full_s=full_s,
    )


def _sentences(verdict: PointVerdict) -> list[str]:
    """What the verdict has to remark. An engine keeps its name at the beginning of a sentence."""
    engines = {candidate.engine for candidate in verdict.candidates}
    return [
        f"{text if text.partition(' ')[0] in engines else capital(text)}."
        for text in (caveat.rstrip(".") for caveat in verdict.caveats)
    ]


def over_sweeps(points: Sequence[PointAdvice]) -> list[PointAdvice]:
    """With what a scenario's own sweep says of where the answer turns: at which of its values the
    answers of two neighbours differ. It costs no round, and is said at each of its points."""
    found: list[PointAdvice] = []
    for point in points:
        key = swept_key([other for other in points if other.scenario == point.scenario])
        if key is None or point.turnings:
            found.append(point)
            continue
        row = [other for other in points if _differs_in(other, point, key)]
        turning = _of_row(key, row)
        found.append(replace(point, turnings=(turning,)) if turning else point)
    return found


def swept_key(points: Sequence[PointAdvice]) -> str | None:
    """The key with whole numbers that varies over the points of one scenario, if there is one."""
    values: dict[str, set[Parameter]] = {}
    for point in points:
        for key, value in point.parameters.items():
            values.setdefault(key, set()).add(value)
    varying = [key for key, found in values.items() if len(found) > 1 and all(map(_is_int, found))]
    return max(varying, key=lambda key: len(values[key]), default=None)


def _differs_in(one: PointAdvice, other: PointAdvice, key: str) -> bool:
    """Whether they are points of one scenario that differ in nothing but this key."""
    mine, theirs = ({**point.parameters, key: 0} for point in (one, other))
    return one.scenario == other.scenario and mine == theirs


def _of_row(key: str, row: Sequence[PointAdvice]) -> Turning | None:
    ordered = sorted(row, key=lambda point: int(point.parameters[key]))
    if len(ordered) < 2:
        return None
    values = tuple(int(point.parameters[key]) for point in ordered)
    if len(set(values)) < len(values):
        return None
    best = tuple(point.use for point in ordered)
    engines = dict.fromkeys(c.engine for point in ordered for c in point.candidates if c.values)
    measured = {
        engine: tuple(
            next((c.values.get(p.quantity) for c in p.candidates if c.engine == engine), None)
            for p in ordered
        )
        for engine in engines
        if engine in best or engine in {point.today for point in ordered}
    }
    for index in range(len(values) - 1):
        below, above = best[index], best[index + 1]
        if below is not None and above is not None and below not in ordered[index + 1].as_good:
            if below == above:
                continue
            ends = (values[index], values[index + 1])
            return Turning(key, values, best, measured, *ends, below=below, above=above)
    return Turning(key, values, best, measured)


def _is_int(value: Parameter) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
