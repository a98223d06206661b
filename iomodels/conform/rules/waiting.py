"""Rules about time: waiting, latency, depth, deadlines, syncs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from iomodels.base.errors import NotApplicable, NothingEnded
from iomodels.conform.looking import cpu_use
from iomodels.conform.role import MILLISECOND
from iomodels.conform.rule import Rule, unless_moves_data, unless_timed
from iomodels.conform.session import Session, seen_median
from iomodels.conform.subject import Subject
from iomodels.engines.spec import EngineSpec

TRIES = 3
"""A busy machine makes what is slow slower, and never faster: the best of so many counts."""

WAIT_S = 0.4
WAIT_SERVICE_NS = 100 * MILLISECOND
MOST_CPU = 0.2
"""Of a CPU, while there is hardly anything to do."""

MOST_RUNNABLE = 0.8

SERVICE_NS = 5 * MILLISECOND
LATE_NS = 5 * MILLISECOND

DEEP = 8
DEEP_SERVICE_NS = 20 * MILLISECOND
DEEP_S = 0.3
LEAST_SHARE = 0.5

DEADLINE_NS = 20 * MILLISECOND
DEADLINE_S = 0.4
DEADLINE_MEAN_NS = 12_642_000
"""What is left of a mean of 20 ms, exponential, with a deadline of 20 ms: 20 × (1 - 1/e)."""
OVERDUE_NS = 50 * MILLISECOND

SYNC_S = 0.2
NOTICED_NS = 30_000
SYNC_SHARE = 0.3


def _unless_sleeps(subject: Subject) -> str | None:
    if subject.caps["spins"] or subject.caps["kernel_polls"]:
        return "it says that a wait uses a CPU"
    if subject.role.channel != "timer" and not subject.role.serves and not subject.role.idle:
        return "there is nothing to wait for"
    return unless_moves_data(subject)


def _sleeps(subject: Subject) -> str | None:
    return _best(lambda: _busy_waiting(subject))


def _best(attempt: Callable[[], str | None]) -> str | None:
    said = None
    for _ in range(TRIES):
        said = attempt()
        if said is None:
            break
    return said


def _busy_waiting(subject: Subject) -> str | None:
    if subject.role.channel == "timer":
        with subject.opened(channel__service=WAIT_SERVICE_NS) as trial:
            return _too_busy(trial, lambda: _window_s(trial), "requests took 100 ms each")
    with subject.opened() as trial:
        trial.run(0.02)
        when = "between two slices only reads were pending"
        return _too_busy(trial, _slept_s, when)


def _window_s(trial: Session) -> float:
    """By the trial's own clock: on a busy machine we hear late of a window's end, and meanwhile
    nobody spins."""
    return trial.run(WAIT_S)["window_ns"] / 1e9


def _slept_s() -> float:
    started_s = time.monotonic()
    time.sleep(WAIT_S)
    return time.monotonic() - started_s


def _too_busy(trial: Session, pass_time: Callable[[], float], when: str) -> str | None:
    before = cpu_use(trial.child.pid)
    took_s = pass_time()
    after = cpu_use(trial.child.pid)
    running = (after.running_s - before.running_s) / took_s
    runnable = (after.runnable_s - before.runnable_s) / took_s
    if running > MOST_CPU or runnable > MOST_RUNNABLE:
        return f"{when}, and the process wanted {runnable:.0%} of a CPU, and got {running:.0%}"
    return None


def _is_prompt(subject: Subject) -> str | None:
    return _best(lambda: _late(subject))


def _late(subject: Subject) -> str | None:
    with subject.opened(channel__service=SERVICE_NS, load__depth=1) as trial:
        trial.run(0.05)
        part = trial.run(0.2)
    if part["early_completions"]:
        return f"{part['early_completions']} operations ended before the timer expired"
    median_ns = seen_median(part.latency_ns)
    if median_ns > SERVICE_NS + LATE_NS:
        return f"with a timer of 5 ms, half of the operations took {median_ns / 1e6:.1f} ms or more"
    return None


def _unless_deep(subject: Subject) -> str | None:
    caps = subject.caps
    if caps["max_depth"] == 1 or caps["blocks_in_submit"] or subject.is_degenerate:
        return "it makes one transfer after another"
    return unless_timed(subject)


def _reaches_depth(subject: Subject) -> str | None:
    return _best(lambda: _shallow(subject))


def _shallow(subject: Subject) -> str | None:
    most = subject.caps["max_depth"]
    depth = min(DEEP, most or DEEP)
    with subject.opened(channel__service=DEEP_SERVICE_NS, load__depth=depth) as trial:
        part = trial.run(DEEP_S)
    if part["depth_max"] > depth:
        return f"{part['depth_max']} requests were in flight at depth {depth}"
    expected = depth * part["window_ns"] / DEEP_SERVICE_NS
    if part["window_operations"] < LEAST_SHARE * expected:
        return (
            f"{depth} timers of 20 ms at once can end {round(expected)} requests, and "
            f"{part['window_operations']} ended"
        )
    return None


def _unless_cancels(subject: Subject) -> str | None:
    if not subject.caps["cancels"]:
        return "it cannot cancel a request"
    return unless_timed(subject)


def _keeps_deadlines(subject: Subject) -> str | None:
    return _best(lambda: _overdue(subject))


def _overdue(subject: Subject) -> str | None:
    parameters = {
        name: value for name, value in subject.role.parameters.items() if name != "channel.service"
    } | {"channel.service.distribution": "exponential", "channel.service.mean": DEADLINE_NS}
    spread = replace(subject, role=replace(subject.role, parameters=parameters))
    with spread.opened(load__deadline=DEADLINE_NS) as trial:
        part = trial.run(DEADLINE_S)
    if part["cancels_too_late"] or part["cancels_withheld"]:
        return None  # its kernel or library has refused, as it may, and the record says so
    done, cancelled = part["window_operations"], part["cancelled_operations"]
    if not cancelled:
        return f"{done} operations ended, and none were cancelled by their deadline"
    if not done:
        return f"{cancelled} operations were cancelled, and none ended in time"
    if part.latency_ns and part.latency_ns[-1][0] > DEADLINE_NS + OVERDUE_NS:
        longest_ms = part.latency_ns[-1][0] / 1e6
        return f"with a deadline of 20 ms, an operation took {longest_ms:.0f} ms"
    expected = subject.depth * part["window_ns"] / DEADLINE_MEAN_NS
    if done + cancelled < LEAST_SHARE * expected:
        return (
            f"with a deadline, {round(expected)} operations have time to end, and "
            f"{done + cancelled} ended or were cancelled"
        )
    return None


def _unless_synced(subject: Subject) -> str | None:
    if "load.sync" not in subject.role.parameters:
        return "nothing is synced"
    return unless_moves_data(subject)


def _sync_ns(subject: Subject) -> int:
    """What a sync adds to the quickest operation: others that write make the rest of them slow."""
    with subject.opened(load__depth=1) as trial:
        synced = trial.run(SYNC_S)
    with subject.opened(load__depth=1, load__sync="none") as trial:
        bare = trial.run(SYNC_S)
    if not synced.latency_ns or not bare.latency_ns:
        raise NothingEnded("no write ended")
    return synced.latency_ns[0][0] - bare.latency_ns[0][0]


def _syncs(subject: Subject) -> str | None:
    """The quickest sync of each: other programs that write make all of them slow now and then."""
    blocking = replace(subject, spec=EngineSpec("blocking"), launch=None)
    expected, found = _sync_ns(blocking), 0
    for _ in range(TRIES):
        if expected < NOTICED_NS:
            raise NotApplicable("a sync takes too little time in /var/tmp to be noticed")
        found = max(found, _sync_ns(subject))
        if found >= SYNC_SHARE * expected:
            return None
        expected = min(expected, _sync_ns(blocking))
    return (
        f"a sync after each write takes {expected / 1e3:.0f} µs with blocking, and "
        f"{found / 1e3:.0f} µs with this engine: it makes none"
    )


WAITING_RULES = (
    Rule(
        "sleeps",
        "A wait uses no CPU, unless the engine says that it spins.",
        _unless_sleeps,
        _sleeps,
        where="timers, servers, idle sockets",
    ),
    Rule(
        "is-prompt",
        "A timer's latency is never below its service time, nor far above.",
        unless_timed,
        _is_prompt,
        where="timers",
    ),
    Rule(
        "reaches-depth",
        "As many transfers as there are requests are under way at once.",
        _unless_deep,
        _reaches_depth,
        where="timers, unless it makes one transfer after another",
    ),
    Rule(
        "keeps-deadlines",
        "A transfer that takes longer than its deadline is cancelled.",
        _unless_cancels,
        _keeps_deadlines,
        where="timers, if it cancels",
    ),
    Rule(
        "syncs",
        "A sync after a write is made.",
        _unless_synced,
        _syncs,
        where="a file that is synced",
    ),
)
