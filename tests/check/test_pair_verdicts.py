"""A/B, judged: which pairs a verdict rests on, what stands beside it, and what is never dropped."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from iomodels.base.errors import NothingMeasured
from iomodels.check import a_against_b, pair_runs, pair_verdicts
from iomodels.check.pair_runs import Pair, PairedCell
from iomodels.check.pair_verdicts import PairedRow
from iomodels.comparison import metrics, verdict
from iomodels.comparison.schema import Change, Comparison
from iomodels.engines import spec
from iomodels.exports import json_document, junit, markdown
from iomodels.machine import noise
from iomodels.results.schema import Notice
from iomodels.statistics import screen_confirm
from iomodels.statistics import sign_flip as pairs
from iomodels.statistics.screen_confirm import Decision
from iomodels.trials.launch import Launch, own_launch
from iomodels.trials.preparation import Preparation
from iomodels.workload.point import Point

from ..factory import make_trial

THRESHOLD = 0.05


def row_of(*batches: Sequence[float], speed: float = 1000.0) -> PairedRow:
    """A row of log ratios of throughput; NaN: arm B has no value; infinite: arm A has none."""
    arm = pair_runs.parse_arm([])
    (cell,) = pair_runs.plan_cells(["slow-device"], [spec.parse("blocking")], {}, arm, arm)
    row = PairedRow(cell, metrics.METRICS["throughput_ops"])
    for batch in batches:
        row.batches.append([])
        for n, d in enumerate(batch):
            b = 0.0 if math.isnan(d) else speed * math.exp(d)
            a, b = (0.0, speed) if math.isinf(d) else (speed, b)
            trials = (make_trial(n, throughput_ops=v) for v in (a, b))
            row.batches[-1].append(Pair(n, "a", *trials))
    return row


def judged(row: PairedRow, decision: Decision) -> Change:
    change, *_ = pair_verdicts.judge_rows([row], decision, THRESHOLD)
    return change


def test_what_a_suspect_sees_is_of_the_pairs_that_it_is_judged_by() -> None:
    rng = np.random.default_rng(1)
    first, fresh = rng.normal(0, 0.02, 20), rng.normal(-0.18, 0.3, 40)
    decision = Decision([first], fresh={0: fresh}, confirmed={0: 0, 1: 0, 2: 0})
    change = judged(row_of(first, fresh), decision)
    alpha = pairs.CONFIRM_ALPHA / 3
    assert change.detectable == pytest.approx(pairs.detectable(fresh, alpha, threshold=THRESHOLD))
    alone = judged(row_of(first), Decision([first]))
    assert alone.detectable == pytest.approx(screen_confirm.detectable(first, THRESHOLD))


def test_pairs_without_a_value_in_arm_b_alone_fail() -> None:
    d = np.random.default_rng(2).normal(0, 0.01, 20)
    d[:7] = math.nan
    change = judged(row_of(d), Decision([d]))
    assert (change.verdict, change.reason) == ("failed", "7 of 20 pairs have no value in arm B")


@pytest.mark.parametrize("change", [0.0, 0.3])
@pytest.mark.parametrize(("in_a", "in_b"), [(1, 0), (1, 9), (9, 9)])
def test_pairs_without_a_value_in_both_arms_never_pass(change: float, in_a: int, in_b: int) -> None:
    """Also where too few remain to exclude a loss, which alone would not hold up the gate."""
    d = np.random.default_rng(2).normal(change, 0.05, 24)
    d[:in_a], d[in_a : in_a + in_b] = math.inf, math.nan
    known = np.where(np.isfinite(d), d, np.nan)
    decision = Decision([known], fresh={0: known}, confirmed={0: 1 if change else 0})
    found = judged(row_of(d), decision)
    assert (found.verdict, found.judged) == ("inconclusive", False)
    assert f"of 24 pairs, there is no value of {in_a} in arm A" in (found.reason or "")
    assert verdict.outcome([found], undecided="pass", comparable=True) == "inconclusive"


def test_a_loss_is_shown_where_pairs_have_no_value() -> None:
    d = np.random.default_rng(2).normal(-0.3, 0.01, 24)
    d[0], d[1:3] = math.inf, math.nan
    known = np.where(np.isfinite(d), d, np.nan)
    found = judged(row_of(d), Decision([known], fresh={0: known}, confirmed={0: -1}))
    assert found.verdict == "slower"


def machine(rng: np.random.Generator, shifts: Sequence[float]):
    """Measures three quiet rows, shifted by another of `shifts` in each batch."""
    left = list(shifts)

    def measure(rows, count):
        shift = left.pop(0) if len(left) > 1 else left[0]
        return [rng.normal(shift, 0.01, count) for _ in rows]

    return measure


def test_the_suite_is_measured_again_before_it_fails() -> None:
    rng = np.random.default_rng(3)
    unlucky = screen_confirm.decide(3, machine(rng, [-0.2, 0.0]), threshold=THRESHOLD)
    assert unlucky.suite_measured_again
    assert not unlucky.suite_sure
    lost = screen_confirm.decide(3, machine(rng, [-0.2]), threshold=THRESHOLD)
    assert lost.suite_sure
    line = pair_verdicts.suite(lost, THRESHOLD)
    assert (line.verdict, line.confirmed) == ("slower", True)


def test_more_pairs_are_asked_for_in_proportion() -> None:
    asked: list[int] = []
    rng = np.random.default_rng(4)

    def measure(rows, count):
        asked.append(count)
        return [rng.normal(-0.2, 0.01, count) for _ in rows]

    screen_confirm.decide(1, measure, threshold=THRESHOLD, first_pairs=40)
    assert asked == [40, 48]  # twice what -r 20 asks for


class _Interrupting:
    """Ctrl-C in the middle of the third pair."""

    def __init__(self) -> None:
        self.pairs = 0

    def comparison_started(self, usual_s: float, longest_s: float) -> None: ...
    def batch_started(self, what: str, cells: int, pairs: int, estimate_s: float) -> None: ...
    def notice(self, notice: Notice) -> None: ...
    def pair_ended(self, cell: PairedCell, pair: Pair) -> None: ...

    def pair_started(self, cell: PairedCell, number: int) -> None:
        self.pairs += 1
        if self.pairs == 3:
            raise KeyboardInterrupt


def test_an_interruption_keeps_the_ratios_and_gives_no_verdict() -> None:
    a, b = (
        pair_runs.parse_arm(["channel.service=100 us"]),
        pair_runs.parse_arm(["channel.service=400 us"]),
    )
    cells = pair_runs.plan_cells(["slow-device"], [spec.parse("blocking")], {}, a, b)
    with pytest.raises(a_against_b.ComparisonInterrupted) as caught:
        a_against_b.compare_arms(
            cells, base_name="A", new_name="B", seed=1, listener=_Interrupting()
        )
    (change,) = caught.value.comparison.changes
    assert (change.verdict, change.rounds) == ("inconclusive", 2)
    assert change.ratio is not None
    assert change.ratio.median < 0.6
    assert "interrupted" in (change.reason or "")
    assert verdict.EXIT_CODES[caught.value.comparison.outcome] == 4


def test_that_the_machine_was_busy_is_in_the_report(monkeypatch) -> None:
    """Of all batches together, also where others' work came in one of them only."""
    told = Notice("busy", "other processes kept 1.00 of 2 cores busy")
    monkeypatch.setattr(noise, "disturbances", lambda uses: [told] if len(uses) >= 20 else [])
    monkeypatch.setattr(pair_runs._Session, "pair", lambda self, cell, number, first: like(number))
    comparison = run_versus(planned([], ["channel.service=90 us"], "slow-device"))
    assert comparison.warnings == [told]
    (notice,) = json.loads(json_document.of_comparison(comparison))["warnings"]
    assert notice["code"] == "busy"


