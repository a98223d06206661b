"""Pipes and sockets to a peer process: every engine, every work, and every way a peer ends."""

from __future__ import annotations

import errno
import functools
import json
import os
import select
import signal
import subprocess
import sys
from typing import Any

import pytest

from ..engines import CAPS, WITH_DATA
from ..fresh import run_python

# Whatever is tested runs in a process of its own: helper threads, limits and children stay in it.
PREAMBLE = """
import errno, json, os, resource, signal, sys, threading, time
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record

MULTIPLIER = _core.clock_calibrate(2_000_000)

def fds():
    # The listing's own descriptor is closed again before the second look.
    return {fd for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")}

def has_child():
    try:
        return os.waitpid(-1, os.WNOHANG) is not None
    except ChildProcessError:
        return False

class Trial:
    '''One loop from open to close; `outcome` is what is left of it.'''
    def __init__(self, engine, channel, **settings):
        self.before = fds()
        self.context = new_record()
        self.record = self.context.__enter__()
        settings = {"clock_ns_per_tick_q32": MULTIPLIER, **settings}
        spec = parse(engine)
        self.loop = _core.Loop(spec.name, channel, settings | spec.settings, self.record.fd)
        self.slices = []
    def run(self, seconds=0.02, operations=0):
        error = self.loop.run(int(seconds * 1e9), operations)
        names = ("slice_operations", "window_operations", "window_bytes", "verified_words")
        names += ("peer_operations", "peer_bytes", "lateness_max_ns", "backlog", "spun_ns")
        names += ("peer_outstanding",)
        numbers = {name: self.record.field(name) for name in names}
        answered = sum(count for _, count in self.record.histogram("peer"))
        self.slices.append({"error": error, "answered": answered, **numbers})
        return error
    def outcome(self):
        started = time.monotonic()
        opened, closed = self.loop.is_open(), self.loop.close()
        names = ("error", "error_offset", "peer_status", "highest_descriptor")
        result = {name: self.record.field(name) for name in names}
        result |= {"open": opened, "close": closed, "close_s": time.monotonic() - started}
        result |= {"stage": self.record.stage, "slices": self.slices, "child": has_child()}
        self.context.__exit__(None, None, None)
        return result | {"left": sorted(fds() - self.before)}

def raise_limit(wanted):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, 1024), hard))
    return True
"""
CHANNELS: dict[str, tuple[str, dict[str, int]]] = {
    "pipe": ("pipe", {}),
    "unix": ("socket", {"family": 0}),
    "tcp": ("socket", {"family": 1}),
}
WORK: dict[str, dict[str, int]] = {
    "echo": {"block": 64},
    "stream-read": {"block": 4096, "exchange": 1, "workload": 0},
    "stream-write": {"block": 4096, "exchange": 1, "workload": 1},
    "server": {"block": 64, "server": 1, "outstanding": 2},
}
ENGINES = [name for name in WITH_DATA if CAPS[name]["streams"]]


def can(engine: str, work: str) -> bool:
    """A list that is waited for as a whole cannot serve: one slow client would hold all others."""
    return work != "server" or not CAPS[engine]["waits_for_all"]


BROKEN = {-errno.EPIPE, -errno.ECONNRESET, -errno.ENODATA}


def run(script: str, *arguments: object, timeout_s: float = 60) -> Any:
    """What the script, run after the preamble, prints as JSON."""
    return json.loads(run_python(PREAMBLE + script, *arguments, timeout_s=timeout_s))


def open_as(engine: str, channel: str, **settings: int) -> str:
    """The start of a script: a trial of this kind."""
    kind, family = CHANNELS[channel]
    return f"trial = Trial({engine!r}, {kind!r}, **{family | settings})\n"


def assert_clean(outcome: dict[str, Any]) -> None:
    assert outcome["close"] == 0
    assert outcome["close_s"] < 5
    assert outcome["left"] == []
    assert not outcome["child"]


