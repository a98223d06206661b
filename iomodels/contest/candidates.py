"""Who takes part: of each engine its plain form, and every option by itself that may matter here.

Not every combination: io_uring alone has 96. What an engine cannot do at a point, and what makes no
difference there, is said and left out; which choices only lose is data of the engine
(`core/engine.h`, `untried_values`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from iomodels.base.system import allowed_cpus
from iomodels.engines.ability import Ability
from iomodels.engines.catalog import Option
from iomodels.engines.kinds.complexity import complexity
from iomodels.engines.kinds.groups import GROUPS
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import EngineSpec, parse
from iomodels.measure.plan import ability_here
from iomodels.results.schema import HARNESSES
from iomodels.workload.point import Point


@dataclass(frozen=True)
class Found:
    """An engine with its options at a point: a candidate, or left out for `reason`."""

    spec: EngineSpec
    complexity: int
    ability: Ability
    reason: str | None = None


def candidates(
    point: Point,
    today: EngineSpec | None = None,
    chosen: Sequence[EngineSpec] = (),
    among: Sequence[str] = GROUPS["all"].members,
) -> list[Found]:
    """All that could take part at the point, simplest first, with the reasons of those that do not.

    `chosen` are the engines that the user named; by default all `among` these are tried. `today` is
    always among them, and takes part if it can.
    """
    specs = list(chosen) or [spec for name in among for spec in _tried(name, point)]
    if today is not None:
        specs.append(today)
    specs = [spec for spec in dict.fromkeys(specs) if spec.name not in HARNESSES]
    found = [(spec, ability_here(spec, point)) for spec in specs]
    able = [spec for spec, one in found if one.na_reason is None and not one.is_degenerate]
    has_blocking = any(_is_blocking(spec) for spec in able)
    same = _first_of_each_note(found, today)
    result = []
    for spec, one in found:
        reason = one.na_reason
        if reason is None and one.is_degenerate and not chosen and spec != today:
            first = same[one.note]
            if has_blocking:
                reason = one.note
            elif first is not spec:
                reason = f"the same as {first.canonical} here: {one.note}"
        if reason is None and not chosen and spec != today:
            reason = _no_effect(spec, point)
        result.append(Found(spec, complexity(spec), one, reason))
    return sorted(result, key=lambda one: (one.complexity, one.spec.canonical))


def _first_of_each_note(
    found: Sequence[tuple[EngineSpec, Ability]], today: EngineSpec | None
) -> dict[str | None, EngineSpec]:
    """Those that are degenerate for one reason do the same: today's stands for them, or the
    simplest."""
    first: dict[str | None, EngineSpec] = {}
    for spec, one in sorted(found, key=lambda each: (each[0] != today, complexity(each[0]))):
        if one.is_degenerate:
            first.setdefault(one.note, spec)
    return first


def _is_blocking(spec: EngineSpec) -> bool:
    """Whether it is the model that degenerate ones are the same as."""
    return spec.caps["max_depth"] == 1 and not spec.caps["nonblocking_descriptors"]


def _no_effect(spec: EngineSpec, point: Point) -> str | None:
    """Why its options change nothing here, or None."""
    if spec.caps["links"] and point.load.sync == "none":
        return f"the same as {spec.name} here: nothing is synced"
    return None


def _tried(name: str, point: Point) -> Iterator[EngineSpec]:
    """The engine as it is, and with each option by itself."""
    yield EngineSpec(name)
    for option in DESCRIPTORS[name].options:
        for value in _values(option, point):
            yield parse(f"{name}:{option.written(value)}")


def _values(option: Option, point: Point) -> list[str]:
    """Of a number, the one that is as many as there are CPUs, where that is less than what is in
    flight: options count threads. None of a text."""
    if option.choices:
        left_out = (option.default, *option.untried)
        return [value for value in option.choices if value not in left_out]
    if not option.is_number:
        return []
    cpus = len(allowed_cpus())
    fits = max(option.low, 1) <= cpus <= option.high and cpus < point.core_depth
    return [str(cpus)] if fits else []
