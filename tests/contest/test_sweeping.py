"""The search for a turning point: over which key, who takes part, and one that is measured."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from iomodels.advice.document import Candidate
from iomodels.advice.measured import MeasuredCandidate, MeasuredPoint
from iomodels.advice.verdict import PointVerdict
from iomodels.contest import sweeping
from iomodels.contest.sweeping import Search, contenders, usual_key
from iomodels.workload.point import point_from_parameters
from tests.factory import make_trial

FILE = {"channel.kind": "file", "channel.size": 1 << 20}
SOCKET = {"channel.kind": "socket"}


def point_of(parameters, **load):
    loads = {f"load.{name}": value for name, value in load.items()}
    return point_from_parameters("x", {**parameters, **loads})


def candidate(engine: str, rounds: int = 12) -> Candidate:
    return Candidate(engine, 10, rounds, None, {})


def verdict_of(use: str | None, *engines: str, as_good: tuple[str, ...] = ()) -> PointVerdict:
    found = tuple(candidate(engine, 12 - n) for n, engine in enumerate(engines))
    return PointVerdict(use, None if use else "too few rounds", None, as_good, found)


def measured_of(point, today: str | None = None) -> MeasuredPoint:
    return MeasuredPoint(point, "X", today, (), 0.0, 0.0)


def search(**others) -> Search:
    fields = {"duration_s": 0.01, "warmup_s": 0.0, "seed": 1, "until_s": time.monotonic() + 60}
    return Search("throughput", (), **(fields | others))


@pytest.mark.parametrize(
    ("point", "key"),
    [
        (point_of(FILE), "load.block"),
        (point_of(FILE, depth=16), "load.depth"),
        (point_of(SOCKET), "load.depth"),
        (point_of(SOCKET, descriptors=100), "load.descriptors"),
        (point_of({**SOCKET, "channel.role": "server"}, depth=4), "load.descriptors"),
    ],
)
def test_the_key_that_is_swept_is_the_one_that_the_scenario_is_about(point, key) -> None:
    assert usual_key(point) == key


def test_the_answer_todays_and_the_best_of_other_names_take_part() -> None:
    verdict = verdict_of(
        "epoll", "epoll", "epoll:trigger=edge", "poll", "io_uring", "threads", as_good=("io_uring",)
    )
    specs = contenders(measured_of(point_of(SOCKET), "select"), verdict)
    assert [spec.canonical for spec in specs] == ["epoll", "select", "io_uring", "poll"]


def test_without_an_answer_nothing_is_looked_for() -> None:
    assert sweeping.look(measured_of(point_of(SOCKET)), verdict_of(None), search(), None) is None


def test_without_time_nothing_is_measured() -> None:
    measured = measured_of(point_of(SOCKET))
    found = sweeping.look(measured, verdict_of("epoll", "epoll"), search(until_s=0.0), None)
    assert found is not None
    assert (found.values, found.low) == ((1,), None)


def test_what_the_point_s_own_trials_took_counts() -> None:
    """Each made a file for 20 s, and 60 s are left."""
    slow = MeasuredCandidate("epoll", 10, confirming=(make_trial(), make_trial()))
    measured = replace(measured_of(point_of(SOCKET)), candidates=(slow,), measured_s=41.0)
    assert measured.beside_s > 15
    found = sweeping.look(measured, verdict_of("epoll", "epoll"), search(), None)
    assert found is not None
    assert found.values == (1,), "nothing was measured"


def test_several_sizes_have_no_order_and_the_depth_is_swept() -> None:
    mixed = point_of(FILE, block="4 KiB/70:64 KiB/30")
    found = sweeping.look(measured_of(mixed), verdict_of("blocking"), search(until_s=0.0), None)
    assert found is not None
    assert found.key == "load.depth"


@pytest.mark.long
def test_an_engine_that_supports_fewer_descriptors_turns_the_answer() -> None:
    measured = measured_of(point_of(SOCKET, descriptors=256, block=64))
    found = sweeping.look(measured, verdict_of("select", "select", "epoll"), search(), None)
    assert found is not None
    assert found.key == "load.descriptors"
    assert (found.below, found.above) == ("select", "epoll")
    assert found.high is not None
    assert found.high <= 1024
