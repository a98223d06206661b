"""The self-test: it finds what was put there, and its rates are counted honestly."""

from __future__ import annotations

import math
import random
from functools import partial

import pytest
from scipy.stats import binomtest

from iomodels.check import pair_runs, selftest
from iomodels.check.selftest import Kind
from iomodels.statistics import screen_confirm
from iomodels.statistics.rounds import wilson_interval

from ..factory import make_trial

QUICK = partial(pair_runs.measure, slices=1, slice_s=0.01, warmup_s=0.001)
TIMER = next(kind for kind in selftest.KINDS if kind.slowed_by == "channel.service")
BUSY = next(kind for kind in selftest.KINDS if kind.slowed_by == "load.compute")


class MadeUp:
    """Pairs without noise, unless it is asked for. An arm takes as long as it is asked to, and
    10 µs; other processes take half of its time. Computation lengthens the waiting too, by a share
    of itself."""

    def __init__(self, share: float = 0.0, noise: float = 0.0) -> None:
        self.rounds: list[range] = []
        self.share = share
        self.noise = noise
        self.chance = random.Random(1)

    def __call__(self, cells, pairs, *, first_round, **_):
        self.rounds.append(range(first_round, first_round + pairs))
        return [[self.pair(cell, number) for number in self.rounds[-1]] for cell in cells]

    def pair(self, cell, number):
        a, b = (self.trial(cell.arm(side), number) for side in ("a", "b"))
        return pair_runs.Pair(number, "a", a, b)

    def trial(self, arm, number):
        compute_ns = arm.planned.point.parameters.get("load.compute", 0)
        waited_ns = arm.planned.point.parameters.get("channel.service", 0) + 10_000
        waited_ns += round(self.share * compute_ns)
        spent_ns = (waited_ns + compute_ns) * math.exp(self.chance.gauss(0, self.noise))
        return make_trial(number, latency_ns=[waited_ns], throughput_ops=0.5e9 / spent_ns)


class Planted(MadeUp):
    """Real pairs, in short slices; but what they say is made up, for a busy machine hides what a
    device takes. (That a device and a computation take longer as asked: test_pair_runs.)"""

    def __call__(self, cells, pairs, *, first_round, **more):
        real = QUICK(cells, pairs, first_round=first_round, **more)
        assert all(pair.a and pair.b for each in real for pair in each), real
        return super().__call__(cells, pairs, first_round=first_round)


def first_suite(kinds: list[Kind], slowdown: float, measure: MadeUp) -> selftest.Report:
    """Of all kinds, since there is time."""
    return next(
        selftest.run_self_test(
            seed=1, budget_s=1e6, slowdown=slowdown, kinds=kinds, measure=measure
        )
    )


@pytest.mark.usefixtures("few_pairs")
@pytest.mark.parametrize(
    "kind", [TIMER, pytest.param(BUSY, marks=pytest.mark.long)], ids=["device", "computation"]
)
def test_a_large_slowdown_is_found_in_either_way_of_injecting_it(kind: Kind) -> None:
    (result,) = first_suite([kind], slowdown=3.0, measure=Planted()).kinds
    assert result.error is None
    assert (result.tally.decisions, result.tally.found) == (1, 1)
    assert 0.1 < result.seen < 0.6  # a quarter, as asked
    assert result.tally.power is not None
    assert result.tally.power.median == 1.0
    assert result.tally.power.low < 0.3  # one decision says little, and the interval says so


@pytest.mark.usefixtures("few_pairs")
def test_two_arms_that_are_the_same_are_not_called_slower() -> None:
    """No slowdown at all: what is then found is a false alarm in either pair of arms."""
    (result,) = first_suite([TIMER], slowdown=0.0, measure=MadeUp(noise=0.1)).kinds
    assert result.tally.decisions == 1
    assert result.tally.alarms + result.tally.found == 0


def test_a_suite_is_decided_by_the_procedure_of_check_and_has_pairs_of_its_own(monkeypatch) -> None:
    judged: list[tuple[int, float]] = []
    real = screen_confirm.decide

    def decide(rows, measure, *, threshold):
        judged.append((rows, threshold))
        return real(rows, measure, threshold=threshold)

    monkeypatch.setattr(screen_confirm, "decide", decide)
    measure = MadeUp()
    reports = selftest.run_self_test(seed=1, budget_s=60, threshold=0.04, measure=measure)
    first, second = next(reports), next(reports)
    assert judged == [(2 * len(selftest.KINDS), 0.04)] * 2
    numbers = [number for rounds in measure.rounds for number in rounds]
    assert len(numbers) == len(set(numbers))
    for report, decisions in ((first, 1), (second, 2)):
        assert report.suites == decisions
        assert {result.tally.decisions for result in report.kinds} == {decisions}
        pooled = report.pooled
        assert (pooled.decisions, pooled.alarms) == (decisions * len(selftest.KINDS), 0)
        assert pooled.found == pooled.decisions
        assert all(result.seen == pytest.approx(1 / 1.1, abs=0.02) for result in report.kinds)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9, -0.3])
