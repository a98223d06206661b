"""Groups that differ only because their descriptors did little each."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from iomodels.observe.counting.flight import Levels
from iomodels.observe.counting.moved import Moved
from iomodels.observe.works.key import WorkKey

_LITTLE = 64
"""Transfers of a descriptor: a program that reads many files whole asks for what each has."""


def grouped(
    flows: Mapping[WorkKey, Moved], levels: Mapping[Hashable, Levels]
) -> tuple[dict[WorkKey, Moved], dict[WorkKey, Levels]]:
    """Many small files are one kind of work, whatever sizes they were read by."""
    found: dict[WorkKey, Moved] = {}
    in_flight: dict[WorkKey, Levels] = {}
    for key, flow in flows.items():
        is_little = key.kind == "file" and flow.transfers < _LITTLE * len(flow.spans)
        is_many = is_little and len(flow.spans) > 1
        of = key._replace(size=None) if is_many else key
        if of not in found:
            found[of], in_flight[of] = Moved(), Levels()
        found[of].merge(flow)
        if key in levels:
            in_flight[of].merge(levels[key])
    return found, in_flight
