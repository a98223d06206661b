"""Claims: a verdict follows from whole intervals, never from medians alone."""

from __future__ import annotations

import io
from collections.abc import Iterable
from importlib import import_module

import msgspec
import pytest
from rich.console import Console

from iomodels.analysis.claims import sets, values
from iomodels.analysis.claims.article import CLAIMS
from iomodels.analysis.claims.definition import (
    Claim,
    ClaimQuantity,
    Condition,
    Outcome,
    Place,
    judge_claim,
)
from iomodels.analysis.claims.sets import SETS, ClaimSet
from iomodels.engines import catalog
from iomodels.engines.kinds.twins import twin_of
from iomodels.engines.spec import parse
from iomodels.measure import plan
from iomodels.results.schema import Cell, OverlapParts, Switches
from iomodels.trials.planned import PlannedCell
from iomodels.workload import scenario

from ..factory import make_cell, make_run, make_trial

ROUNDS = 7
STEADY = [0.99, 0.995, 1.0, 1.0, 1.0, 1.005, 1.01]


def cell_for(place: Place, factor: float, spread: list[float] = STEADY) -> Cell:
    """A cell in which every quantity that a claim looks at is `factor`, give or take `spread`."""
    trials = []
    for number, noise in enumerate(spread):
        value = factor * noise
        selects = place.engine == "select"
        times_itself = place.scenario.startswith("cached")  # elsewhere a share of it counts
        parts = OverlapParts(io_ns=1e6, cpu_ns=1e6, both_ns=1, io_cpu_share=value)
        trials.append(
            make_trial(
                number,
                throughput_ops=10_000 * value,
                cpu_ns_per_op=2_000 * value,
                added_ns=[(int(20_000 * value), 1000)],
                calls={"select": 1 / value} if selects else {"io_uring_enter": value},
                submit_ns=int(100_000 * min(1.0, value)),
                latency_ns=int(100_000 * (value if times_itself else 1)),
                cpu_share=value,
                context_switches_per_op=Switches(voluntary=value / 4, involuntary=value * 3 / 4),
                overlap=value,
                overlap_parts=parts,
            )
        )
    parameters = dict(place.expected)
    return make_cell(place.engine, trials, scenario=place.scenario, parameters=parameters)


def cells_for(
    test: Condition, factor: float, *, spread: list[float] = STEADY, rounds: int = 7
) -> list[Cell]:
    """The test's cells: its quantity is `factor` (a ratio too: the second cell has 1; and what is
    added to it, over a difference of 1)."""
    factors = (1.0 + factor, 1.0, 2.0) if test.quantity.combined else (factor, 1.0)
    return [
        cell_for(place, factors[number], (spread if number == 0 else STEADY)[:rounds])
        for number, place in enumerate(test.places)
    ]


def outcome(test: Condition, cells: list[Cell]) -> str:
    return judge_claim(Claim("X", "", "", (test,)), cells).outcome


def sides(test: Condition) -> tuple[float, float]:
    """A value with which the test holds, and one with which it does not."""
    if test.least is not None and test.most is not None:
        return (test.least * test.most) ** 0.5, 3 * test.most
    if test.least is not None:
        return 3 * test.least, test.least / 3
    assert test.most is not None
    return test.most / 3, 3 * test.most


TESTS = [
    pytest.param(test, id=f"{claim.id}-{number}")
    for claim_set in SETS
    for claim in claim_set.claims
    for number, test in enumerate(claim.conditions)
    if test.decides
]


def test_there_are_twelve() -> None:
    assert [claim.id for claim in CLAIMS] == [f"A{number}" for number in range(1, 13)]


@pytest.mark.parametrize("test", TESTS)
def test_on_one_side_of_the_bound_it_holds_and_on_the_other_it_does_not(test: Condition) -> None:
    good, bad = sides(test)
    assert outcome(test, cells_for(test, good)) == "holds"
    assert outcome(test, cells_for(test, bad)) == "does not hold here"


