"""What a reader of a finished run is warned of, from its numbers."""

from __future__ import annotations

from iomodels import notices

from .factory import make_cell, make_trial


def few(engine: str, operations: int, depth: int = 1, **others: float):
    trials = [make_trial(number, operations=operations, **others) for number in range(7)]
    return make_cell(engine, trials, scenario="overlap", parameters={"load.depth": depth})


def test_numbers_of_few_operations_are_one_warning_per_scenario() -> None:
    cells = [few("blocking", 4, overlap=2.01), few("aio", 19), few("aio", 7, 4), few("select", 20)]
    (notice,) = notices.of_cells([*cells, few("null", 3)])
    assert notice.code == "few-operations"
    assert notice.message == (
        "overlap: few operations per trial (blocking 4, aio 7), so p99 is their slowest and "
        "overlap is rough: make trials longer with -d"
    )


def test_without_overlap_nothing_is_said_of_it() -> None:
    (notice,) = notices.of_cells([few("blocking", 4)])
    assert "overlap is rough" not in notice.message
