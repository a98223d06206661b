"""Which works are worth saying: the hot ones, without what a program reads to begin with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from iomodels.observe.counting.moved import Moved
from iomodels.observe.works.key import WorkKey

_SHARE_OF_HOTTEST = 0.02
_SHARE_OF_BYTES = 0.05
_LEAST = 8
"""Operations; fewer are a work only if there is nothing else."""
_MOST = 12


def chosen(flows: Mapping[WorkKey, Moved]) -> list[WorkKey]:
    """The keys of the works to say, the hottest first: those with most operations."""
    possible = {key: flow for key, flow in flows.items() if key.kind and flow.operations}
    own = {key: flow for key, flow in possible.items() if not key.is_library}
    if _weighs_more(possible, own):
        own = possible
    ordered = sorted(own, key=lambda key: (-own[key].operations, -own[key].bytes_moved))
    if not ordered:
        return []
    hottest = own[ordered[0]].operations
    total = sum(flow.bytes_moved for flow in own.values())
    kept = [
        key
        for key in ordered
        if own[key].operations >= max(_LEAST, _SHARE_OF_HOTTEST * hottest)
        or (own[key].operations >= _LEAST and own[key].bytes_moved > _SHARE_OF_BYTES * total)
    ]
    return (kept or [key for key in ordered[:1] if not key.is_library])[:_MOST]


def _weighs_more(possible: Mapping[WorkKey, Moved], own: Mapping[WorkKey, Moved]) -> bool:
    """Whether reading programs' parts is what was done, as when they are copied."""
    if any(key.kind != "file" and flow.operations >= _LEAST for key, flow in own.items()):
        return False
    read = [flow for key, flow in possible.items() if key not in own]
    operations, moved = _measured(read)
    own_operations, own_moved = _measured(own.values())
    return operations > 2 * own_operations and moved > 2 * own_moved


def _measured(flows: Iterable[Moved]) -> tuple[int, int]:
    listed = list(flows)
    return sum(flow.operations for flow in listed), sum(flow.bytes_moved for flow in listed)
