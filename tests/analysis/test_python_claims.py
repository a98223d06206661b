"""Python's claims: each can come out true and false, and by the interval alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from iomodels.analysis.claims.definition import Claim, Place, judge_claim
from iomodels.analysis.claims.python import CLAIMS
from iomodels.results.schema import Cell

from ..factory import make_cell, make_trial

P1, P2, P3, P4 = CLAIMS
FACTORS = (0.5, 0.7, 0.9, 1.0, 1.3, 1.7, 2.0)
"""How fast the machine is in each round: it cancels in the pairs."""
Level = Callable[[Place], float]


def cells(claim: Claim, ops: Level, cpu_ns: Level, jitter: float = 0.0) -> list[Cell]:
    places = {p.name: p for condition in claim.conditions for p in condition.places}
    found = []
    for number, place in enumerate(places.values()):
        trials = [
            make_trial(
                turn,
                throughput_ops=ops(place) * factor * (1 + jitter * ((turn + number) % 3 - 1)),
                cpu_ns_per_op=cpu_ns(place) / factor,
            )
            for turn, factor in enumerate(FACTORS)
        ]
        parameters = dict(place.expected)
        found.append(
            make_cell(place.engine, trials, scenario=place.scenario, parameters=parameters)
        )
    return found


def of(levels: Mapping[str, float]) -> Level:
    """By how the engine's name begins; the longest counts."""

    def level(place: Place) -> float:
        name = max((each for each in levels if place.engine.startswith(each)), key=len)
        return levels[name]

    return level


def same(_: Place) -> float:
    return 1000.0


CPU = {"blocking": 1_000, "threads": 2_000, "epoll": 3_000, "python:asyncio": 9_000}


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ((2_000, 2_000), "holds"),  # the models differ by 1000 ns
        ((500, 500), "does not hold here"),
        ((2_000, 500), "does not hold here"),  # it must hold for reads and for servers
    ],
)
def test_p1_compares_what_the_interpreter_adds_with_what_the_model_changes(
    added: tuple[int, int], said: str
) -> None:
    python = {"python:blocking": 1_000 + added[0], "python:selectors": 3_000 + added[1]}
    verdict = judge_claim(P1, cells(P1, same, of(CPU | python)))
    assert verdict.outcome == said
    ratio = added[0] / 1000
    assert f"cached reads: {ratio:.2f}" in verdict.lines[0]


def test_p1_holds_where_the_models_do_not_differ_and_fails_where_python_costs_no_more() -> None:
    alike = dict.fromkeys(CPU, 1_000)
    python = {"python:blocking": 1_500, "python:selectors": 1_500}
    assert judge_claim(P1, cells(P1, same, of(alike | python))).outcome == "holds"
    python = {"python:blocking": 900, "python:selectors": 900}
    assert judge_claim(P1, cells(P1, same, of(CPU | python))).outcome == "does not hold here"


@pytest.mark.parametrize(
    ("times", "said"),
    [(1.5, "does not hold here"), (2.5, "holds"), (5, "does not hold here")],
)
def test_p2_holds_from_2_to_4(times: float, said: str) -> None:
    ops = of({"": 1_000, "python:uvloop": 1_000 * times})
    assert judge_claim(P2, cells(P2, ops, same)).outcome == said
    assert judge_claim(P2, cells(P2, of({"": 1, "python:uvloop": 2}), same, 0.2)).outcome == (
        "inconclusive"
    )


def test_p2_says_what_is_missing_where_uvloop_is() -> None:
    reason = "uvloop is not installed: pip install iomodels[uvloop]"
    found = [
        make_cell(
            each.engine,
            [] if each.engine.startswith("python:uvloop") else each.trials,
            scenario=each.scenario,
            parameters=each.parameters,
            status="n/a" if each.engine.startswith("python:uvloop") else "ok",
            reason=reason,
        )
        for each in cells(P2, same, same)
    ]
    verdict = judge_claim(P2, found)
    assert verdict.outcome == "n/a"
    assert reason in verdict.lines[0]


@pytest.mark.parametrize("few", [1, 16])
def test_p3_is_of_few_connections(few: int) -> None:
    def ops(place: Place) -> float:
        wins = place.engine == "python:threads:run=each" and place.name not in loses
        return 2_000.0 if wins else 1_000.0

    threads = {
        place.parameters["load.descriptors"]: place.name
        for condition in P3.conditions
        for place in condition.places
        if place.engine == "python:threads:run=each"
    }
    loses = {threads[256]}
    assert judge_claim(P3, cells(P3, ops, same)).outcome == "holds"
    loses = {threads[few]}
    assert judge_claim(P3, cells(P3, ops, same)).outcome == "does not hold here"


@pytest.mark.parametrize(
    ("ops", "cpu_ns", "said"),
    [
        (1_000, 1_000, "holds"),
        (1_040, 970, "holds"),  # less than 5 % is nothing
        (500, 2_000, "holds"),  # a loss is no gain
        (1_100, 1_000, "does not hold here"),
        (1_000, 900, "does not hold here"),
    ],
)
def test_p4_holds_where_asyncio_gains_nothing(ops: float, cpu_ns: float, said: str) -> None:
    of_ops = of({"python:threads": 1_000, "python:asyncio": ops})
    of_cpu = of({"python:threads": 1_000, "python:asyncio": cpu_ns})
    assert judge_claim(P4, cells(P4, of_ops, of_cpu)).outcome == said


def test_p4_is_open_where_a_gain_of_5_percent_is_not_excluded() -> None:
    alike = of({"python:threads": 1_000, "python:asyncio": 1_040})
    assert judge_claim(P4, cells(P4, alike, same, 0.03)).outcome == "inconclusive"
