"""Pipes and sockets: every way a peer ends, and bytes that are wrong or lost."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from ..some_engines import CAPS
from .channel_trials import CHANNELS, ENGINES, PREAMBLE, WORK, can, in_turn, open_as, run
from .test_channels import assert_clean

BROKEN = {-errno.EPIPE, -errno.ECONNRESET, -errno.ENODATA}


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


def combinations() -> Iterator[ParameterSet]:
    """In a quick run each engine with each work, and with each channel in one of its works."""
    for engine in ENGINES:
        for place, work in enumerate(WORK):
            for channel in CHANNELS if can(engine, work) else ():
                is_quick = channel == in_turn(engine, place)
                yield pytest.param(
                    *(engine, work, channel), marks=() if is_quick else pytest.mark.longest
                )


@pytest.mark.parametrize(("engine", "work", "channel"), list(combinations()))
def test_a_killed_peer_is_an_error_with_its_reason(engine: str, work: str, channel: str) -> None:
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


@pytest.mark.parametrize("engine", ["blocking", "threads:handoff=none"])
@pytest.mark.parametrize("channel", ["unix", "tcp"])
def test_bytes_lost_on_the_way_are_noticed(engine: str, channel: str) -> None:
    script = open_as(engine, channel, **WORK["stream-read"])
    script += """
os.read(trial.record.field("highest_descriptor"), 8)
trial.run()
print(json.dumps(trial.outcome()))
"""
    outcome = run(script)
    assert outcome["slices"][0]["error"] == -errno.EBADMSG
    assert outcome["stage"] == "verify"
    assert "differ from the bytes that the peer process sent" in outcome["reason"]
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
