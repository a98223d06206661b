"""The article's claims: a verdict follows from whole intervals, never from medians alone."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from iomodels import claims, scenario
from iomodels.claims import CLAIMS, Claim, Place, verdicts
from iomodels.engines import parse
from iomodels.results import Cell, Run

from .factory import make_cell, make_run, make_trial

ROUNDS = 7
STEADY = [0.99, 0.995, 1.0, 1.0, 1.0, 1.005, 1.01]


def cell_for(place: Place, factor: float, spread: list[float] = STEADY) -> Cell:
    """A cell in which every quantity that a claim looks at is `factor`, give or take `spread`."""
    trials = [
        make_trial(
            number,
            throughput_ops=10_000 * factor * noise,
            cpu_ns_per_op=2_000 * factor * noise,
            added_ns=[(int(20_000 * factor * noise), 1000)],
            calls={"select": 1 / (factor * noise)},
            submit_ns=int(100_000 * min(1.0, factor * noise)),
            overlap=factor * noise,
        )
        for number, noise in enumerate(spread)
    ]
    return make_cell(
        place.engine, trials, scenario=place.scenario, parameters=dict(place.parameters)
    )


def run_for(claim: Claim, factors: dict[tuple[int, int], float], spread: list[float]) -> Run:
    cells = [
        cell_for(place, factors.get((number, index), 1.0), spread)
        for number, test in enumerate(claim.tests)
        for index, place in enumerate(test.places)
    ]
    return make_run(cells)


def by_id(name: str) -> Claim:
    return next(claim for claim in CLAIMS if claim.id == name)


def outcome(claim: Claim, run: Run) -> str:
    return next(verdict for verdict in verdicts(run) if verdict.claim is claim).outcome


def test_there_are_twelve() -> None:
    assert [claim.id for claim in CLAIMS] == [f"A{number}" for number in range(1, 13)]


@pytest.mark.parametrize("name", ["A3", "A4", "A6", "A9", "A11"])
def test_a_ratio_above_its_bound_holds_and_below_it_does_not(name: str) -> None:
    claim = by_id(name)
    assert outcome(claim, run_for(claim, {(0, 0): 3.0}, STEADY)) == "holds"
    assert outcome(claim, run_for(claim, {(0, 0): 0.5}, STEADY)) == "does not hold here"


def test_a_ratio_that_must_stay_below_its_bound() -> None:
    claim = by_id("A10")
    assert outcome(claim, run_for(claim, {(0, 0): 0.5}, STEADY)) == "holds"
    assert outcome(claim, run_for(claim, {(0, 0): 2.0}, STEADY)) == "does not hold here"


@pytest.mark.parametrize("name", ["A3", "A4", "A11"])
def test_an_interval_across_the_bound_cannot_tell_whatever_the_median(name: str) -> None:
    claim = by_id(name)
    run = run_for(claim, {(0, 0): 1.2}, STEADY)
    noisy = [0.5, 0.9, 1.1, 1.2, 1.3, 1.6, 2.5]
    first = cell_for(claim.tests[0].places[0], 1.2, noisy)
    assert outcome(claim, run) == "holds"
    run = make_run([first, *run.cells[1:]])
    assert outcome(claim, run) == "cannot tell"


def test_both_sides_of_a_claim_must_hold() -> None:
    claim = by_id("A8")
    assert outcome(claim, run_for(claim, {(0, 0): 0.95, (1, 0): 0.02}, STEADY)) == "holds"
    both = run_for(claim, {(0, 0): 0.95, (1, 0): 0.9}, STEADY)
    assert outcome(claim, both) == "does not hold here"


def test_too_few_rounds_cannot_tell() -> None:
    claim = by_id("A3")
    few = run_for(claim, {(0, 0): 5.0}, STEADY[:5])
    assert outcome(claim, few) == "cannot tell"


def test_a_failed_cell_is_named() -> None:
    claim = by_id("A3")
    first, second = run_for(claim, {(0, 0): 5.0}, STEADY).cells
    failed = msgspec.structs.replace(
        second, status="failed", reason="it hung", trials=[], summary=None
    )
    (verdict,) = [v for v in verdicts(make_run([first, failed])) if v.claim is claim]
    assert verdict.outcome == "cannot tell"
    assert verdict.numbers == ("slow-device/blocking is failed: it hung",)


def test_a_claim_that_lacks_a_cell_in_the_run_is_left_out() -> None:
    claim = by_id("A3")
    run = run_for(claim, {(0, 0): 5.0}, STEADY)
    assert claim in [verdict.claim for verdict in verdicts(run)]
    assert claim not in [verdict.claim for verdict in verdicts(make_run(run.cells[:1]))]


def test_a_quantity_that_was_not_measured_is_no_number() -> None:
    claim = by_id("A1")
    run = run_for(claim, {}, STEADY)  # an older run, whose trials have no parts
    (verdict,) = [v for v in verdicts(run) if v.claim is claim]
    assert verdict.outcome == "cannot tell"
    assert "did not measure it" in verdict.numbers[0]


def test_the_article_suite_has_every_cell_that_a_claim_needs() -> None:
    points = [
        (one, point) for one in scenario.resolve(["article"]) for point in scenario.points(one)
    ]
    for claim in CLAIMS:
        for test in claim.tests:
            for place in test.places:
                assert parse(place.engine).canonical == place.engine
                assert any(
                    one.name == place.scenario
                    and place.engine in [parse(name).canonical for name in one.engines]
                    and all(point.parameters.get(k) == v for k, v in place.parameters.items())
                    for one, point in points
                ), f"{claim.id} needs {place.name}"


def test_the_page_is_the_generated_one() -> None:
    """To renew it: `python tests/test_documents.py`."""
    page = Path(__file__).parents[1] / "docs" / "claims.md"
    assert page.read_text() == claims.reference_page()
