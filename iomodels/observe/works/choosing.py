"""Which works are worth saying: the hot ones, without what a program reads to begin with."""

from __future__ import annotations

from collections.abc import Mapping

from iomodels.observe.counting.moved import Moved
from iomodels.observe.works.key import WorkKey

_SHARE_OF_HOTTEST = 0.02
"""Of the operations of the hottest work; fewer are its small change."""
_SHARE_OF_BYTES = 0.05
"""Of all bytes: few operations, but large ones."""
_LEAST = 8
"""Operations; fewer are a work only if there is nothing else."""
_LEAST_OF_LIBRARY = 1000
"""Operations: an interpreter with its modules makes some hundreds when it starts."""
_BESIDE = 0.8
"""Of the time of the rest: reading parts goes on beside it, and does not come before."""
_AS_OFTEN = 0.5
"""Of the operations of the rest: one of its reads for every two of theirs."""
_MOST = 12
"""Works that are said: more is no answer."""


def chosen(flows: Mapping[WorkKey, Moved]) -> list[WorkKey]:
    """The keys of the works to say, the hottest first: those with most operations."""
    possible = {key: flow for key, flow in flows.items() if key.kind and flow.operations}
    own = {key: flow for key, flow in possible.items() if not key.is_library}
    own |= {
        key: flow for key, flow in possible.items() if key.is_library and _is_work(key, flow, own)
    }
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


def _is_work(key: WorkKey, library: Moved, own: Mapping[WorkKey, Moved]) -> bool:
    """Whether reading programs' parts is what the program does, as when it copies or packs them: it
    goes on while the rest goes on. The loader and interpreters read them first."""
    if library.operations < _LEAST_OF_LIBRARY:
        return False
    beside = [
        flow
        for other, flow in own.items()
        if other.program == key.program and flow.operations >= _LEAST
    ]
    if not beside:
        return not any(flow.operations >= _LEAST for flow in own.values())
    rest = max(beside, key=lambda flow: flow.operations)
    together_s = min(library.last_s, rest.last_s) - max(library.first_s, rest.first_s)
    return together_s > _BESIDE * (rest.last_s - rest.first_s) and (
        library.operations > _AS_OFTEN * rest.operations
    )
