"""Every engine with combinations of its options, as a user writes them.

An engine with few of them (`SMALL`) is tested with each. Of one with more, most bugs show with one
option, nearly all of the rest with two together: `CAPS` has a sample in which every two values of
two options meet, and `SINGLES` only each value alone, for tests of what options hardly change.
`EVERY` has all, for a run by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from iomodels import _core
from iomodels.engines.sources import CORE_ENGINES, DESCRIPTORS
from iomodels.engines.spec import EngineSpec, parse, variants

SMALL = 16
"""How many combinations are so few that all are tested."""

Pair = tuple[tuple[str, str], tuple[str, str]]
"""Two options, each with a value."""


def each_value_alone(every: Sequence[EngineSpec]) -> list[EngineSpec]:
    """The plain one, and each value with as few others as it can have."""
    found: dict[tuple[str, str], EngineSpec] = {}
    for spec in sorted(every, key=lambda spec: len(spec.options)):
        for value in spec.options.items():
            found.setdefault(value, spec)
    wanted = {every[0], *found.values()}
    return [spec for spec in every if spec in wanted]


def every_two_values(every: Sequence[EngineSpec]) -> list[EngineSpec]:
    """As few as a greedy choice finds, among them each value alone; in the order of `every`."""
    chosen = each_value_alone(every)
    wanted = {pair for spec in every for pair in pairs(spec)}
    wanted -= {pair for spec in chosen for pair in pairs(spec)}
    while wanted:
        best = max(every, key=lambda spec: len(wanted & pairs(spec)))
        chosen.append(best)
        wanted -= pairs(best)
    return [spec for spec in every if spec in chosen]


def pairs(spec: EngineSpec) -> set[Pair]:
    """All that meet in it, defaults included."""
    choosing = [option.name for option in DESCRIPTORS[spec.name].options if option.choices]
    values = [(name, spec.option(name)) for name in choosing]
    return set(combinations(values, 2))


def _caps(specs: Iterable[EngineSpec]) -> dict[str, _core.Caps]:
    return {spec.canonical: spec.caps for spec in specs}


_VARIANTS = [variants(name) for name in CORE_ENGINES]
_FEW = [every if len(every) <= SMALL else every_two_values(every) for every in _VARIANTS]
_FEWER = [every if len(every) <= SMALL else each_value_alone(every) for every in _VARIANTS]

EVERY: Mapping[str, _core.Caps] = _caps(spec for every in _VARIANTS for spec in every)
CAPS: Mapping[str, _core.Caps] = _caps(spec for every in _FEW for spec in every)
SINGLES: Mapping[str, _core.Caps] = _caps(spec for every in _FEWER for spec in every)
WITH_DATA = [name for name, caps in SINGLES.items() if caps["moves_data"]]
"""Those that do any I/O, each value of an option alone."""


def works_on(engine: str, channel: str) -> bool:
    """Whether the engine can do I/O on such a channel at all."""
    spec = parse(engine)
    able = spec.caps["files"] if channel == "file" else spec.caps["streams"]
    return able and _core.ask(spec.name, channel, spec.settings)["cannot"] is None


def on(channel: str) -> list[str]:
    """Those of `WITH_DATA` that work on such a channel."""
    return [engine for engine in WITH_DATA if works_on(engine, channel)]


def open_loop(engine: str, channel: str, settings: Mapping[str, int], fd: int) -> _core.Loop:
    """The measured loop with this engine, options and all. `fd` is its record's."""
    spec = parse(engine)
    return _core.Loop(spec.name, channel, {**settings, **spec.settings}, fd)


def plain(engine: str) -> str:
    """The name without options."""
    return engine.partition(":")[0]
