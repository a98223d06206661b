"""Pipes and sockets: which descriptors and CPUs a trial takes, and what is refused."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from .channel_trials import CHANNELS, WORK, open_as, run
from .test_channels import assert_clean


@pytest.mark.parametrize("work", ["echo", "stream-read", "stream-write"])
@pytest.mark.parametrize("channel", CHANNELS)
def test_the_highest_descriptor_is_the_highest(channel: str, work: str) -> None:
    script = open_as("select", channel, **WORK[work], depth=3, idle=2)
    script += """
opened = {int(fd) for fd in fds() - trial.before} - {trial.record.fd}
print(json.dumps([trial.record.field("highest_descriptor"), sorted(opened)]))
"""
    highest, opened = run(script)
    assert highest == opened[-1]
    ends = 10 if (channel, work) == ("pipe", "echo") else 5
    assert len(opened) == ends + 1  # Python's mmap keeps a copy of the record's descriptor


def test_select_watches_900_idle_sockets() -> None:
    script = "assert raise_limit(2500) or sys.exit('skip')\n"
    script += open_as("select", "unix", block=64, idle=900)
    script += "trial.run()\nprint(json.dumps(trial.outcome()))"
    outcome = run_with_many_descriptors(script)
    assert outcome["slices"][0]["slice_operations"] > 0
    assert outcome["highest_descriptor"] < 1000
    assert_clean(outcome)


def test_select_is_refused_beyond_its_limit() -> None:
    script = "assert raise_limit(4500) or sys.exit('skip')\n"
    script += open_as("select", "pipe", block=64, idle=900)
    script += "print(json.dumps(trial.outcome()))"
    outcome = run_with_many_descriptors(script)
    assert not outcome["open"]
    assert (outcome["stage"], outcome["error"]) == ("engine_open", errno.ERANGE)
    assert_clean(outcome)


def run_with_many_descriptors(script: str) -> Any:
    try:
        return run(script)
    except AssertionError as error:
        if "skip" in str(error):
            pytest.skip("this machine's hard limit on open files (RLIMIT_NOFILE) is too low")
        raise


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("limit", [12, 40, 67, 100])
def test_too_few_descriptors_leave_nothing_open(channel: str, limit: int) -> None:
    script = f"resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))\n"
    script += open_as("select", channel, block=64, depth=32, idle=32)
    script += "print(json.dumps(trial.outcome()))"
    outcome = run(script)
    assert (outcome["stage"], outcome["error"]) == ("channel_open", errno.EMFILE)
    assert_clean(outcome)


@pytest.mark.parametrize(("channel", "ends"), [("pipe", 2), ("unix", 1), ("tcp", 1)])
def test_the_peer_holds_its_own_ends_and_nothing_else(channel: str, ends: int) -> None:
    script = open_as("select", channel, block=64, depth=1, idle=5)
    script += """
trial.run()
held = len(os.listdir(f"/proc/{trial.record.field('peer_id')}/fd"))
print(json.dumps(trial.outcome() | {"held": held}))
"""
    assert run(script)["held"] == 6 * ends


def test_the_peer_runs_where_it_is_put() -> None:
    cpu = max(os.sched_getaffinity(0))
    script = open_as("select", "unix", block=64, peer_cpu=cpu)
    script += "print(json.dumps(sorted(os.sched_getaffinity(trial.record.field('peer_id')))))"
    assert run(script) == [cpu]


@pytest.mark.parametrize(
    "settings",
    [
        {"peer_cpu": 1 << 20},
        {"server": 1, "exchange": 1},
        {"server": 1, "outstanding": 0},
        {"exchange": 1, "workload": 2},
        {"opens_per_request": 0},
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, int]) -> None:
    script = open_as("select", "unix", block=64, **settings)
    outcome = run(script + "print(json.dumps(trial.outcome()))")
    assert (outcome["stage"], outcome["error"]) == ("channel_open", errno.EINVAL)
    assert_clean(outcome)
