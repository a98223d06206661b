"""asyncio and uvloop: large blocks, many connections, dead peers, deadlines, what they leave."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from iomodels.base.errors import TrialError
from iomodels.engines.spec import EngineSpec, parse
from iomodels.measure.plan import planned_cell
from iomodels.python import uvloop_engine
from iomodels.python.contract import READ, Setup
from iomodels.python.event_loops.timers import Timers
from iomodels.trials.child import Child
from iomodels.trials.launch import own_launch
from iomodels.trials.planned import PlannedCell, PlannedTrial
from iomodels.trials.preparation import Preparation
from iomodels.trials.record import Record, new_record
from iomodels.workload.point import point_from_parameters

from .moving import ALL_BYTES, LONG_S, OPERATIONS, WORKS, run

MIB = 1 << 20
APIS = ("streams", "sock", "protocol")
LOOPS = ("python:asyncio", "python:uvloop")
ENGINES = [parse(f"{loop}:api={api}") for loop in LOOPS for api in APIS]
SOCKET: Mapping[str, object] = {"channel.kind": "socket", "load.block": 64}
ECHO = SOCKET | {"channel.exchange": "echo"}
LARGE: Mapping[str, Mapping[str, object]] = {
    "tcp-server": ECHO | {"channel.family": "tcp", "channel.role": "server", "load.descriptors": 2},
    "reads": SOCKET | {"channel.exchange": "stream"},
    "writes": SOCKET | {"channel.exchange": "stream", "load.operation": "write"},
    "pipe-echo": ECHO | {"channel.kind": "pipe"},
}


def named(parameter: EngineSpec | str) -> str:
    return parameter if isinstance(parameter, str) else parameter.canonical


@pytest.fixture(scope="module")
def preparation() -> Iterator[Preparation]:
    with Preparation(1) as made:
        yield made


def cell(spec: EngineSpec, parameters: Mapping[str, object]) -> PlannedCell:
    """One that the engine can do here, or the test is skipped."""
    found = planned_cell(0, point_from_parameters("test", parameters), spec, [spec])
    if found.na_reason is not None:
        pytest.skip(found.na_reason)
    return found


def able(works: Mapping[str, Mapping[str, object]]) -> list[tuple[EngineSpec, str]]:
    """Which APIs there are for which works."""

    def is_there(spec: EngineSpec, kind: object) -> bool:
        api = spec.option("api")
        return kind == "socket" or api == "streams" or (kind == "pipe" and api == "protocol")

    return [
        (spec, work)
        for spec in ENGINES
        for work, parameters in works.items()
        if is_there(spec, parameters["channel.kind"])
    ]


def in_turn(cases: list[tuple[EngineSpec, str]]) -> list[ParameterSet]:
    """An API with a work is met by one of the two event loops in a quick run, in turn."""
    works = list(dict.fromkeys(work for _, work in cases))
    return [
        pytest.param(spec, work, marks=() if is_quick else pytest.mark.long)
        for spec, work in cases
        for turn in [works.index(work) + APIS.index(spec.option("api"))]
        for is_quick in [spec.name == LOOPS[turn % 2]]
    ]


@pytest.mark.parametrize(("spec", "work"), in_turn(able(LARGE)), ids=named)
def test_messages_may_be_larger_than_all_buffers(
    spec: EngineSpec, work: str, preparation: Preparation
) -> None:
    """A StreamReader keeps 128 KiB, a socket about 200, and a pipe 64."""
    large = cell(spec, {**LARGE[work], "load.block": MIB, "load.depth": 2})
    for found in run(preparation, large, operations=8):
        assert found.operations >= 8
        assert found.bytes >= 8 * MIB


@pytest.mark.parametrize("spec", ENGINES, ids=named)
def test_a_server_has_many_connections(spec: EngineSpec, preparation: Preparation) -> None:
    many = ECHO | {"channel.role": "server", "load.descriptors": 400, "load.depth": 8}
    for found in run(preparation, cell(spec, many), operations=500):
        assert found.verified >= found.operations >= 500


@pytest.mark.parametrize("spec", ENGINES, ids=named)
def test_small_reads_of_what_came_in_large_pieces(
    spec: EngineSpec, preparation: Preparation
) -> None:
    """More lies in the process than is asked for, also between two slices."""
    small = SOCKET | {"channel.exchange": "stream", "load.block": 1000}
    for found in run(preparation, cell(spec, small), slices=4, operations=1500):
        assert found.bytes == found.in_window * 1000
        assert found.verified == found.operations


# ------------------------------------------------------------------ dead peers and deadlines


def disturb(
    preparation: Preparation,
    disturbing: PlannedCell,
    how: Callable[[Record], None],
    seconds: float = LONG_S,
) -> None:
    """A slice, during which `how` is called about every 0.2 s."""
    with (
        preparation.command(PlannedTrial(0, 0, disturbing, LONG_S, 0.0)) as command,
        new_record() as record,
        Child(replace(command, settings={**command.settings, **ALL_BYTES}), record) as child,
    ):
        child.open()
        child.run_slice(seconds, lambda operations: how(record))


DYING = {work: LARGE[work] for work in ("tcp-server", "writes")}


@pytest.mark.parametrize(("spec", "work"), in_turn(able(DYING)), ids=named)
def test_a_peer_that_dies_is_the_reason(
    spec: EngineSpec, work: str, preparation: Preparation
) -> None:
    def kill(record: Record) -> None:
        if peer := record.field("peer_id"):  # 0 when it is dead
            os.kill(peer, signal.SIGKILL)

    with pytest.raises(TrialError, match="peer"):
        disturb(preparation, cell(spec, LARGE[work]), kill)


@pytest.mark.parametrize(("spec", "work"), in_turn(able({"writes": LARGE["writes"]})), ids=named)
def test_writes_wait_for_a_peer_that_does_not_read(
    spec: EngineSpec, work: str, preparation: Preparation
) -> None:
    """What the kernel does not take is not taken for written, and does not pile up."""
    counts: list[int] = []

    def stop(record: Record) -> None:
        counts.append(record.field("live_operations"))
        os.kill(record.field("peer_id"), signal.SIGCONT if len(counts) > 3 else signal.SIGSTOP)

    writes = cell(spec, LARGE[work] | {"load.block": 1 << 16})
    disturb(preparation, writes, stop, seconds=1.0)
    assert counts[1] > 0
    assert counts[2] == counts[3]


TIMER = {
    "channel.kind": "timer",
    "channel.service.distribution": "exponential",
    "channel.service.mean": 2_000_000,
    "load.depth": 4,
}


@pytest.mark.parametrize("engine", LOOPS)
def test_a_deadline_ends_a_wait_and_the_next_one_is_right(
    engine: str, preparation: Preparation
) -> None:
    late = cell(parse(engine), TIMER | {"load.deadline": 2_000_000})
    for found in run(preparation, late):
        assert found.cancelled > 10  # of 200, a third or more: e^-1, and timers are late
        assert found.operations >= OPERATIONS


@pytest.mark.parametrize("engine", LOOPS)
def test_of_a_file_only_what_waits_for_a_thread_can_be_cancelled(
    engine: str, preparation: Preparation
) -> None:
    """Each write is made once, or not at all: the whole file is compared afterwards."""
    synced = {
        "channel.kind": "file",
        "channel.size": MIB,
        "load.block": 4096,
        "load.operation": "write",
        "load.sync": "data",
        "load.depth": 64,
        "load.deadline": 1_000_000,
    }
    for found in run(preparation, cell(parse(engine), synced), operations=60):
        assert found.operations > 0


# ------------------------------------------------------------------ what is left


QUIET = {name: WORKS[name] for name in ("timer", "file-sync", "pipe-echo", "tcp-server", "idle")}


@pytest.mark.parametrize(("spec", "work"), in_turn(able(QUIET)), ids=named)
def test_nothing_is_said_in_development_mode(
    spec: EngineSpec, work: str, preparation: Preparation
) -> None:
    """No task that is destroyed, no transport or descriptor that is not closed."""
    planned = cell(spec, QUIET[work])
    with (
        preparation.command(PlannedTrial(0, 0, planned, LONG_S, 0.0)) as command,
        new_record() as record,
    ):
        words = own_launch().words(command, parent=os.getpid(), record_fd=record.fd)
        words[1:1] = ["-X", "dev", "-W", "error"]
        done = subprocess.run(
            words,
            input="run 5000000000 0 50\n" * 2 + "close\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            pass_fds=(record.fd, *command.descriptors),
        )
    assert done.stderr == ""
    assert done.stdout.split() == ["open", "0", "0", "0"]
    assert done.returncode == 0


def test_without_uvloop_its_engine_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvloop_engine, "find_spec", lambda name: None)
    spec = parse("python:uvloop")
    reason = planned_cell(0, point_from_parameters("test", ECHO), spec, [spec]).na_reason
    assert reason == "uvloop is not installed: pip install 'iomodels[uvloop]'"


def test_deadlines_that_libuv_cannot_keep_are_not_measured() -> None:
    spec = parse("python:uvloop")
    short = TIMER | {"load.deadline": 500_000}
    reason = planned_cell(0, point_from_parameters("test", short), spec, [spec]).na_reason
    assert reason == "the timers of libuv count in milliseconds; load.deadline is 500 µs"
    assert cell(spec, TIMER | {"load.deadline": 1_000_000})


def test_a_timer_that_was_read_as_its_deadline_came_has_expired() -> None:
    """Both in one turn of the loop, which was kept from running until then."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    results: list[object] = []

    class OneRead:
        slot, fd, operation, length = 0, reading, READ, 8

        def next(self, _: object, result: object) -> None:
            results.append(result)

    async def work() -> None:
        deadline_s = 0.01
        one: Any = OneRead()
        loop = asyncio.get_running_loop()
        setup = Setup.of(one, {}, "timer", {"deadline_ns": round(deadline_s * 1e9)})
        made = Timers(setup, [].append)
        made.begin(one)
        await asyncio.sleep(0)
        os.write(writing, b"12345678")
        ends_s = loop.time() + deadline_s
        while loop.time() <= ends_s:
            pass
        while not results:
            await asyncio.sleep(0)
        await made.close()

    asyncio.run(work())
    os.close(reading)
    os.close(writing)
    assert results == [b"12345678"]
