"""A small run says what the whole one says, in a file of an eighth of the size."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from msgspec.structs import astuple, replace

from iomodels import charts, exports
from iomodels.analysis import assembled
from iomodels.analysis.claims import sets
from iomodels.analysis.claims.definition import judge_claim
from iomodels.analysis.quantities import QUANTITIES
from iomodels.base.errors import ResultError
from iomodels.check.history.small import small
from iomodels.comparison.metrics import METRICS
from iomodels.comparison.runs import compare
from iomodels.report.page import page
from iomodels.results import save
from iomodels.results.schema import Cell, Run

from ..chart_runs import texts
from ..factory import make_cell, make_run, make_trial

RECORDED = Path(__file__).parents[2] / "results"
LIMIT = 100 * 1024
LIMIT_OF_40_ROUNDS = 450 * 1024


@pytest.fixture(params=["default", "article", "today", "server"])
def whole(request: pytest.FixtureRequest) -> Run:
    """A real run: overlap, cancelling, open loops and servers are in one of them."""
    return assembled.load(RECORDED / f"{request.param}.json")


def stored(run: Run, folder: Path) -> Run:
    path = folder / "small.json"
    path.write_bytes(save.encode(small(run), without_nulls=True))
    return assembled.load(path)


def of_engines(run: Run) -> list[Cell]:
    return [cell for cell in run.cells if not cell.is_harness]


def same(a: float, b: float, share: float = 0.0) -> bool:
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=share)


def test_every_value_of_every_round_is_there(whole: Run, tmp_path: Path) -> None:
    again = stored(whole, tmp_path)
    for before, after in zip(of_engines(whole), of_engines(again), strict=True):
        for trial, kept in zip(before.trials, after.trials, strict=True):
            for quantity in METRICS.values():
                assert quantity.of_trial(kept) == quantity.of_trial(trial) or same(
                    quantity.of_trial(kept), quantity.of_trial(trial)
                )
            assert kept.calls_per_op == trial.calls_per_op
            for quantity in QUANTITIES:
                assert same(quantity.of_trial(kept), quantity.of_trial(trial), 1e-5), quantity.key


def test_tables_exports_and_verdicts_are_the_same(whole: Run, tmp_path: Path) -> None:
    again = stored(whole, tmp_path)
    for before, after in zip(whole.cells, again.cells, strict=True):
        assert (before.status, before.reason, before.note) == (
            after.status, after.reason, after.note
        )  # fmt: skip
        for quantity in QUANTITIES if not before.is_harness else ():
            a, b = quantity.interval(before), quantity.interval(after)
            assert (a is None) == (b is None)
            if a is not None and b is not None:
                pairs = zip(astuple(a), astuple(b), strict=True)
                assert all(same(x, y, 1e-5) for x, y in pairs), quantity.key
    for name in exports.names("measurements"):
        export = exports.parse(f"{name}=-", "measurements")
        sizes = [
            sum("null" not in line for line in exports.render(export, run).splitlines())
            for run in (whole, again)
        ]
        assert sizes[0] == sizes[1] > 0, name
    one, other = (compare(run, run, base_name="a", new_name="b") for run in (whole, again))
    assert one.changes == other.changes


def test_claims_come_out_the_same(whole: Run, tmp_path: Path) -> None:
    again = stored(whole, tmp_path)
    for claim in (claim for each in sets.SETS for claim in each.claims):
        before, after = (judge_claim(claim, run.cells) for run in (whole, again))
        assert before.outcome == after.outcome, claim


def test_every_picture_and_the_page_can_be_made_of_it(tmp_path: Path) -> None:
    whole = assembled.load(RECORDED / "default.json")
    again = stored(whole, tmp_path)
    made = charts.pictures([again])
    assert [picture.name for picture in made] == [p.name for p in charts.pictures([whole])]
    for picture in made:
        picture.draw()
    assert "aio" in page(again)
    (over_time,) = [p for p in made if p.name == "cached-read-over-time"]
    assert "in a small file" in " ".join(texts(over_time.draw()))


def test_the_default_set_is_small_and_so_are_more_rounds() -> None:
    whole = assembled.load(RECORDED / "default.json")
    assert len(save.encode(small(whole), without_nulls=True)) <= LIMIT
    more = replace(
        whole,
        cells=[
            replace(cell, trials=[replace(cell.trials[n % 7], round=n) for n in range(40)])
            if cell.trials
            else cell
            for cell in whole.cells
        ],
    )
    assert len(save.encode(small(more), without_nulls=True)) <= LIMIT_OF_40_ROUNDS


def test_the_latencies_of_all_rounds_together_are_kept_once() -> None:
    cell = small(assembled.load(RECORDED / "default.json")).cells[0]
    assert cell.latency_ns is not None
    assert sum(n for _, n in cell.latency_ns) == sum(t.operations for t in cell.trials)
    again = small(small(make_run([cell])))
    assert again.cells[0].latency_ns == cell.latency_ns, "a small run stays what it is"


def test_the_harness_measured_alone_keeps_its_trials(tmp_path: Path) -> None:
    again = stored(make_run([make_cell("null")]), tmp_path)
    assert len(again.cells[0].trials) == 7


def test_an_ok_cell_of_which_nothing_was_measured_is_refused(tmp_path: Path) -> None:
    nothing = replace(make_trial(), latency_ns=[], operations=0)
    with pytest.raises(ResultError, match="no trial has an operation"):
        stored(make_run([make_cell(trials=[nothing], summary=None)]), tmp_path)
