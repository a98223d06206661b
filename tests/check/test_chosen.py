"""Some cells of a baseline, by the names of their scenarios and engines."""

from __future__ import annotations

import pytest

from iomodels.base.errors import EngineError, NothingMeasured, UsageError
from iomodels.check.history.baseline import Baseline
from iomodels.check.history.chosen import chosen
from iomodels.results.schema import Cell

from ..factory import make_cell, make_run

OLD = make_run([make_cell("select", scenario="echo"), make_cell("null", scenario="echo")], seed=1)
NEW = make_run(
    [
        make_cell("aio:notify=signal", scenario="echo"),
        make_cell("select", scenario="slow-device"),
        make_cell("blocking", scenario="slow-device"),
    ],
    seed=2,
)
BASE = Baseline("base", (OLD, NEW))


def names(baseline: Baseline) -> list[list[tuple[str, str]]]:
    return [[(cell.scenario, cell.engine) for cell in run.cells] for run in baseline.runs]


@pytest.mark.parametrize(
    ("scenarios", "engines", "found"),
    [
        (["echo"], [], [[("echo", "select")], [("echo", "aio:notify=signal")]]),
        (["./mine/echo.toml"], ["select"], [[("echo", "select")]]),
        ([], ["blocking"], [[("slow-device", "blocking")]]),
        (["slow-device"], ["article"], [[("slow-device", "select"), ("slow-device", "blocking")]]),
        (
            [],
            ["aio:notify=signal,blocking"],
            [[("echo", "aio:notify=signal")], [("slow-device", "blocking")]],
        ),
    ],
)
def test_the_cells_that_are_named(
    scenarios: list[str], engines: list[str], found: list[list[tuple[str, str]]]
) -> None:
    kept = [cell for run in names(chosen(BASE, scenarios, engines)) for cell in run]
    assert kept == [cell for run in found for cell in run]


def test_without_names_it_is_all_but_the_harness() -> None:
    assert sum(map(len, names(chosen(BASE, [], [])))) == 4


@pytest.mark.parametrize(
    ("scenarios", "engines", "said"),
    [
        (["ecko"], [], r"'ecko' is no file, and no scenario of the baseline \(did you mean 'echo'"),
        (["echo"], ["blocking"], r"-e blocking: echo in the baseline has no such cell: it has aio"),
        ([], ["aio"], r"has no such cell.*it has aio:notify=signal, blocking and select"),
        ([], ["today"], r"-e today: the baseline has no such cell"),
    ],
)
def test_what_no_run_has_is_one_sentence(
    scenarios: list[str], engines: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        chosen(BASE, scenarios, engines)


def test_an_engine_that_there_is_not() -> None:
    with pytest.raises(EngineError):
        chosen(BASE, [], ["slect"])


@pytest.mark.parametrize("cells", [[], [make_cell("null")]])
@pytest.mark.parametrize("engines", [[], ["null"]])
def test_runs_of_the_harness_alone_have_nothing_to_check(
    cells: list[Cell], engines: list[str]
) -> None:
    with pytest.raises(NothingMeasured, match="base has no cell of an I/O model: record another"):
        chosen(Baseline("base", (make_run(cells),)), [], engines)
