"""What the tests of POSIX AIO run, each in a process of its own, and the names of its engines.

The C library's pool of threads is sized once per process, and signals, limits and helper threads
are the process's.
"""

from __future__ import annotations

import json
from typing import Any

from ..fresh import run_python
from ..some_engines import CAPS, plain

US, MS = 1_000, 1_000_000
AIO = [name for name in CAPS if plain(name) == "aio"]
SIGNALS = [name for name in AIO if "notify=signal" in name]
CALLBACKS = [name for name in AIO if "callback" in name]
FILE_SIZE, BLOCK = 1 << 20, 4096

LIST, LIST_NOWAIT = "aio:notify=list", "aio:notify=list,mode=nowait"
POLL = "aio:notify=poll"
SIGNAL, SIGNAL_HANDLER = "aio:notify=signal", "aio:notify=signal,chain=handler"
SIGIO, SIGIO_HANDLER = (f"aio:notify=signal,signal=SIGIO{more}" for more in ("", ",chain=handler"))

CHILD = """
import json, os, resource, sys, threading, time
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

out, files = [], {}
for job in json.loads(sys.argv[1]):
    settings, channel = dict(job["settings"]), job["channel"]
    if channel == "file":
        size = settings["file_size"]
        if settings["workload"] or size not in files:  # what is only read stays whole
            files[size] = _core.make_file("/var/tmp", size, 1)
        settings["file_fd"] = files[size]
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
                time.sleep(0.0005)
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
