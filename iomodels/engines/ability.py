"""What an engine can do here: able, or not and why (n/a)."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass

from iomodels.engines.point_settings import of_point
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import EngineSpec
from iomodels.workload.point import Point


@dataclass(frozen=True)
class Ability:
    """Whether an engine can run a point: `na_reason` if not; `note` if a reader must know more."""

    na_reason: str | None = None
    note: str | None = None
    is_degenerate: bool = False
    """Whether it does what blocking does there."""


OPEN_ALREADY = 3
"""Descriptors that every process has before it opens any: standard input, output and error."""


def _instead(spec: EngineSpec, beside: Sequence[EngineSpec]) -> str:
    """How to measure the engine that can do what this one cannot, and those `beside` it as well."""
    other = DESCRIPTORS[spec.name].instead
    if other is None or other in (each.name for each in beside):
        return ""
    if spec not in beside:
        return f". Use -e {other}"
    names = [each.canonical for each in beside]
    names.insert(names.index(spec.canonical) + 1, other)
    return f". {other} supports it; add it: -e {','.join(names)}"


def _too_many(spec: EngineSpec, point: Point, beside: Sequence[EngineSpec]) -> str:
    name, most = spec.canonical, spec.caps["max_depth"]
    use = _instead(spec, beside)
    if point.serves and most == 1:
        return (
            f"{name} supports one connection; this server has {point.core_depth}, and a blocked "
            f"read of one does not return when another has a message{use}"
        )
    if point.core_idle and most == 1:
        return f"{name} waits on one descriptor; it cannot also watch {point.core_idle} idle ones"
    supported = "one request" if most == 1 else f"at most {most} requests"
    needed = point.core_depth + point.core_idle
    return f"{name} supports {supported} in flight; this point needs {needed}{use}"


def _cannot_load(spec: EngineSpec, point: Point, beside: Sequence[EngineSpec]) -> str | None:
    """Why the engine cannot make such requests at all, or None."""
    caps = spec.caps
    if caps["max_depth"] and point.core_depth + point.core_idle > caps["max_depth"]:
        return _too_many(spec, point, beside)
    if caps["max_descriptor"] and point.descriptors > caps["max_descriptor"] + 1 - OPEN_ALREADY:
        return (
            f"{spec.canonical} supports descriptors 0 to {caps['max_descriptor']}; this point has "
            f"{point.descriptors}"
        )
    if caps["waits_for_all"] and (point.serves or point.core_idle):
        return (
            f"{spec.canonical} returns only when all its requests have completed; requests on idle "
            "or slow connections would delay all others"
        )
    chains = caps["next_start"] != "loop"
    if chains and point.load.is_open_loop and not point.serves:  # a server's schedule is its peer's
        return (
            f"{spec.canonical} starts a request when another one completes; in an open loop "
            "(load.arrivals) requests start on a schedule"
        )
    if chains and point.load.batch > 1:
        return (
            f"{spec.canonical} starts each request when another one completes; it does not support "
            "batches (load.batch)"
        )
    if point.load.deadline and caps["moves_data"] and not caps["cancels"]:
        return f"{spec.canonical} cannot cancel a request; load.deadline needs that"
    return None


def ability(spec: EngineSpec, point: Point, beside: Sequence[EngineSpec] = ()) -> Ability:
    """Whether `spec` can run `point`: from its capabilities, and by asking the engine itself.

    `beside` are all engines that are measured there, for what to do about it.
    """
    reason = _cannot_load(spec, point, beside)
    if reason is not None:
        return Ability(reason)
    answers = spec.answers(point.channel.kind, of_point(point))
    reason = answers["cannot"] or _cannot_channel(spec, point) or answers["probe"]
    reason = reason or _lacks_ends(point)
    if reason is not None:
        return Ability(reason)
    if answers["degenerate"]:
        return Ability(note=_degenerate(answers["degenerate"], point), is_degenerate=True)
    if point.load.compute and computes_in_parallel(spec, point):
        return Ability(note="its threads compute in parallel, so overlap is not measured")
    return Ability()


def _degenerate(why: str, point: Point) -> str:
    if point.core_depth == 1:
        return f"degenerate: same as blocking, because {why}"
    return (
        f"degenerate: makes one request after another, as blocking does, because {why}; the others "
        "wait, and their latency includes that"
    )


def computes_in_parallel(spec: EngineSpec, point: Point) -> bool:
    """Whether several threads compute at once: what computation alone takes one thread, it may then
    take less, and overlap (which compares the two) means nothing."""
    return spec.caps["next_start"] == "lane" and point.core_depth > 1


def _lacks_ends(point: Point) -> str | None:
    """Why there cannot be as many connections here: one process opens both ends of each, within
    the hard limit, to which each trial raises the soft one."""
    if point.channel.kind not in ("pipe", "socket"):
        return None
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * point.descriptors + OPEN_ALREADY
    if limit == resource.RLIM_INFINITY or needed <= limit:
        return None
    return (
        f"a process may have {limit} descriptors here (ulimit -Hn); this point needs {needed}, for "
        "both ends of its connections"
    )


def _cannot_channel(spec: EngineSpec, point: Point) -> str | None:
    if point.channel.kind == "file":
        return None if spec.caps["files"] else f"{spec.canonical} does not support regular files"
    return None if spec.caps["streams"] else f"{spec.canonical} supports only regular files"