def test_computation_that_lengthens_the_waiting_is_sized_by_what_it_comes_to(share: float) -> None:
    """As in ping-pong: 10 % was asked for, and 14 % came out."""
    report = next(selftest.run_self_test(seed=1, budget_s=60, kinds=[BUSY], measure=MadeUp(share)))
    assert report.kinds[0].seen == pytest.approx(1 / 1.1, abs=0.005)


def test_what_does_not_fit_into_the_time_is_left_to_the_next_suite(monkeypatch) -> None:
    """A clock of our own: each pair of a cell takes one second."""
    now_s = 0.0

    class Slow(MadeUp):
        def pair(self, cell, number):
            nonlocal now_s
            now_s += 1
            return super().pair(cell, number)

    monkeypatch.setattr(selftest.time, "monotonic", lambda: now_s)

    def decisions(budget_s: float) -> list[list[int]]:
        reports = selftest.run_self_test(seed=1, budget_s=budget_s, measure=Slow())
        return [[result.tally.decisions for result in report.kinds] for report in reports]

    assert decisions(1) == [[1, 0, 0, 0, 0]]
    # A kind takes 60 pairs, 100 before that is known, and all of them 65 to begin with.
    assert decisions(580) == [[1, 1, 1, 1, 1], [2, 2, 2, 1, 1]]
    assert decisions(360) == [[1, 1, 0, 0, 0], [1, 1, 1, 1, 0]]


def test_a_suite_that_the_time_cuts_short_does_not_count() -> None:
    """No round begins after the end, and half of a procedure says nothing of all of it."""
    rounds: list[bool] = []

    class Late(MadeUp):
        def __call__(self, cells, pairs, *, another_round, **more):
            suite = pairs == screen_confirm.FIRST_PAIRS and len(cells) == 2
            rounds.append(not suite or another_round(cells))
            return super().__call__(cells, pairs if rounds[-1] else 3, **more)

    (report,) = selftest.run_self_test(seed=1, budget_s=0.001, kinds=[TIMER], measure=Late())
    assert rounds.count(False) >= 1
    assert (report.suites, report.pooled.decisions) == (0, 0)
    assert report.pooled.false_alarm_rate is None
    assert report.usable_after_s is None


def test_a_time_too_short_for_the_first_pairs_decides_nothing() -> None:
    (report,) = selftest.run_self_test(seed=1, budget_s=0.001, kinds=[TIMER, BUSY])
    assert (report.suites, report.pooled.decisions) == (0, 0)
    assert [result.error for result in report.kinds] == [None, None]


@pytest.mark.parametrize(
    ("decisions", "alarms", "needed"),
    [(3, 0, 35), (34, 0, 35), (35, 0, None), (40, 1, 53), (4, 1, None), (0, 0, None)],
)
def test_the_time_for_a_usable_answer_is_reckoned(decisions, alarms, needed) -> None:
    """35 decisions without an alarm: their Wilson interval ends at 9.9 %."""
    kinds = (selftest.KindResult(TIMER, selftest.Decisions(decisions, alarms, 0)),)
    report = selftest.Report(0.1, 0.05, 1, 60.0 * decisions, kinds)
    assert report.usable_after_s == (None if needed is None else pytest.approx(60 * needed))


def test_a_kind_that_cannot_be_measured_says_why_and_the_others_go_on() -> None:
    broken = Kind("broken", "slow-devices", "blocking", {"load.depth": "4"})
    made_up = partial(selftest.run_self_test, seed=1, budget_s=1e6, measure=MadeUp())
    bad, good = next(made_up(kinds=[broken, TIMER])).kinds
    assert "one request in flight" in (bad.error or "")
    assert bad.tally.power is None
    assert good.tally.decisions == 1
    (nothing,) = made_up(kinds=[broken])
    assert (nothing.suites, nothing.pooled.decisions) == (0, 0)


@pytest.mark.parametrize(("hits", "tries"), [(0, 1), (1, 1), (0, 370), (9, 10), (17, 40)])
def test_wilsons_interval_is_scipys(hits: int, tries: int) -> None:
    interval = wilson_interval(hits, tries)
    theirs = binomtest(hits, tries).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert interval.low <= interval.median == hits / tries <= interval.high


@pytest.mark.parametrize(("hits", "tries"), [(0, 0), (2, 1), (-1, 3)])
def test_a_rate_of_nothing_is_our_own_mistake(hits: int, tries: int) -> None:
    with pytest.raises(ValueError, match="a rate needs tries"):
        wilson_interval(hits, tries)
