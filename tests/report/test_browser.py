"""The page in a real browser: nothing leaves it, nothing foreign runs in it, and it can be used."""

from __future__ import annotations

import pytest

from ..factory import make_cell, make_run, make_trial
from .browser import DESKTOP, OPEN_ALL, PHONE, feature, needs_browser, written
from .hostile import ATTACKS, hostile_run, hostile_trace

pytestmark = needs_browser


def sortable_run():
    """Engines whose order is another by name, by latency and by throughput."""
    numbers = {"blocking": (900, 30), "select": (20_000, 10), "aio": (1_000, 20)}
    cells = [
        make_cell(
            engine,
            [make_trial(n, latency_ns=p50, throughput_ops=float(ops)) for n in range(7)],
        )
        for engine, (p50, ops) in numbers.items()
    ]
    absent = make_cell("threads", [], status="n/a", reason="is not here")
    return make_run([*cells, absent, make_cell("null")])


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written(
        sortable_run(),
        [hostile_trace("blocking"), hostile_trace("select")],
        tmp_path_factory.mktemp("page"),
    )


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory):
    return written(hostile_run(), map(hostile_trace, ATTACKS), tmp_path_factory.mktemp("hostile"))


def first_column(browser):
    return browser.script(
        "return [...document.querySelector('table.sortable').tBodies[0].rows]"
        ".map(row => row.cells[0].firstChild.textContent.trim())"
    )


def sort_states(browser):
    return browser.script(
        "return [...document.querySelectorAll('table.sortable thead th')]"
        ".filter(th => th.hasAttribute('aria-sort'))"
        ".map(th => [th.textContent.trim(), th.getAttribute('aria-sort')])"
    )


def header(browser, name):
    from selenium.webdriver.common.by import By

    return browser.driver.find_element(By.XPATH, f"//th/button[normalize-space()='{name}']")


def test_the_browser_would_tell(browser, tmp_path):
    """Scripts, complaints and requests are seen where there are some."""
    bad = tmp_path / "bad.html"
    bad.write_text("<script>window.hit = 1; console.error('bad')</script><img src='missing.png'>")
    browser.open(bad)
    assert browser.script("return window.hit") == 1
    assert len(browser.complaints()) == 2
    assert browser.requests() == [bad.as_uri(), (tmp_path / "missing.png").as_uri()]


def test_a_page_complains_of_nothing_and_asks_for_nothing(browser, page):
    browser.open(page)
    header(browser, "p50").click()
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]