def test_two_arms_that_are_the_same_are_said_to_be_an_a_a(monkeypatch) -> None:
    monkeypatch.setattr(pair_runs, "measure", measured_as(like))
    same = run_versus(planned(["channel.service=50 us"], ["channel.service=50 us"], "slow-device"))
    assert "both arms are the same (an A/A test)" in same.warnings[0].message
    assert same.outcome == "passed"
    other = run_versus(planned(["channel.service=50 us"], ["channel.service=60 us"], "slow-device"))
    assert not other.warnings


def interrupted_after(pairs_of: Callable[[PairedCell, int], Pair]) -> Callable[..., object]:
    """Ctrl-C after eight pairs of each cell."""

    def measure(cells, pairs, *, into, **_):
        for cell, done in zip(cells, into, strict=True):
            done += [pairs_of(cell, number) for number in range(8)]
        raise KeyboardInterrupt

    return measure


@pytest.mark.parametrize(("failing", "outcome"), [(False, "Inconclusive"), (True, "Regression")])
def test_an_interrupted_ab_never_passes_wherever_it_is_shown(
    monkeypatch, failing: bool, outcome: str
) -> None:
    """Arm B is a fifth faster in all pairs: were that all, it would pass."""

    def pair(cell: PairedCell, number: int) -> Pair:
        if failing and cell.a.engine == "select":
            return Pair(number, "a", error="arm B: it broke")
        a, b = (make_trial(number, throughput_ops=v + number) for v in (1000, 1200))
        return Pair(number, "a", a, b)

    monkeypatch.setattr(pair_runs, "measure", interrupted_after(pair))
    specs = [spec.parse(name) for name in ("blocking", "select")]
    cells = pair_runs.plan_cells(["slow-device"], specs, {}, pair_runs.Arm(), pair_runs.Arm())
    with pytest.raises(a_against_b.ComparisonInterrupted) as caught:
        run_versus(cells)
    comparison = caught.value.comparison
    shown = markdown.of_comparison(comparison)
    assert shown.startswith(f"## {outcome}: ")
    assert "interrupted: no verdict, since not all was measured" in shown
    headline = import_module("iomodels.cli.show.changes_table")._outcome(comparison)
    assert headline.plain.startswith(f"{outcome}: ")
    suite = etree.fromstring(junit.of_comparison(comparison).encode()).find("testsuite")
    assert (suite.get("skipped"), suite.get("errors")) == (("1", "1") if failing else ("2", "0"))


