"""Pipes and sockets to a peer process: every engine and every work, and the open loop of a peer."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from ..some_engines import CAPS
from .channel_trials import CHANNELS, WORK, can, open_as, pairs, run


def assert_clean(outcome: dict[str, Any]) -> None:
    assert outcome["close"] == 0
    assert outcome["close_s"] < 5
    assert outcome["left"] == []
    assert not outcome["child"]


# ------------------------------------------------------------------ every engine, every work

EVERY_WORK = """
engine, channel, works = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
outcomes = []
for name, settings in works:
    trial = Trial(engine, channel, **settings)
    trial.run(0.004)
    for operations in (60, 30):  # and not by the clock
        trial.run(20, operations)
    outcomes.append([name, settings["depth"], trial.outcome()])
print(json.dumps(outcomes))
"""


@functools.cache
def every_work(engine: str, channel: str) -> list[tuple[str, int, dict[str, Any]]]:
    """Work, depth and outcome of each, all in one process: the deepest first, since the size of the
    C library's pool of AIO threads is that of the first."""
    kind, family = CHANNELS[channel]
    deepest = CAPS[engine]["max_depth"]
    works = [
        (name, settings | family | {"depth": depth})
        for depth in (8, 1)
        if not deepest or depth <= deepest
        for name, settings in WORK.items()
        if can(engine, name)
    ]
    found: list[tuple[str, int, dict[str, Any]]] = run(EVERY_WORK, engine, kind, json.dumps(works))
    return found


@pytest.mark.parametrize(("engine", "channel"), list(pairs()))
def test_three_slices_move_right_bytes_and_leave_nothing(engine: str, channel: str) -> None:
    for work, _, outcome in every_work(engine, channel):
        assert_three_sound_slices(work, outcome)


def assert_three_sound_slices(work: str, outcome: dict[str, Any]) -> None:
    assert outcome["stage"] == "none"
    assert outcome["peer_status"] == 0
    assert len(outcome["slices"]) == 3
    both_ways = 1 if work.startswith("stream") else 2
    for part in outcome["slices"]:
        assert part["error"] == 0
        assert part["slice_operations"] > 0
        assert part["window_bytes"] == both_ways * WORK[work]["block"] * part["window_operations"]
        assert part["verified_words"] > 0
        if work != "stream-write":  # there the peer checks, by what it reads at a time
            assert part["verified_words"] >= part["slice_operations"]
    assert_clean(outcome)


@pytest.mark.parametrize(("engine", "channel"), list(pairs()))
def test_a_peer_that_drives_counts_what_the_engine_serves(engine: str, channel: str) -> None:
    for work, depth, outcome in every_work(engine, channel):
        assert_counted_by_the_peer(engine, work, depth, outcome)


def assert_counted_by_the_peer(engine: str, work: str, depth: int, outcome: dict[str, Any]) -> None:
    for part in outcome["slices"]:
        assert part["answered"] == part["peer_operations"]
        assert part["peer_bytes"] == 2 * WORK[work]["block"] * part["peer_operations"]
        if work != "server":
            assert part["peer_operations"] == 0
            continue
        # All but what was under way at the window's two ends: in a slice that ends by the clock,
        # and in which the peer hardly got a CPU, that may be all.
        missing = part["slice_operations"] - part["peer_operations"]
        assert 0 <= missing <= 4 * min(depth, WORK["server"]["outstanding"])
        assert part["peer_outstanding"] == 0
        if engine == "blocking":  # it knows of an answer before the peer has it
            assert part["peer_operations"] <= part["window_operations"]
    if work == "server":
        assert outcome["slices"][1]["peer_operations"] > 0


@pytest.mark.parametrize(("engine", "channel"), list(pairs()))
def test_large_blocks_pass_whole_in_both_roles(engine: str, channel: str) -> None:
    script = "outcomes = []\n"
    for role in (0, 1) if can(engine, "server") else (0,):
        settings = {"block": 5_000_001, "server": role, "verify": 1, "depth": 1}
        script += open_as(engine, channel, **settings)
        script += "trial.run(0.01); outcomes.append(trial.outcome())\n"
    for outcome in run(script + "print(json.dumps(outcomes))"):
        assert outcome["slices"][0]["error"] == 0
        assert outcome["slices"][0]["slice_operations"] > 0
        assert_clean(outcome)


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_engine_without_io_needs_no_peer(channel: str) -> None:
    script = open_as("null", channel, server=1, depth=4, idle=3)
    script += "peer = trial.record.field('peer_id'); trial.run()\n"
    script += "print(json.dumps(trial.outcome() | {'peer': peer}))"
    outcome = run(script)
    assert outcome["peer"] == 0
    assert outcome["slices"][0]["error"] == 0
    assert_clean(outcome)


# ------------------------------------------------------------------ the open loop of a peer


def test_an_open_loop_sends_at_the_rate_asked_for_and_again_in_each_slice() -> None:
    settings = {"server": 1, "depth": 4, "block": 64, "arrivals": 1}
    script = open_as("select", "unix", **settings, arrival_gap_q10_ns=1024 * 500_000)
    script += "[trial.run(0.25) for _ in range(3)]\nprint(json.dumps(trial.outcome()))"
    outcome = run(script)
    # What is due and was not sent was late, but is of the schedule. That of a slice begins when the
    # peer gets a CPU, so that on a busy machine a slice may have fewer, and none has more.
    share_of_2000 = [
        (part["peer_operations"] + part["backlog"]) * 500_000 / part["window_ns"]
        for part in outcome["slices"]
    ]
    assert max(share_of_2000) == pytest.approx(1, abs=0.2)
    assert min(share_of_2000) > 0.5
    for part in outcome["slices"]:
        assert part["error"] == 0
        assert part["spun_ns"] == 0  # the schedule is the peer's: the engine just waits
    assert_clean(outcome)


def test_a_message_counts_from_when_it_was_due_and_the_backlog_is_told() -> None:
    # A million per second over one connection: no machine keeps up.
    settings = {"server": 1, "block": 64, "arrival_gap_q10_ns": 1024 * 1000}
    script = open_as("blocking", "pipe", **settings)
    script += "trial.run(0.2); peer = trial.record.histogram('peer')\n"
    script += "print(json.dumps(trial.outcome() | {'peer': peer}))"
    outcome = run(script)
    part = outcome["slices"][0]
    assert part["backlog"] > 1000
    assert part["lateness_max_ns"] > 20_000_000
    assert outcome["peer"][-1][0] > 20_000_000
    assert_clean(outcome)
