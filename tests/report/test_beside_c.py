"""The page's section about Python beside C: there where it was measured, with its numbers."""

from __future__ import annotations

import pytest

from iomodels.report.page import page

from ..analysis.test_twins import beside
from ..factory import make_run
from .page_reader import Page

TITLE = "Python's models beside the same models in C"


def test_a_run_with_engines_in_python_has_the_section() -> None:
    shown = Page(page(beside()))
    assert (2, TITLE) in shown.headings
    table = next(each for each in shown.tables if each.caption.startswith("Below each engine"))
    heading, twin, python = table.rows
    assert [each.text for each in heading] == [
        *("engine", "work", "ops/s", "CPU/op", "times slower", "times the CPU")
    ]
    assert [each.text for each in twin][:4] == ["blocking", "cached-read", "1M", "1 µs"]
    assert [each.text for each in twin][4:] == ["–", "–"]
    assert python[0].text == "python:blocking"
    numbers = [float(each.sort or 0) for each in python[2:]]
    assert numbers == pytest.approx([250_000, 3_000, 4, 3])


def test_the_whole_is_in_one_small_table_first() -> None:
    first = next(each for each in Page(page(beside())).tables if "In short" in each.caption)
    assert [[each.text for each in row] for row in first.rows] == [
        ["engine", "cached-read"],
        ["blocking", "1M, 1µs"],
        ["python:blocking", "250k, 3µs"],
    ]


def test_a_run_without_has_none() -> None:
    text = page(make_run())
    assert TITLE not in text
    assert 'href="#python"' not in text