def test_an_interruption_before_the_first_pair_passes_nothing(monkeypatch) -> None:
    def measure(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pair_runs, "measure", measure)
    with pytest.raises(a_against_b.ComparisonInterrupted) as caught:
        run_versus(planned([], [], "slow-device"))
    (change,) = caught.value.comparison.changes
    assert (change.verdict, change.reason) == ("inconclusive", pair_verdicts.INTERRUPTED)
    assert caught.value.comparison.outcome == "inconclusive"


# What arm B cannot do any more


def planned(a: list[str], b: list[str], scenario: str = "slow-devices") -> list[PairedCell]:
    return pair_runs.plan_cells(
        [scenario], [spec.parse("blocking")], {}, pair_runs.parse_arm(a), pair_runs.parse_arm(b)
    )


def measured_as(pairs_of: Callable[[int], Pair]) -> Callable[..., object]:
    """Stands for `pair_runs.measure`: every cell gets these pairs, up to the first that failed."""

    def measure(cells, pairs, *, first_round, into, **_):
        for number in range(first_round, first_round + pairs):
            for done in into:
                if not done or not done[-1].error:
                    done.append(pairs_of(number))

    return measure


def like(number: int) -> Pair:
    """Two arms that are equally fast, but for some noise."""
    a, b = (make_trial(number, throughput_ops=1000 + number * n % 7) for n in (3, 5))
    return Pair(number, "a", a, b)


def run_versus(cells: list[PairedCell]) -> Comparison:
    return a_against_b.compare_arms(cells, base_name="A", new_name="B", seed=1)


class Without(pair_runs.Arm):
    """An arm of another Python, whose core is without the engine select."""

    def launch(self) -> Launch:
        own = own_launch()
        every = own.installation.engines
        has = {name: options for name, options in every.items() if name != "select"}
        return replace(own, installation=replace(own.installation, engines=has, is_own=False))


