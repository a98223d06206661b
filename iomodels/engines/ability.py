"""What an engine can do here: able, or not and why (n/a)."""

from __future__ import annotations

from dataclasses import dataclass

from iomodels import _core
from iomodels.engines.catalog import DESCRIPTORS
from iomodels.engines.point_settings import of_point
from iomodels.engines.spec import EngineSpec
from iomodels.workload.point import Point


@dataclass(frozen=True)
class Ability:
    """Whether an engine can run a point: `na_reason` if not; `note` if a reader must know more."""

    na_reason: str | None = None
    note: str | None = None


def _too_many(spec: EngineSpec, point: Point) -> str:
    if point.serves and spec.caps["max_depth"] == 1:
        return (
            f"one thread that blocks in a read cannot serve {point.core_depth} connections, since "
            "it does not know which will bring the next message"
        )
    name, most = spec.canonical, spec.caps["max_depth"]
    if point.core_idle and most == 1:
        return f"{name} waits for one descriptor and cannot watch {point.core_idle} idle ones too"
    instead = DESCRIPTORS[spec.name].instead
    at_a_time = "one transfer" if most == 1 else f"at most {most} transfers"
    return (
        f"{name} does {at_a_time} at a time (depth {most}), and this asks for "
        f"{point.core_depth + point.core_idle} in flight{f'; {instead}' if instead else ''}"
    )


def _cannot_load(spec: EngineSpec, point: Point) -> str | None:
    """Why the engine cannot make such requests at all, or None."""
    caps = spec.caps
    if caps["max_depth"] and point.core_depth + point.core_idle > caps["max_depth"]:
        return _too_many(spec, point)
    if caps["waits_for_all"] and (point.serves or point.core_idle):
        return (
            f"{spec.canonical} returns when all that it has started have ended, so idle or slow "
            "ones would keep the others waiting"
        )
    chains = caps["next_start"] != "loop"
    if chains and point.load.is_open_loop and not point.serves:  # a server's schedule is its peer's
        return (
            f"{spec.canonical} starts a request where another one has ended, and in an open loop "
            "it starts when it is due"
        )
    if chains and point.load.batch > 1:
        return (
            f"{spec.canonical} starts a request where another one has ended: there are no batches"
        )
    if point.load.deadline and caps["moves_data"] and not caps["cancels"]:
        return f"{spec.canonical} cannot cancel what it has begun, as load.deadline asks"
    return None


def ability(spec: EngineSpec, point: Point) -> Ability:
    """Whether `spec` can run `point`: from its capabilities, and by asking the engine itself."""
    reason = _cannot_load(spec, point) or _cannot_channel(spec, point)
    if reason is not None:
        return Ability(reason)
    settings = of_point(point) | spec.settings
    answers = _core.ask(spec.name, point.channel.kind, settings)
    reason = answers["cannot"] or answers["probe"]
    if reason is not None:
        return Ability(reason)
    if answers["degenerate"]:
        return Ability(note=f"degenerate: same as blocking, since {answers['degenerate']}")
    if point.load.compute and computes_in_parallel(spec, point):
        return Ability(note="its threads compute at the same time, so no overlap is measured")
    return Ability()


def computes_in_parallel(spec: EngineSpec, point: Point) -> bool:
    """Whether several threads compute at once: what computation alone takes one thread, it may then
    take less, and overlap (which compares the two) means nothing."""
    return spec.caps["next_start"] == "lane" and point.core_depth > 1


def _cannot_channel(spec: EngineSpec, point: Point) -> str | None:
    if point.channel.kind == "file":
        return None if spec.caps["files"] else f"{spec.canonical} cannot work on regular files"
    return None if spec.caps["streams"] else f"{spec.canonical} works on regular files only"
