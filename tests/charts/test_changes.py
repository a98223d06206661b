"""The picture of a comparison: what is in it is what the comparison says, and all has room."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from matplotlib.backends.backend_agg import FigureCanvasAgg

from iomodels import charts
from iomodels.charts import changes
from iomodels.charts.drawing.picture import render
from iomodels.charts.drawing.style import context
from iomodels.comparison import wording

from .. import comparison_samples as samples
from ..chart_runs import artists, texts
from ..hostile_names import comparisons, make_comparison

ALL = {
    "every": samples.every(),
    "single": samples.single(),
    "many": samples.many(),
    "long names": samples.long_names(),
}


def picture(comparison):
    return next(each for each in charts.of_comparison(comparison) if each.name == "changes")


def test_every_change_has_a_row_with_both_sides_and_its_verdict():
    comparison = samples.every()
    figure = picture(comparison).draw()
    shown = texts(figure)
    told = [change for change in comparison.changes if not wording.is_dull(change)]
    assert len(told) == 12, "counters that are the same have no row"
    for change in told:
        assert shown.count(wording.verdict(change)) == sum(
            wording.verdict(other) == wording.verdict(change) for other in told
        )
    for said in ("62.1k → 54.6k ops/s", "1 → 2 calls", "104 → 108 µs", "−12 %", "suspect"):
        assert said in shown, said
    assert wording.headline(comparison) in " ".join(shown)
    assert "threshold 5 %" in " ".join(shown)


def test_estimate_interval_limit_and_threshold_are_where_the_numbers_say():
    figure = picture(samples.every()).draw()
    estimate, limit = (artists(figure, f"select|{what}")[0] for what in ("change", "limit"))
    assert estimate.get_xdata()[0] == pytest.approx(math.log(0.93))
    assert limit.get_xdata()[0] == pytest.approx(-math.log1p(0.05)), "a loss of throughput is less"
    assert limit.get_ydata()[0] < estimate.get_ydata()[0] < limit.get_ydata()[1], "one row"
    low, high = artists(figure, "aio|interval")[0].get_xdata()
    assert (low, high) == pytest.approx((math.log(0.88 * 0.98), math.log(0.88 * 1.02)))
    (wide,) = artists(figure, "epoll|limit")
    assert wide.get_xdata()[0] == pytest.approx(math.log1p(0.12)), "a loss of latency is more"
    (ax,) = figure.axes
    (band,) = [patch for patch in ax.patches if patch.get_label() == "threshold"]
    assert band.get_x() == pytest.approx(-math.log1p(0.05))
    assert artists(figure, "cut"), "what reaches beyond the axis has an arrow"


def test_a_verdict_differs_by_more_than_its_colour():
    signs = [(sign.marker, sign.is_filled) for sign in changes.SIGNS.values()]
    assert set(changes.SIGNS) == set(wording.ORDER)
    assert len(set(signs)) == len(signs) - 1, "vanished and failed are alike"


def test_the_most_urgent_come_first_and_what_has_no_room_is_counted():
    shown = texts(picture(samples.many()).draw())
    assert shown.count("slower") == 3
    assert shown.index("slower") < shown.index("same")
    assert "50 of 100 rows are shown, the most urgent first." in shown


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("is_narrow", [False, True])
def test_all_text_is_on_the_page_and_none_lies_on_another(name, is_narrow):
    drawn = picture(ALL[name])
    with context():
        figure = drawn.draw_narrow() if is_narrow else drawn.draw()
        renderer = FigureCanvasAgg(figure).get_renderer()
        boxes = [
            (text.get_text(), text.get_window_extent(renderer))
            for text in figure.texts
            if text.get_text()
        ]
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes:
        assert box.x0 >= 0, text
        assert box.x1 <= width, text
        assert box.y0 >= 0, text
        assert box.y1 <= height, text
    for number, (text, box) in enumerate(boxes):
        for other, its in boxes[:number]:
            apart = (
                box.x0 >= its.x1 or its.x0 >= box.x1 or box.y0 >= its.y1 - 1 or its.y0 >= box.y1 - 1
            )
            assert apart, (text, other)


@settings(max_examples=15, deadline=None)
@given(comparisons())
def test_hostile_comparisons_are_drawn_and_do_nothing(comparison):
    for drawn in charts.of_comparison(comparison):
        for each in (drawn, drawn.narrow):
            svg = render(each, "svg")
            assert b"\x1b" not in svg
            assert b"<script" not in svg
        assert "\x1b" not in drawn.title + drawn.alt


def test_what_has_nothing_to_show_has_no_picture():
    assert charts.of_comparison(make_comparison([])) == []
    counters = [change for change in samples.every().changes if wording.is_dull(change)]
    assert counters
    assert charts.of_comparison(make_comparison(counters)) == []


def test_the_description_has_the_numbers_and_an_end():
    alt = picture(samples.every()).alt
    assert (
        "slow-device, aio: throughput: slower, -12 % (-14 % to -10 %), 62.1k → 54.6k ops/s." in alt
    )
    assert "select: throughput: suspect" in alt
    assert len(picture(samples.many()).alt) <= 1500
    assert "more rows" in picture(samples.many()).alt