# ------------------------------------------------------------------ every engine, every work

EVERY_WORK = """
engine, channel, works = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
outcomes = {}
for name, settings in works.items():
    trial = Trial(engine, channel, **settings)
    trial.run()
    for operations in (60, 30):  # and not by the clock
        trial.run(20, operations)
    outcomes[name] = trial.outcome()
print(json.dumps(outcomes))
"""


@functools.cache
def every_work(engine: str, channel: str) -> dict[tuple[str, int], Any]:
    """The outcomes by work and depth; all of a depth in one process."""
    kind, family = CHANNELS[channel]
    works = {name: settings | family for name, settings in WORK.items() if can(engine, name)}
    deepest = CAPS[engine]["max_depth"]
    return {
        (name, depth): outcome
        for depth in (1, 8)
        if not deepest or depth <= deepest
        for name, outcome in run(
            EVERY_WORK,
            engine,
            kind,
            json.dumps({name: its | {"depth": depth} for name, its in works.items()}),
        ).items()
    }


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("engine", ENGINES)
def test_three_slices_move_right_bytes_and_leave_nothing(engine: str, channel: str) -> None:
    for (work, _), outcome in every_work(engine, channel).items():
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


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_peer_that_drives_counts_what_the_engine_serves(engine: str, channel: str) -> None:
    for (work, depth), outcome in every_work(engine, channel).items():
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


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("engine", ENGINES)
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
    total = sum(part["peer_operations"] for part in outcome["slices"])
    assert total == pytest.approx(1500, rel=0.2)
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


# ------------------------------------------------------------------ a peer that ends

KILLER = """
def kill():
    while trial.record.field("live_operations") < 2:
        time.sleep(0.001)
    os.kill(trial.record.field("peer_id"), signal.SIGKILL)
threading.Thread(target=kill).start()
trial.run(20)
print(json.dumps(trial.outcome()))
"""


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    ("engine", "work"), [(engine, work) for engine in ENGINES for work in WORK if can(engine, work)]
)
def test_a_killed_peer_is_an_error_with_its_reason(engine: str, channel: str, work: str) -> None:
    outcome = run(open_as(engine, channel, **WORK[work]) + KILLER, timeout_s=15)
    error = outcome["slices"][0]["error"]
    # What a pipe and a unix socket say depends on what the dead peer had not read yet.
    assert error == -errno.ECONNRESET if channel == "tcp" else error in BROKEN
    assert outcome["stage"] == "transfer"
    assert outcome["peer_status"] == signal.SIGKILL + 1
    assert_clean(outcome)


def test_a_peer_that_dies_between_slices_is_found_before_the_next() -> None:
    script = open_as("select", "unix", block=64)
    script += """
trial.run()
peer = trial.record.field("peer_id")
os.kill(peer, signal.SIGKILL)
os.waitid(os.P_PID, peer, os.WEXITED | os.WNOWAIT)
trial.run()
print(json.dumps(trial.outcome()))
"""
    outcome = run(script)
    assert [part["error"] for part in outcome["slices"]] == [0, -errno.EPIPE]
    assert outcome["stage"] == "check"
    assert outcome["peer_status"] == signal.SIGKILL + 1
    assert_clean(outcome)


# While submit waits for a peer that does not answer, nobody sees that it is to stop.
@pytest.mark.parametrize("engine", [name for name in ENGINES if not CAPS[name]["blocks_in_submit"]])
def test_a_stopped_peer_hinders_neither_stop_nor_close(engine: str) -> None:
    script = open_as(engine, "pipe", block=64, depth=4)
    script += """
def stop():
    while trial.record.field("live_operations") < 2:
        time.sleep(0.001)
    os.kill(trial.record.field("peer_id"), signal.SIGSTOP)
    trial.record.ask_to_stop()
threading.Thread(target=stop).start()
trial.run(20)
print(json.dumps(trial.outcome()))
"""
    outcome = run(script, timeout_s=15)
    assert outcome["slices"][0]["error"] == 0
    assert_clean(outcome)