@pytest.mark.parametrize("test", TESTS)
def test_an_interval_across_the_bound_is_inconclusive_whatever_the_median(test: Condition) -> None:
    bound = test.least if test.least is not None else test.most
    assert bound is not None
    noisy = [0.5, 0.7, 0.9, 1.05, 1.3, 1.6, 2.5]
    assert outcome(test, cells_for(test, bound, spread=noisy)) == "inconclusive"


@pytest.mark.parametrize("test", TESTS)
def test_too_few_rounds_is_inconclusive(test: Condition) -> None:
    verdict = judge_claim(Claim("X", "", "", (test,)), cells_for(test, sides(test)[0], rounds=5))
    assert verdict.outcome == "inconclusive"
    assert "; holds " in verdict.lines[0] or "(holds " in verdict.lines[0]


@pytest.mark.parametrize("test", TESTS)
def test_a_cell_that_was_measured_otherwise_is_not_the_claims(test: Condition) -> None:
    first, *others = cells_for(test, sides(test)[0])
    place = test.places[0]
    keys = set(place.expected) - set(place.parameters)
    assert {"load.arrivals", "load.compute", "load.batch"} - set(place.parameters) <= keys
    for key in keys:
        odd = msgspec.structs.replace(first, parameters={**first.parameters, key: 7})
        verdict = judge_claim(Claim("X", "", "", (test,)), [odd, *others])
        assert verdict.outcome == "inconclusive"
        assert f"was measured with {key} = " in verdict.lines[0]
        # Where the sound cell is in the run, too, it decides, wherever it stands.
        assert judge_claim(Claim("X", "", "", (test,)), [odd, first, *others]).outcome == "holds"


@pytest.mark.parametrize("test", TESTS)
def test_a_parameter_that_an_older_file_did_not_know_is_no_difference(test: Condition) -> None:
    first, *others = cells_for(test, sides(test)[0])
    known = ("load.depth", *test.places[0].parameters)
    older = {key: value for key, value in first.parameters.items() if key in known}
    cells = [msgspec.structs.replace(first, parameters=older), *others]
    assert judge_claim(Claim("X", "", "", (test,)), cells).outcome == "holds"


@pytest.mark.parametrize(
    ("aio", "blocking", "said"),
    [
        # Operations per second: with both, with the I/O alone, with the computation alone.
        ((930, 990, 960), (490, 880, 960), "holds"),
        ((1300, 990, 960), (490, 400, 960), "does not hold here"),  # the I/O alone gains as much
        ((930, 990, 1700), (490, 990, 960), "does not hold here"),
    ],
)
def test_a12_compares_what_is_gained_with_both_and_with_one_alone(
    aio: tuple[int, ...], blocking: tuple[int, ...], said: str
) -> None:
    claim = CLAIMS[11]
    cells = []
    places = claim.conditions[0].places
    for place, (both, waiting, computing) in zip(places, (aio, blocking), strict=True):
        trials = [
            make_trial(
                number,
                throughput_ops=both * noise,
                overlap_parts=OverlapParts(io_ns=1e9 / waiting, cpu_ns=1e9 / computing, both_ns=1),
            )
            for number, noise in enumerate([0.9, 0.95, 1, 1, 1, 1.05, 1.1])
        ]
        cells.append(
            make_cell(place.engine, trials, scenario="overlap", parameters=dict(place.expected))
        )
    assert judge_claim(claim, cells).outcome == said


@pytest.mark.parametrize("test", TESTS)
def test_a_failed_cell_is_named(test: Condition) -> None:
    first, *others = cells_for(test, sides(test)[0])
    failed = msgspec.structs.replace(
        first, status="failed", reason="it hung", trials=[], summary=None
    )
    verdict = judge_claim(Claim("X", "", "", (test,)), [failed, *others])
    assert verdict.outcome == "inconclusive"
    assert verdict.lines == [f"{test.places[0].name} is failed: it hung"]


