"""The table of changes: both sides, whole names, in 80 columns whatever is in it."""

from __future__ import annotations

from importlib import import_module
from io import StringIO

import pytest
from hypothesis import given, settings
from rich.console import Console

from iomodels.comparison import wording
from iomodels.results.schema import Interval

from .. import comparison_samples as samples
from ..hostile_names import comparisons, make_comparison

table = import_module("iomodels.cli.show.changes_table")
LONG = "io_uring:sqpoll=on,fixed=both,taskrun=defer"


def shown(comparison, width: int = 80) -> list[str]:
    out = StringIO()
    console = Console(file=out, width=width)
    for part in table.report(comparison):
        console.print(part)
    return out.getvalue().splitlines()


def row(lines: list[str], engine: str) -> str:
    return next(line for line in lines if line.startswith(f"{engine} "))


def test_both_sides_stand_in_the_row_and_a_suspect_is_said_in_words():
    lines = shown(samples.every(), width=100)
    assert row(lines, "select").split() == [
        "select", "ops/s", "62.1k", "57.8k", "-7.0", "%", "-13…-1.4", "40", "4.8", "%", "suspect",
    ]  # fmt: skip
    assert row(lines, "threads").split() == ["threads", "ops/s", "62.1k", "vanished"]
    assert row(lines, "epoll").split()[:3] == ["epoll", "ops/s", "62.1k"]
    assert any("104µs  108µs" in line for line in lines)
    assert "slow-device, select: throughput: suspect: looks worse by 7 %, limit 5 %." in lines


@pytest.mark.parametrize("width", [80, 72])
def test_what_has_no_room_is_a_column_and_never_a_name_or_a_verdict(width):
    exact = {"metric": "calls_per_op.io_uring_enter", "unit": "calls", "ratio": None}
    sides = {"base": Interval(0.0123, 0.01, 0.02), "new": Interval(1.234, 1.0, 2.0)}
    wide = [
        samples.one("inconclusive", LONG, 0.97, 0.3, rounds=1000),
        samples.one("inconclusive", LONG, rounds=1000, **exact, **sides),
    ]
    lines = shown(make_comparison(wide), width)
    assert max(map(len, lines)) <= width
    for part in ("io_uring:", " sqpoll=on", " fixed=both", " taskrun=defer", "inconclusive"):
        assert sum(f"{part} " in f"{line} " for line in lines) >= 2, part
    assert any("62.1k" in line and "60.2k" in line for line in lines)
    roomy = " ".join(shown(make_comparison(wide), 120))
    assert "-32…+26" in roomy
    assert "detect-" in roomy


@pytest.mark.parametrize(
    "comparison", [samples.every(), samples.many(), samples.long_names(), samples.single()]
)
def test_it_is_80_columns_wide_and_ends_with_the_headline(comparison):
    lines = shown(comparison)
    assert max(map(len, lines)) <= 80
    assert f"{wording.headline(comparison)}." in " ".join(" ".join(lines).split())


@settings(max_examples=30, deadline=None)
@given(comparisons())
def test_hostile_texts_do_nothing(comparison):
    assert "\x1b" not in "".join(shown(comparison))
