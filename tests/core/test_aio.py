"""POSIX AIO in full: every way to learn of completion, lost notifications, deadlines, the library.

Each case runs in a process of its own: the C library's pool of threads is sized once per process,
and signals, limits and helper threads are the process's.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iomodels import _core
from iomodels.base.errors import EngineError
from iomodels.engines.spec import parse as parse_engine
from iomodels.trials.record import new_record

from .. import core_build
from ..conftest import AIO_SIGNALS
from ..engines import CAPS, open_loop, plain
from ..fresh import run_python

LONG_NS = 10**11
US, MS = 1_000, 1_000_000
AIO = [name for name in CAPS if plain(name) == "aio"]
CANCELLING = [name for name, caps in CAPS.items() if caps["cancels"]]
CANCELLING_AIO = [name for name in AIO if name in CANCELLING]
CHAINING = [name for name in AIO if CAPS[name]["next_start"] != "loop"]
SIGNALS = [name for name in AIO if "notify=signal" in name]
CALLBACKS = [name for name in AIO if "callback" in name]
WORKLOADS = ("timer", "file", "file-write", "pipe", "socket")
FILE_SIZE, BLOCK = 1 << 20, 4096
EXPONENTIAL = 2
STOPS = 5
DIRECT = 1

LIST, LIST_NOWAIT = "aio:notify=list", "aio:notify=list,mode=nowait"
POLL = "aio:notify=poll"
SIGNAL, SIGNAL_HANDLER = "aio:notify=signal", "aio:notify=signal,chain=handler"
SIGIO, SIGIO_HANDLER = (f"aio:notify=signal,signal=SIGIO{more}" for more in ("", ",chain=handler"))

CHILD = """
import json, os, resource, sys, threading
from pathlib import Path
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record

def state():
    lines = Path("/proc/self/status").read_text().splitlines()
    wanted = ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")
    own = 3 << 31  # the C library's signals 32 and 33: it handles them from the first thread on
    return {
        line[:6]: int(line.split()[1], 16) & ~own for line in lines if line.startswith(wanted)
    }

out = []
for job in json.loads(sys.argv[1]):
    settings, channel = dict(job["settings"]), job["channel"]
    if channel == "file":
        settings["file_fd"] = _core.make_file("/var/tmp", settings["file_size"], 1)
    if job.get("pending_signals") is not None:
        resource.setrlimit(resource.RLIMIT_SIGPENDING, (job["pending_signals"],) * 2)
    with new_record() as record:
        before = state()
        descriptors = len(os.listdir("/proc/self/fd"))
        spec = parse(job["engine"])
        loop = _core.Loop(spec.name, channel, settings | spec.settings, record.fd)
        assert loop.is_open(), (job, record.stage, record.field("error"))
        results = []
        if job.get("stop"):
            running = threading.Thread(target=lambda: results.append(loop.run(10**11)))
            running.start()
            while record.field("live_operations") + record.field("depth_max") < job["stop"]:
                pass
            record.ask_to_stop()
            running.join()
        for _ in range(job.get("slices", 1)):
            if not job.get("stop"):
                results.append(loop.run(job.get("duration_ns", 10**11), job["operations"]))
        words = _core.record_layout()["words"]
        answer = {name: record.field(name) for name, (_, n) in words.items() if n == 1}
        own = lambda: dict(zip(spec.counters, record.numbers("counters")))
        calls = record.table("calls")
        answer["closed"] = loop.close()
        assert record.table("calls") == calls, "close has counted in a slice that is over"
        answer["calls_of_close"] = record.table("closing_calls")
        # A notification may come late; close has waited for it.
        answer |= {name: record.field(name) for name in words if name.startswith("cancels_")}
        answer |= own()
        answer |= {
            "results": results,
            "stage": record.stage,
            "calls": calls,
            "cancel": sum(n for _, n in record.histogram("cancel")),
            "cancel_late": sum(n for _, n in record.histogram("cancel_late")),
            "latency": sum(n for _, n in record.histogram("latency")),
            "long_overdue": sum(
                n for ns, n in record.histogram("latency") if ns > 1.2 * settings["deadline_ns"]
            )
            if settings.get("deadline_ns")
            else 0,
            "submit": sum(n for _, n in record.histogram("submit")),
            "state_is_the_same": state() == before,
            "descriptors_left": len(os.listdir("/proc/self/fd")) - descriptors,
        }
        out.append(answer)