@pytest.mark.parametrize("test", TESTS)
def test_what_the_machine_lacks_is_na_with_the_reason(test: Condition) -> None:
    first, *others = cells_for(test, sides(test)[0])
    lacking = msgspec.structs.replace(
        first, status="n/a", reason="switched off here", trials=[], summary=None
    )
    verdict = judge_claim(Claim("X", "", "", (test,)), [lacking, *others])
    assert verdict.outcome == "n/a"
    assert verdict.lines == [f"{test.places[0].name} is n/a: switched off here"]


def test_a_quantity_that_was_not_measured_is_no_number() -> None:
    (test,) = CLAIMS[0].conditions
    (cell,) = cells_for(test, 0.01)
    older = [msgspec.structs.replace(trial, overlap_parts=None) for trial in cell.trials]
    verdict = judge_claim(CLAIMS[0], [msgspec.structs.replace(cell, trials=older)])
    assert verdict.outcome == "inconclusive"
    assert "has no value of it" in verdict.lines[0]


@pytest.mark.parametrize(
    ("outcomes", "together"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "does not hold here"], "does not hold here"),
        (["inconclusive", "holds"], "inconclusive"),
        (["inconclusive", "does not hold here"], "does not hold here"),
    ],
)
def test_all_tests_of_a_claim_must_hold(outcomes: list[str], together: str) -> None:
    a8 = CLAIMS[7].conditions  # two tests, of two cells
    values = {"holds": lambda t: sides(t)[0], "does not hold here": lambda t: sides(t)[1]}
    cells: list[Cell] = []
    for test, wanted in zip(a8, outcomes, strict=True):
        if wanted != "inconclusive":
            cells += cells_for(test, values[wanted](test))
        else:
            cells += cells_for(test, 1.0, rounds=5)
    assert judge_claim(CLAIMS[7], cells).outcome == together


def test_a_claim_that_cannot_be_measured_in_part_is_open_unless_another_part_fails() -> None:
    a8 = CLAIMS[7].conditions
    for second, together in (("holds", "n/a"), ("does not hold here", "does not hold here")):
        value = sides(a8[1])[0 if second == "holds" else 1]
        lacking = make_cell(
            *("aio", []), scenario="overlap", parameters=dict(a8[0].places[0].expected),
            status="n/a", reason="not here",
        )  # fmt: skip
        verdict = judge_claim(CLAIMS[7], [lacking, *cells_for(a8[1], value)])
        assert verdict.outcome == together
        assert [number.outcome for number in verdict.numbers] == ["n/a", second]
        assert verdict.lines[0].startswith("– overlap/aio (compute 1 ms) is n/a: not here")


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.5, "does not hold here"), (0.8, "inconclusive"), (1, "holds"), (2, "does not hold here")],
)
def test_a_claim_that_two_are_alike_has_a_bound_on_either_side(value: float, said: Outcome) -> None:
    (test,) = CLAIMS[1].conditions
    alike = Condition(test.quantity, test.places, 0.8, 1.25)
    assert alike.holds == "from 0.8 to 1.25"
    assert outcome(alike, cells_for(alike, value)) == said


def test_a_number_without_a_condition_decides_nothing() -> None:
    (test,) = CLAIMS[1].conditions
    beside = Condition(ClaimQuantity("as a number", test.quantity.value), test.places)
    for value, said in ((10, "holds"), (0.1, "does not hold here")):
        verdict = judge_claim(Claim("X", "", "", (test, beside)), cells_for(test, value))
        assert verdict.outcome == said
        assert verdict.numbers[1].outcome is None
        assert verdict.lines[1].startswith("· as a number")
        assert "holds" not in verdict.lines[1]
    assert judge_claim(Claim("X", "", "", (test, beside)), []).outcome == "inconclusive"


def test_a_claim_that_lacks_a_cell_is_left_out_unless_all_are_asked_for() -> None:
    (test,) = CLAIMS[2].conditions
    cells = cells_for(test, 3.0)
    assert "A3" in [verdict.claim.id for verdict in sets.verdicts(make_run(cells), CLAIMS)]
    assert "A3" not in [verdict.claim.id for verdict in sets.verdicts(make_run(cells[:1]), CLAIMS)]
    every = sets.verdicts(make_run(cells[:1]), CLAIMS, every=True)
    assert [verdict.claim.id for verdict in every] == [claim.id for claim in CLAIMS]
    assert "slow-device/blocking is not in this run" in every[2].lines[0]


