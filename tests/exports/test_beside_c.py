"""The Markdown of a run with engines in Python has the table of those beside their twins in C."""

from __future__ import annotations

from iomodels import exports

from ..analysis.test_twins import beside
from ..factory import make_run


def markdown(run) -> str:
    return exports.render(exports.parse("markdown=-", "measurements"), run)


def test_it_has_a_row_for_each_engine_with_the_ratios() -> None:
    _, _, section = markdown(beside()).partition("## Python's models beside the same models in C\n")
    lines = section.splitlines()
    (python,) = (line for line in lines if line.startswith("| cached-read | python:blocking |"))
    assert "| 4 (4 to 4) | 3 (3 to 3) |" in python
    (twin,) = (line for line in lines if line.startswith("| cached-read | blocking |"))
    assert twin.endswith("|  |  |")
    assert len({line.count("|") for line in lines if line.startswith("| cached-read")}) == 1


def test_the_whole_is_in_one_small_table_first() -> None:
    _, _, section = markdown(beside()).partition("## Python's models beside the same models in C\n")
    small = section.split("\n\n")[1].splitlines()
    assert small[0] == "|  | cached-read |"
    assert small[2:] == ["| blocking | 1M, 1µs |", "| python:blocking | 250k, 3µs |"]


def test_a_run_without_engines_in_python_has_none() -> None:
    assert "beside" not in markdown(make_run())
