"""Real faults, end to end: for the same fault every engine reports the same error, and none hangs.

A peer that is killed or stopped, a file system that is full, a limit on a file's size. Faults that
no machine offers on demand (EIO, EAGAIN, short transfers) are injected behind the system calls by
the core's own rules; that every engine is put through those is asserted at the end.
"""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from iomodels.base.errors import TrialError
from iomodels.engines import sources
from iomodels.engines.spec import parse
from iomodels.trials import child, trial
from iomodels.trials.planned import Command, PlannedTrial
from iomodels.trials.preparation import Preparation

from ..fresh import run_python, running_iomodels
from ..planned import planned
from ..processes import children
from ..some_engines import CAPS, WITH_DATA, on
from .test_core import rules

CORE_ENGINES = WITH_DATA
ENGINES = [name for name in sources.CORE_ENGINES if name != "null"]
SOME_BYTES = 1 << 16
"""A peer that has moved as many is in the middle of its work."""
PEER = "iomodels-peer"


def peers_of(bench: int) -> list[int]:
    """The peers of the trials' processes that `bench` has started."""
    grandchildren = [pid for worker in children(bench) for pid in children(worker)]
    return [pid for pid in grandchildren if _read(pid, "comm").strip() == PEER]


def moved_bytes(pid: int) -> int:
    words = _read(pid, "io").split()
    return sum(int(words[at + 1]) for at, word in enumerate(words) if word in ("rchar:", "wchar:"))


def _read(pid: int, name: str) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/{name}").read_text()
    return ""


# ------------------------------------------------------------------ the peer is killed


def bench_and_kill_every_peer(folder: Path, *words: str) -> tuple[int, dict[str, str]]:
    """`iomodels bench` of all engines, for a minute each if it could; its exit code, and why each
    engine failed."""
    chosen = [word for engine in ENGINES for word in ("-e", engine)]
    command = ["bench", *words, *chosen, "-r", "1", "-d", "60", "--warmup", "0"]
    command += ["-s", "load.depth=1", "-o", "r.json"]
    killed: set[int] = set()
    deadline = time.monotonic() + 60
    environment = os.environ | {"COLUMNS": "1000"}
    with running_iomodels(*command, cwd=folder, env=environment) as process:
        while process.returncode is None:
            assert time.monotonic() < deadline, "the run hung"
            for peer in peers_of(process.pid):
                if peer not in killed and moved_bytes(peer) > SOME_BYTES:
                    os.kill(peer, signal.SIGKILL)
                    killed.add(peer)
            # The null engine has no peer, and would take its minute as well.
            for worker in children(process.pid):
                if "\0null\0" in _read(worker, "cmdline"):
                    os.kill(worker, signal.SIGKILL)
            time.sleep(0.005)
        errors, code = process.stderr, process.returncode
    assert "Traceback" not in errors
    assert len(killed) == len(ENGINES)
    assert not (folder / "r.json").exists()
    failed = re.findall(r"^failed: \S+ · (\S+), round 1: (.*)$", errors, re.MULTILINE)
    return code, {engine: reason for engine, reason in failed if engine != "null"}


