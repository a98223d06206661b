"""An engine that gets less than it asks for: the trial fails, with what is missing and what to do.

glibc's AIO says nothing where a thread is refused: the request waits for the threads that there
are. Fewer threads than allowed are no fault by themselves, since none is started while one idles.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REFUSED = ("aio", "aio:notify=poll", "aio:notify=signal", "threads")
LISTS = ("aio:notify=list", "aio:notify=list,mode=nowait")

WITH_LITTLE_ROOM = """
import os, resource, sys
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record
spec = parse(sys.argv[1])
pages = int(open("/proc/self/statm").read().split()[0])
with new_record() as record:
    settings = {"depth": 256, "service_mean_ns": 400000000, **spec.settings}
    room = pages * resource.getpagesize() + (8 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
    loop = _core.Loop(spec.name, "timer", settings, record.fd)
    if loop.is_open():
        print(loop.run(10**8))
        loop.close()
    print(record.stage, record.reason)
"""


@pytest.mark.parametrize("engine", [*REFUSED, *LISTS])
def test_a_refused_thread_fails_the_trial(engine: str) -> None:
    """A thread's stack is memory, so a limit on that refuses threads without any privilege."""
    done = subprocess.run(
        [sys.executable, "-c", WITH_LITTLE_ROOM, engine], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    stage, _, reason = done.stdout.strip().splitlines()[-1].partition(" ")
    assert stage in ("resources", "engine_open")
    got, _, asked = reason.partition(" threads could be started: ")[0].partition(" of ")
    assert 0 < int(got) < int(asked) == 256
    assert "ulimit -u, and the pids limit" in reason


@pytest.fixture
def eight_processes() -> Iterator[Path]:
    """A control group that may hold eight processes and threads, as `--pids-limit 8` makes one."""
    base = next(
        (p for p in map(Path, ("/sys/fs/cgroup/pids", "/sys/fs/cgroup")) if p.is_dir()), None
    )
    if base is None:
        pytest.skip("no control groups are mounted here")
    group = base / f"iomodels-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error.strerror}")
    try:
        try:
            (group / "pids.max").write_text("8")
        except OSError as error:
            pytest.skip(f"control groups here do not limit processes: {error.strerror}")
        yield group
    finally:
        group.rmdir()


def bench_in(group: Path, *arguments: str) -> dict[str, object]:
    done = subprocess.run(
        ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"), sys.executable]
        + ["-P", "-m", "iomodels", "bench", *arguments, "-r", "2", "-d", "0.05", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    run: dict[str, object] = json.loads(done.stdout)
    return run


def test_a_limit_on_processes_fails_what_needs_more_and_nothing_else(eight_processes: Path) -> None:
    engines = ("-e", "aio", "-e", "threads", "-e", "select")
    run = bench_in(eight_processes, "slow-devices", *engines, "-s", "load.depth=32")
    cells = {cell["engine"]: cell for cell in run["cells"]}  # type: ignore[attr-defined]
    for engine in ("aio", "threads"):
        assert cells[engine]["status"] == "failed"
        assert cells[engine]["reason"].startswith(("5 of 32 threads", "6 of 32 threads"))
    assert cells["select"]["status"] == "ok"


def test_requests_of_one_descriptor_need_one_thread(eight_processes: Path) -> None:
    """glibc does them one after another, so 32 in flight on one descriptor are no shortage."""
    settings = ("-s", "load.depth=32", "-s", "channel.opens=1", "-s", "channel.size=1MiB")
    run = bench_in(eight_processes, "cached-read", "-e", "aio", *settings)
    (cell,) = (c for c in run["cells"] if c["engine"] == "aio")  # type: ignore[attr-defined]
    assert cell["status"] == "ok"
    assert {trial["counters"]["threads"] for trial in cell["trials"]} == {2.0}
