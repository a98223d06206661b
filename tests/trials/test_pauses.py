"""Trials in which somebody did not run for a time: noticed, repeated, and no hang."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from iomodels.base.errors import NothingEnded, Paused, Void
from iomodels.trials import child as trials_child
from iomodels.trials import trial
from iomodels.trials.pauses import Pauses, Reading
from iomodels.trials.preparation import Preparation

from ..planned import planned
from ..processes import await_stopped, children
from .test_trial import only_child


class Pausing:
    """A progress listener that stops the trial's process for so long, once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stopped_at_s: float | None = None
        self._pid = 0

    def __call__(self, operations: int) -> None:
        if self._stopped_at_s is None and operations:
            self._pid = only_child()
            self._stopped_at_s = time.monotonic()
            os.kill(self._pid, signal.SIGSTOP)
        elif self._stopped_at_s and time.monotonic() > self._stopped_at_s + self._seconds:
            os.kill(self._pid, signal.SIGCONT)
            self._seconds = float("inf")


def run(progress: Callable[[int], None]) -> None:
    made, one = planned("slow-device", "blocking", duration_s=1)
    with Preparation(made.seed) as preparation, preparation.command(one) as command:
        trial.run_trial(one, command, progress)


def test_a_stopped_child_voids_the_trial() -> None:
    with pytest.raises(Paused, match=r"did not run for about [0-9.]+ s while it was measuring"):
        run(Pausing(0.5))


def test_the_shortest_stop_voids_the_trial() -> None:
    """Over before anybody looked: the kernel still reports that the child was continued."""

    def stop_and_go_on(operations: int) -> None:
        child = only_child()
        os.kill(child, signal.SIGSTOP)
        await_stopped(child)  # SIGCONT takes back a SIGSTOP that has not arrived
        os.kill(child, signal.SIGCONT)

    with pytest.raises(Paused):
        run(stop_and_go_on)


def test_the_watchdog_does_not_count_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials_child, "ANSWER_TIMEOUT_S", 0.5)
    with pytest.raises(Paused):
        run(Pausing(2.5))  # longer than 1 s and 0.5 s


def test_a_trial_that_nothing_stops_is_not_void() -> None:
    run(lambda operations: None)


# ------------------------------------------------------------------ the account


def account(*, elapsed_s: float, suspended_s: float = 0, runnable_s: float | None = 0) -> Pauses:
    found = Pauses(os.getpid())  # no child of this process
    before = Reading(100.0, 300.0, None if runnable_s is None else 5.0)
    after = Reading(
        100.0 + elapsed_s,
        300.0 + elapsed_s + suspended_s,
        None if runnable_s is None else 5.0 + runnable_s,
    )
    found.ran_s = found.waited(before, after, 0.2)  # type: ignore[attr-defined]
    return found


def test_a_wait_that_ends_much_too_late_is_a_pause() -> None:
    found = account(elapsed_s=3.2)
    assert found.found
    assert found.paused_s == pytest.approx(3.0)
    assert found.ran_s == pytest.approx(0.2)  # type: ignore[attr-defined]


@pytest.mark.parametrize("elapsed_s", [0.0, 0.1, 0.2, 0.4])
def test_a_wait_that_ends_in_time_is_none(elapsed_s: float) -> None:
    found = account(elapsed_s=elapsed_s)
    assert not found.found
    assert found.ran_s == elapsed_s or found.ran_s == pytest.approx(elapsed_s)  # type: ignore[attr-defined]


def test_waiting_for_a_cpu_is_no_pause() -> None:
    """On a loaded machine, or with a quota on CPU time that is used up."""
    assert not account(elapsed_s=3.2, runnable_s=2.9).found
    assert account(elapsed_s=6.2, runnable_s=2.9).paused_s == pytest.approx(3.1)


def test_without_an_account_of_waiting_for_a_cpu_only_what_is_long_is_a_pause() -> None:
    assert not account(elapsed_s=1.5, runnable_s=None).found
    assert account(elapsed_s=3.2, runnable_s=None).found


def test_a_suspended_machine_is_a_pause_though_its_clock_stood_still() -> None:
    found = account(elapsed_s=0.1, suspended_s=3600)
    assert found.found
    assert found.paused_s == pytest.approx(3600)


# ------------------------------------------------------------------ repeats


def attempts_of(*outcomes: Void | str) -> tuple[list[str], list[str]]:
    """What the attempts came to, and the causes of those that were void."""
    left, causes = list(outcomes), []

    def attempt() -> str:
        outcome = left.pop(0)
        if isinstance(outcome, Void):
            raise outcome
        return outcome

    try:
        result = [trial.with_repeats(attempt, lambda void: causes.append(void.cause))]
    except Void as void:
        result = [f"raised {void}"]
    return result, causes


def test_a_void_trial_is_repeated_and_not_for_ever() -> None:
    assert attempts_of(Paused("p"), NothingEnded("n"), "ok") == (["ok"], ["paused", "empty"])
    many = [Paused(str(n)) for n in range(9)]
    assert attempts_of(*many) == (["raised 3"], ["paused"] * 4)


def test_a_run_that_is_frozen_goes_on_with_a_fresh_trial(tmp_path: Path) -> None:
    """As `docker pause` and Ctrl-Z do it, to the run or to all of its processes."""
    command = [sys.executable, "-P", "-m", "iomodels", "bench", "slow-device", "-e", "blocking"]
    process = subprocess.Popen(
        [*command, "-r", "2", "-d", "1", "--warmup", "0", "--json", "--seed", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    with process:
        while not any(is_measuring_blocking(child) for child in children(process.pid)):
            assert process.poll() is None
            time.sleep(0.005)
        everybody = [process.pid, *children(process.pid)]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(1.5)  # the pause itself
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    run = json.loads(out)
    assert "paused" in [warning["code"] for warning in run["warnings"]]
    (cell,) = (cell for cell in run["cells"] if cell["engine"] == "blocking")
    assert cell["status"] == "ok"
    assert len(cell["trials"]) == 2
    assert all(trial["duration_ns"] < 1.2e9 for trial in cell["trials"])


def is_measuring_blocking(pid: int) -> bool:
    """Each of its reads sleeps: as many sleeps as this are no start."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    slept = int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return "blocking" in words and slept > 500
