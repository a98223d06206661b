"""POSIX AIO in C programs: what the C library does, and the engine under a sanitizer."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from .. import core_build
from .aio_jobs import AIO, CALLBACKS, LIST_NOWAIT, with_threads

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