def test_the_pictures_are_there_named_and_described(browser, page):
    browser.open(page)
    browser.script(OPEN_ALL)
    pictures = browser.script(
        "return [...document.querySelectorAll('svg')].filter(svg => svg.checkVisibility())"
        ".map(svg => ["
        "  svg.getAttribute('role'),"
        "  document.getElementById(svg.getAttribute('aria-labelledby')).textContent,"
        "  document.getElementById(svg.getAttribute('aria-describedby')).textContent,"
        "  svg.getBoundingClientRect().height])"
    )
    assert [title for _, title, *_ in pictures if "recorded" in title] == [
        "As recorded: blocking",
        "As recorded: select",
    ]
    assert len(pictures) > 4
    for role, title, words, height in pictures:
        assert role == "img"
        assert title
        assert "blocking" in words or "recorded" in title
        assert height > 100
    identifiers = browser.script("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(identifiers) == len(set(identifiers))


def test_a_click_sorts_by_number_and_another_turns_it_round(browser, page):
    browser.open(page)
    assert first_column(browser) == ["blocking", "select", "aio", "threads"]
    assert sort_states(browser) == []
    header(browser, "p50").click()
    assert first_column(browser) == ["blocking", "aio", "select", "threads"]
    assert sort_states(browser) == [["p50", "ascending"]]
    header(browser, "p50").click()
    assert first_column(browser) == ["select", "aio", "blocking", "threads"]
    assert sort_states(browser) == [["p50", "descending"]]
    header(browser, "ops/s").click()
    assert first_column(browser) == ["select", "aio", "blocking", "threads"]
    assert sort_states(browser) == [["ops/s", "ascending"]]
    header(browser, "engine").click()
    assert first_column(browser) == ["aio", "blocking", "select", "threads"]


def test_the_keyboard_reaches_everything_and_sorts(browser, page):
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    assert browser.press(Keys.TAB) == "Skip to the content"
    browser.press(Keys.ENTER)
    assert browser.script("return document.activeElement.id") == "main"
    for _ in range(30):
        if browser.press(Keys.TAB) == "ops/s":
            break
    assert browser.script("return document.activeElement.tagName") == "BUTTON"
    browser.press(Keys.ENTER)
    assert first_column(browser) == ["select", "aio", "blocking", "threads"]
    browser.press(Keys.SPACE)
    assert first_column(browser) == ["blocking", "aio", "select", "threads"]


@pytest.mark.parametrize("which", ["page", "hostile_page"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(browser, request, which, scheme):
    browser.open(request.getfixturevalue(which), width=PHONE, scheme=scheme)
    browser.script(OPEN_ALL)
    width, wider = browser.script(
        "const limit = document.documentElement.clientWidth;"
        "return [document.documentElement.scrollWidth,"
        " [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll')"
        "  && e.getBoundingClientRect().right > limit + 1).map(e => e.outerHTML.slice(0, 80))]"
    )
    assert width == PHONE
    assert wider == []
    tables = browser.script(
        "return [...document.querySelectorAll('.scroll:has(table.sortable)')]"
        ".map(e => [e.scrollWidth > e.clientWidth, getComputedStyle(e).overflowX, e.tabIndex])"
    )
    assert all(table == [True, "auto", 0] for table in tables)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(browser, page, scheme):
    """At least 4.5 to 1, which WCAG 2.2 asks for (success criterion 1.4.3)."""
    browser.open(page, scheme=scheme)
    ratios = browser.script(CONTRAST)
    assert len(ratios) > 50
    assert [pair for pair in ratios if pair[1] < 4.5] == []
    dark = browser.script("return getComputedStyle(document.body).backgroundColor") != (
        "rgb(255, 255, 255)"
    )
    assert dark == (scheme == "dark")


CONTRAST = """
const channel = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const numbers = text => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = e => {
  for (; e; e = e.parentElement) {
    const c = numbers(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c;
  }
};
return [...document.querySelectorAll('body *:not(svg, svg *, script)')]
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
  .map(e => {
    const a = light(numbers(getComputedStyle(e).color)), b = light(behind(e));
    return [e.textContent.slice(0, 40), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
"""


def test_on_paper_it_is_light_and_nothing_is_cut_off(browser, page):
    browser.open(page, scheme="dark")
    browser.command("Emulation.setEmulatedMedia", media="print", features=[feature("dark")])
    assert browser.script("return getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    shown = browser.script(
        "return [...document.querySelectorAll('nav, .skip, .hint')]"
        ".map(e => getComputedStyle(e).display)"
    )
    assert set(shown) == {"none"}
    clipping = browser.script(
        "return [...document.querySelectorAll('.scroll')].map(e => getComputedStyle(e).overflowX)"
    )
    assert set(clipping) == {"visible"}
    browser.command("Emulation.setEmulatedMedia", media="")


def test_a_screen_reader_finds_its_way(browser, page):
    browser.open(page)
    assert browser.script("return document.documentElement.lang") == "en"
    assert browser.script("return [...document.querySelectorAll('th:not([scope])')].length") == 0
    assert browser.script("return [...document.querySelectorAll('table')].every(t => t.caption)")
    nameless = browser.script(
        "return [...document.querySelectorAll('.scroll')].filter(e => !e.role || !("
        "  e.ariaLabel || document.getElementById(e.getAttribute('aria-labelledby')))).length"
    )
    assert nameless == 0
    nodes = browser.command("Accessibility.getFullAXTree")["nodes"]
    nameless = [
        node
        for node in nodes
        if node.get("role", {}).get("value") in ("button", "link", "region", "table", "image")
        and not node["ignored"]
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []
    roles = [node.get("role", {}).get("value") for node in nodes if not node["ignored"]]
    for role in ("main", "navigation", "table", "columnheader", "rowheader", "button"):
        assert role in roles
    assert {"image", "img"} & set(roles)


def test_a_hostile_file_runs_nothing_and_shows_its_text(browser, hostile_page):
    browser.open(hostile_page)
    for button in browser.driver.find_elements("css selector", "th button"):
        browser.script("arguments[0].click()", button)
    assert browser.script("return window.hit") is None
    assert browser.complaints() == []  # nor did the policy have to stop anything
    assert browser.requests() == [hostile_page.as_uri()]
    text = browser.script("return document.body.textContent")
    for attack in ATTACKS[:-1]:
        assert attack in text
    assert r"\x1b[31m\x00\u202e\u2028[bold]|=1+1" in text
    foreign = browser.script(
        "return document.querySelectorAll('iframe, img, body script:not(:last-child), [onload],"
        ' [onerror], a:not([href^="#"])\').length'
    )
    assert foreign == 0


def test_no_picture_is_wider_than_the_screen(browser, page):
    for width in (PHONE, 360, DESKTOP):
        browser.open(page, width=width)
        browser.script(OPEN_ALL)
        shown, wide = browser.script(
            "const shown = [...document.querySelectorAll('svg')].filter(e => e.clientWidth > 0);"
            "return [shown.length,"
            "        shown.filter(e => e.getBoundingClientRect().right > innerWidth + 1).length]"
        )
        assert shown > 3
        assert wide == 0, width


def test_only_what_scrolls_is_a_stop_of_the_tab_key(browser, page):
    for width in (DESKTOP, PHONE):
        browser.open(page, width=width)
        browser.script(OPEN_ALL)
        browser.script("stop()")  # which a toggle does a moment later
        boxes = browser.script(
            "return [...document.querySelectorAll('.scroll')]"
            ".map(box => [box.scrollWidth > box.clientWidth, box.tabIndex === 0])"
        )
        assert len(boxes) >= 3
        assert all(scrolls == stops for scrolls, stops in boxes)


def test_names_of_facts_stand_in_one_line_on_a_phone(browser, page):
    browser.open(page, width=360)
    browser.script(OPEN_ALL)
    heights = browser.script(
        "return [...document.querySelectorAll('.facts tbody th')].map(th => {"
        "  const range = document.createRange(); range.selectNodeContents(th);"
        "  return range.getClientRects().length})"
    )
    assert heights
    assert set(heights) == {1}
