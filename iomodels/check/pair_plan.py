"""Planning an A/B: the same scenario points and engines in both arms, with each arm's changes.

Pure but for one thing: where an arm is started differently, its Python is asked what it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from iomodels.base.errors import ArmError, ScenarioError
from iomodels.check.arm import Arm
from iomodels.engines.spec import EngineSpec, of_scenario
from iomodels.engines.spec import parse as parse_engine
from iomodels.measure.plan import planned_cell
from iomodels.trials.launch import Launch
from iomodels.trials.planned import PlannedCell
from iomodels.workload.point import Parameters
from iomodels.workload.scenario import Point, Scenario, points, resolve

Side = Literal["a", "b"]
SIDES: tuple[Side, Side] = ("a", "b")


@dataclass(frozen=True)
class ArmCell:
    """A cell as one arm runs it."""

    planned: PlannedCell
    launch: Launch

    @property
    def parameters(self) -> Parameters:
        """Every key that applies, as in a result file: without the folder."""
        return self.planned.point.parameters

    @property
    def engine(self) -> str:
        """Canonical."""
        return self.planned.engine.canonical


@dataclass(frozen=True)
class PairedCell:
    """One scenario point × one engine in both arms, which may each change point or engine.

    `na_reason` is set where it cannot be measured, or where nothing is different between the arms
    although they differ elsewhere; `lost` where only arm B cannot measure it, which is no n/a.
    `label` is that of the sweep ("depth 16").
    """

    scenario: str
    label: str
    a: ArmCell
    b: ArmCell
    na_reason: str | None = None
    lost: bool = False

    @property
    def index(self) -> int:
        """Its place among the cells that were planned together, in both arms."""
        return self.a.planned.index

    @property
    def asks_alike(self) -> bool:
        """Whether both arms ask for the same: what only one of them can do is then a fault."""
        return self.a.parameters == self.b.parameters and self.a.engine == self.b.engine

    @property
    def runs_alike(self) -> bool:
        """Whether there is no difference at all between the arms."""
        return _runs_alike(self.a, self.b)

    def arm(self, side: Side) -> ArmCell:
        """`a` or `b`."""
        return self.a if side == "a" else self.b


def plan_cells(
    scenarios: Sequence[str],
    engines: Sequence[EngineSpec],
    settings: Mapping[str, Sequence[str]],
    arm_a: Arm,
    arm_b: Arm,
) -> list[PairedCell]:
    """The cells of `scenarios` (names, suites, paths) × `engines`, as each arm runs them.

    `settings` are those of `--set`, for both arms; an arm's own come after them. Where one arm
    names an engine, the other keeps those of `engines`, or the same engine without its options.

    Raises `ScenarioError` and `EngineError` as `bench` does, and `ArmError` where an arm does not
    fit the scenarios or cannot be started.
    """
    common = resolve(scenarios, settings)  # what is wrong without the arms is no arm's mistake
    of_a = _points(_resolved_for(arm_a, "A", common, scenarios, settings))
    of_b = _points(_resolved_for(arm_b, "B", common, scenarios, settings))
    if [_name(*each) for each in of_a] != [_name(*each) for each in of_b]:
        raise ArmError(
            f"the arms ({arm_a.name}; {arm_b.name}) have different points, since one of them sets "
            "what the scenario sweeps: set it in both arms, or for both with --set"
        )
    launches = arm_a.launch(), arm_b.launch()
    cells: list[PairedCell] = []
    for (scenario, point_a), (_, point_b) in zip(of_a, of_b, strict=True):
        for specs in _engine_pairs(scenario, engines, arm_a, arm_b):
            a, b = (
                ArmCell(planned_cell(len(cells), point, spec), launch)
                for point, spec, launch in zip((point_a, point_b), specs, launches, strict=True)
            )
            reason = _why_not(a, b, arm_a, arm_b)
            lost = _why_not_arm(a) is None and _why_not_arm(b) is not None
            cells.append(PairedCell(scenario.name, point_a.label, a, b, reason, lost))
    return cells


def _resolved_for(
    arm: Arm,
    side: str,
    common: list[Scenario],
    scenarios: Sequence[str],
    settings: Mapping[str, Sequence[str]],
) -> list[Scenario]:
    """`common`, the scenarios as both arms have them, or with what the arm itself sets."""
    if not arm.settings:
        return common
    own = {key: [text] for key, text in arm.settings.items()}
    try:
        return resolve(scenarios, {**settings, **own})
    except ScenarioError as error:
        raise ArmError(f"arm {side} ({arm.name}): {error}") from None


def _points(scenarios: Sequence[Scenario]) -> list[tuple[Scenario, Point]]:
    return [(scenario, point) for scenario in scenarios for point in points(scenario)]


def _name(scenario: Scenario, point: Point) -> tuple[str, str]:
    return scenario.name, point.label


def _engine_pairs(
    scenario: Scenario, given: Sequence[EngineSpec], arm_a: Arm, arm_b: Arm
) -> list[tuple[EngineSpec, EngineSpec]]:
    named = arm_a.engine or arm_b.engine
    if named is None:
        own = of_scenario(scenario)
        return [(spec, spec) for spec in given or own]
    others = list(given) or [parse_engine(named.name)]
    pairs = [(arm_a.engine or spec, arm_b.engine or spec) for spec in others]
    return list(dict.fromkeys(pairs))


def _why_not(a: ArmCell, b: ArmCell, arm_a: Arm, arm_b: Arm) -> str | None:
    reason_a, reason_b = _why_not_arm(a), _why_not_arm(b)
    if reason_a == reason_b and reason_a is not None:
        return reason_a
    if reason_a is not None:
        return f"arm A: {reason_a}"
    if reason_b is not None:
        return f"arm B: {reason_b}"
    if arm_a != arm_b and _runs_alike(a, b):
        return f"both arms would be the same here ({arm_a.name}; {arm_b.name})"
    return None


def _why_not_arm(cell: ArmCell) -> str | None:
    return cell.launch.installation.why_not(cell.planned.engine) or cell.planned.na_reason


def _runs_alike(a: ArmCell, b: ArmCell) -> bool:
    return a.launch == b.launch and a.planned == b.planned
