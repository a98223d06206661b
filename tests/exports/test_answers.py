"""Exports of an answer, each read by what it is for."""

from __future__ import annotations

import json

import pytest

from iomodels import exports
from iomodels.advice import stored
from iomodels.results.schema import Notice

from ..advice_samples import INCONCLUSIVE, advice, candidate, point
from ..hostile_names import FRAGMENTS
from .reading import html_in, spreadsheet, table_cells


def render(name: str, of) -> str:
    return exports.render(exports.parse(f"{name}=-", "answers"), of)


def test_markdown_has_the_lines_and_the_candidates() -> None:
    text = render("markdown", advice(point(), point(**INCONCLUSIVE)))
    assert "- use: epoll\n" in text
    assert "than select, which you use now" in text
    assert "- use: inconclusive: the rounds vary too much" in text
    assert "of 2 points: epoll at 1, inconclusive at 1." in text
    assert "| aio | 60 | stage 1 | 9k |" in text


def test_csv_has_a_row_for_each_candidate_and_quantity() -> None:
    rows = spreadsheet(render("csv", advice()))
    (used,) = (row for row in rows if row["role"] == "use" and row["metric"] == "throughput_ops")
    assert (used["engine"], float(used["median"])) == ("epoll", 71_000.0)
    (left_out,) = (row for row in rows if row["engine"] == "kaio")
    assert (left_out["metric"], left_out["median"]) == ("", "")
    assert left_out["reason"] == "kaio supports one request in flight"


def test_json_is_the_document() -> None:
    assert json.loads(render("json", advice())) == json.loads(stored.text(advice()))


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_a_strangers_strings_mark_nothing_up(fragment: str) -> None:
    name = f"{fragment}x{fragment}"
    hostile = point(
        scenario=name,
        label=name,
        use=name,
        today=None,
        gain=None,
        as_good=(),
        candidates=(candidate(name, reason=name),),
        turnings=(),
        caveats=(name,),
    )
    whole = advice(hostile, warnings=[Notice(name, name)])
    text = render("markdown", whole)
    assert html_in(text) == set()
    assert len(table_cells(text)) > 0
    rows = spreadsheet(render("csv", whole))
    assert {row["role"] for row in rows} == {"use"}
