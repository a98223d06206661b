"""What was seen becomes scenarios that `bench` takes, and says what they cannot say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iomodels.observe.scenarios import figures_of, notes_of, scenarios_of
from iomodels.observe.seen import BlockShare, Observation, Unseen, Work
from iomodels.workload.scenario import Scenario, points, resolve
from iomodels.workload.writing import NOT_AT_ONCE, as_file

READS = Work(
    kind="file",
    operations=8000,
    bytes_moved=8000 * 4096,
    duration_s=2.0,
    read_share=1.0,
    blocks=(BlockShare(4096, 1.0),),
    depth=1.0,
    depth_mean=0.8,
    descriptors=3,
    active=1,
    model="blocking",
    model_evidence="pread64 on descriptors without O_NONBLOCK",
    sequential_share=0.01,
    cached_share=1.0,
    extent_bytes=64 << 20,
)
SERVES = replace(
    READS,
    kind="socket",
    family="tcp",
    exchange="echo",
    role="server",
    model="epoll",
    depth=8.0,
    descriptors=256,
    active=200,
    blocks=(BlockShare(64, 1.0),),
)


def seen(*works: Work, **others: object) -> Observation:
    return replace(Observation(works, (), calls=9000, duration_s=2.0), **others)


def read_back(folder: Path, observation: Observation) -> list[Scenario]:
    """Through a file, as `bench` reads it; every point is checked by that."""
    path = folder / "mine.toml"
    path.write_text(
        as_file(
            scenarios_of(observation),
            "My program",
            (figures_of(observation), *notes_of(observation)),
        )
    )
    found = resolve([str(path)])
    assert all(points(scenario) for scenario in found)
    return found


def values(tmp_path: Path, work: Work) -> dict[str, object]:
    (scenario,) = read_back(tmp_path, seen(work))
    return dict(scenario.settings)


def notes(work: Work) -> str:
    (scenario,) = scenarios_of(seen(work))
    return "\n".join((*scenario.figures, *scenario.notes))


def test_plain_reads_come_back_as_they_were(tmp_path: Path) -> None:
    assert values(tmp_path, READS) == {
        "channel.kind": "file",
        "channel.size": 64 << 20,
        "channel.cache": "warm",
        "load.block": 4096,
        "load.pattern": "random",
        "load.operation": "read",
        "load.depth": 1,
    }


def test_a_server_keeps_its_connections_and_its_model(tmp_path: Path) -> None:
    (scenario,) = read_back(tmp_path, seen(SERVES))
    assert scenario.today == "epoll"
    assert scenario.settings["channel.role"] == "server"
    assert scenario.settings["load.descriptors"] == 256
    assert scenario.settings["load.depth"] == 8


def test_todays_model_can_do_what_is_written(tmp_path: Path) -> None:
    """A blocking server answers one connection, however many there are."""
    work = replace(SERVES, model="blocking", depth=1.0)
    assert "load.descriptors" not in values(tmp_path, work)
    assert "256 connections were open" in notes(work)


def test_several_kinds_of_work_are_a_suite_in_their_order_with_what_that_leaves_out(
    tmp_path: Path,
) -> None:
    observation = seen(SERVES, READS, replace(READS, model="aio"))
    found = read_back(tmp_path, observation)
    assert [scenario.name for scenario in found] == ["sockets-serve", "files-read", "files-read-2"]
    assert NOT_AT_ONCE in notes_of(observation)
    assert NOT_AT_ONCE not in notes_of(seen(READS))
    assert f"# {NOT_AT_ONCE}\n" in (tmp_path / "mine.toml").read_text()


def test_what_was_not_seen_is_said(tmp_path: Path) -> None:
    unseen = (Unseen("mmap of a file", 3, "its I/O makes no system calls"),)
    assert any("3 × mmap of a file" in note for note in notes_of(seen(READS, unseen=unseen)))
    assert any("7 lines" in note for note in notes_of(seen(READS, lines_not_understood=7)))


@pytest.mark.parametrize(
    ("change", "key", "value", "note"),
    [
        ({"read_share": 0.0}, "load.operation", "write", ""),
        ({"read_share": 0.7}, "load.read_share", 0.7, ""),
        ({"is_direct": True}, "channel.cache", "direct", ""),
        ({"cached_share": 0.1}, "channel.cache", "cold", ""),
        ({"cached_share": 0.1, "read_share": 0.5}, "channel.cache", "warm", "waited for the disk"),
        ({"sequential_share": 1.0}, "load.pattern", "sequential", ""),
        ({"sequential_share": 0.6}, "load.pattern", "random", "60 % of the transfers"),
        ({"read_share": 0.0, "is_append": True}, "channel.append", True, ""),
        ({"read_share": 0.0, "is_append": True, "depth": 4.0}, "load.depth", 4, "appends"),
        ({"read_share": 0.0, "sync": "data", "writes_per_sync": 1.0}, "load.sync", "data", ""),
        ({"read_share": 0.0, "sync": "every", "writes_per_sync": 2.0}, "load.sync", "every", "2 w"),
        ({"depth": 5000.0}, "load.depth", 1024, "load.depth was 5000 and is 1024 here"),
        ({"depth": 8.2, "batch": 20}, "load.batch", 8, ""),
        ({"depth": 8.0, "active": 1}, "channel.opens", 1, ""),
        ({"arrivals": "constant", "rate": 1234.567}, "load.rate", 1235.0, ""),
        ({"compute_ns": 100_400}, "load.compute", 100_000, ""),
        ({"extent_bytes": 10 << 40}, "channel.size", 1 << 30, "10 TiB of files were touched"),
        ({"extent_bytes": 5000}, "channel.size", 8192, ""),
        (
            {"read_share": 0.0, "blocks": (BlockShare(100, 1.0),)},
            "load.block",
            512,
            "100 % of the sizes are rounded up to a multiple of 512 B",
        ),
        (
            {"blocks": (BlockShare(4096, 0.7), BlockShare(65536, 0.3))},
            "load.block",
            "4 KiB/70:64 KiB/30",
            "",
        ),
        ({"blocks": (BlockShare(4096, 0.99), BlockShare(8192, 0.01))}, "load.block", 4096, ""),
    ],
)
def test_each_thing_seen_has_its_key_or_its_note(
    tmp_path: Path, change: dict[str, object], key: str, value: object, note: str
) -> None:
    work = replace(READS, **change)
    assert values(tmp_path, work)[key] == value
    assert note in notes(work)
    if not note:
        assert scenarios_of(seen(work))[0].notes == ()


@pytest.mark.parametrize(
    "change",
    [{"compute_ns": 1_000}, {"arrivals": "poisson", "rate": None}, {"sync": "data"}],
)
def test_what_was_not_there_is_not_written(tmp_path: Path, change: dict[str, object]) -> None:
    assert values(tmp_path, replace(READS, **change)) == values(tmp_path, READS)


def test_many_sizes_are_grouped_and_keep_their_mean(tmp_path: Path) -> None:
    sizes = [100 + 37 * n for n in range(200)]
    shares = tuple(BlockShare(size, 1 / len(sizes)) for size in sizes)
    (scenario,) = read_back(tmp_path, seen(replace(SERVES, blocks=shares)))
    (point,) = points(scenario)
    assert point.load.block.mean == pytest.approx(sum(sizes) / len(sizes), rel=0.01)
    assert "there were more than 12 sizes" in notes(replace(SERVES, blocks=shares))


def anything_seen() -> st.SearchStrategy[Work]:
    """Also what makes no sense together: a scenario must come of it all the same."""
    sizes = st.integers(0, 1 << 40)
    shares = st.floats(0, 1)
    return st.builds(
        Work,
        kind=st.sampled_from(["file", "pipe", "socket", "timer"]),
        operations=st.integers(0, 1 << 40),
        bytes_moved=sizes,
        duration_s=st.floats(0, 1e6),
        read_share=shares,
        blocks=st.lists(st.builds(BlockShare, sizes, shares), max_size=40).map(tuple),
        depth=st.floats(0, 1e5),
        depth_mean=st.floats(0, 1e5),
        descriptors=st.integers(0, 1 << 20),
        active=st.integers(0, 1 << 20),
        model=st.just("blocking"),
        model_evidence=st.just("read"),
        sequential_share=st.none() | shares,
        sync=st.sampled_from(["none", "data", "every"]),
        writes_per_sync=st.none() | st.floats(0.1, 1e6),
        is_append=st.booleans(),
        is_direct=st.booleans(),
        cached_share=st.none() | shares,
        extent_bytes=st.none() | sizes,
        family=st.sampled_from([None, "unix", "tcp"]),
        exchange=st.sampled_from([None, "echo", "stream"]),
        role=st.sampled_from([None, "client", "server"]),
        compute_ns=st.integers(0, 1 << 45),
        arrivals=st.sampled_from(["closed", "constant", "poisson"]),
        rate=st.none() | st.floats(0, 1e12),
        service_ns=st.none() | st.integers(0, 1 << 50),
        batch=st.integers(0, 5000),
    )


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(works=st.lists(anything_seen(), min_size=1, max_size=4))
def test_whatever_was_seen_the_file_can_be_measured(tmp_path: Path, works: list[Work]) -> None:
    found = read_back(tmp_path, seen(*works))
    assert len(found) == len(works)


def test_the_model_of_today_is_measured_with_its_options(tmp_path: Path) -> None:
    (scenario,) = read_back(tmp_path, seen(replace(READS, model="threads:handoff=none", depth=4.0)))
    assert scenario.engines == ("all", "threads:handoff=none")
    assert scenario.today == "threads:handoff=none"
