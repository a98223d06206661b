"""The C core keeps its contract: every rule, on every engine and channel, in a process of its own.

What there is to run, the conformance program says itself, so a new engine or channel is tested as
soon as it stands in the core's table. A test is one engine on one channel: a program for each role
of it, which forks for each rule and prints a line. A single rule by hand, and under a debugger:

    build/tests/conformance-plain-*/conformance select socket:server server-is-drained

The programs run a few at a time in the background, ahead of the tests that wait for them: much of a
rule's time is spent waiting.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import chain, product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from iomodels import _core
from iomodels.engines.catalog import Option
from iomodels.engines.sources import CORE_ENGINES, DESCRIPTORS
from iomodels.engines.spec import variants

from ..core_build import SANITIZERS, VARIANTS, conformance
from ..some_engines import (
    CAPS,
    EVERY,
    SINGLES,
    each_value_alone,
    every_two_values,
    pairs,
    plain,
    works_on,
)

PROCESSES = 8  # most of them wait
TIMEOUT_S = 100  # of all rules together; each has a limit of its own
CHANNELS = _core.channels()
# All combinations of options take longer than all long tests: by hand, IOMODELS_ALL_OPTIONS=1.
CHOSEN = EVERY if os.environ.get("IOMODELS_ALL_OPTIONS") else CAPS
# Not as it is when a program starts: pytest changes it while the threads of the pool look at it.
ENVIRONMENT = os.environ | {"TSAN_OPTIONS": "halt_on_error=1"}
ANY = "any"
"""The engine and the channel of rules that know of neither."""
# What a channel's role has no part in: its first role is enough.
WITHOUT_ROLE = {
    "reap-respects-max",
    "fills-its-depth",
    "nothing-allocated",
    "nothing-printed",
    "no-clock-read",
    "no-late-write",
    "no-call-to-open",
    "too-deep-is-refused",
    "high-descriptor-is-refused",
    "survives-failing-calls",
}
# Reads on idle descriptors are pending then: what finds no room would wait for nothing.
OF_IDLE = ("socket:idle", "survives-failing-calls")
# What goes through code of a role's own; the other rules a sanitizer sees in the first roles.
WITH_SANITIZER = {
    "completes-once",
    "cancel-completes",
    "leaves-nothing",
    "short-transfers",
    "several-sizes",
    "closes-after-a-failure",
    "dead-peer-ends-the-run",
    "server-is-drained",
    "full-stream-waits",
}
# Those with more in flight than a small ring has room for.
OF_FULL_RINGS = {
    *("completes-once", "submit-takes-what-fits", "reap-respects-max", "fills-its-depth"),
    *("reap-min-zero-looks", "cancel-completes", "survives-random-use", "server-is-drained"),
}
# Those in which a wait's timeout makes a difference.
OF_WAITS = {
    *("completes-once", "cancel-completes", "reap-min-zero-looks", "reap-times-out"),
    *("reap-waits-for-min", "reap-interrupted", "wait-burns-no-cpu", "waits-in-turn-burn-no-cpu"),
    *("leaves-nothing", "survives-random-use", "drain-leaves-nothing-in-flight"),
}
# The loop keeps these, whatever an engine does: there is nothing to plant in one.
OF_THE_LOOP = {
    "too-deep-is-refused",
    "high-descriptor-is-refused",
    "wrong-bytes-are-found",
    "stop-ends-the-run",
}
# What is no judgement of a rule. The watchdog's SIGALRM is one.
CRASHED = re.compile(r"ended by signal (?!14\b)|exit status|^$")
# A sanitizer's own start fails where the kernel randomises addresses more than it can bear.
NO_SANITIZER = "unexpected memory mapping"


class Outcome(NamedTuple):
    """One line of the program: what became of a rule in a role of the channel."""

    channel: str  # CHANNEL[:ROLE]
    rule: str
    outcome: str  # passed, failed, n/a
    said: str


# ------------------------------------------------------------------ the program


@cache
def rules() -> dict[tuple[str, str], list[str]]:
    """What applies to each engine in each role of each channel, as far as is known untried."""
    listed: dict[tuple[str, str], list[str]] = {}
    for line in _lines("--list", *CHOSEN):
        engine, channel, rule, *reason = line.split(maxsplit=3)
        found = listed.setdefault((engine, channel), [])
        if not reason:
            found.append(rule)
    return listed


def planted() -> list[list[str]]:
    """Each planted engine, where it has to be caught, and by which rule."""
    return [line.split() for line in _lines("--list-planted")]


def _lines(*arguments: str) -> list[str]:
    command = [str(conformance("plain")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    return done.stdout.splitlines()


def roles(engine: str, channel: str) -> list[str]:
    """Of the channel; the first one is what CHANNEL alone would mean."""
    return [role for of, role in rules() if of == engine and role.partition(":")[0] == channel]


def run_each(
    variant: str, engine: str, channel: str, chosen: list[str], **environment: str
) -> list[Outcome]:
    """These rules, each in a process of its own."""
    if not chosen:
        return []
    done = subprocess.run(
        [str(conformance(variant)), "--each", engine, channel, *chosen],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT | environment,
        timeout=TIMEOUT_S,
    )
    rows = [line.split(" ", 2) for line in done.stdout.splitlines()]
    outcomes = [Outcome(channel, row[0], row[1], _unescaped("".join(row[2:]))) for row in rows]
    if [outcome.rule for outcome in outcomes] != chosen:  # a sanitizer may end the program itself
        words = done.stderr or done.stdout
        outcomes.append(Outcome(channel, ANY, "failed", f"exit {done.returncode}: {words}"))
    return outcomes


def _unescaped(words: str) -> str:
    return "\\".join(part.replace("\\n", "\n") for part in words.split("\\\\"))


def chosen_rules(variant: str, engine: str, channel: str, first: bool, is_long: bool) -> list[str]:
    """Which rules to run in this role of the channel, which may be its first.

    In the short run, an engine with options is put through the rules of the role's own code.
    """
    applying = rules()[engine, channel]
    if first:
        return applying
    if variant == "plain" and (is_long or engine == plain(engine)):
        of_idle = [OF_IDLE[1]] if channel == OF_IDLE[0] and engine == plain(engine) else []
        return [rule for rule in applying if rule not in WITHOUT_ROLE or rule in of_idle]
    return [rule for rule in applying if rule in WITH_SANITIZER]


Job = tuple[str, str, str]
"""A variant of the build, an engine, a channel."""


def in_turn(variant: str, engines: Collection[str]) -> tuple[list[Job], list[Job]]:
    """Each engine on one channel, another for each variant; and on all others."""
    sample, rest = [], []
    for number, engine in enumerate(engines, start=list(VARIANTS).index(variant)):
        channels = [channel for channel in CHANNELS if works_on(engine, channel)]
        its_turn = channels[number % len(channels)]
        for channel in channels:
            (sample if channel == its_turn else rest).append((variant, engine, channel))
    return sample, rest


def of_single_options() -> list[Job]:
    return [("plain", *pair) for pair in product(SINGLES, CHANNELS) if works_on(*pair)]


def of_several_options() -> tuple[list[Job], list[Job]]:
    return in_turn("plain", [engine for engine in CHOSEN if engine not in SINGLES])


def of_sanitizers() -> tuple[list[Job], list[Job]]:
    parts = [in_turn(variant, CAPS) for variant in SANITIZERS]
    sample, rest = (list(chain.from_iterable(jobs)) for jobs in zip(*parts, strict=True))
    return sample, rest


def long_and_longest(sample: list[Job], rest: list[Job]) -> list[Any]:
    return [pytest.param(*job, marks=pytest.mark.long) for job in sample] + [
        pytest.param(*job, marks=pytest.mark.longest) for job in rest
    ]


# ------------------------------------------------------------------ ahead of the tests


def _job(item: pytest.Item) -> Job | None:
    if not isinstance(item, pytest.Function) or item.path != Path(__file__):
        return None
    params = item.callspec.params if hasattr(item, "callspec") else {}
    if "channel" not in params:
        return None
    return params["variant"], params["engine"], params["channel"]


Work = Callable[[str, str, str], list[Outcome]]


@pytest.fixture(scope="session")
def work(request: pytest.FixtureRequest) -> Iterator[Work]:
    """The outcomes of all selected tests of this module, role by role, to come."""
    is_long = request.config.getoption("--long")
    pool = ThreadPoolExecutor(PROCESSES)
    futures: dict[Job, list[Future[list[Outcome]]]] = {}
    for job in filter(None, map(_job, request.session.items)):
        variant, engine, channel = job
        conformance(variant)
        futures[job] = [
            pool.submit(
                run_each,
                variant,
                engine,
                role,
                chosen_rules(variant, engine, role, number == 0, is_long),
            )
            for number, role in enumerate(roles(engine, channel))
        ]
    yield lambda *job: [outcome for future in futures[job] for outcome in future.result()]
    pool.shutdown(cancel_futures=True)


def assert_kept(outcomes: list[Outcome]) -> None:
    """Every rule; skips with the reason where one did not apply on this machine, and all others
    were kept."""
    broken = [f"{o.channel} {o.rule}: {o.said}" for o in outcomes if o.outcome == "failed"]
    assert not broken, "\n".join(broken)
    assert outcomes, "no rule was run"
    if reasons := {outcome.said: outcome.rule for outcome in outcomes if outcome.outcome == "n/a"}:
        pytest.skip("; ".join(f"{rule}: {said}" for said, rule in reasons.items()))


# ------------------------------------------------------------------ the tests


@pytest.mark.parametrize(
    ("variant", "engine", "channel"),
    of_single_options() + long_and_longest(*of_several_options()),
)
def test_an_engine_keeps_the_rules(variant: str, engine: str, channel: str, work: Work) -> None:
    assert_kept(work(variant, engine, channel))


def test_every_engine_and_channel_of_the_core_is_here() -> None:
    listed = {tuple(line.split()[:2]) for line in _lines("--list")}
    without_options = {(engine, channel.partition(":")[0]) for engine, channel in listed}
    assert without_options == {*product(CORE_ENGINES, CHANNELS), (ANY, ANY)}
    assert set(CORE_ENGINES) <= set(CAPS)


def test_a_sample_of_options_has_every_two_values_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an engine with 96 combinations, were `d` not to need a value of `a`."""
    options = (
        Option("a", "", "0", ("0", "1")),
        Option("b", "", "0", ("0", "1", "2", "3")),
        Option("c", "", "0", ("0", "1")),
        Option("d", "", "0", ("0", "1", "2"), only=("a", ("1",))),
        Option("e", "", "0", ("0", "1")),
    )
    many = replace(DESCRIPTORS["aio"], name="many", options=options)
    monkeypatch.setitem(DESCRIPTORS.named, "many", many)
    every = variants("many")
    singles, sample = each_value_alone(every), every_two_values(every)
    assert len(every) == 64
    assert sorted(spec.canonical for spec in singles) == sorted(
        ["many", "many:a=1", "many:b=1", "many:b=2", "many:b=3", "many:c=1", "many:e=1"]
        + ["many:a=1,d=1", "many:a=1,d=2"]
    )
    assert set().union(*map(pairs, sample)) == set().union(*map(pairs, every))
    assert set(singles) <= set(sample)
    assert len(sample) <= 24


