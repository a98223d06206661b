"""One planned trial of one cell, as the runner would start it."""

from __future__ import annotations

from iomodels.engines import spec
from iomodels.measure import plan
from iomodels.trials.planned import PlannedTrial
from iomodels.workload.scenario import resolve


def planned(
    scenario: str, engine: str, duration_s: float = 0.1, warmup_s: float = 0.02, **settings: str
) -> tuple[plan.Plan, PlannedTrial]:
    """The plan and its one trial. `settings` are keys with `__` for the dot."""
    by_key = {key.replace("__", "."): [value] for key, value in settings.items()}
    made = plan.make_plan(
        resolve([scenario], by_key),
        [spec.parse(engine)],
        rounds=1,
        duration_s=duration_s,
        warmup_s=warmup_s,
        seed=1,
    )
    return made, next(trial for trial in made.trials if not trial.cell.is_harness)