@pytest.mark.parametrize("engine", ["blocking select", "select"])
def test_an_engine_that_arm_b_no_longer_has_fails(monkeypatch, engine: str) -> None:
    monkeypatch.setattr(pair_runs, "measure", measured_as(like))
    specs = [spec.parse(name) for name in engine.split()]
    cells = pair_runs.plan_cells(["slow-device"], specs, {}, pair_runs.Arm(), Without())
    comparison = run_versus(cells)
    assert comparison.outcome == "regression"
    (lost,) = [c for c in comparison.changes if c.engine == "select"]
    assert (lost.verdict, lost.metric) == ("failed", "throughput_ops")
    assert "arm B: iomodels" in (lost.reason or "")
    assert "has no engine select" in (lost.reason or "")


def test_what_arms_ask_for_on_purpose_and_b_cannot_do_is_not_told(monkeypatch) -> None:
    monkeypatch.setattr(pair_runs, "measure", measured_as(like))
    cells = planned(["load.depth=1"], ["load.depth=4"])
    with pytest.raises(NothingMeasured, match="one request in flight"):
        run_versus(cells)
    comparison = run_versus([*planned([], [], "slow-device"), *cells])
    (unknown,) = [c for c in comparison.changes if c.scenario == "slow-devices"]
    assert unknown.verdict == "inconclusive"
    assert "arm B: blocking supports one request in flight" in (unknown.reason or "")
    assert comparison.outcome == "inconclusive"


def test_what_arm_a_cannot_do_either_is_left_out_with_a_notice(monkeypatch) -> None:
    monkeypatch.setattr(pair_runs, "measure", measured_as(like))
    cells = [*planned([], [], "slow-device"), *planned(["load.depth=4"], ["load.depth=8"])]
    comparison = run_versus(cells)
    assert comparison.outcome == "passed"
    assert [notice.code for notice in comparison.warnings] == ["n/a"]


def test_a_cell_that_is_gone_in_mid_run_fails(monkeypatch) -> None:
    gone = Pair(15, "a", error="arm B: cannot", not_applicable=True)
    monkeypatch.setattr(pair_runs, "measure", measured_as(lambda n: gone if n >= 15 else like(n)))
    comparison = run_versus(planned([], [], "slow-device"))
    (lost,) = [c for c in comparison.changes if c.metric == "throughput_ops"]
    assert (lost.verdict, lost.reason) == ("failed", "arm B: cannot")
    assert comparison.outcome == "regression"


@pytest.mark.parametrize("side", ["a", "b", "both"])
def test_what_turns_out_to_be_missing_is_lost_only_if_arm_a_has_it(
    monkeypatch, tmp_path: Path, side: str
) -> None:
    """A real pair of files: a folder of one arm, or of both, cannot have what is asked."""
    real = Preparation.why_not

    def why_not(self: Preparation, point: Point) -> str | None:
        here = Path(getattr(point.channel, "folder", "/")).name
        return "no direct I/O here" if here == "without" else real(self, point)

    monkeypatch.setattr(Preparation, "why_not", why_not)
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    arms = [
        [f"channel.folder={tmp_path / ('without' if side in (arm, 'both') else 'with')}"]
        for arm in ("a", "b")
    ]
    cells = pair_runs.plan_cells(
        ["cached-read"], [spec.parse("blocking")], {"channel.size": ["64 KiB"]},
        *map(pair_runs.parse_arm, arms),
    )  # fmt: skip
    ((pair,),) = pair_runs.measure(cells, 3, seed=1, slices=1)
    assert pair.not_applicable
    assert pair.lost == (side == "b")
    if side == "b":
        comparison = run_versus(cells)
        assert [(c.verdict, c.reason) for c in comparison.changes] == [
            ("failed", "arm B: no direct I/O here")
        ]
    else:
        with pytest.raises(NothingMeasured, match="no direct I/O here"):
            run_versus(cells)


def test_a_worker_of_arm_b_that_dies_in_its_first_pair_fails(monkeypatch) -> None:
    died = Pair(0, "a", error="arm B: the trial's process was ended by SIGSEGV")
    monkeypatch.setattr(pair_runs, "measure", measured_as(lambda _: died))
    comparison = run_versus(planned([], [], "slow-device"))
    assert [(c.verdict, c.reason) for c in comparison.changes] == [("failed", died.error)]
    assert comparison.outcome == "regression"