def test_the_pipe_signal_is_ignored_while_the_channel_is_open_and_no_longer() -> None:
    script = "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
    script += open_as("blocking", "pipe", **WORK["stream-write"])
    script += KILLER
    script += """
ignored = int(next(l for l in open("/proc/self/status") if l.startswith("SigIgn")).split()[1], 16)
assert not ignored & 1 << signal.SIGPIPE - 1
"""
    outcome = run(script)
    assert outcome["slices"][0]["error"] == -errno.EPIPE
    assert outcome["peer_status"] == signal.SIGKILL + 1


def test_a_peer_dies_with_its_worker() -> None:
    # A stopped one does not notice the end of its connection.
    script = open_as("select", "unix", block=64)
    script += """
trial.run()
os.kill(trial.record.field("peer_id"), signal.SIGSTOP)
print(trial.record.field("peer_id"), flush=True)
sys.stdin.read()
"""
    worker = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with worker:
        assert worker.stdout is not None
        peer = os.pidfd_open(int(worker.stdout.readline()))
        assert select.select([peer], [], [], 0)[0] == []
        worker.kill()
        ended = select.select([peer], [], [], 10)[0]
        os.close(peer)
    assert ended == [peer]


def test_a_peer_takes_no_notice_of_ctrl_c() -> None:
    script = open_as("select", "unix", block=64)
    script += """
trial.run()
os.kill(trial.record.field("peer_id"), signal.SIGINT)
trial.run()
print(json.dumps(trial.outcome()))
"""
    outcome = run(script)
    assert [part["error"] for part in outcome["slices"]] == [0, 0]
    assert outcome["peer_status"] == 0


# ------------------------------------------------------------------ wrong bytes


@pytest.mark.parametrize("channel", ["unix", "tcp"])
def test_bytes_lost_on_the_way_are_noticed(channel: str) -> None:
    script = open_as("blocking", channel, **WORK["stream-read"])
    script += """
os.read(trial.record.field("highest_descriptor"), 8)
trial.run()
print(json.dumps(trial.outcome()))
"""
    outcome = run(script)
    assert outcome["slices"][0]["error"] == -errno.EBADMSG
    assert outcome["stage"] == "verify"
    assert_clean(outcome)


@pytest.mark.parametrize("work", ["echo", "stream-write"])
@pytest.mark.parametrize("depth", [1, 4])
def test_wrong_bytes_written_are_noticed_by_the_peer(work: str, depth: int) -> None:
    script = open_as("select", "unix", **WORK[work], depth=depth)
    script += """
os.write(trial.record.field("highest_descriptor"), b"12345678")
trial.run(10)
print(json.dumps(trial.outcome()))
"""
    outcome = run(script)
    assert outcome["slices"][0]["error"] in BROKEN
    assert outcome["peer_status"] == (65 << 8) + 1
    assert_clean(outcome)


def test_a_slice_of_writes_ends_when_the_peer_has_read_and_checked_them() -> None:
    script = open_as("blocking", "pipe", **WORK["stream-write"])
    script += """
import array, fcntl, termios
peer = trial.record.field("peer_id")
trial.run()
os.kill(peer, signal.SIGSTOP)
threading.Timer(0.1, os.kill, (peer, signal.SIGCONT)).start()
trial.run(10, 4)
unread = array.array("i", [-1])
fcntl.ioctl(trial.record.field("highest_descriptor"), termios.FIONREAD, unread)
print(json.dumps(trial.outcome() | {"unread": unread[0]}))
"""
    outcome = run(script)
    assert outcome["unread"] == 0
    assert outcome["slices"][1]["error"] == 0
    assert_clean(outcome)


# ------------------------------------------------------------------ descriptors, CPUs, limits


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
