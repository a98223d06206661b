"""Which trials to run, and in what order: scenarios × engines × rounds, interleaved and seeded.

What an engine cannot do is decided here, from its data, and becomes an n/a cell with its reason; it
is never silently skipped. Pure but for one thing: the Python that measures an engine in Python is
asked what it lacks for that.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from iomodels.base.errors import ResultError
from iomodels.engines import ability as engines_ability
from iomodels.engines.ability import Ability
from iomodels.engines.kinds import interpreters
from iomodels.engines.spec import EngineSpec, of_scenario
from iomodels.engines.spec import parse as parse_engine
from iomodels.measure.defaults import LIMITS
from iomodels.measure.precision import Precision
from iomodels.results.schema import HARNESSES, Notice, Run, Trial
from iomodels.trials.planned import PlannedCell, PlannedTrial
from iomodels.trials.pythons import named as pythons
from iomodels.workload.scenario import Point, Scenario, points

NOT_ALONE = "not measured, since no engine can run here"
HARNESS_DURATION_S = 0.05
"""A null-engine trial is short: it repeats tens of nanoseconds, and its value is a median."""


class FurtherTrials(Protocol):
    """What decides, while a run measures, which trials come after the planned ones."""

    @property
    def budget_s(self) -> float:
        """How long the run may take from its start."""
        ...

    def next(self, going: Collection[int], left_s: float) -> list[PlannedTrial]:
        """The next round; empty at the end. `going` has the indexes of the cells that can be
        measured."""
        ...

    def ended(self, cell: PlannedCell, trial: Trial, took_s: float | None = None) -> None: ...
    def takes_s(self, trial: PlannedTrial) -> float: ...
    def out_of_time(self) -> None: ...
    def notice(self, measured: Collection[int]) -> Notice | None: ...


def setting(run: Run, name: str) -> float:
    """One of a run's settings (`LIMITS`). Raises `ResultError`: its file may be a stranger's."""
    low, high = LIMITS[name]
    value = run.settings.get(name)
    if not isinstance(value, int | float) or not low <= value <= high:
        raise ResultError(f"setting {name} is {value!r}, and must be a number from {low} to {high}")
    return float(value)


@dataclass(frozen=True)
class Plan:
    """All cells (n/a ones too) and the trials of those that can run, in running order."""

    scenarios: tuple[Scenario, ...]
    cells: tuple[PlannedCell, ...]
    trials: tuple[PlannedTrial, ...]
    rounds: int
    duration_s: float
    warmup_s: float
    seed: int
    precision: Precision | None = None

    @property
    def estimate_s(self) -> float:
        """About how long the planned rounds take."""
        return sum(trial.takes_s for trial in self.trials)

    @property
    def longest_s(self) -> float:
        """The most that it takes, with the further rounds that a precision can ask for."""
        budget_s = self.precision.budget_s if self.precision else 0.0
        return max(self.estimate_s, budget_s)


def make_plan(
    scenarios: Sequence[Scenario],
    engines: Sequence[EngineSpec],
    *,
    rounds: int,
    duration_s: float,
    warmup_s: float,
    seed: int,
) -> Plan:
    """Plan a run.

    `engines` overrides what a scenario names itself; empty means: the scenario's, else the four
    of the article. Each scenario also gets one `null` cell on its first point, which measures the
    harness in the same rounds, and beside engines in Python one of `python:null`.

    Raises `EngineError` where a scenario names an engine that does not exist.
    """
    return of_pairs(
        _pairs(scenarios, engines),
        scenarios=scenarios,
        rounds=rounds,
        duration_s=duration_s,
        warmup_s=warmup_s,
        seed=seed,
    )


def of_pairs(
    pairs: Sequence[tuple[Point, EngineSpec]],
    *,
    scenarios: Sequence[Scenario] = (),
    rounds: int,
    duration_s: float,
    warmup_s: float,
    seed: int,
) -> Plan:
    """Plan a run of exactly these cells: those of an earlier run, to measure them again."""
    beside: dict[str, list[EngineSpec]] = {}
    for point, spec in pairs:
        others = beside.setdefault(point.scenario, [])
        if spec.name not in HARNESSES and spec not in others:
            others.append(spec)
    cells = [
        _planned(index, point, spec, ability_here(spec, point, beside[point.scenario]))
        for index, (point, spec) in enumerate(pairs)
    ]
    trials = _interleave(cells, rounds, duration_s, warmup_s, random.Random(seed))
    if not trials:
        cells = [replace(cell, na_reason=cell.na_reason or NOT_ALONE) for cell in cells]
    return Plan(
        scenarios=tuple(scenarios),
        cells=tuple(cells),
        trials=tuple(trials),
        rounds=rounds,
        duration_s=duration_s,
        warmup_s=warmup_s,
        seed=seed,
    )


def _pairs(
    scenarios: Sequence[Scenario], engines: Sequence[EngineSpec]
) -> list[tuple[Point, EngineSpec]]:
    pairs: list[tuple[Point, EngineSpec]] = []
    for scenario in scenarios:
        chosen = list(engines) or of_scenario(scenario)
        for number, point in enumerate(points(scenario)):
            pairs += [(point, spec) for spec in chosen]
            if number == 0:
                pairs += [(point, spec) for spec in _harnesses(point, chosen) if spec not in chosen]
    return pairs


def _harnesses(point: Point, chosen: Sequence[EngineSpec]) -> list[EngineSpec]:
    """C's always: the loop is the core's. Of each Python that measures, if an engine can run."""
    by_pythons = [
        {n: value for n, value in spec.options.items() if n == interpreters.NAME}
        for spec in chosen
        if spec.in_python and engines_ability.ability(spec, point).na_reason is None
    ]
    every = [parse_engine(name) for name in HARNESSES]
    in_python = [replace(s, options=o) for s in every if s.in_python for o in by_pythons]
    return list(dict.fromkeys([*(spec for spec in every if not spec.in_python), *in_python]))


def planned_cell(
    index: int, point: Point, spec: EngineSpec, beside: Sequence[EngineSpec] = ()
) -> PlannedCell:
    """The cell with what is known of it before anything runs: n/a and why, or a note. The Python
    that would measure it has not been asked."""
    return _planned(index, point, spec, engines_ability.ability(spec, point, beside))


def ability_here(spec: EngineSpec, point: Point, beside: Sequence[EngineSpec] = ()) -> Ability:
    """Whether it can run the point, measured by this process's Pythons, which are asked."""
    ability = engines_ability.ability(spec, point, beside)
    reason = pythons.why_not(spec) if ability.na_reason is None else None
    return Ability(reason) if reason is not None else ability


