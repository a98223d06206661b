"""The verdict on a point: from its confirming rounds alone, within limits, or none and why."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import pytest

from iomodels.advice.document import GivenLimit
from iomodels.advice.measured import MeasuredCandidate, MeasuredPoint
from iomodels.advice.verdict import beyond, judge
from iomodels.results.schema import Trial
from iomodels.workload.scenario import load, points
from tests.factory import make_trial

ROUNDS = 14


def trials(
    level: float, *, first: int = 0, rounds: int = ROUNDS, noise: float = 0.01, **others: object
) -> tuple[Trial, ...]:
    """Throughput around `level` thousand operations per second; as noisy whoever it is, and
    never the same twice."""
    rng = np.random.default_rng([int(level * 1000), first])
    return tuple(
        make_trial(
            first + number,
            throughput_ops=1000 * level * math.exp(noise * float(rng.normal())),
            **others,  # type: ignore[arg-type]
        )
        for number in range(rounds)
    )


def candidate(
    engine: str,
    complexity: int,
    level: float,
    choosing: Sequence[Trial] = (),
    noise: float = 0.01,
    **others: object,
) -> MeasuredCandidate:
    confirming = trials(level, first=20, noise=noise, **others)
    return MeasuredCandidate(engine, complexity, tuple(choosing), confirming)


def measured(*candidates: MeasuredCandidate, today: str | None = None) -> MeasuredPoint:
    point = next(iter(points(load("slow-device"))))
    return MeasuredPoint(point, "A title", today, candidates, 1.0, 5.0)


def test_the_gain_is_over_todays_engine() -> None:
    found = judge(
        measured(
            candidate("blocking", 0, 1.0),
            candidate("select", 20, 2.0),
            candidate("io_uring", 80, 3.0),
            today="select",
        ),
        "throughput",
    )
    assert found.use == "io_uring"
    assert found.gain is not None
    assert found.gain.over == "select"
    assert found.gain.is_shown
    assert found.gain.ratio.median == pytest.approx(1.5, rel=0.02)
    assert found.gain.rounds == ROUNDS
    assert dict(found.gains)["blocking"].ratio.median == pytest.approx(3, rel=0.02)


def test_without_one_it_is_over_the_simplest() -> None:
    found = judge(
        measured(candidate("blocking", 0, 1.0), candidate("select", 20, 2.0)), "throughput"
    )
    assert found.gain is not None
    assert found.gain.over == "blocking"


def test_choosing_rounds_say_nothing() -> None:
    """They would name select, by far."""
    found = judge(
        measured(
            candidate("blocking", 0, 2.0, trials(1.0)), candidate("select", 20, 1.0, trials(9.0))
        ),
        "throughput",
    )
    assert found.use == "blocking"
    assert found.candidates[1].values["throughput_ops"].median == pytest.approx(1000, rel=0.05)


def test_a_tie_is_the_simpler_ones() -> None:
    found = judge(
        measured(candidate("poll", 20, 2.0), candidate("epoll", 30, 2.001), today="epoll"),
        "throughput",
    )
    assert found.use == "poll"
    assert found.as_good == ("poll", "epoll")
    assert found.gain is not None
    assert not found.gain.is_shown


def test_less_latency_and_less_cpu_are_better() -> None:
    slow = candidate("blocking", 0, 1.0, latency_ns=200_000, cpu_ns_per_op=1_000.0)
    quick = candidate("select", 20, 1.01, latency_ns=100_000, cpu_ns_per_op=5_000.0)
    by_latency = judge(measured(slow, quick), "latency")
    assert by_latency.use == "select"
    assert by_latency.gain is not None
    assert by_latency.gain.ratio.median == pytest.approx(2, rel=0.02)
    assert judge(measured(slow, quick), "cpu").use == "blocking"


def test_who_is_beyond_a_limit_is_not_used() -> None:
    limit = GivenLimit("cpu_share", 0.5)
    frugal = candidate("blocking", 0, 1.0, cpu_share=0.2)
    spinning = candidate("nonblocking", 10, 3.0, cpu_share=1.0)
    found = judge(measured(frugal, spinning, today="nonblocking"), "throughput", [limit])
    assert found.use == "blocking"
    assert found.candidates[1].beyond == (limit,)
    assert found.gain is not None
    assert found.gain.ratio.high < 1, "what the limit costs is said"
    assert judge(measured(frugal, spinning), "throughput").use == "nonblocking"


def test_where_all_are_beyond_a_limit_none_is_used() -> None:
    found = judge(
        measured(candidate("blocking", 0, 1.0, cpu_share=1.0)),
        "throughput",
        [GivenLimit("cpu_share", 0.5)],
    )
    assert found.use is None
    assert "--limit" in str(found.why_none)


@pytest.mark.parametrize(
    ("cpu", "rounds", "is_beyond"),
    [(0.51, 3, False), (0.51, 5, False), (0.51, 6, True), (0.6, 3, True), (0.6, 2, False)],
)
def test_a_few_rounds_show_only_what_is_far_beyond_a_limit(
    cpu: float, rounds: int, is_beyond: bool
) -> None:
    limit = GivenLimit("cpu_share", 0.5)
    assert bool(beyond([limit], trials(1.0, rounds=rounds, cpu_share=cpu))) == is_beyond


def test_who_was_left_behind_within_a_limit_is_named() -> None:
    limit = GivenLimit("cpu_share", 0.5)
    spinning = candidate("nonblocking", 10, 3.0, cpu_share=1.0)
    frugal = MeasuredCandidate("epoll", 30, choosing=trials(1.0, cpu_share=0.2), left_after=1)
    found = judge(measured(spinning, frugal), "throughput", [limit])
    assert found.use is None
    assert "-e epoll" in str(found.why_none)
    assert "every candidate" not in str(found.why_none)


def test_what_ended_early_is_not_said_to_be_beyond_a_limit() -> None:
    limit = GivenLimit("cpu_share", 0.5)
    early = MeasuredCandidate("epoll", 30, choosing=trials(1.0, rounds=2, cpu_share=0.2))
    left = MeasuredCandidate("poll", 20, choosing=trials(1.0, cpu_share=1.0), beyond=(limit,))
    found = judge(measured(left, early), "throughput", [limit])
    assert "ended before the last candidates were compared" in str(found.why_none)


def test_noise_is_named_with_what_would_help() -> None:
    found = judge(
        measured(candidate("poll", 20, 1.0, noise=0.5), candidate("epoll", 30, 1.1, noise=0.5)),
        "throughput",
    )
    assert found.use is None
    assert "do not decide between poll and epoll" in str(found.why_none)
    assert "than poll after 14 rounds" in str(found.why_none)
    assert "What would help" in str(found.why_none)
    assert found.gain is None
    assert found.as_good == ()


def test_a_large_difference_in_too_few_rounds_is_said_to_be_that() -> None:
    few = [
        MeasuredCandidate(name, 20 + order, (), trials(ops, rounds=7))
        for order, (name, ops) in enumerate((("poll", 1.0), ("epoll", 2.0), ("select", 1.5)))
    ]
    found = judge(measured(*few), "throughput")
    assert found.use is None
    assert re.search(
        r"epoll is .* better to .* better than poll after 7 rounds, too few to show",
        str(found.why_none),
    )


def test_a_cell_of_two_levels_is_said() -> None:
    jumping = tuple(
        make_trial(20 + number, throughput_ops=1000.0 + 1000 * (number % 2) + number)
        for number in range(ROUNDS)
    )
    found = judge(
        measured(MeasuredCandidate("aio", 50, (), jumping), candidate("epoll", 30, 0.1)),
        "throughput",
    )
    assert any("two levels" in caveat for caveat in found.caveats)


def test_nothing_measured_says_why() -> None:
    na = MeasuredCandidate("epoll", 30, reason="no files")
    assert "no files" in str(judge(measured(na), "throughput").why_none)
    early = MeasuredCandidate("epoll", 30, choosing=trials(1.0))
    point = measured(early)
    assert judge(point, "throughput").use is None


def test_the_document_has_every_candidate_with_its_rounds() -> None:
    left = MeasuredCandidate("select", 20, trials(1.0, rounds=3), left_after=1)
    found = judge(measured(candidate("poll", 20, 2.0, trials(2.0, rounds=3)), left), "throughput")
    assert [(c.engine, c.rounds, c.left_after) for c in found.candidates] == [
        ("poll", ROUNDS + 3, None),
        ("select", 3, 1),
    ]
    assert found.candidates[1].values["throughput_ops"].median > 0
