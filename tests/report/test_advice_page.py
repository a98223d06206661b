"""The page of an answer: all that it says, and nothing that acts."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from iomodels.advice import stored, words
from iomodels.base.errors import ResultError
from iomodels.report.advice_page import MAX_POINTS, page
from iomodels.report.text import prose
from iomodels.results.schema import Notice, Tool

from ..advice_samples import INCONCLUSIVE, P99, advice, candidate, point
from .hostile import ATTACKS

main = import_module("iomodels.cli.main")


def plain(html: str) -> str:
    """What a reader reads."""
    body = html.partition("<body>")[2].partition("<script>")[0]
    return " ".join(re.sub("<[^>]*>", " ", body).replace("\u00a0", " ").split())


def test_it_has_the_lines_the_candidates_and_the_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = advice()
    stored.save(whole, "a.json", force=False)
    assert main.run(["report", "a.json"]) == 0
    html = (tmp_path / "a.html").read_text()
    shown = plain(html)
    for line in words.lines(whole.points[0]):
        if line.label != "wrong if":
            assert str(prose(line.text)) in html, line.label
    for text in ("What to use: epoll", "The connections are on loopback.", "kaio supports one"):
        assert text in shown
    assert html.count("<svg") == 2  # wide and narrow
    assert re.search(r'<th scope="row">aio.*?<td data-sort="1">1', html, re.DOTALL), "left after 1"


def test_an_answer_without_one_says_so():
    shown = plain(page(advice(point(**INCONCLUSIVE, turnings=()))))
    assert "What to use: inconclusive" in shown
    assert "the rounds vary too much" in shown


def test_several_points_have_a_section_each_and_a_summary():
    html = page(advice(point(label="depth 1"), point(label="depth 4", use="select", as_good=())))
    assert html.count('<h2 id="point-') == 2
    assert "of 2 points: epoll at 1, select at 1" in re.sub(r"\s+([,.])", r"\1", plain(html))


@pytest.mark.parametrize("attack", [*ATTACKS, " ".join(ATTACKS)])
def test_nothing_in_it_acts(attack):
    about = point(
        scenario=attack,
        title=attack,
        label=attack,
        parameters={attack: attack, "load.depth": attack},
        use=attack,
        today=attack,
        as_good=(attack,),
        candidates=(candidate(attack, reason=attack, beyond=(P99,)),),
        gain=None,
        turnings=(),
        caveats=(attack,),
    )
    html = page(
        advice(
            about,
            created_utc=attack,
            tool=Tool(attack, attack),
            environment={attack: attack},
            warnings=[Notice(attack, attack)],
        )
    )
    body = html.partition("<body>")[2]
    assert body.count("<script") == 1
    for tag in ("<img", "<iframe", "<a href='java", "onload=", "\x1b", "\u202e"):
        assert tag not in re.sub("&[a-z#0-9]+;", "", body) or tag == "onload="
    assert "<svg onload" not in body


def test_a_picture_stands_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stored.save(advice(point(), point()), "a.json", force=False)
    assert main.run(["report", "a.json"]) == 0
    assert (tmp_path / "a.html").read_text().count("<figure>") == 1


def test_more_points_than_a_page_has_are_refused():
    with pytest.raises(ResultError, match="at most"):
        page(advice(*[point()] * (MAX_POINTS + 1)))
