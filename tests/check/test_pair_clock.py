"""The time of an A/B: reckoned, then measured, and kept."""

from __future__ import annotations

import math

import pytest

from iomodels.base.errors import UsageError
from iomodels.check import a_against_b, pair_clock, pair_runs
from iomodels.check.pair_clock import PairClock
from iomodels.check.pair_plan import PairedCell
from iomodels.check.pair_runs import Pair
from iomodels.comparison.schema import Comparison
from iomodels.engines import spec
from iomodels.results.schema import Notice

from ..factory import make_trial


def cells(*engines: str) -> list[PairedCell]:
    arm = pair_runs.Arm()
    return pair_runs.plan_cells(["slow-device"], [spec.parse(e) for e in engines], {}, arm, arm)


class Machine:
    """A clock of its own, on which every pair of a cell takes `pair_s`. Arm B is off by a log."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pair_s: float, log: float = 0.0) -> None:
        self.now_s = 0.0
        self.told: list[tuple[float, float]] = []
        self.estimates_s: list[float] = []

        def pair(_, cell: PairedCell, number: int, first: pair_runs.Side) -> Pair:
            self.now_s += pair_s
            noise = 0.02 * math.sin(7 * number)
            a, b = 1000.0, 1000 * math.exp(log + noise)
            trials = (make_trial(number, throughput_ops=value) for value in (a, b))
            return Pair(number, first, *trials)

        monkeypatch.setattr(pair_runs._Session, "pair", pair)
        monkeypatch.setattr(pair_clock.time, "monotonic", lambda: self.now_s)

    def comparison_started(self, usual_s: float, longest_s: float) -> None:
        self.told.append((usual_s, longest_s))

    def batch_started(self, what: str, cells: int, pairs: int, estimate_s: float) -> None:
        self.estimates_s.append(estimate_s)

    def notice(self, notice: Notice) -> None: ...
    def pair_started(self, cell: PairedCell, number: int) -> None: ...
    def pair_ended(self, cell: PairedCell, pair: Pair) -> None: ...

    def compare(self, **more: float) -> Comparison:
        of = cells("blocking", "select")
        return a_against_b.compare_arms(
            of, base_name="A", new_name="B", seed=1, listener=self, **more
        )


@pytest.mark.parametrize("pair_s", [0.3, 1, 3, 20])
@pytest.mark.parametrize("log", [0.0, -0.2])
@pytest.mark.parametrize("budget_s", [20, 100])
def test_the_longest_time_is_told_before_and_kept_however_slow_the_arms_are(
    monkeypatch: pytest.MonkeyPatch, pair_s: float, log: float, budget_s: float
) -> None:
    """Before the first pair, nothing is known of what a pair takes."""
    machine = Machine(monkeypatch, pair_s, log)
    comparison = machine.compare(budget_s=budget_s)
    ((usual_s, longest_s),) = machine.told
    assert usual_s <= longest_s == budget_s
    # One round is begun before what a pair takes is known.
    assert machine.now_s <= max(budget_s, 2 * pair_s)
    told = [notice.message for notice in comparison.warnings if notice.code == "budget"]
    if pair_s == 0.3 and budget_s == 100:
        assert not told
    if pair_s >= 3:
        assert len(told) == 1
        assert f"the time (--budget {budget_s}s) was too short for" in told[0]
    if pair_s == 20:
        assert comparison.outcome == "inconclusive"  # two pairs at the most
    elif log:
        assert comparison.outcome in ("regression", "inconclusive")
    # What is said of later batches is what pairs take here.
    if len(machine.estimates_s) > 1:
        assert machine.estimates_s[1] == pytest.approx(2 * 24 * pair_s, rel=0.5)


def test_without_a_budget_the_time_suits_the_first_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, 0.3)
    machine.compare()
    machine.compare(first_pairs=200)
    (_, usual), (_, long) = machine.told
    assert usual == 300
    assert long == pytest.approx(4 * pair_runs.estimate_s(cells("blocking", "select"), 200))


def test_a_time_too_short_for_any_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, 0.3)
    said = r"2 cells × 10 pairs take about 6 s.*--budget 20s or more"
    with pytest.raises(UsageError, match=said):
        machine.compare(budget_s=5)
    assert machine.now_s == 0


def test_a_time_is_written_as_the_option_takes_it() -> None:
    told = [pair_clock.as_option(seconds) for seconds in (1, 60.0, 119.2, 120, 121, 3600)]
    assert [text.removeprefix("--budget ") for text in told] == [
        "1s", "60s", "120s", "2m", "3m", "60m",
    ]  # fmt: skip


def test_a_cell_not_measured_yet_is_as_slow_as_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = cells("blocking", "select")
    now_s = 0.0
    clock = PairClock(100, None, lambda: now_s)
    before_s = clock.takes_s([other], 5)
    clock.pair_started(one, 0)
    now_s = 3 * before_s / 5
    clock.pair_ended(one, Pair(0, "a"))
    assert clock.takes_s([one], 5) == pytest.approx(3 * before_s)
    assert clock.takes_s([other], 5) == pytest.approx(3 * before_s)
