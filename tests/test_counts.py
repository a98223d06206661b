"""The engines' own counts against what the kernel saw (strace)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from iomodels import _core, engines

DRIVER = """
import os, sys
from iomodels import _core
from iomodels.record import new_record
engine, channel, depth, operations = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
settings = {"depth": depth, "service_mean_ns": 50000}
if channel == "file":
    settings |= {"block": 4096, "file_size": 1 << 20}
    settings["file_fd"] = _core.make_file("/var/tmp", 1 << 20, 1)
with new_record() as record:
    loop = _core.Loop(engine, channel, settings, record.fd)
    os.write(2, b"BEGIN\\n")
    assert loop.run(10**10, operations) == 0
    os.write(2, b"END\\n")
    assert loop.close() == 0
    print(record.field("slice_operations"), record.table("calls"))
"""
TRACED = "trace=read,pread64,write,pwrite64,select,pselect6,futex"
KERNEL_NAME = {
    "pread": "pread64",
    "pwrite": "pwrite64",
    "select": "(?:pselect6|select)",
    "futex_wait": "futex",
    "futex_wake": "futex",
}
CASES = [
    (engine, channel, depth)
    for engine, caps in _core.engines().items()
    if caps["moves_data"]
    for channel in ("timer", "file")
    for depth in (1, 4)
    if not caps["max_depth"] or depth <= caps["max_depth"]
]


def traced(engine: str, channel: str, depth: int, folder: Path) -> tuple[int, dict[str, int], str]:
    """Operations, the counted calls, and strace's lines between BEGIN and END."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian: apt install strace)")
    log = folder / "strace"
    done = subprocess.run(
        ["strace", "-f", "-e", TRACED, "-o", str(log)]
        + [sys.executable, "-c", DRIVER, engine, channel, str(depth), "1000"],
        capture_output=True,
        text=True,
        timeout=60,
        # numpy's own threads would get some of the signals.
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    if "Operation not permitted" in done.stderr and "ptrace" in done.stderr:
        pytest.skip("strace may not trace here (ptrace is not permitted)")
    assert done.returncode == 0, done.stderr
    operations, _, calls = done.stdout.partition(" ")
    text = log.read_text()
    return int(operations), eval(calls), text[text.index(r'"BEGIN\n"') : text.index(r'"END\n"')]


@pytest.mark.parametrize(("engine", "channel", "depth"), CASES)
def test_counted_calls_are_the_kernels(
    engine: str, channel: str, depth: int, tmp_path: Path
) -> None:
    operations, calls, log = traced(engine, channel, depth, tmp_path)
    if engines.parse("aio").name == engine.split("-")[0]:
        # Its counted calls are the library's; the helper threads make the system calls.
        # A list is one call for several, and LIO_WAIT says by itself that all have ended.
        if _core.engines()[engine]["batches"]:
            assert operations / depth <= calls["lio_listio"] <= operations
        else:
            assert calls["aio_read"] == operations
        assert calls["aio_return"] == operations
        assert successful_reads(log, channel) == pytest.approx(operations, rel=0.02)
        return
    by_kernel_name: Counter[str] = Counter()
    for name, count in calls.items():
        by_kernel_name[KERNEL_NAME.get(name, name)] += count
    for name, count in by_kernel_name.items():
        seen = len(re.findall(rf"\b{name}\(", log))
        if name == "futex":  # a contended mutex makes calls of its own
            assert seen >= 0.98 * count
            continue
        assert seen == pytest.approx(count, rel=0.02), name


def successful_reads(log: str, channel: str) -> int:
    """On a stream each transfer is a pread64 that fails with ESPIPE, and then a read."""
    name, size = ("pread64", 4096) if channel == "file" else ("read", 8)
    if channel == "timer":
        assert log.count("ESPIPE") > 0
    return len(re.findall(rf"{name}(?:\(| resumed>).*= {size}$", log, flags=re.MULTILINE))
