"""The page of a comparison: everything it says, nothing that acts, whole in a browser."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from iomodels.comparison import document, wording
from iomodels.comparison.schema import Difference, HistoryRun, Trend
from iomodels.report.comparison_page import MAX_ROWS, page
from iomodels.results.schema import Interval, Notice, Tool

from .. import comparison_samples as samples
from ..hostile_names import comparisons, make_change, make_comparison
from .browser import PHONE, needs_browser
from .hostile import ATTACKS

main = import_module("iomodels.cli.main")


def plain(html: str) -> str:
    """What a reader reads."""
    body = html.partition("<body>")[2].partition("<script>")[0]
    return " ".join(re.sub("<[^>]*>", " ", body).replace("\u00a0", " ").split())


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes a comparison, and returns the page that `iomodels report` makes of it."""
    monkeypatch.chdir(tmp_path)

    def write(comparison):
        document.save(comparison, "check.json", force=True)
        assert main.run(["report", "check.json", "--force"]) == 0
        return tmp_path / "check.html"

    return write


def test_it_says_what_came_out_what_changed_and_what_was_compared(written):
    comparison = samples.every()
    shown = plain(written(comparison).read_text())
    for said in (
        wording.headline(comparison),
        *wording.answers(comparison),
        "62.1k ops/s",
        "54.6k ops/s",
        "kernel 6.18 6.19",
        "Allowed to differ",
        "others were busy",
        "B (env.LD_PRELOAD=…, prefix=…); iomodels 0.1.0, measured core aaaa",
        "2 exact counters (calls per operation) are the same",
    ):
        assert said in shown, said
    assert "slow-device, select: throughput: suspect: looks worse by 7 %, limit 5 %." in shown
    assert shown.count("suspect") >= 3


def test_a_history_has_a_section_with_its_picture_and_a_sentence_for_what_changed(written):
    runs = [HistoryRun(f"2026-01-{day:02}T00:00:00Z", "6.1") for day in range(1, 9)]
    levels = [Interval(m, m * 0.99, m * 1.01) for m in (10.0,) * 4 + (8.0,) * 4]
    trend = Trend("echo", {}, "", "aio", "throughput_ops", "ops/s", True, levels, [4])
    quiet = replace(trend, engine="poll", runs=levels[:1] * 8, changed_at=[])
    html = written(replace(samples.every(), history=runs, trends=[trend, quiet])).read_text()
    section = html.partition('<h2 id="trend">')[2].partition("</section>")[0]
    assert "echo, aio: throughput \N{MINUS SIGN}20 % since 2026-01-05." in plain(f"<body>{section}")
    assert section.count("<li>") == 1
    assert section.count("<figure>") == 1
    assert '<a href="#trend">' in html
    none = written(replace(samples.every(), history=runs, trends=[quiet])).read_text()
    assert "No cell changed for good." in plain(none)
    assert 'id="trend"' not in written(samples.every()).read_text()


def test_a_page_has_an_end():
    comparison = samples.many(MAX_ROWS + 7)
    assert "… and 7 more." in plain(page(comparison))


@pytest.mark.parametrize("outcome", ["passed", "regression", "inconclusive", "not comparable"])
def test_every_outcome_has_a_page(outcome):
    comparison = replace(samples.every(), outcome=outcome)
    assert wording.HEADLINES[outcome] in plain(page(comparison))
    assert wording.HEADLINES[outcome] in plain(page(make_comparison([], outcome=outcome)))


@settings(max_examples=20, deadline=None)
@given(comparisons())
def test_hostile_texts_are_shown_and_do_nothing(comparison):
    html = page(comparison)
    assert "\x1b" not in html
    assert html.count("<script>") == 1
    assert "<img" not in html


@needs_browser
def test_a_browser_shows_it_whole_and_runs_nothing_of_it(browser, written):
    attack = " ".join(ATTACKS)
    change = make_change(scenario=attack, label=attack, engine=attack, reason=attack)
    hostile = make_comparison(
        [change],
        base_name=attack,
        new_name=attack,
        created_utc=attack,
        base_tool=Tool(attack, attack),
        warnings=[Notice(attack, attack)],
        differences=[Difference(attack, attack, attack)],
        allowed=[attack],
    )
    for comparison in (hostile, samples.every()):
        path = written(comparison)
        for width in (PHONE, 1200):
            browser.open(path, width=width)
            assert browser.complaints() == []
            assert browser.script("return window.hit") is None
            wide = browser.script("return document.documentElement.scrollWidth")
            assert wide <= width, "only tables scroll sideways"
        assert all(url.startswith(("file:", "about:")) for url in browser.requests())
