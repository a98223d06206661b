"""POSIX AIO: every way to learn of completion, chaining, and which options there are."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from iomodels.base.errors import EngineError
from iomodels.engines.spec import parse as parse_engine
from iomodels.trials.record import new_record

from ..some_engines import CAPS, open_loop
from .aio_jobs import (
    AIO,
    BLOCK,
    CALLBACKS,
    FILE_SIZE,
    LIST,
    LIST_NOWAIT,
    MS,
    POLL,
    SIGNAL,
    SIGNAL_HANDLER,
    US,
    job,
    run,
)

CHAINING = [name for name in AIO if CAPS[name]["next_start"] != "loop"]
WORKLOADS = ("timer", "file", "file-write", "pipe", "socket")


def starts(calls: dict[str, int]) -> int:
    """Transfers that were started singly."""
    return sum(calls.get(name, 0) for name in ("aio_read", "aio_write", "aio_fsync"))


# ---------------------------------------------------------------------- every notification


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("engine", AIO)
def test_every_notification_completes_everything(engine: str, workload: str) -> None:
    # The deepest first, since the pool's size is that of the first.
    for answer in run(*(job(engine, workload, depth, 100, slices=2) for depth in (32, 8, 1))):
        assert answer["results"] == [0, 0], (answer["stage"], answer["error"])
        assert answer["closed"] == 0
        assert answer["slice_operations"] >= 100
        assert answer["latency"] == answer["window_operations"]
        assert answer["early_completions"] == 0
        transfers = 2 if workload in ("pipe", "socket") else 1
        calls = answer["calls"]
        assert calls["aio_return"] == transfers * answer["slice_operations"]
        if "list" in engine:
            assert starts(calls) == 0
            assert 0 < calls["lio_listio"] <= calls["aio_return"]
        else:
            assert starts(calls) == calls["aio_return"]
        if workload == "file":
            assert answer["verified_words"] == answer["slice_operations"] * BLOCK // 8
        if workload == "file-write":
            assert answer["read_back_bytes"] == FILE_SIZE
        assert answer["state_is_the_same"], "a signal, handler or mask was left behind"
        assert answer["descriptors_left"] == 0


@pytest.mark.parametrize("settings", [{"server": 1}, {"idle": 1}], ids=["server", "idle"])
def test_who_waits_for_all_does_not_wait_for_ever(settings: dict[str, int]) -> None:
    with new_record() as record:
        asked = {"block": 100, "depth": 2, **settings}
        loop = open_loop(LIST, "socket", asked, record.fd)
        assert not loop.is_open()
        assert (record.stage, record.field("error")) == ("engine_open", errno.EOPNOTSUPP)


@pytest.mark.parametrize("engine", [name for name in AIO if name != LIST])
def test_a_server_and_idle_descriptors(engine: str) -> None:
    (served,) = run(job(engine, "socket", 16, 300, server=1))
    assert served["results"] == [0]
    assert served["slice_operations"] >= 300
    (watched,) = run(job(engine, "socket", 4, 300, idle=20))
    assert watched["results"] == [0]
    assert watched["closed"] == 0


@pytest.mark.parametrize("engine", [name for name in AIO if name != POLL])
def test_a_wait_burns_no_cpu(engine: str) -> None:
    (answer,) = run(job(engine, "timer", 4, 4, service_mean_ns=150 * MS))
    spent_ns = answer["window_user_ns"] + answer["window_system_ns"]
    assert answer["results"] == [0]
    assert spent_ns < answer["window_ns"] / 10


def test_every_call_of_the_articles_table_is_made() -> None:
    made: set[str] = set()
    for answer in run(
        *(job(engine, "timer", 4, 50) for engine in AIO),
        job("aio", "file-write", 4, 50, sync=2),
        job("aio", "timer", 4, 500, deadline_ns=20 * US),  # some of so many meet a CPU in time
    ):
        assert answer["results"] == [0]
        made |= set(answer["calls"])
    table_1 = {"read", "write", "error", "return", "suspend", "cancel"}
    assert {f"aio_{name}" for name in table_1} | {"lio_listio", "aio_fsync"} <= made


@pytest.mark.parametrize("depth", [1, 8])
def test_the_calls_are_those_of_the_articles_listings(depth: int) -> None:
    names = ("aio", LIST, SIGNAL, SIGNAL_HANDLER)
    answers = run(*(job(name, "timer", depth, 400, batch=depth) for name in names))
    for name, answer in zip(names, answers, strict=True):
        calls, operations = answer["calls"], answer["slice_operations"]
        if name == LIST:
            assert calls["lio_listio"] == -(-operations // depth)
            assert calls["aio_error"] == operations
        elif name == "aio":
            assert calls["aio_suspend"] <= 1.1 * operations
        else:  # a signal for each
            assert calls["ppoll"] == pytest.approx(operations, rel=0.02)
            assert calls["aio_error"] == pytest.approx(operations, rel=0.05)


@pytest.mark.parametrize("batch", [1, 3, 4, 16])
@pytest.mark.parametrize("engine", [LIST, LIST_NOWAIT])
def test_a_batch_is_the_length_of_the_list(engine: str, batch: int) -> None:
    for answer in run(*(job(engine, name, 16, 480, batch=batch) for name in ("file", "timer"))):
        assert answer["results"] == [0]
        fewest = -(-answer["slice_operations"] // batch)
        # Where the machine stands still for longer than a wait lasts, a batch is reaped in two.
        most = fewest if engine == LIST else fewest + 2
        assert fewest <= answer["calls"]["lio_listio"] <= most


def test_a_list_takes_what_is_due_where_no_batch_is_asked_for() -> None:
    names = (LIST, LIST_NOWAIT)
    waits, does_not = run(*(job(name, "timer", 16, 480) for name in names))
    assert waits["calls"]["lio_listio"] == waits["slice_operations"] / 16
    assert does_not["calls"]["lio_listio"] <= does_not["slice_operations"]


@pytest.mark.parametrize("engine", AIO)
def test_a_sync_belongs_to_the_write(engine: str) -> None:
    for answer in run(*(job(engine, "file-write", 8, 40, sync=sync) for sync in (1, 2))):
        assert answer["results"] == [0]
        assert answer["calls"]["aio_fsync"] == answer["slice_operations"]
        assert answer["read_back_bytes"] == FILE_SIZE


# ---------------------------------------------------------------------- chaining


@pytest.mark.parametrize("engine", CHAINING)
def test_a_chain_starts_the_next_where_the_last_one_ends(engine: str) -> None:
    """The main loop submits as many as there is depth; all others are started by a completion."""
    (answer,) = run(job(engine, "timer", 4, 1000))
    assert answer["results"] == [0]
    assert answer["window_operations"] >= 1000
    assert answer["submit"] == 0, "the first few are no sample of all"
    assert answer["calls"]["aio_read"] == answer["slice_operations"]
    if engine in CALLBACKS:  # the main loop sleeps meanwhile
        woken = sum(answer["calls"].get(name, 0) for name in ("futex_wait", "futex_wake"))
        assert woken < answer["slice_operations"] / 5


@pytest.mark.parametrize("engine", CHAINING)
def test_a_chain_keeps_its_depth_and_computes(engine: str) -> None:
    (answer,) = run(job(engine, "timer", 4, 400, service_mean_ns=2 * MS, compute_units=1000))
    assert answer["results"] == [0]
    assert answer["depth_max"] == 4
    depth = answer["window_in_flight_ns"] / answer["window_ns"]
    assert 3.0 < depth <= 4.0


# ---------------------------------------------------------------------- the options


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("aio:notify=suspend", "aio"),
        ("aio:notify=poll", "aio:notify=poll"),
        ("aio:mode=wait,notify=list", "aio:notify=list"),
        ("aio:mode=nowait,notify=list", "aio:notify=list,mode=nowait"),
        ("aio:signal=rt,notify=signal,chain=loop", "aio:notify=signal"),
        (
            "aio:threads=2,chain=handler,signal=SIGIO,notify=signal",
            "aio:notify=signal,signal=SIGIO,chain=handler,threads=2",
        ),
        ("aio:notify=callback,chain=handler", "aio:notify=callback,chain=handler"),
    ],
)
def test_options_have_one_spelling(text: str, canonical: str) -> None:
    spec = parse_engine(text)
    assert spec.canonical == canonical
    assert parse_engine(canonical) == spec


def every_combination() -> Iterator[str]:
    for mode in ("", ",mode=nowait"):
        yield f"aio:notify=list{mode}"
    for chain in ("", ",chain=handler"):
        yield f"aio:notify=callback{chain}"
        for number in ("", ",signal=SIGIO"):
            yield f"aio:notify=signal{number}{chain}"
    yield from ("aio", "aio:notify=poll")


def test_every_combination_of_options_is_tested() -> None:
    assert {parse_engine(text).canonical for text in every_combination()} == set(AIO)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("aio:mode=wait", "notify=list"),
        ("aio:notify=poll,mode=nowait", "notify=list"),
        ("aio:notify=callback,signal=SIGIO", "notify=signal"),
        ("aio:chain=handler", "notify=signal or notify=callback"),
        ("aio:notify=list,chain=loop", "notify=signal or notify=callback"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(text: str, said: str) -> None:
    with pytest.raises(EngineError, match="has no effect with") as error:
        parse_engine(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