print(json.dumps(out))
"""


def run(*jobs: dict[str, Any]) -> list[dict[str, Any]]:
    """Each job's answer; all of them run one after another in one new process."""
    answers: list[dict[str, Any]] = json.loads(run_python(CHILD, json.dumps(jobs), timeout_s=100))
    return answers


def job(engine: str, workload: str, depth: int, operations: int, **more: Any) -> dict[str, Any]:
    channel, _, role = workload.partition("-")
    settings: dict[str, int] = {"depth": depth, "service_mean_ns": 50 * US}
    if channel == "file":
        settings |= {"block": BLOCK, "file_size": FILE_SIZE, "verify": 1, "file_seed": 1}
        settings["workload"] = 1 if role == "write" else 0
    elif channel != "timer":
        settings["block"] = 100
    settings |= {name: more.pop(name) for name in list(more) if name in _SETTINGS}
    return {
        "engine": engine,
        "channel": channel,
        "settings": settings,
        "operations": operations,
    } | more


_SETTINGS = frozenset(
    {"deadline_ns", "opens_per_request", "service_mean_ns", "sync", "batch"}
    | {
        "append",
        "block",
        "file_cache",
        "file_size",
        "compute_units",
        "idle",
        "server",
        "service_distribution",
    }
)


def with_threads(engine: str, threads: int) -> str:
    """With so many helper threads; an engine that has none stays as it is."""
    if plain(engine) != "aio":
        return engine
    return f"{engine}{',' if ':' in engine else ':'}threads={threads}"


def starts(calls: dict[str, int]) -> int:
    """Transfers that were started singly."""
    return sum(calls.get(name, 0) for name in ("aio_read", "aio_write", "aio_fsync"))


