"""The self-test: it finds what was put there, and its rates are counted honestly."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from iomodels import selftest
from iomodels.selftest import Kind, Procedure
from iomodels.statistics import wilson_interval

QUICK = Procedure(screen_pairs=10, fresh_pairs=12, slices=1, slice_s=0.01, warmup_s=0.001)
TIMER = next(kind for kind in selftest.KINDS if kind.slowed_by == "channel.service")
BUSY = next(kind for kind in selftest.KINDS if kind.slowed_by == "load.compute")


def test_a_large_slowdown_is_found_in_either_way_of_injecting_it() -> None:
    (report,) = selftest.run(seed=1, budget_s=0, slowdown=3.0, kinds=[TIMER, BUSY], procedure=QUICK)
    for result in report.kinds:
        assert result.error is None
        assert (result.decisions, result.found) == (1, 1)
        assert 0.1 < result.seen < 0.6  # a quarter, as asked
        assert result.power is not None
        assert result.power.median == 1.0
        assert result.power.low < 0.3  # one decision says little, and the interval says so


def test_two_arms_that_are_the_same_are_not_called_slower_without_end() -> None:
    """No slowdown at all: what is then found is a false alarm in either pair of arms."""
    reports = list(selftest.run(seed=2, budget_s=6, slowdown=0.0, kinds=[TIMER], procedure=QUICK))
    (result,) = reports[-1].kinds
    assert result.decisions == len(reports)
    assert result.alarms + result.found <= 1  # 1 would come by chance in one of a hundred runs


def test_every_decision_has_pairs_of_its_own() -> None:
    seen: list[tuple[int, int]] = []

    class Listener:
        def notice(self, notice: object) -> None: ...
        def pair_ended(self, cell: object, pair: object) -> None: ...

        def pair_started(self, cell: object, number: int) -> None:
            seen.append((id(cell), number))

    for _ in selftest.run(
        seed=1, budget_s=4, slowdown=1.0, kinds=[TIMER], procedure=QUICK, listener=Listener()
    ):
        pass
    assert len(seen) == len(set(seen))


def test_a_kind_that_cannot_be_measured_says_why_and_the_others_go_on() -> None:
    broken = Kind("broken", "slow-devices", "blocking", {"load.depth": "4"})
    (report,) = selftest.run(seed=1, budget_s=0, kinds=[broken, TIMER], procedure=QUICK)
    bad, good = report.kinds
    assert "one transfer at a time" in (bad.error or "")
    assert bad.power is None
    assert good.decisions == 1


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
