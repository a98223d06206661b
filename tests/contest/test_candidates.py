"""Who takes part at a point: all that can, each option by itself, nothing twice."""

from __future__ import annotations

import pytest

from iomodels.contest.candidates import Found, candidates
from iomodels.engines.kinds.groups import GROUPS
from iomodels.engines.sources import CORE_ENGINES, DESCRIPTORS
from iomodels.engines.spec import parse, parse_list
from iomodels.results.schema import HARNESS
from iomodels.workload.point import Point
from iomodels.workload.scenario import load, points, shipped


def point(name: str, **settings: str) -> Point:
    given = {key.replace("_", "."): [value] for key, value in settings.items()}
    return next(iter(points(load(name, given))))


def by_name(found: list[Found]) -> dict[str, Found]:
    return {one.spec.canonical: one for one in found}


@pytest.mark.parametrize("name", shipped())
def test_every_engine_is_named_and_enough_take_part(name: str) -> None:
    found = candidates(point(name))
    assert {one.spec.name for one in found} == set(CORE_ENGINES) - {HARNESS}
    assert len(by_name(found)) == len(found)
    able = [one for one in found if one.reason is None]
    assert 5 <= len(able) <= 26
    assert all(one.ability.na_reason is None for one in able)
    assert [one.complexity for one in found] == sorted(one.complexity for one in found)


def test_those_in_python_are_asked_for_as_a_group() -> None:
    members = GROUPS["python"].members
    found = candidates(point("slow-devices", load_depth="4"), among=members)
    assert {one.spec.name for one in found} == set(members)
    assert "python:selectors:selector=poll" in by_name(found), "with its options"
    assert [one.complexity for one in found] == sorted(one.complexity for one in found)
    mixed = candidates(point("slow-devices"), chosen=parse_list(["python:asyncio,epoll"]))
    assert {one.spec.name for one in mixed} == {"python:asyncio", "epoll"}


def test_what_is_the_same_as_blocking_is_said_and_left_out() -> None:
    found = by_name(candidates(point("cached-read")))
    assert found["blocking"].reason is None
    for name in ("nonblocking", "select", "io_uring", "io_uring:fixed=both"):
        assert "same as blocking" in str(found[name].reason), name


def test_where_blocking_cannot_each_degenerate_engine_is_one_candidate() -> None:
    found = by_name(candidates(point("cached-batch", load_batch="32", load_depth="32")))
    assert found["blocking"].reason is not None
    assert found["io_uring"].reason is None
    assert "the same as io_uring" in str(found["io_uring:fixed=both"].reason)


@pytest.mark.parametrize(("today", "taken"), [(None, "select"), ("poll", "poll")])
def test_where_blocking_cannot_engines_that_do_the_same_are_one_candidate(
    today: str | None, taken: str
) -> None:
    """select and poll do not wait for a file that is always ready: they only read it."""
    at = point("cached-read", load_depth="4")
    found = by_name(candidates(at, parse(today) if today else None))
    like = {name: found[name].reason for name in ("nonblocking", "select", "poll")}
    assert [name for name, reason in like.items() if reason is None] == [taken]
    assert all(f"the same as {taken} here" in reason for reason in like.values() if reason)


def test_todays_engine_takes_part_whatever_it_is() -> None:
    today = parse("io_uring:fixed=files,taskrun=coop")
    found = by_name(candidates(point("cached-read"), today))
    assert found[today.canonical].reason is None


def test_todays_engine_that_cannot_is_said() -> None:
    found = by_name(candidates(point("cached-read"), parse("epoll")))
    assert "EPERM" in str(found["epoll"].reason)


def test_engines_that_were_named_are_all_there_are() -> None:
    named = [parse("blocking"), parse("select")]
    found = candidates(point("cached-read"), parse("aio"), named)
    assert [one.spec.canonical for one in found] == ["blocking", "select", "aio"]
    assert all(one.reason is None for one in found), "who is named takes part, the same or not"


def test_each_option_is_tried_by_itself() -> None:
    found = by_name(candidates(point("slow-devices")))
    needed = {option.name: option.only for d in DESCRIPTORS.values() for option in d.options}
    for one in found.values():
        given = one.spec.options
        needs = [needed[name] for name in given if needed[name] is not None]
        assert len(given) <= 1 + len(needs), one.spec.canonical


def test_choices_that_only_lose_are_not_tried() -> None:
    tried = by_name(candidates(point("echo")))
    for descriptor in DESCRIPTORS.values():
        for option in descriptor.options:
            for value in option.untried:
                assert not any(
                    one.spec.name == descriptor.name and one.spec.options.get(option.name) == value
                    for one in tried.values()
                )
    assert any(option.untried for d in DESCRIPTORS.values() for option in d.options)


def test_a_link_to_a_sync_is_tried_where_there_is_one() -> None:
    assert by_name(candidates(point("log-append")))["io_uring:link=on"].reason is None
    assert "nothing is synced" in str(
        by_name(candidates(point("slow-devices")))["io_uring:link=on"].reason
    )