@pytest.mark.parametrize(
    "words",
    [
        ("echo",),
        # What the core says of each is in test_channel_failures.py.
        pytest.param(("server", "-s", "load.descriptors=1"), marks=pytest.mark.long),
        ("pipe-stream", "-s", "load.block=4 KiB", "-s", "load.operation=write"),
        pytest.param(("echo", "-s", "channel.family=tcp"), marks=pytest.mark.long),
    ],
    ids=["echo", "server", "stream", "tcp"],
)
def test_a_killed_peer_fails_the_cell_and_is_named(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, reasons = bench_and_kill_every_peer(tmp_path, *words)
    assert code == 3
    assert set(reasons) == set(ENGINES)
    (reason,) = set(reasons.values())
    assert "peer" in reason
    assert "SIGKILL" in reason


KILL_THE_READER = """
import json, os, signal, sys, threading, time
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record

def kill():
    while record.field("live_operations") < 100:
        time.sleep(0.001)
    os.kill(record.field("peer_id"), signal.SIGKILL)

with new_record() as record:
    settings = {"exchange": 1, "workload": 1, "block": 4096}
    spec = parse(sys.argv[1])
    loop = _core.Loop(spec.name, "pipe", settings | spec.settings, record.fd)
    threading.Thread(target=kill).start()
    result = loop.run(20 * 10**9)
    print(json.dumps([result, loop.close(), record.stage, record.field("error")]))
"""


@pytest.mark.parametrize("engine", on("pipe"))
def test_writing_to_a_dead_reader_is_epipe(engine: str) -> None:
    assert in_python(KILL_THE_READER, engine) == [-errno.EPIPE, 0, "transfer", errno.EPIPE]


def in_python(program: str, *arguments: object) -> object:
    return json.loads(run_python(program, *arguments, timeout_s=30))


# ------------------------------------------------------------------ no space, no larger file

PAGE = resource.getpagesize()
SMALL_DISK = 64 * PAGE
BLOCK = 3 * PAGE
"""What is left at last is less than a block: a short transfer, and then the error."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small tmpfs needs privileges that this process lacks")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@contextmanager
def started(
    scenario: str, engine: str, duration_s: float = 1, **settings: str
) -> Iterator[tuple[PlannedTrial, Command]]:
    made, one = planned(scenario, engine, duration_s, 0, **settings)
    with Preparation(made.seed) as preparation, preparation.command(one) as command:
        yield one, command


def nothing(operations: int) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def sparse_file(small_disk: Path) -> Iterator[int]:
    """A nameless file of holes, larger than its file system, which so fills up in mid-write.

    The tool's own files have all of their blocks before a trial begins.
    """
    fd = os.open(small_disk, os.O_TMPFILE | os.O_RDWR, 0o600)
    os.ftruncate(fd, 8 * SMALL_DISK)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("engine", on("file"))
def test_a_disk_that_fills_up_in_mid_write(engine: str, sparse_file: int) -> None:
    settings = {
        **{"load__pattern": "sequential", "load__block": f"{BLOCK} B"},
        "channel__size": f"{4 * BLOCK} B",
    }
    with started("random-write", "blocking", **settings) as (one, command):
        full = dict(command.settings, file_fd=sparse_file, file_size=8 * SMALL_DISK)
        spec = parse(engine)
        spoiled = Command(spec.name, "file", full, (sparse_file,), spec.options)
        with pytest.raises(TrialError) as caught:
            trial.run_trial(one, spoiled, nothing)
    # All of the disk is full of it: the last block went as far as there was space.
    assert str(caught.value) == (
        f"a transfer failed at offset {SMALL_DISK}: No space left on device (ENOSPC)"
    )


WRITE_PAST_THE_LIMIT = """
import json, os, resource, sys
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record

spec, limit, block = parse(sys.argv[1]), *map(int, sys.argv[2:])
size = 4 * limit
fd = _core.make_file("/var/tmp", size, 7)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
with new_record() as record:
    settings = {"workload": 1, "pattern": 0, "block": block}
    file = {"file_fd": fd, "file_size": size, "file_seed": 7}
    loop = _core.Loop(spec.name, "file", settings | file | spec.settings, record.fd)
    result = loop.run(20 * 10**9)
    told = [record.stage, record.field("error_offset"), record.field("short_transfers")]
    print(json.dumps([result, loop.close(), *told]))
"""


@pytest.mark.parametrize("engine", on("file"))
def test_a_write_past_the_limit_on_a_files_size_is_efbig(engine: str) -> None:
    limit = SMALL_DISK + 100
    assert in_python(WRITE_PAST_THE_LIMIT, engine, limit, BLOCK) == [
        -errno.EFBIG,
        0,
        "transfer",
        limit,
        1,
    ]


# ------------------------------------------------------------------ the peer is stopped


SLICE_S, WATCHED_S = 30.0, 0.4


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("operation", ["echo", "stream"])
def test_a_stopped_peer_is_a_hang_that_the_watchdog_ends(
    engine: str, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"load__depth": "1", "load__block": "64 B"}
    if operation == "stream":
        settings |= {"channel__exchange": "stream", "load__operation": "write"}
    # The watchdog loses its patience before the slice can be over, however late the stop comes.
    monkeypatch.setattr(child, "ANSWER_TIMEOUT_S", WATCHED_S - SLICE_S)
    monkeypatch.setattr(child, "PROGRESS_INTERVAL_S", 0.05)
    before = children(os.getpid())
    stopped: list[int] = []

    def stop(operations: int) -> None:
        if operations > 0 and not stopped:
            (peer,) = peers_of(os.getpid())
            stopped.append(os.pidfd_open(peer))
            signal.pidfd_send_signal(stopped[0], signal.SIGSTOP)

    with (
        started("echo", engine, duration_s=SLICE_S, **settings) as (one, command),
        pytest.raises(TrialError, match=r"^hung: no answer for 0\.4 s after [1-9]\d* operations"),
    ):
        trial.run_trial(one, command, stop)
    # Even a stopped process ends with its parent, when the kernel tells it so.
    gone = select.select(stopped, [], [], 5)[0]
    os.close(stopped[0])
    assert gone, "the peer lives on"
    assert children(os.getpid()) == before


# ------------------------------------------------------------------ what cannot be had on demand


def can_be_busy(engine: str) -> bool:
    """Whether a call of it may find nothing ready or no room, and will be made again."""
    caps, classes = CAPS[engine], [kind for kind, _ in parse(engine).calls.values()]
    if caps["blocks_in_submit"] or caps["edge_triggered"]:
        return False
    return caps["nonblocking_descriptors"] or "submit" in classes


@pytest.mark.parametrize(
    "rule", ["failure-is-completion", "busy-is-not-failure", "short-transfers"]
)
def test_every_engine_is_put_through_injected_faults(rule: str) -> None:
    """EIO, EAGAIN and short transfers; tests/core/test_core.py runs what is listed here."""
    tested = {engine for (engine, _), applying in rules().items() if rule in applying}
    never_busy = {name for name in CORE_ENGINES if not can_be_busy(name)}
    wanted = set(CORE_ENGINES) - (never_busy if rule == "busy-is-not-failure" else set())
    assert tested >= wanted
