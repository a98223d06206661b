"""The engines' own counts against what the kernel saw (strace)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from iomodels.engines.spec import parse

from ..some_engines import CAPS, WITH_DATA
from .kernel_calls import OF_THE_LIBRARY, kernel_names

OPERATIONS = 200
DRIVER = """
import json, os, sys
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record
spec, operations, cases = parse(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
counted = []
for channel, depth in cases:
    settings = {"depth": depth, "service_mean_ns": 50000}
    if channel == "socket":
        settings |= {"block": 64}
    if channel == "file":
        settings |= {"block": 4096, "file_size": 1 << 20}
        settings["file_fd"] = _core.make_file("/var/tmp", 1 << 20, 1)
    if _core.ask(spec.name, channel, settings | spec.settings)["cannot"]:
        continue
    with new_record() as record:
        loop = _core.Loop(spec.name, channel, settings | spec.settings, record.fd)
        if not loop.is_open():
            sys.exit(f"REFUSED: {record.reason}")
        os.write(2, b"BEGIN\\n")
        assert loop.run(10**10, operations) == 0
        peer = record.field("peer_id")
        os.write(2, b"END\\n")
        assert loop.close() == 0
        counted.append(
            (channel, depth, record.field("slice_operations"), peer)
            + (record.table("calls"),)
        )
print(json.dumps(counted))
"""


OF_MEMORY = re.compile(
    r"""^.*\bread\(\d+,\ "(?:[0-9a-f]+-[0-9a-f]+\ [r-]|Name:|",\ ).*\n""", re.MULTILINE | re.VERBOSE
)
"""When a window ends the core reads how much memory there is, in as many pieces as there are
mappings (`loop_memory.c`); what it reads begins with an address or a name, or is the file's end."""


class Case(NamedTuple):
    """One channel at one depth: what the engine counted, and what strace saw."""

    channel: str
    depth: int
    operations: int
    peer: int
    calls: dict[str, int]
    log: str


def cases(engine: str) -> list[tuple[str, int]]:
    """Channels and depths. The deepest first: the C library sizes its pool of threads once."""
    caps = CAPS[engine]
    channels = ["timer", "socket"] if caps["streams"] else []
    channels += ["file"] if caps["files"] else []
    deepest = caps["max_depth"]
    return [(c, d) for c in channels for d in (4, 1) if not deepest or d <= deepest]


def traced(engine: str, folder: Path) -> list[Case]:
    """The log of each has the lines between BEGIN and END, without those of a peer."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian: apt install strace)")
    log = folder / "strace"
    own = [name for call in parse(engine).calls for name in kernel_names(call)]
    of_helpers = ["read", "pread64", "write", "pwrite64"]
    # A strace that has never heard of a call leaves it out where it is asked for with "?".
    wanted = ",".join(f"?{name}" for name in {*own, *of_helpers})
    done = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-e", f"trace={wanted}", "-o", str(log)]
        + [sys.executable, "-c", DRIVER, engine, str(OPERATIONS), json.dumps(cases(engine))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "Operation not permitted" in done.stderr and "ptrace" in done.stderr:
        pytest.skip("strace may not trace here (ptrace is not permitted)")
    if "REFUSED" in done.stderr:
        pytest.skip(done.stderr.partition("REFUSED: ")[2].strip())
    assert done.returncode == 0, done.stderr
    parts = re.findall(r'"BEGIN\\n"(.*?)"END\\n"', log.read_text(), re.DOTALL)
    parts = [OF_MEMORY.sub("", part) for part in parts]
    counted = json.loads(done.stdout)
    return [
        Case(*told, re.sub(rf"^{told[3]}\s.*\n", "", part, flags=re.MULTILINE))
        for told, part in zip(counted, parts, strict=True)
    ]


@pytest.mark.parametrize("engine", WITH_DATA)
def test_counted_calls_are_the_kernels(engine: str, tmp_path: Path) -> None:
    seen = traced(engine, tmp_path)
    assert seen, "it works on no channel"
    for case in seen:
        assert case.operations >= OPERATIONS
        if any(map(OF_THE_LIBRARY.match, parse(engine).calls)):
            assert_the_library_made_them(engine, case)
        else:
            assert_the_engine_made_them(case)


def assert_the_library_made_them(engine: str, case: Case) -> None:
    """The counted calls are the library's; its helper threads make the system calls.

    A list is one call for several, and LIO_WAIT says by itself that all have ended. An echo is a
    write, too.
    """
    transfers = case.operations * (2 if case.channel == "socket" else 1)
    if CAPS[engine]["batches"]:
        assert transfers / case.depth <= case.calls["lio_listio"] <= transfers
    else:
        assert case.calls["aio_read"] == case.operations
    assert case.calls["aio_return"] == transfers
    assert successful_reads(case) == pytest.approx(case.operations, rel=0.02)


def assert_the_engine_made_them(case: Case) -> None:
    by_kernel_names: Counter[tuple[str, ...]] = Counter()
    for call, count in case.calls.items():
        by_kernel_names[kernel_names(call)] += count
    for names, count in by_kernel_names.items():
        seen = len(re.findall(rf"\b(?:{'|'.join(names)})\(", case.log))
        if names == ("futex",):
            # A contended mutex makes calls of its own; and each helper may have slept before BEGIN.
            assert seen >= 0.98 * count - case.depth
            continue
        assert seen == pytest.approx(count, rel=0.02, abs=1), (case[:4], names)


def successful_reads(case: Case) -> int:
    """On a stream each transfer is a pread64 that fails with ESPIPE, and then a read."""
    name, size = {"file": ("pread64", 4096), "timer": ("read", 8), "socket": ("read", 64)}[
        case.channel
    ]
    if case.channel != "file":
        assert case.log.count("ESPIPE") > 0
    pattern = rf"{name}(?:\(| resumed>).*= {size}$"
    return len(re.findall(pattern, case.log, flags=re.MULTILINE))
