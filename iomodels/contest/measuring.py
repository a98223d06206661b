"""The door to a contest: scenarios in, what was measured of each of their points out."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from iomodels.advice.document import GivenLimit, Goal
from iomodels.advice.measured import MeasuredCandidate, MeasuredPoint
from iomodels.engines.catalog import DESCRIPTORS
from iomodels.engines.spec import EngineSpec, parse
from iomodels.measure.defaults import BUDGET_S, DURATION_S, WARMUP_S
from iomodels.measure.listening import RunListener
from iomodels.measure.plan import of_pairs
from iomodels.measure.run import bench_plan
from iomodels.results.schema import HARNESS, Run
from iomodels.workload.point import Point
from iomodels.workload.scenario import Scenario, points


@dataclass(frozen=True)
class Contest:
    """The points, and the run with all trials: its environment, warnings and seed."""

    run: Run
    points: tuple[MeasuredPoint, ...]


def measure(
    scenarios: Sequence[Scenario],
    *,
    goal: Goal = "throughput",
    limits: Sequence[GivenLimit] = (),
    today: str | None = None,
    engines: Sequence[EngineSpec] = (),
    budget_s: float = BUDGET_S,
    duration_s: float = DURATION_S,
    warmup_s: float = WARMUP_S,
    seed: int | None = None,
    listener: RunListener | None = None,
) -> Contest:
    """Measure the candidates of each point of the scenarios.

    `today` is an engine's text; without it, that of each scenario counts. `engines` are the
    candidates, where they are not to be chosen here. `budget_s` is for all points together.

    Raises as `bench` does.
    """
    jobs: list[tuple[Scenario, Point, str | None, list[EngineSpec]]] = []
    for scenario in scenarios:
        known = today or scenario.today
        spec = parse(known) if known else None
        others = list(engines) or [parse(name) for name in DESCRIPTORS if name != HARNESS]
        specs = list(dict.fromkeys([*others, *([spec] if spec else [])]))
        for point in points(scenario):
            jobs.append((scenario, point, spec.canonical if spec else None, specs))
    plan = of_pairs(
        [(point, spec) for _, point, _, specs in jobs for spec in specs],
        scenarios=scenarios,
        rounds=7,
        duration_s=duration_s,
        warmup_s=warmup_s,
        seed=secrets.randbits(32) if seed is None else seed,
    )
    run = bench_plan(plan, listener=listener)
    cells = iter(run.cells)
    found = []
    for scenario, point, name, specs in jobs:
        candidates = tuple(
            MeasuredCandidate(
                engine=cell.engine,
                complexity=0,
                confirming=tuple(cell.trials),
                reason=cell.reason,
                note=cell.note,
            )
            for cell in (next(cells) for _ in specs)
        )
        found.append(MeasuredPoint(point, scenario.title, name, candidates, 0.0, 0.0))
    return Contest(run, tuple(found))