def test_the_parts_that_know_no_engine_keep_their_rules() -> None:
    assert_kept(run_each("plain", ANY, ANY, rules()[ANY, ANY]))


@pytest.mark.parametrize("role", ["timer", "socket:echo", "socket:server"])
@pytest.mark.parametrize("engine", ["io_uring", "io_uring:sqpoll=on"])
def test_a_ring_of_an_older_kernel_waits_as_well(engine: str, role: str) -> None:
    """Before Linux 5.11 a wait has no timeout of its own; here the newer ring does not say so."""
    waiting = [rule for rule in rules()[engine, role] if rule in OF_WAITS]
    assert_kept(run_each("plain", engine, role, waiting, CONFORMANCE_OLDER_RING="1"))


@pytest.mark.parametrize("role", ["timer", "file", "socket:server"])
@pytest.mark.parametrize("engine", ["io_uring", "io_uring:multishot=on", "io_uring:wait=spin"])
def test_a_ring_that_is_full_loses_nothing(engine: str, role: str) -> None:
    """Entries that find no room, and completions that the kernel keeps until there is some."""
    if not works_on(engine, role.partition(":")[0]):
        pytest.skip("multishot is for sockets")
    full = [rule for rule in rules()[engine, role] if rule in OF_FULL_RINGS]
    assert_kept(run_each("plain", engine, role, full, CONFORMANCE_SMALL_RING="1"))


