"""The quantity `threads`: those that the process had beside the application's own."""

from __future__ import annotations

from importlib import import_module

import pytest

from iomodels.analysis.quantities import named

from ..factory import make_cell, make_trial

table = import_module("iomodels.cli.show.table")


@pytest.mark.parametrize(
    ("counters", "told", "in_table"),
    [({"threads": 17.0}, 16.0, "16"), ({"threads": 1.0}, 0.0, ""), ({}, None, "")],
)
def test_threads_are_those_beside_the_application(counters, told, in_table):
    """Of an older file nothing is known; a table leaves out that there were none."""
    one = make_cell("select", [make_trial(n, counters=counters) for n in range(7)])
    beside = make_cell("aio", [make_trial(1, counters={"threads": 5.0})])
    found = named("threads").interval(one)
    assert (found and found.median) == told
    (column,) = [c for c in table.columns([one, beside]) if c.name == "threads"]
    assert column.value(one) == in_table
    assert column.value(beside) == "4"
