"""The page on a phone, on a dark screen, on paper; and what is folded on it."""

from __future__ import annotations

import pytest

from .. import chart_runs
from ..factory import make_cell, make_run
from .browser import DESKTOP, OPEN_ALL, PHONE, feature, needs_browser, written
from .hostile import hostile_trace

pytestmark = needs_browser


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written(chart_runs.four(), [hostile_trace("aio")], tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize("width", [PHONE, 390, DESKTOP])
def test_of_each_picture_one_is_shown_that_suits_the_screen(browser, page, width):
    """On a phone without a need to swipe, and with letters of the size that they have on paper."""
    browser.open(page, width=width)
    browser.script(OPEN_ALL)
    shown = browser.script(
        "return [...document.querySelectorAll('.picture')].map(box => {"
        "  const svgs = [...box.querySelectorAll('svg')].filter(svg => svg.checkVisibility());"
        "  return [svgs.length, box.scrollWidth - box.clientWidth,"
        "    svgs[0].getBoundingClientRect().width / svgs[0].viewBox.baseVal.width * 72 / 96]"
        "})"
    )
    assert len(shown) == 6  # four, the matrix and a trace
    for number, beyond, scale in shown:
        assert (number, beyond) == (1, 0)
        assert scale > (0.7 if width == PHONE else 0.85)


def test_a_dark_screen_has_dark_pictures_and_paper_has_light_ones(browser, page):
    def ground(scheme, **media):
        browser.open(page, scheme=scheme)
        browser.command("Emulation.setEmulatedMedia", features=[feature(scheme)], **media)
        return browser.script(
            "const box = document.querySelector('.picture');"
            "return [getComputedStyle(box).backgroundColor,"
            "        getComputedStyle(box.querySelector('svg')).filter]"
        )

    try:
        assert ground("light") == ["rgb(255, 255, 255)", "none"]
        assert ground("dark") == ["rgb(20, 20, 20)", "invert(0.92) hue-rotate(180deg)"]
        assert ground("dark", media="print") == ["rgb(255, 255, 255)", "none"]
    finally:
        browser.command("Emulation.setEmulatedMedia", media="")


@pytest.fixture(scope="module")
def long_page(tmp_path_factory):
    cells = [
        make_cell(engine, scenario=scenario, parameters={"load.depth": depth})
        for scenario in ("slow-device", "second", "third", "fourth", "fifth", "sixth")
        for engine in ("blocking", "aio")
        for depth in ((1, 4) if scenario == "slow-device" else (1,))
    ]
    return written(make_run(cells), [hostile_trace("aio")], tmp_path_factory.mktemp("long"))


@pytest.mark.parametrize("width", [390, DESKTOP])
def test_a_page_of_six_scenarios_is_short_until_it_is_opened(browser, long_page, width):
    browser.open(long_page, width=width)
    height = "return document.documentElement.scrollHeight"
    folded = browser.script(height)
    browser.script(OPEN_ALL)
    assert folded < 5000 < browser.script(height)


def test_a_button_opens_all(browser, long_page):
    browser.open(long_page)
    browser.script("document.querySelector('.all button').click()")
    assert (
        browser.script("return document.querySelectorAll('details.section:not([open])').length")
        == 0
    )


def test_a_table_that_is_cut_says_that_it_scrolls(browser, long_page):
    """Until its end is reached."""
    box = "const box = document.querySelector('.scroll');"
    for width, is_cut in ((390, True), (DESKTOP, False)):
        browser.open(long_page, width=width)
        assert browser.script(f"{box} return box.classList.contains('more')") == is_cut
        assert browser.script(f"{box} return box.querySelector('.sideways').hidden") != is_cut


def test_a_link_opens_what_it_leads_to(browser, long_page):
    browser.open(long_page)
    link = browser.driver.find_element("css selector", ".overview a[href='#scenario-4']")
    browser.script("arguments[0].click()", link)
    opened = "return document.getElementById('scenario-4').closest('details').open"
    assert browser.script(opened)
    assert browser.complaints() == []


def test_on_paper_nothing_is_folded(browser, long_page):
    """By the style sheet alone: the script, too, opens what is folded, but may not run."""
    browser.open(long_page)
    assert not browser.script("return document.getElementById('scenario-4').checkVisibility()")
    browser.command("Emulation.setEmulatedMedia", media="print")
    try:
        shown = browser.script(
            "return [...document.querySelectorAll('details.section > :not(summary)')]"
            ".map(e => e.checkVisibility() && e.getBoundingClientRect().height > 50)"
        )
        assert shown == [True] * 8
    finally:
        browser.command("Emulation.setEmulatedMedia", media="")
