"""The loop under stress: random depths, deadlines and stops, under a sanitizer.

IOMODELS_STRESS_OPERATIONS=1000000 is for a longer one, by hand (`--longest -s --timeout 0`). Random
cancels, bounds and timeouts without the loop are a rule of the conformance suite.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from .. import core_build
from ..some_engines import CAPS, plain, works_on
from .aio_jobs import CALLBACKS, LIST_NOWAIT, with_threads

CHANNELS = ["timer", "file"]
WITH_DATA = [name for name, caps in CAPS.items() if caps["moves_data"]]
# Threads of ours, or the C library's: the others have one thread, or the kernel's.
WITH_THREADS = [name for name in WITH_DATA if plain(name) in ("aio", "threads")]
NOT_APPLICABLE = 77


def in_turn(engines: Sequence[str], first: int) -> list[Any]:
    """Each on one of its channels; on the other by `--longest`."""
    found = []
    for number, engine in enumerate(engines, start=first):
        channels = [channel for channel in CHANNELS if works_on(engine, channel)]
        for at, channel in enumerate(channels):
            is_its_turn = at == number % len(channels)
            mark = pytest.mark.long if is_its_turn else pytest.mark.longest
            found.append(pytest.param(engine, channel, marks=mark))
    return found


def stress(variant: str, engine: str, channel: str, *before: str) -> None:
    """The program has an alarm of its own. Skips with the reason where it cannot work here."""
    program = core_build.program(variant, "engine_stress", "engine_watch", "engine_names")
    operations = os.environ.get("IOMODELS_STRESS_OPERATIONS", "2500")
    done = subprocess.run(
        [*before, str(program), engine, channel, operations, "1"],
        capture_output=True,
        text=True,
        # That aio_read in a handler can allocate is known (aio_signal.c), and what chaining does.
        env=os.environ | {"TSAN_OPTIONS": "halt_on_error=1 report_signal_unsafe=0"},
        check=False,
    )
    if done.returncode == NOT_APPLICABLE:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stderr or done.returncode
    print(variant, engine, channel, done.stdout.strip())


@pytest.mark.parametrize(("engine", "channel"), in_turn(WITH_DATA, 0))
def test_stress_with_deadlines_and_stops(engine: str, channel: str) -> None:
    stress("address", engine, channel)


@pytest.mark.parametrize(
    ("engine", "channel"), in_turn([name for name in WITH_THREADS if name not in CALLBACKS], 1)
)
def test_stress_of_the_memory_order(engine: str, channel: str) -> None:
    """Fixed addresses, since ThreadSanitizer does not start with all random ones."""
    if shutil.which("setarch") is None:
        pytest.skip("setarch is not installed (Debian: apt install util-linux)")
    if engine == LIST_NOWAIT and "IOMODELS_STRESS_OPERATIONS" in os.environ:
        # glibc's thread, which ThreadSanitizer did not see start, frees each list (__aio_notify);
        # when its trace of that thread is full, it crashes itself (TraceSwitch).
        pytest.skip("ThreadSanitizer does not survive a long run of glibc's thread for lists")
    stress("thread", with_threads(engine, 1), channel, "setarch", "-R")
