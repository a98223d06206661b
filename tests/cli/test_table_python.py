"""The tables of runs that have engines in Python beside those in C."""

from __future__ import annotations

import re

from ..factory import make_cell, make_python_trial, make_run, make_trial
from .test_table import rendered, row


def beside_python(**parameters):
    """One engine in C, two in Python, and both harnesses."""
    trials = [make_python_trial(number) for number in range(7)]
    nulls = {"null": make_trial, "python:null": make_python_trial}
    return [
        make_cell("blocking", [make_trial(number) for number in range(7)]),
        *(make_cell(name, trials) for name in ("python:blocking", "python:asyncio:api=sock")),
        *(
            make_cell(name, [make(n, throughput_ops=ops) for n in range(7)])
            for (name, make), ops in zip(nulls.items(), (2e7, 1e7), strict=True)
        ),
    ]


def test_each_language_has_its_harness_in_one_line():
    text = rendered(make_run(beside_python()))
    assert "harness: 50 ns per operation in C, 100 ns in Python" in text
    only = [cell for cell in beside_python() if cell.engine != "null"]
    assert "harness: 100 ns per operation in Python\n" in rendered(make_run(only))


def test_calls_that_nobody_counted_are_no_zero():
    text = rendered(make_run(beside_python()), width=200)
    found = row(text, "python:blocking").split()
    assert "–" in found
    assert "0.00" not in found
    assert "– calls of engines in Python are not counted" in text
    of_python = [cell for cell in beside_python() if cell.engine.startswith("python:")]
    alone = rendered(make_run(of_python), width=200)
    assert "calls" not in alone


def test_a_name_is_broken_before_a_column_is_lost():
    run = make_run(beside_python())
    wide, narrow = (rendered(run, width=width) for width in (200, 65))
    assert "python:blocking " in wide
    assert re.search("^python:asyncio: *\n api=sock ", wide, re.MULTILINE)
    below = "^python: *\n blocking .*\n asyncio: *\n  api=sock "
    assert re.search(below, narrow, re.MULTILINE), "one line for both"
    assert max(map(len, narrow.splitlines())) <= 65
