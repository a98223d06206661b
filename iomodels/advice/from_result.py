"""A result, judged as it is: the engines that it measured are the candidates, and no round is new.

All candidates have all their rounds here, and none was left behind for the others to be measured
more. So nothing was chosen before the rounds that judge, and the verdict corrects for choosing the
best by them (`verdict.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from iomodels.advice.measured import MeasuredCandidate, MeasuredPoint
from iomodels.analysis.cells import grouped, label
from iomodels.base.errors import EngineError, NothingMeasured
from iomodels.engines.complexity import complexity
from iomodels.engines.spec import EngineSpec, parse
from iomodels.results.schema import Cell, Run
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
                    note=cell.note,
                ),
            )
    return tuple(sorted(found.values(), key=lambda candidate: candidate.complexity))


def _known(engine: str) -> EngineSpec | None:
    try:
        return parse(engine)
    except EngineError:
        return None