def test_every_planted_engine_is_caught() -> None:
    """By the rule that it breaks, and with words; or it hangs, and the watchdog ends it."""

    def caught_by(row: list[str]) -> list[Outcome]:
        return run_each("plain", row[0], row[1], [row[2]], CONFORMANCE_WATCHDOG_S="4")

    with ThreadPoolExecutor(PROCESSES // 2) as pool:
        caught = pool.map(caught_by, planted())
    unnoticed = {
        row[0]: outcomes
        for row, outcomes in zip(planted(), caught, strict=True)
        if [outcome.outcome for outcome in outcomes] != ["failed"]
        or CRASHED.search(outcomes[0].said)
    }
    assert unnoticed == {}


def test_every_rule_has_a_planted_engine_that_breaks_it() -> None:
    every = {rule for pair, applying in rules().items() if pair != (ANY, ANY) for rule in applying}
    caught = {rule for _, _, rule in planted()}
    assert every - caught == OF_THE_LOOP


@pytest.mark.parametrize(("variant", "engine", "channel"), long_and_longest(*of_sanitizers()))
def test_a_sanitizer_finds_nothing(variant: str, engine: str, channel: str, work: Work) -> None:
    assert_clean(work(variant, engine, channel))


@pytest.mark.parametrize("variant", SANITIZERS)
def test_each_engine_and_each_channel_has_its_part_of_a_sanitizers_sample(variant: str) -> None:
    sample = [
        (engine, channel) for other, engine, channel in of_sanitizers()[0] if other == variant
    ]
    assert [engine for engine, _ in sample] == list(CAPS)
    assert {channel for _, channel in sample} == set(CHANNELS)


@pytest.mark.long
@pytest.mark.parametrize("variant", SANITIZERS)
def test_a_sanitizer_finds_nothing_in_the_parts_that_know_no_engine(variant: str) -> None:
    assert_clean(run_each(variant, ANY, ANY, rules()[ANY, ANY]))


def assert_clean(outcomes: list[Outcome]) -> None:
    broken = [outcome for outcome in outcomes if outcome.outcome == "failed"]
    if broken and all(NO_SANITIZER in outcome.said for outcome in broken):
        pytest.skip("the sanitizer does not start with this kernel's vm.mmap_rnd_bits")
    assert_kept(outcomes)
