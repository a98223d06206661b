"""A trial's process: what it reports, and what becomes of it when it crashes, hangs, is killed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from iomodels.base.errors import TrialError
from iomodels.results.schema import Trial
from iomodels.statistics import histogram
from iomodels.trials import child as trials_child
from iomodels.trials import trial
from iomodels.trials.launch import own_launch
from iomodels.trials.planned import Command
from iomodels.trials.preparation import Preparation
from iomodels.trials.record import new_record

from .. import fresh
from ..planned import planned

ROOT = Path(__file__).parents[2]


def run(scenario: str, engine: str, duration_s: float = 0.1, **settings: str) -> Trial:
    made, one = planned(scenario, engine, duration_s, **settings)
    with Preparation(made.seed) as preparation, preparation.command(one) as command:
        return trial.run_trial(one, command, lambda operations: None)


def run_and_disturb(disturb: Callable[[int], None], **constants: float) -> Trial:
    """Run a long trial and call `disturb` with its process id as soon as it makes progress."""
    made, one = planned("slow-device", "blocking", duration_s=30)
    disturbed = threading.Event()

    def once(operations: int) -> None:
        if operations > 0 and not disturbed.is_set():
            disturbed.set()
            disturb(only_child())

    with Preparation(made.seed) as preparation, preparation.command(one) as command:
        return trial.run_trial(one, command, once)


def children() -> list[int]:
    return [
        int(pid)
        for pid in Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    ]


def only_child() -> int:
    found = children()
    assert len(found) == 1
    return found[0]


def descriptors_now() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.fixture(autouse=True)
def leaves_no_child_and_no_descriptor() -> Iterator[None]:
    fresh.start_server(fresh.COMMAND_LINE)  # or its connection would be one
    descriptors = descriptors_now()
    yield
    assert children() == []
    assert descriptors_now() == descriptors


@pytest.mark.parametrize("engine", ["blocking", "nonblocking", "select", "aio", "aio:notify=poll"])
def test_a_timer_never_completes_early_and_every_histogram_counts_every_operation(
    engine: str,
) -> None:
    result = run("slow-device", engine)
    assert result.operations > 0
    assert "early_completions" not in result.counters
    assert histogram.count(result.latency_ns) == result.operations
    assert result.added_ns is not None
    assert histogram.count(result.added_ns) == result.operations
    assert result.latency_ns[0][0] >= 99_000  # the bucket of 100 µs
    assert 0.9 < result.depth_mean <= 1.0


@pytest.mark.parametrize("engine", ["blocking", "select", "aio", "aio:notify=signal,chain=handler"])
def test_the_timeline_counts_every_operation_in_its_part(engine: str) -> None:
    result = run("slow-device", engine, 0.2)
    assert result.timeline is not None
    assert len(result.timeline) == 50
    assert sum(result.timeline) == result.operations
    assert max(result.timeline) <= 41  # of 4 ms, at 100 µs each; one may have begun before


def test_a_slow_device_leaves_parts_of_the_timeline_empty() -> None:
    result = run("slow-device", "blocking", 0.1, channel__service="20 ms")
    assert result.timeline is not None
    assert sum(result.timeline) == result.operations
    assert max(result.timeline[:-1]) == 1  # the last part goes on until the window is closed


def test_there_is_no_timeline_where_the_window_ends_early_or_a_peer_measures() -> None:
    assert run("cold-read", "blocking", 5, channel__size="1 MiB").timeline is None
    assert run("server", "select").timeline is None


@pytest.mark.parametrize("engine", ["nonblocking", "select", "aio"])
def test_the_asked_depth_is_reached(engine: str) -> None:
    result = run("slow-device", engine, load__depth="16")
    assert result.depth_max == 16
    assert result.depth_mean > 15


def share_of_cpu(engine: str) -> float:
    return run("slow-device", engine, channel__service="2 ms").cpu_share


def test_a_blocked_engine_uses_less_cpu_than_one_that_spins() -> None:
    blocked = min(share_of_cpu("blocking") for _ in range(3))
    spinning = max(share_of_cpu("nonblocking") for _ in range(3))
    assert blocked < 0.2
    assert spinning > 5 * blocked  # on a busy machine not even a spinner gets a whole CPU


@pytest.fixture
def no_room_for_signals() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_SIGPENDING)
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, hard))
    yield
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (soft, hard))


@pytest.mark.usefixtures("no_room_for_signals")
def test_eagain_is_a_call_that_found_nothing_ready() -> None:
    """Not a result that glibc has put there, nor a wait that was over in time (futex)."""
    signals = run("cached-read", "aio:notify=signal", load__depth="4")
    assert signals.counters["signals_lost"] > 0
    assert signals.eagain_per_op == 0
    assert run("slow-devices", "threads", load__depth="16").eagain_per_op == 0
    assert run("slow-device", "nonblocking").eagain_per_op > 1


def test_cached_reads_are_verified() -> None:
    result = run("cached-read", "blocking", channel__size="1 MiB")
    assert result.counters["verified_words"] >= result.operations
    assert result.throughput_bytes == pytest.approx(result.throughput_ops * 4096)


def test_a_corrupted_file_is_a_failure_with_its_offset_and_not_a_fast_read() -> None:
    made, one = planned("cached-read", "blocking", channel__size="64 KiB")
    with Preparation(made.seed) as preparation, preparation.command(one) as command:
        os.pwrite(command.descriptors[0], bytes(4096), 8192)
        with pytest.raises(TrialError, match="verification failed") as caught:
            trial.run_trial(one, command, lambda operations: None)
    offset = int(str(caught.value).partition("offset ")[2].split()[0])
    assert 8192 <= offset < 8192 + 4096


def test_a_file_that_leaves_the_cache_in_mid_trial_is_not_called_cached() -> None:
    made, one = planned("cached-read", "blocking", duration_s=0.5, channel__size="1 MiB")
    with Preparation(made.seed) as preparation, preparation.command(one) as command:

        def drop(operations: int) -> None:
            os.posix_fadvise(command.descriptors[0], 0, 0, os.POSIX_FADV_DONTNEED)

        # The trial reads the first block only, so the others stay away once they are dropped.
        first_block = dict(command.settings, file_size=4096)
        with pytest.raises(TrialError, match=r"25[56] of 256 pages were not in the page cache"):
            trial.run_trial(
                one,
                Command("blocking", "file", first_block, command.descriptors),
                drop,
            )


def test_a_killed_child_is_reported_with_the_signal() -> None:
    with pytest.raises(TrialError, match="ended by SIGKILL"):
        run_and_disturb(lambda child: os.kill(child, signal.SIGKILL))


def test_a_crashed_child_is_reported_with_the_signal() -> None:
    with pytest.raises(TrialError, match="ended by SIGSEGV"):
        run_and_disturb(lambda child: os.kill(child, signal.SIGSEGV))


def test_a_hung_child_is_killed_by_the_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    made, one = planned("slow-device", "blocking", duration_s=0.1, channel__service="10 min")
    monkeypatch.setattr(trials_child, "ANSWER_TIMEOUT_S", 0.3)
    with (
        Preparation(made.seed) as preparation,
        preparation.command(one) as command,
        pytest.raises(TrialError, match=r"hung: no answer for 0\.[34] s after 0 operations"),
    ):
        trial.run_trial(one, command, lambda operations: None)


def test_a_stopped_child_is_killed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials_child, "STOPPED_TIMEOUT_S", 0.5)
    with pytest.raises(TrialError, match=r"was stopped \(SIGSTOP\) for 0\.5 s, so it was killed"):
        run_and_disturb(lambda child: os.kill(child, signal.SIGSTOP))


def test_last_words_are_kept() -> None:
    made, one = planned("slow-device", "blocking")
    with Preparation(made.seed) as preparation, preparation.command(one) as command:
        broken = Command("no-such-engine", command.channel, command.settings)
        with pytest.raises(TrialError, match="last words: ValueError: no engine 'no-such-engine'"):
            trial.run_trial(one, broken, lambda operations: None)


@pytest.mark.parametrize(
    ("setting", "what"), [("block_size99", "block in several sizes"), ("frob", "frob")]
)
def test_a_core_that_lacks_a_setting_is_too_old(setting: str, what: str) -> None:
    made, one = planned("slow-device", "blocking")
    with Preparation(made.seed) as preparation, preparation.command(one) as command:
        asked = Command(command.engine, command.channel, {**command.settings, setting: 1})
        with pytest.raises(TrialError, match=f"of that Python has no {what}: install a newer one"):
            trial.run_trial(one, asked, lambda operations: None)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("ValueError: no engine 'no-such-engine'", "ValueError: no engine 'no-such-engine'"),
        ("ImportError: /home/ann/lib/_core.so: undefined symbol: x", "ImportError"),
        ("FileNotFoundError: [Errno 2] No such file: '/home/ann'", "FileNotFoundError"),
        ("OSError: [Errno 12] Cannot allocate memory", "OSError"),
        ("ValueError: cannot read /home/ann", "ValueError"),
        ("msgspec.ValidationError: ann", "ValidationError"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("/home/ann/bin/tool: error while loading shared libraries", ""),
        (
            "/home/ann/python3: src/core/loop.c:12: check: Assertion `n == 1' failed.",
            "loop.c:12: assertion `n == 1' failed",
        ),
    ],
)
def test_last_words_name_no_user_and_no_folder(line: str, kept: str) -> None:
    assert trials_child.fit_for_a_result(line) == kept


def test_a_child_that_says_no_more_and_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials_child, "END_TIMEOUT_S", 0.3)
    silent = tmp_path / "worker.py"
    silent.write_text("import os, signal; os.close(1); signal.pause()")
    own = own_launch()
    launch = replace(own, installation=replace(own.installation, worker=str(silent)))
    made, one = planned("slow-device", "blocking")
    with (
        Preparation(made.seed) as preparation,
        preparation.command(one) as command,
        new_record() as record,
        trials_child.Child(command, record, launch) as child,
        pytest.raises(TrialError, match=r"said nothing more and did not end for 0\.3 s"),
    ):
        child.open()


def test_the_child_ends_with_its_parent() -> None:
    """`kill -9` of the parent leaves no orphan behind."""
    program = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.trials import test_trial
def tell(child):
    print(child, flush=True)
test_trial.run_and_disturb(tell)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(ROOT)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent:
        child = int(parent.stdout.readline())
        watched = os.pidfd_open(child)
        parent.kill()
    try:
        poll = __import__("select").poll()
        poll.register(watched)
        assert poll.poll(5000), "the child lives on"
    finally:
        os.close(watched)


def test_a_trial_that_measures_nothing_says_so() -> None:
    with pytest.raises(TrialError, match="measured nothing"):
        run("slow-device", "select", duration_s=0.05, channel__service="0.5 s")


def test_it_ends_in_time() -> None:
    begin = time.monotonic()
    run("slow-device", "aio", duration_s=0.2)
    assert time.monotonic() - begin < 5
