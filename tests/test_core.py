"""The C core keeps its contract: every rule, on every engine and channel, in a process of its own.

What there is to run, the conformance program says itself, so a new engine or channel is tested as
soon as it stands in the core's table. The processes run a few at a time in the background, ahead
of the tests that wait for them: much of a rule's time is spent waiting.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from .core_build import SANITIZERS, build, cases, reason_not_to

PROCESSES = 6  # most of them wait
TIMEOUT_S = 20  # for the program, whose own watchdog is a signal that an engine may have blocked
PASSED, FAILED, NOT_APPLICABLE = 0, 1, 77
# What a channel's role has no part in: its first role is enough.
WITHOUT_ROLE = {
    "reap-respects-max",
    "fills-its-depth",
    "nothing-allocated",
    "nothing-printed",
    "no-clock-read",
    "no-late-write",
    "too-deep-is-refused",
    "high-descriptor-is-refused",
}
# What goes through code of a role's own; the other rules a sanitizer sees in the first roles.
WITH_SANITIZER = {
    "completes-once",
    "cancel-completes",
    "leaves-nothing",
    "short-transfers",
    "closes-after-a-failure",
    "dead-peer-ends-the-run",
    "server-is-drained",
    "full-stream-waits",
}
# They compare times, so that a machine which stands still for long enough breaks them once in a
# while; an engine that breaks them does so each time.
TIMED = {
    "reap-min-zero-looks",
    "reap-times-out",
    "reap-waits-for-min",
    "reap-interrupted",
    "wait-burns-no-cpu",
    "waits-in-turn-burn-no-cpu",
    "waits-only-for-its-own",
    "stop-ends-the-run",
    "dead-peer-ends-the-run",
    "depth-is-kept",
}
TRIES = 3
# A sanitizer's own start fails where the kernel randomises addresses more than it can bear.
NO_SANITIZER = "unexpected memory mapping"


class Job(NamedTuple):
    """One test's work: the program to use, and the rules to run with it."""

    variant: str
    engine: str
    channel: str  # in a role: CHANNEL[:ROLE]
    rules: tuple[str, ...]


class Outcome(NamedTuple):
    rule: str
    status: int
    said: str


Pairs = dict[tuple[str, str], list[str]]


def _pairs() -> tuple[Pairs, Pairs]:
    """The rules by engine and channel: of each channel's first role, and of its others."""
    first: dict[str, str] = {}
    pairs: tuple[Pairs, Pairs] = ({}, {})
    for engine, channel, rule in cases():
        is_other = first.setdefault(channel.split(":")[0], channel) != channel
        pairs[is_other].setdefault((engine, channel), []).append(rule)
    return pairs


def _rules() -> list[Job]:
    pairs = _pairs()[0].items()
    return [Job("plain", *pair, (rule,)) for pair, rules in pairs for rule in rules]


def _planted() -> list[Job]:
    return [Job("plain", engine, channel, (rule,)) for engine, channel, rule in cases(True)]


def _roles() -> list[Job]:
    return [
        Job("plain", *pair, tuple(rule for rule in rules if rule not in WITHOUT_ROLE))
        for pair, rules in _pairs()[1].items()
    ]


def _sanitized() -> list[Job]:
    """Of an engine's variants (ENGINE-VARIANT) with the channels' first roles only."""
    first, others = _pairs()
    chosen = {
        pair: [rule for rule in rules if rule in WITH_SANITIZER]
        for pair, rules in others.items()
        if "-" not in pair[0]
    }
    return [
        Job(sanitizer, *pair, tuple(rules))
        for sanitizer in SANITIZERS
        for pair, rules in (first | chosen).items()
    ]


def _name(job: Job) -> str:
    last = job.rules[0] if len(job.rules) == 1 else job.variant
    return f"{job.engine}-{job.channel}-{last}"


def _run(job: Job, program: Future[str]) -> list[Outcome]:
    outcomes = []
    for rule in job.rules:
        if reason := reason_not_to((job.engine, job.channel, rule)):
            outcomes.append(Outcome(rule, NOT_APPLICABLE, reason))
            continue
        for _ in range(TRIES if rule in TIMED else 1):
            outcome = _run_once([program.result(), job.engine, job.channel, rule])
            if outcome.status in (PASSED, NOT_APPLICABLE):
                break
        outcomes.append(outcome)
        if outcome.status == NOT_APPLICABLE and "Sanitizer" in outcome.said:
            break  # it does not bear this engine: the same for each rule
    return outcomes


def _run_once(command: list[str]) -> Outcome:
    rule = command[-1]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"TSAN_OPTIONS": "halt_on_error=1"},
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return Outcome(rule, FAILED, f"no end after {TIMEOUT_S} s")
    return Outcome(rule, done.returncode, (done.stderr or done.stdout).strip())


Work = dict[Job, Future[list[Outcome]]]


@pytest.fixture(scope="session")
def work(request: pytest.FixtureRequest) -> Iterator[Work]:
    """The outcomes of all selected tests of this module, to come."""
    jobs: list[Job] = [
        item.callspec.params["job"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.path == Path(__file__)
        and hasattr(item, "callspec")
    ]
    builder, pool = ThreadPoolExecutor(1), ThreadPoolExecutor(PROCESSES)
    variants = dict.fromkeys(job.variant for job in jobs)
    programs = {variant: builder.submit(lambda v: str(build(v)), variant) for variant in variants}
    yield {job: pool.submit(_run, job, programs[job.variant]) for job in jobs}
    for executor in (builder, pool):
        executor.shutdown(cancel_futures=True)


@pytest.mark.parametrize("job", _rules(), ids=_name)
def test_an_engine_keeps_the_rule(job: Job, work: Work):
    (outcome,) = work[job].result()

    if outcome.status == NOT_APPLICABLE:
        pytest.skip(outcome.said)
    assert outcome.status == PASSED, outcome.said or _ending(outcome)


@pytest.mark.parametrize("job", _roles(), ids=_name)
def test_an_engine_keeps_the_rules_in_another_role(job: Job, work: Work):
    broken = [o for o in work[job].result() if o.status not in (PASSED, NOT_APPLICABLE)]

    assert not broken, "\n".join(f"{o.rule}: {o.said or _ending(o)}" for o in broken)


@pytest.mark.parametrize("job", _planted(), ids=_name)
def test_a_planted_engine_is_caught(job: Job, work: Work):
    (outcome,) = work[job].result()

    assert outcome.status in (FAILED, -signal.SIGALRM), "the broken rule went unnoticed"
    assert outcome.status != FAILED or outcome.said, "it was caught without a word"


@pytest.mark.sanitize
@pytest.mark.parametrize("job", _sanitized(), ids=_name)
def test_a_sanitizer_finds_nothing(job: Job, work: Work):
    outcomes = work[job].result()
    words = [outcome.said for outcome in outcomes if outcome.status == NOT_APPLICABLE]
    broken = [o for o in outcomes if o.status not in (PASSED, NOT_APPLICABLE)]

    if broken and all(NO_SANITIZER in outcome.said for outcome in broken):
        pytest.skip("the sanitizer does not start with this kernel's vm.mmap_rnd_bits")
    assert not broken, "\n".join(f"{o.rule}: {o.said or _ending(o)}" for o in broken)
    for said in words:
        if "Sanitizer" in said:
            pytest.skip(said)


def _ending(outcome: Outcome) -> str:
    if outcome.status >= 0:
        return f"exit status {outcome.status}"
    return f"ended by {signal.Signals(-outcome.status).name}"