def test_the_table_shows_numbers_and_cells_at_80_columns() -> None:
    (test,) = CLAIMS[2].conditions
    console = Console(width=80, record=True, file=io.StringIO())
    table = import_module("iomodels.cli.show.ending.verdicts").table
    for part in table(make_run(cells_for(test, 3.0)), SETS[0], explain=True):
        console.print(part)
    text = " ".join(console.export_text().split())
    assert "3.00" in text
    assert "slow-device/nonblocking," in text
    assert "The article's 12 claims: holds 2, does not hold here 1, inconclusive 9." in text


def test_figure_1_has_every_model_in_its_place_with_its_numbers() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    missing = make_cell("select", [], status="n/a", reason="not here")
    cells = [make_cell(engine, [make_trial(0)]) for engine in ("blocking", "nonblocking", "aio")]
    for part in import_module("iomodels.cli.show.ending.verdicts").figure_1(
        make_run([*cells, missing])
    ):
        console.print(part)
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["synchronous", "blocking", "nonblocking"] in lines
    assert ["asynchronous", "select", "aio"] in lines
    assert "not here" in " ".join(lines[lines.index(["asynchronous", "select", "aio"]) + 1])


FIGURES = {"article": ("slow-device", catalog.DEFAULT)}
"""What a suite measures beside its claims, for the picture that it ends with."""


LONGEST_S = {"article": 90, "today": 145, "python": 115}
"""A little less than the terminal and the README say."""


def twins_of(cell: PlannedCell, cells: Iterable[PlannedCell]) -> set[int]:
    """The cell of its twin in C, if it is one of an engine in Python."""
    on_files = cell.point.parameters["channel.kind"] == "file"
    twin = twin_of(cell.engine.canonical, on_files=on_files)
    return {
        other.index
        for other in cells
        if other.point == cell.point and other.engine.canonical == twin and not other.is_harness
    }


@pytest.mark.parametrize("claim_set", SETS, ids=lambda each: each.suite)
def test_a_suite_has_the_cells_of_its_claims_and_no_others(claim_set: ClaimSet) -> None:
    suite = scenario.resolve([claim_set.suite])
    planned = plan.make_plan(
        *(suite, []),
        rounds=ROUNDS,
        duration_s=scenario.usual_duration_s([claim_set.suite], 0.5),
        warmup_s=0.1,
        seed=1,
    )
    assert planned.estimate_s <= LONGEST_S[claim_set.suite]
    needed = [place for c in claim_set.claims for test in c.conditions for place in test.places]
    used = set()
    for place in needed:
        assert parse(place.engine).canonical == place.engine
        cells = [
            cell.index
            for cell in planned.cells
            if (cell.point.scenario, cell.engine.canonical) == (place.scenario, place.engine)
            and place.expected.items() <= cell.point.parameters.items()
        ]
        assert len(cells) == 1, place
        used.update(cells)
    used |= {twin for cell in planned.cells for twin in twins_of(cell, planned.cells)}
    of_figure, engines = FIGURES.get(claim_set.suite, ("", ()))
    figure = [cell for cell in planned.cells if cell.point.scenario == of_figure]
    figure = [cell for cell in figure if not cell.is_harness]
    assert {cell.engine.canonical for cell in figure} == set(engines)
    used |= {cell.index for cell in figure}
    assert used == {cell.index for cell in planned.cells if not cell.is_harness}


def test_overflows_of_the_signal_queue_are_those_that_the_engine_counts() -> None:
    assert values.SIGNAL_OVERFLOWS in parse("sigio").counters
    counted = make_trial(1, counters={values.SIGNAL_OVERFLOWS: 30.0})
    assert values.signal_overflows_per_op(counted) == 30 / counted.operations
    assert values.signal_overflows_per_op(make_trial(1, counters={})) == 0
