"""Logs larger than memory."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks" / "log.py"
MOST_GROWTH_KIB = 4096


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(
    "mebibytes", [16, pytest.param(2048, marks=[pytest.mark.longest, pytest.mark.timeout(900)])]
)
def test_memory_does_not_grow_with_the_log(mebibytes: int) -> None:
    command = [sys.executable, BENCHMARK, "--bytes", str(mebibytes << 20)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(done.stdout)
    (grown,) = re.findall(r"memory grew by (\d+) KiB", done.stdout)
    assert int(grown) <= MOST_GROWTH_KIB
    assert "; 0 lines not understood" in done.stdout
    assert ", 0 calls without a beginning, 0 without an end" in done.stdout
