"""What an engine can do here: able, or not and why (n/a)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iomodels.engines.spec import EngineSpec

if TYPE_CHECKING:
    from iomodels.workload.scenario import Point


@dataclass(frozen=True)
class Ability:
    """Whether an engine can run a point: `na_reason` if not; `note` if a reader must know more."""

    na_reason: str | None = None
    note: str | None = None


def _too_many(engine: str, point: Point) -> str:
    if point.serves:
        return (
            f"one thread that blocks in a read cannot serve {point.core_depth} connections, since "
            "it does not know which will bring the next message"
        )
    if point.core_idle:
        return f"{engine} waits for one descriptor and cannot watch {point.core_idle} idle ones too"
    instead = "; a blocking thread for each: -e threads" if engine == "blocking" else ""
    return (
        f"{engine} does one transfer at a time (depth 1), "
        f"and this asks for {point.core_depth} in flight{instead}"
    )


def _cannot_load(caps: Mapping[str, int], spec: EngineSpec, point: Point) -> str | None:
    """Why the engine cannot make such requests at all, or None."""
    if caps["max_depth"] and point.core_depth + point.core_idle > caps["max_depth"]:
        return _too_many(spec.canonical, point)
    if caps["waits_for_all"] and (point.serves or point.core_idle):
        return (
            "lio_listio with LIO_WAIT returns when all have ended, so idle or slow ones would keep "
            "the others waiting"
        )
    if caps["chains"] and point.load.is_open_loop:
        return (
            "a request of an open loop starts when it is due, not when another one has ended: "
            "there is nothing to chain"
        )
    if caps["chains"] and point.load.batch > 1:
        return "a chain starts one request where one has ended, so there are no batches"
    if point.load.deadline and caps["moves_data"] and not caps["cancels"]:
        return f"{spec.canonical} cannot cancel what it has begun, as load.deadline asks"
    return None


def ability(spec: EngineSpec, point: Point) -> Ability:
    """Whether `spec` can run `point`, from the core's capabilities alone."""
    caps = spec.caps
    in_flight = point.core_depth + point.core_idle
    reason = _cannot_load(caps, spec, point)
    if reason is not None:
        return Ability(reason)
    threads = int(spec.options.get("threads", 0))
    if 0 < threads < in_flight and point.channel.kind in ("pipe", "socket"):
        return Ability(
            f"it keeps a read on each of {in_flight} connections, and with {threads} threads those "
            "that wait would keep all others waiting for ever"
        )
    if point.channel.kind == "file":
        if not caps["files"]:
            return Ability(f"{spec.canonical} cannot work on regular files")
        if caps["degenerate_on_files"] and not (point.channel.nowait and caps["nowait"]):
            return Ability(
                note="degenerate: same as blocking, since a regular file is always ready"
            )
    elif not caps["streams"]:
        return Ability(f"{spec.canonical} works on regular files only")
    return Ability()
