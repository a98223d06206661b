"""A result, judged as it is: the engines that it measured are the candidates, and no round is new.

All candidates have all their rounds here, and none was left behind for the others to be measured
more. So nothing was chosen before the rounds that judge, and the verdict corrects for choosing the
best by them (`verdict.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from iomodels.advice.measured import MeasuredCandidate, MeasuredPoint
from iomodels.analysis.cells import grouped, label
from iomodels.base.errors import EngineError, NothingMeasured
from iomodels.base.units import counted
from iomodels.engines.kinds.complexity import complexity
from iomodels.engines.spec import EngineSpec, parse
from iomodels.results.schema import Cell, Run
from iomodels.statistics.ranking import ALPHA
from iomodels.statistics.rounds import MIN_ROUNDS
from iomodels.workload.point import point_from_parameters


def measured_points(run: Run, today: str | None) -> list[MeasuredPoint]:
    """The points of a run. `today` is canonical.

    Raises `NothingMeasured` for a run without one, and `ScenarioError` for parameters that no
    scenario can have.
    """
    found = []
    for name, points in grouped(run.cells).items():
        for point in points:
            candidates = _candidates(point.cells)
            if not any(candidate.confirming for candidate in candidates):
                continue
            settled = point_from_parameters(name, point.cells[0].parameters)
            found.append(
                MeasuredPoint(
                    point=replace(settled, label=label(point)),
                    title=run.titles.get(name, name),
                    today=today if any(c.engine == today for c in candidates) else None,
                    candidates=candidates,
                    measured_s=0.0,
                    full_s=0.0,
                )
            )
    if not found:
        raise NothingMeasured("the result has no engine that was measured: measure it again")
    return found


def why_none(measured: MeasuredPoint, why: str) -> str:
    """Why there is no answer, where that may be for too few rounds: more have to be measured."""
    rounds = [len(c.confirming) for c in measured.candidates if c.confirming]
    pairs = len(rounds) * (len(rounds) - 1) // 2
    needed = max(MIN_ROUNDS, math.ceil(math.log2(max(1, 2 * pairs) / ALPHA)))
    fewest = min(rounds, default=0)
    if fewest >= needed:
        return f"{why.partition('. What would help')[0]}. What would help: more rounds (bench -r)"
    return (
        f"{counted(fewest, 'round')} of a result {'are' if fewest != 1 else 'is'} too few to judge "
        f"{counted(len(rounds), 'engine')}. What would help: `iomodels bench -r {needed}`, or "
        "`iomodels advise` of the scenario, which measures those that matter"
    )


def _candidates(cells: Iterable[Cell]) -> tuple[MeasuredCandidate, ...]:
    """The simplest first. An engine that this version does not know is none of them."""
    found: dict[str, MeasuredCandidate] = {}
    for cell in cells:
        spec = None if cell.is_harness else _known(cell.engine)
        if spec is not None:
            found.setdefault(
                spec.canonical,
                MeasuredCandidate(
                    engine=spec.canonical,
                    complexity=complexity(spec),
                    confirming=tuple(cell.trials),
                    reason=None if cell.trials else cell.reason or "the result has no trial of it",
                ),
            )
    return tuple(sorted(found.values(), key=lambda candidate: candidate.complexity))


def _known(engine: str) -> EngineSpec | None:
    try:
        return parse(engine)
    except EngineError:
        return None