@pytest.fixture
def slow_file() -> dict[str, int]:
    """Settings of transfers that take the disk so long that some are in flight at every stop."""
    fd = _core.make_file("/var/tmp", FILE_SIZE, 1)
    alignment = _core.direct_alignment(fd)
    os.close(fd)
    if alignment == 0:
        pytest.skip("/var/tmp has no direct I/O, and other transfers are soon over")
    size = 1 << 24
    return {"file_cache": DIRECT, "opens_per_request": 0, "block": size // 16, "file_size": size}


# ---------------------------------------------------------------------- every notification


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("engine", AIO)
def test_every_notification_completes_everything(engine: str, workload: str) -> None:
    # The deepest first, since the pool's size is that of the first.
    for answer in run(*(job(engine, workload, depth, 300, slices=2) for depth in (32, 8, 1))):
        assert answer["results"] == [0, 0], (answer["stage"], answer["error"])
        assert answer["closed"] == 0
        assert answer["slice_operations"] >= 300
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
        job("aio", "timer", 4, 50, deadline_ns=20 * US),
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


# ---------------------------------------------------------------------- lost notifications


@pytest.mark.parametrize("engine", SIGNALS)
@pytest.mark.parametrize("workload", ["file", "file-write"])
def test_without_room_for_a_signal_no_request_is_lost(engine: str, workload: str) -> None:
    """With RLIMIT_SIGPENDING 0 nothing is queued; glibc then overwrites a result with EAGAIN."""
    (answer,) = run(job(engine, workload, 8, 64, pending_signals=0))
    assert answer["results"] == [0], (answer["stage"], answer["error"])
    assert answer["slice_operations"] >= 64
    assert answer["latency"] == answer["window_operations"]
    assert answer["signals_lost"] >= 64
    if workload == "file-write":
        assert answer["read_back_bytes"] == FILE_SIZE
    assert answer["closed"] == 0


@pytest.mark.parametrize("engine", [name for name in SIGNALS if "SIGIO" in name])
def test_sigio_loses_signals_and_no_request(engine: str) -> None:
    for answer in run(*(job(engine, workload, 16, 5000) for workload in ("file", "timer"))):
        assert answer["results"] == [0]
        assert answer["slice_operations"] >= 5000
        assert 0 < answer["signals_lost"] < answer["slice_operations"]


@pytest.mark.parametrize("engine", [name for name in SIGNALS if "SIGIO" in name])
def test_sigio_without_its_value_is_enough(engine: str) -> None:
    """Without memory for it the value is lost, but the signal itself comes."""
    (answer,) = run(job(engine, "timer", 4, 200, pending_signals=0))
    assert answer["results"] == [0]
    assert answer["signals_lost"] >= 200


@pytest.mark.parametrize("engine", [name for name in SIGNALS if "SIGIO" not in name])
def test_what_a_stream_brought_is_gone_with_its_count(engine: str) -> None:
    (answer,) = run(job(engine, "timer", 4, 200, pending_signals=0))
    assert answer["results"] == [-errno.EAGAIN]
    assert answer["stage"] == "transfer"
    assert answer["signals_lost"] > 0
    assert answer["closed"] == 0


@pytest.mark.parametrize("engine", SIGNALS)
def test_what_was_appended_is_not_appended_again(engine: str) -> None:
    """A record that is repeated since its signal could not be queued would be there twice."""
    settings = {"append": 1, "pending_signals": 0}
    (answer,) = run(job(engine, "file-write", 1, 20, **settings))
    if "SIGIO" in engine:  # the signal comes, without its value
        assert answer["results"] == [0]
        assert answer["calls"]["aio_write"] == answer["slice_operations"] == 20
        return
    assert answer["results"] == [-errno.EAGAIN]
    assert answer["stage"] == "transfer"
    assert answer["calls"]["aio_write"] == 1


@pytest.mark.parametrize("workload", ["file", "file-write"])
@pytest.mark.parametrize("engine", SIGNALS)
def test_what_was_called_back_stays_so_without_its_signal(
    engine: str, workload: str, slow_file: dict[str, int]
) -> None:
    """glibc overwrites ECANCELED with EAGAIN, too; done again, it would not be cancelled."""
    settings = slow_file | {"deadline_ns": 60 * US, "pending_signals": 0}
    (answer,) = run(job(engine, workload, 16, 16, duration_ns=10**10, **settings))
    assert answer["results"] == [0], (answer["stage"], answer["error"])
    assert answer["closed"] == 0
    assert answer["cancel"] == answer["cancelled_operations"] == answer["cancels_done"] > 0
    if workload == "file-write":
        assert answer["read_back_bytes"] == slow_file["file_size"]


@pytest.mark.parametrize("engine", [name for name in AIO if "SIGIO" not in name])
def test_nothing_is_lost_where_there_is_room(engine: str) -> None:
    (answer,) = run(job(engine, "file", 16, 2000))
    assert answer["results"] == [0]
    assert answer["signals_lost"] == 0


# ---------------------------------------------------------------------- deadlines and cancelling


def asked(answer: dict[str, Any]) -> int:
    outcomes = ("cancels_done", "cancels_too_late", "cancels_already_complete")
    return sum(answer[name] for name in outcomes)


@pytest.mark.parametrize("engine", CANCELLING)
def test_a_deadline_ends_requests_and_each_once(engine: str) -> None:
    """Two threads for eight timers: most requests wait for a thread when their time is over."""
    settings = {"service_mean_ns": MS, "deadline_ns": MS // 2}
    (answer,) = run(job(with_threads(engine, 2), "timer", 8, 0, duration_ns=300 * MS, **settings))
    assert answer["results"] == [0], (answer["stage"], answer["error"])
    assert answer["closed"] == 0
    assert asked(answer) > 50
    assert answer["cancel"] == answer["cancelled_operations"] == answer["cancels_done"] > 0
    assert answer["cancel_late"] == asked(answer) - answer["cancels_done"]
    if engine in AIO:
        assert answer["cancels_too_late"] > 0, "a thread cannot be called back from a read"
        assert answer["calls"]["aio_cancel"] == asked(answer)
        assert answer["slice_operations"] > 0
    else:
        # Every request takes longer than its deadline, unless this process did not run for so long.
        assert answer["slice_operations"] < asked(answer) / 2


@pytest.mark.parametrize("engine", CANCELLING)
def test_a_deadline_does_not_wait_for_a_batch(engine: str) -> None:
    """Ends trickle in, and the loop wants eight of them; what is overdue is cancelled meanwhile."""
    settings = {"service_mean_ns": 5 * MS, "deadline_ns": 5 * MS}
    settings |= {"service_distribution": EXPONENTIAL, "batch": 8}
    asked_for = job(with_threads(engine, 2), "timer", 8, 0, duration_ns=350 * MS, **settings)
    (answer,) = run(asked_for)
    assert answer["results"] == [0], (answer["stage"], answer["error"])
    assert asked(answer) > 20
    assert answer["long_overdue"] < 1.2 * asked(answer)


@pytest.mark.parametrize("opens", [0, 1])
@pytest.mark.parametrize("workload", ["file", "file-write"])
@pytest.mark.parametrize("engine", CANCELLING_AIO)
def test_short_deadlines_on_a_file(engine: str, workload: str, opens: int) -> None:
    """Those on one descriptor queue up: some are cancelled, and those behind them go on."""
    settings = {"opens_per_request": opens, "deadline_ns": 60 * US}
    (answer,) = run(job(engine, workload, 32, 300, duration_ns=10**10, slices=2, **settings))
    assert answer["results"] == [0, 0], (answer["stage"], answer["error"])
    assert answer["closed"] == 0
    assert asked(answer) == answer["calls"].get("aio_cancel", 0)
    assert answer["cancel"] == answer["cancelled_operations"] == answer["cancels_done"]
    assert answer["cancel_late"] == asked(answer) - answer["cancels_done"]
    if opens:
        assert answer["cancels_withheld"] == 0
    assert answer["slice_operations"] >= 300, "a cancelled request has stranded those behind it"
    if workload == "file-write":
        assert answer["read_back_bytes"] == FILE_SIZE


def test_what_was_not_asked_for_the_sake_of_others_is_counted_apart() -> None:
    """Overdue at once: the first of a descriptor is left alone, those behind it are cancelled."""
    settings = {"opens_per_request": 0, "deadline_ns": 1}
    (answer,) = run(job(POLL, "file", 32, 300, duration_ns=10**10, **settings))
    assert answer["results"] == [0]
    assert answer["cancels_withheld"] > 0
    assert asked(answer) == answer["calls"]["aio_cancel"]


@pytest.mark.parametrize("engine", CANCELLING_AIO)
def test_a_deadline_that_nothing_exceeds_changes_nothing(engine: str) -> None:
    (answer,) = run(job(engine, "timer", 4, 200, deadline_ns=10**10))
    assert answer["results"] == [0]
    assert asked(answer) == answer["cancelled_operations"] == 0
    assert answer["cancel"] == answer["cancel_late"] == 0


@pytest.mark.parametrize("engine", CANCELLING_AIO)
def test_a_stopped_trial_cancels_what_is_in_flight(engine: str) -> None:
    (answer,) = run(job(engine, "timer", 8, 0, service_mean_ns=3600 * 10**9, stop=8))
    assert answer["results"] == [0]
    assert asked(answer) == 8
    assert_nothing_is_left(answer)


@pytest.mark.parametrize("engine", CANCELLING_AIO)
def test_a_stopped_trial_cancels_a_shared_descriptor_with_one_call(
    engine: str, slow_file: dict[str, int]
) -> None:
    answers = run(*[job(engine, "file", 16, 0, stop=100, **slow_file)] * STOPS)
    assert any(map(asked, answers)), f"nothing was in flight at any of {STOPS} stops"
    for answer in answers:
        assert asked(answer) <= 1
        assert_nothing_is_left(answer)


@pytest.mark.parametrize("engine", [SIGNAL, SIGNAL_HANDLER])
def test_what_was_stopped_writes_no_more(engine: str, slow_file: dict[str, int]) -> None:
    """Where no signal can be queued, a cancelled transfer looks like one to be made once more."""
    stopped = job(engine, "file-write", 16, 0, stop=50, pending_signals=0, **slow_file)
    answers = run(*[stopped] * STOPS)
    assert any(map(asked, answers)), f"nothing was in flight at any of {STOPS} stops"
    for answer in answers:
        assert answer["calls_of_close"].get("aio_write", 0) == 0
        assert_nothing_is_left(answer)


def assert_nothing_is_left(answer: dict[str, Any]) -> None:
    assert answer["closed"] == 0
    assert answer["state_is_the_same"]
    assert answer["descriptors_left"] == 0


# ---------------------------------------------------------------------- other threads

# A thread that does nothing, and so gets whatever signal the engine's own thread has blocked.
# Each run fails at once, with others in flight: their ends are found by looking.
CLOSED_OFTEN = """
import os, sys, threading
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record

spec = parse(sys.argv[1])
threading.Thread(target=threading.Event().wait, daemon=True).start()
fd = _core.make_file("/var/tmp", 1 << 16, 1)
os.truncate(fd, 0)
settings = {"block": 4096, "depth": 4, "file_fd": fd, "file_size": 1 << 16, "file_seed": 1}
for _ in range(int(sys.argv[2])):
    with new_record() as record:
        loop = _core.Loop(spec.name, "file", settings | spec.settings, record.fd)
        assert loop.run(10**10) < 0
        assert loop.close() == 0
"""


@pytest.mark.parametrize(
    ("engine", "closes"),
    [
        (SIGNAL, 1500),
        (SIGNAL_HANDLER, 1500),
        (SIGIO, 200),  # close waits for 10 ms, in case that one comes
        (SIGIO_HANDLER, 200),
    ],
)
def test_a_signal_that_another_thread_has_taken_does_not_outlive_close(
    engine: str, closes: int
) -> None:
    """It would be passed on to a thread without a handler, and end the process."""
    run_python(CLOSED_OFTEN, engine, closes, timeout_s=100)


def test_no_other_thread_of_the_tests_takes_these_signals() -> None:
    """tests/conftest.py sees to it; SIGIO could come later than close can wait for."""
    wanted = sum(1 << (number - 1) for number in AIO_SIGNALS)
    for task in Path("/proc/self/task").iterdir():
        if int(task.name) == threading.get_native_id():
            continue
        status = (task / "status").read_text()
        (blocked,) = re.findall(r"^SigBlk:\s*([0-9a-f]+)$", status, re.MULTILINE)
        assert int(blocked, 16) & wanted == wanted, status


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
    with pytest.raises(EngineError, match="means nothing with") as error:
        parse_engine(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------------- this C library


def facts_program() -> str:
    return str(core_build.program("plain", "aio_facts"))


FACTS = (
    "suspend_ignores_null",
    "suspend_times_out_with_eagain",
    "list_waits_for_all_and_ignores_null_and_nop",
    "list_without_waiting",
    "list_says_eio_and_each_says_why",
    "append_ignores_the_offset",
    "fsync_comes_after_the_writes",
    "error_then_return",
    "cancel_has_three_answers",
    "cancel_takes_a_whole_descriptor",
)


@pytest.mark.parametrize("fact", FACTS)
def test_the_c_library_does_as_posix_says(fact: str) -> None:
    done = subprocess.run([facts_program(), fact], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr


def test_every_fact_is_asked_about() -> None:
    done = subprocess.run([facts_program()], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(FACTS)


# ---------------------------------------------------------------------- under a sanitizer


def stress_program(variant: str) -> str:
    return str(core_build.program(variant, "aio_stress", "aio_watch", "core/engine_names"))


def stress(*command: str) -> None:
    """IOMODELS_STRESS_OPERATIONS=1000000 is for a longer one, by hand (`-k stress -s`)."""
    operations = os.environ.get("IOMODELS_STRESS_OPERATIONS", "")
    numbered = [part.replace("OPERATIONS", operations or "4000") for part in command]
    done = subprocess.run(  # it has an alarm of its own
        numbered,
        capture_output=True,
        text=True,
        # That aio_read in a handler can allocate is known (aio_signal.c), and what chaining does.
        env=os.environ | {"TSAN_OPTIONS": "halt_on_error=1 report_signal_unsafe=0"},
    )
    assert done.returncode == 0, done.stderr or done.returncode
    print(*numbered[-5:], done.stdout.strip())


@pytest.mark.long
@pytest.mark.parametrize("channel", ["timer", "file"])
@pytest.mark.parametrize("engine", AIO)
def test_stress_with_deadlines_and_stops(engine: str, channel: str) -> None:
    stress(stress_program("address"), engine, channel, "OPERATIONS", "1")


@pytest.mark.long
@pytest.mark.parametrize("channel", ["timer", "file"])
@pytest.mark.parametrize("engine", [name for name in AIO if name not in CALLBACKS])
def test_stress_of_the_memory_order(engine: str, channel: str) -> None:
    """Fixed addresses, since ThreadSanitizer does not start with all random ones."""
    if shutil.which("setarch") is None:
        pytest.skip("setarch is not installed (Debian: apt install util-linux)")
    if engine == LIST_NOWAIT and "IOMODELS_STRESS_OPERATIONS" in os.environ:
        # glibc's thread, which ThreadSanitizer did not see start, frees each list (__aio_notify);
        # when its trace of that thread is full, it crashes itself (TraceSwitch).
        pytest.skip("ThreadSanitizer does not survive a long run of glibc's thread for lists")
    stress(
        "setarch",
        "-R",
        stress_program("thread"),
        with_threads(engine, 1),
        channel,
        "OPERATIONS",
        "1",
    )


@pytest.mark.long
@pytest.mark.parametrize("when", ["before-close", "during-close", "after-close"])
@pytest.mark.parametrize("engine", CALLBACKS)
def test_a_callback_that_comes_late_was_not_lost(engine: str, when: str) -> None:
    """What comes after close is lost, but must find its state."""
    program = core_build.program(
        "address", "aio_late_callback", "core/engine_names", options=("-Wl,--wrap=aio_read",)
    )
    done = subprocess.run(
        [program, engine, when],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"ASAN_OPTIONS": "detect_leaks=0"},  # the state is left to it
    )
    assert done.returncode == 0, done.stderr