def _planned(index: int, point: Point, spec: EngineSpec, ability: Ability) -> PlannedCell:
    return PlannedCell(index, point, spec, na_reason=ability.na_reason, note=ability.note)


def _interleave(
    cells: Sequence[PlannedCell],
    rounds: int,
    duration_s: float,
    warmup_s: float,
    rng: random.Random,
) -> list[PlannedTrial]:
    """Every round visits every cell that can run once, each round in a fresh random order.

    A machine's speed drifts over seconds; interleaving spreads the drift over all cells alike,
    and pairing by round then cancels most of it.
    """
    runnable = [cell for cell in cells if cell.na_reason is None]
    alone = all(cell.is_harness for cell in runnable)
    if alone and not all(cell.is_harness for cell in cells):
        return []  # the harness beside engines that cannot run: nobody asked for it alone
    trials: list[PlannedTrial] = []
    for round_number in range(rounds):
        for cell in rng.sample(runnable, len(runnable)):
            trials.append(
                PlannedTrial(
                    round=round_number,
                    order=len(trials),
                    cell=cell,
                    duration_s=HARNESS_DURATION_S if cell.is_harness else duration_s,
                    warmup_s=min(warmup_s, HARNESS_DURATION_S) if cell.is_harness else warmup_s,
                )
            )
    return trials
