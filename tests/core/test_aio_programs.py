"""POSIX AIO in C programs: what the C library does, and a callback that comes late."""

from __future__ import annotations

import os
import subprocess

import pytest

from .. import core_build
from .aio_jobs import CALLBACKS

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


@pytest.mark.long
@pytest.mark.parametrize("when", ["before-close", "during-close", "after-close"])
@pytest.mark.parametrize("engine", CALLBACKS)
def test_a_callback_that_comes_late_was_not_lost(engine: str, when: str) -> None:
    """What comes after close is lost, but must find its state."""
    program = core_build.program(
        "address", "aio_late_callback", "engine_names", options=("-Wl,--wrap=aio_read",)
    )
    done = subprocess.run(
        [program, engine, when],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"ASAN_OPTIONS": "detect_leaks=0"},  # the state is left to it
    )
    assert done.returncode == 0, done.stderr
