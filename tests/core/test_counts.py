"""The engines' own counts against what the kernel saw (strace)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ..engines import CAPS, WITH_DATA, plain

OPERATIONS = 500
DRIVER = """
import json, os, sys
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record
spec, operations, cases = parse(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
counted = []
for channel, depth in cases:
    settings = {"depth": depth, "service_mean_ns": 50000}
    if channel == "file":
        settings |= {"block": 4096, "file_size": 1 << 20}
        settings["file_fd"] = _core.make_file("/var/tmp", 1 << 20, 1)
    with new_record() as record:
        loop = _core.Loop(spec.name, channel, settings | spec.settings, record.fd)
        os.write(2, b"BEGIN\\n")
        assert loop.run(10**10, operations) == 0
        os.write(2, b"END\\n")
        assert loop.close() == 0
        counted.append([record.field("slice_operations"), record.table("calls")])
print(json.dumps(counted))
"""
TRACED = "trace=read,pread64,write,pwrite64,select,pselect6,futex"
KERNEL_NAME = {
    "pread": "pread64",
    "pwrite": "pwrite64",
    "select": "(?:pselect6|select)",
    "futex_wait": "futex",
    "futex_wake": "futex",
}
ENGINES = {name: CAPS[name] for name in WITH_DATA}


def cases(engine: str) -> list[tuple[str, int]]:
    """Channels and depths. The deepest first: the C library sizes its pool of threads once."""
    deepest = ENGINES[engine]["max_depth"]
    return [(c, d) for c in ("timer", "file") for d in (4, 1) if not deepest or d <= deepest]


def traced(engine: str, folder: Path) -> list[tuple[int, dict[str, int], str]]:
    """Of each case: operations, the counted calls, and strace's lines between BEGIN and END."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian: apt install strace)")
    log = folder / "strace"
    done = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-e", TRACED, "-o", str(log)]
        + [sys.executable, "-c", DRIVER, engine, str(OPERATIONS), json.dumps(cases(engine))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "Operation not permitted" in done.stderr and "ptrace" in done.stderr:
        pytest.skip("strace may not trace here (ptrace is not permitted)")
    assert done.returncode == 0, done.stderr
    parts = re.findall(r'"BEGIN\\n"(.*?)"END\\n"', log.read_text(), re.DOTALL)
    counted = json.loads(done.stdout)
    return [(*count, part) for count, part in zip(counted, parts, strict=True)]


@pytest.mark.parametrize("engine", ENGINES)
def test_counted_calls_are_the_kernels(engine: str, tmp_path: Path) -> None:
    for case, (operations, calls, log) in zip(cases(engine), traced(engine, tmp_path), strict=True):
        assert operations >= OPERATIONS
        if plain(engine) == "aio":
            assert_the_library_made_them(engine, *case, operations, calls, log)
        else:
            assert_the_engine_made_them(case[1], calls, log)


def assert_the_library_made_them(
    engine: str, channel: str, depth: int, operations: int, calls: dict[str, int], log: str
) -> None:
    """The counted calls are the library's; its helper threads make the system calls.

    A list is one call for several, and LIO_WAIT says by itself that all have ended.
    """
    if CAPS[engine]["batches"]:
        assert operations / depth <= calls["lio_listio"] <= operations
    else:
        assert calls["aio_read"] == operations
    assert calls["aio_return"] == operations
    assert successful_reads(log, channel) == pytest.approx(operations, rel=0.02)


def assert_the_engine_made_them(depth: int, calls: dict[str, int], log: str) -> None:
    by_kernel_name: Counter[str] = Counter()
    for name, count in calls.items():
        by_kernel_name[KERNEL_NAME.get(name, name)] += count
    for name, count in by_kernel_name.items():
        seen = len(re.findall(rf"\b{name}\(", log))
        if name == "futex":
            # A contended mutex makes calls of its own; and each helper may have slept before BEGIN.
            assert seen >= 0.98 * count - depth
            continue
        assert seen == pytest.approx(count, rel=0.02), name


def successful_reads(log: str, channel: str) -> int:
    """On a stream each transfer is a pread64 that fails with ESPIPE, and then a read."""
    name, size = ("pread64", 4096) if channel == "file" else ("read", 8)
    if channel == "timer":
        assert log.count("ESPIPE") > 0
    return len(re.findall(rf"{name}(?:\(| resumed>).*= {size}$", log, flags=re.MULTILINE))
