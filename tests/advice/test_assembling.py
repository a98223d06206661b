"""An answer put together: caveats from the data, and where the answers of a sweep turn."""

from __future__ import annotations

import pytest

from iomodels.advice import caveats, limits
from iomodels.advice.assembling import over_sweeps
from iomodels.advice.document import GivenLimit, PointAdvice
from iomodels.advice.from_result import measured_points
from iomodels.base.errors import NothingMeasured, UsageError
from iomodels.workload.point import point_from_parameters

from ..advice_samples import EPOLL, IO_URING, SELECT, point
from ..factory import make_cell, make_run


def at_depth(depth: int, use: str | None, as_good: tuple[str, ...]) -> PointAdvice:
    return point(
        parameters={"channel.kind": "socket", "load.depth": depth},
        label=f"depth {depth}",
        candidates=(SELECT, EPOLL, IO_URING),
        use=use,
        why_none=None if use else "too few rounds",
        as_good=as_good,
        gain=None,
        turnings=(),
    )


def turning_of(*points: PointAdvice):
    (turning,) = over_sweeps(points)[0].turnings
    return turning


def test_the_answers_of_a_sweep_say_where_they_turn() -> None:
    found = turning_of(
        at_depth(4, "select", ("select",)),
        at_depth(1, "select", ("select",)),
        at_depth(16, "epoll", ("epoll", "io_uring")),
    )
    assert (found.key, found.values) == ("load.depth", (1, 4, 16))
    assert (found.low, found.high, found.below, found.above) == (4, 16, "select", "epoll")
    assert set(found.measured) == {"select", "epoll"}


def test_answers_that_are_as_good_as_each_other_do_not_turn() -> None:
    found = turning_of(
        at_depth(1, "select", ("select",)), at_depth(4, "epoll", ("epoll", "select"))
    )
    assert (found.low, found.best) == (None, ("select", "epoll"))


def test_where_one_is_inconclusive_nothing_turns() -> None:
    assert turning_of(at_depth(1, "select", ("select",)), at_depth(4, None, ())).low is None


def test_a_single_point_has_no_sweep() -> None:
    assert over_sweeps([at_depth(1, "select", ("select",))])[0].turnings == ()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"channel.kind": "file", "channel.size": 1 << 20}, "The file was in the page cache"),
        (
            {"channel.kind": "file", "channel.size": 1 << 20, "load.operation": "write"},
            "stayed in the page cache",
        ),
        (
            {
                "channel.kind": "file",
                "channel.size": 1 << 20,
                "load.operation": "write",
                "load.sync": "data",
            },
            "It holds for this device",
        ),
        (
            {"channel.kind": "file", "channel.size": 1 << 20, "channel.cache": "direct"},
            "(vda, ext4)",
        ),
        ({"channel.kind": "socket", "channel.family": "tcp"}, "on loopback"),
        ({"channel.kind": "timer", "channel.service": 1000}, "The device is a timer"),
        ({"channel.kind": "timer", "channel.service": 1000, "load.depth": 4}, "4 requests in"),
    ],
)
def test_what_would_make_it_wrong_follows_from_the_workload(parameters, said) -> None:
    environment = {"file_system": "ext4", "file_system_device": "vda"}
    assert said in " ".join(caveats.of(point_from_parameters("x", parameters), environment))


def test_what_would_make_it_wrong_follows_from_the_machine() -> None:
    timer = point_from_parameters("x", {"channel.kind": "timer", "channel.service": 1000})
    machine = {"cores_allowed": 2, "hypervisor": "KVM", "kernel": "6.18"}
    last = caveats.of(timer, machine)[-1]
    assert last == (
        "It was measured on 2 CPUs, a virtual machine (KVM), kernel 6.18; ask again on another."
    )
    assert not any("measured on" in each for each in caveats.of(timer, {}))


def test_a_result_is_judged_with_all_its_rounds() -> None:
    cells = [make_cell("epoll"), make_cell("blocking"), make_cell("null"), make_cell("no engine")]
    cells = [
        make_cell(cell.engine, parameters={"channel.service": 1000}, status=cell.status)
        for cell in cells
    ]
    (found,) = measured_points(make_run(cells), "epoll")
    assert [candidate.engine for candidate in found.candidates] == ["blocking", "epoll"]
    assert all(len(candidate.confirming) == 7 for candidate in found.candidates)
    assert found.today == "epoll"
    (found,) = measured_points(make_run(cells), "select")
    assert found.today is None


def test_a_result_without_a_measurement_has_no_answer() -> None:
    with pytest.raises(NothingMeasured):
        measured_points(make_run([make_cell("null")]), None)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("cpu=1", GivenLimit("cpu_share", 1.0)),
        ("cpu=50%", GivenLimit("cpu_share", 0.5)),
        ("p99=1ms", GivenLimit("latency_ns.p99", 1e6)),
        ("p50 = 200 us", GivenLimit("latency_ns.p50", 2e5)),
        ("memory=8MiB", GivenLimit("memory_bytes", 8 << 20)),
    ],
)
def test_limits_have_units(given: str, found: GivenLimit) -> None:
    assert limits.parse([given]) == (found,)


@pytest.mark.parametrize(
    "given",
    ["", "cpu", "cpu=", "cpu=-1", "cpu=nan", "cpu=inf", "cpu=1e999", "p99=4", "p99=0 ms", "fame=1",
     "memory=8", "cpu=9\x1b[31m", "p99=1ms=2"],
)  # fmt: skip
def test_a_wrong_limit_is_refused_in_one_sentence(given: str) -> None:
    with pytest.raises(UsageError) as refused:
        limits.parse([given])
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_a_limit_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        limits.parse(["cpu=1", "cpu=2"])
