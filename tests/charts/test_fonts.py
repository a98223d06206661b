"""Letters that the pictures' own font lacks: from an installed font, or said to be missing."""

from __future__ import annotations

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from iomodels import charts
from iomodels.charts.drawing import style

from .. import chart_runs
from ..factory import make_trial

CACHES = (style._families, style._family_of, style._letters, style._advance_em)


def forget() -> None:
    for cached in CACHES:
        cached.cache_clear()


@pytest.fixture
def east_asian_font(tmp_path):
    """A font that has one letter, a box, installed for as long as the test."""
    path = tmp_path / "NotoSansCJK-Test.ttf"
    pen = TTGlyphPen(None)
    for move, at in (("moveTo", (0, 0)), *(("lineTo", at) for at in ((0, 700), (700, 700)))):
        getattr(pen, move)(at)
    pen.closePath()
    box = pen.glyph()
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "box"])
    builder.setupCharacterMap({ord("慢"): "box"})
    builder.setupGlyf({".notdef": box, "box": box})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "box": (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Noto Sans CJK Test", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    before = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.addfont(path)
    forget()
    yield
    font_manager.fontManager.ttflist[:] = before
    forget()


def pictures():
    trials = [make_trial(number) for number in range(7)]
    cells = [chart_runs.make_cell(e, trials, scenario="慢x") for e in ("blocking", "aio")]
    return charts.pictures([chart_runs.run(cells, questions={"慢x": "慢 — how slow?"})])


def test_an_installed_font_has_the_letters(east_asian_font):
    assert style.safe("慢設") == "慢\\u8a2d"
    assert style.lacking(["慢設x"]) == "設"
    for picture in pictures():
        assert "慢" in charts.render(picture, "svg").decode()
        assert picture.name.startswith("u6162x-")
        charts.render(picture, "png")  # whose warnings are errors


def test_without_one_it_is_known_what_lacks():
    if "慢" not in style.lacking(["慢"]):
        pytest.skip("a font with Chinese letters is installed")
    assert style.safe("慢x") == "\\u6162x"
    assert style.lacking(["slow", "慢x慢"]) == "慢"
