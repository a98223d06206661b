"""What the scenario's own checks accept, the core can open: no contradiction is left to it.

"opening the channel failed: EINVAL" would name no key.
"""

from __future__ import annotations

import errno
import itertools
from collections.abc import Iterator, Mapping

import pytest

from iomodels import _core
from iomodels.base.errors import ScenarioError
from iomodels.engines.spec import parse
from iomodels.measure.plan import planned_cell
from iomodels.trials.planned import PlannedTrial
from iomodels.trials.preparation import Preparation
from iomodels.trials.record import new_record
from iomodels.workload.point import Point, point_from_parameters

LOAD: Mapping[str, tuple[object, ...]] = {
    "load.depth": (1, 3),
    "load.operation": ("read", "write", "mixed"),
    "load.arrivals": ("closed", "poisson"),
}
ON_FILES: Mapping[str, tuple[object, ...]] = {
    "channel.kind": ("file",),
    "channel.size": (512, 8192),
    "channel.cache": ("warm", "cold", "direct"),
    "channel.nowait": (False, True),
    "channel.append": (False, True),
    "channel.opens": ("per-request", 1),
    "load.block": (1, 512, 4096),
    "load.deadline": (0, 1000),
}
WITH_A_PEER: Mapping[str, tuple[object, ...]] = {
    "channel.kind": ("pipe", "socket"),
    "channel.exchange": ("echo", "stream"),
    "channel.role": ("client", "server"),
    "load.descriptors": (0, 2, 5),
    "load.batch": (0, 1, 3),
    "load.block": (1, 4096),
}
TIMERS: Mapping[str, tuple[object, ...]] = {
    "channel.kind": ("timer",),
    "channel.service.distribution": ("constant", "exponential"),
    "channel.service.mean": (1, 3_600_000_000_000),
    "channel.opens": ("per-request", 1),
    "load.deadline": (0, 1000),
}


def accepted(keys: Mapping[str, tuple[object, ...]]) -> Iterator[Point]:
    """The points of all combinations that the scenario's checks let through, each once."""
    every = {**LOAD, **keys}
    seen = set()
    for values in itertools.product(*every.values()):
        parameters = dict(zip(every, values, strict=True))
        try:
            point = point_from_parameters("x", parameters)
        except ScenarioError:
            continue
        if (key := repr(point.parameters)) not in seen:
            seen.add(key)
            yield point


def pairs_in(points: list[Point]) -> set[tuple[object, object]]:
    """Each two values that occur together."""
    each = (map(repr, sorted(point.parameters.items())) for point in points)
    return {pair for values in each for pair in itertools.combinations(values, 2)}


KINDS = pytest.mark.parametrize(
    "keys", [ON_FILES, WITH_A_PEER, TIMERS], ids=["file", "peer", "timer"]
)


@KINDS
def test_each_two_values_that_are_accepted_can_be_opened(
    keys: Mapping[str, tuple[object, ...]],
) -> None:
    """A contradiction is one of two keys, or nearly always."""
    every = list(accepted(keys))
    some = every[::5]
    missing = pairs_in(every) - pairs_in(some)
    assert_can_be_opened(some + [point for point in every if pairs_in([point]) & missing])


@pytest.mark.longest
@KINDS
def test_what_is_accepted_can_be_opened(keys: Mapping[str, tuple[object, ...]]) -> None:
    assert_can_be_opened(list(accepted(keys)))


def assert_can_be_opened(points: list[Point]) -> None:
    tried = 0
    with Preparation(1) as preparation:
        for point in points:
            if preparation.why_not(point) is not None:
                continue
            cell = planned_cell(0, point, parse("null"))
            trial = PlannedTrial(0, 0, cell, 0.01, 0.0)
            with preparation.command(trial) as command, new_record() as record:
                settings = {name: int(value) for name, value in command.settings.items()}
                loop = _core.Loop("null", command.channel, settings, record.fd)
                assert record.field("error") != errno.EINVAL, point.parameters
                if loop.is_open():
                    loop.close()
                tried += 1
    assert tried > 5


def test_buffers_larger_than_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iomodels.trials.preparation.memory_bytes", lambda: 1 << 30)
    parameters = {"channel.kind": "file", "channel.size": 64 << 20, "load.depth": 16}
    with Preparation(1) as preparation:
        enough = point_from_parameters("x", {**parameters, "load.block": 32 << 20})
        assert preparation.why_not(enough) is None
        too_much = point_from_parameters("x", {**parameters, "load.block": 64 << 20})
        assert "buffers of 1 GiB" in str(preparation.why_not(too_much))


@pytest.mark.parametrize(
    ("parameters", "keys"),
    [
        ({"channel.cache": "direct", "channel.nowait": True}, ("channel.nowait", "channel.cache")),
        ({"channel.size": 1 << 33, "load.block": 1}, ("channel.size", "load.block")),
    ],
)
def test_a_contradiction_names_its_keys(
    parameters: dict[str, object], keys: tuple[str, str]
) -> None:
    with pytest.raises(ScenarioError) as caught:
        point_from_parameters("x", {"channel.kind": "file", **parameters})
    assert all(key in str(caught.value) for key in keys)
