"""The files that pictures become, and pictures of hostile and of huge results."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from iomodels import charts
from iomodels.base.errors import ResultError
from iomodels.base.files import slug
from iomodels.charts.drawing.scene import MAX_CELLS, MAX_NOTES, MAX_RUNS, MAX_SCENARIOS, MAX_SERIES

from .. import chart_runs
from ..chart_runs import HOSTILE, hostile_run, texts
from ..factory import make_cell


@pytest.mark.parametrize("format_", charts.FORMATS)
def test_the_same_picture_gives_the_same_bytes(format_):
    picture = charts.pictures([chart_runs.four(rounds=3)])[0]
    assert charts.render(picture, format_) == charts.render(picture, format_)


def test_an_svg_is_small_has_its_text_as_text_and_a_description():
    for picture in charts.pictures([chart_runs.four()]):
        data = charts.render(picture, "svg")
        root = ET.fromstring(data)
        assert root.get("aria-label") == picture.alt
        assert root.get("role") == "img"
        shown = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "What does the waiting cost?" in shown
        assert len(data) < 100_000, picture.name


def test_two_svgs_in_a_page_share_no_identifier():
    ids = [
        [e.get("id") for e in ET.fromstring(charts.render(picture, "svg")).iter() if e.get("id")]
        for picture in charts.pictures([chart_runs.four()])[:3]
    ]
    everything = [identifier for some in ids for identifier in some]
    assert len(everything) == len(set(everything)) > 0


def test_hostile_text_is_shown_and_does_nothing():
    found = charts.pictures([hostile_run(), hostile_run()], names=[HOSTILE, HOSTILE + "2"])
    assert len(found) > 4
    for picture in found:
        assert slug(picture.name) == picture.name
        root = ET.fromstring(charts.render(picture, "svg"))
        assert not [e for e in root.iter() if e.tag.endswith("script")]
        shown = "".join(root.itertext()) + picture.alt + picture.title
        assert not set(shown) & set("\x1b\r\u202e")
        assert "\\x1b" in shown
        assert "$x^{2$" in shown
        assert len(picture.alt) <= 1500


def test_names_stay_unique_where_slugs_do_not():
    run = chart_runs.run(
        [chart_runs.cell("aio", 1, scenario=name) for name in ("a/b", "a b", "../a")]
    )
    names = [picture.name for picture in charts.pictures([run])]
    assert len(set(names)) == len(names)


# Much


def test_a_huge_result_is_refused_or_thinned():
    wide = [make_cell(scenario=f"s{n}") for n in range(MAX_SCENARIOS + 1)]
    with pytest.raises(ResultError, match="too many to draw"):
        charts.pictures([chart_runs.run(wide)])
    with pytest.raises(ResultError, match="measure fewer points"):
        charts.pictures([chart_runs.run([make_cell("aio")] * (MAX_CELLS + 1))])
    with pytest.raises(ResultError, match="overlay"):
        charts.pictures([chart_runs.four(1)] * (MAX_RUNS + 1))


def shown(run):
    """Each picture's name, and all that it says; it is of bounded size."""
    for picture in charts.pictures([run]):
        figure = picture.draw()
        assert figure.get_figheight() < 25, picture.name
        yield picture.name, " ".join(texts(figure))


@pytest.mark.parametrize("more", [0, 1])
def test_engines_are_said_to_be_left_out_where_some_are(more):
    run = chart_runs.run([chart_runs.cell(f"engine{n}", 2) for n in range(MAX_SERIES + more)])
    for name, said in shown(run):
        assert (f"at most {MAX_SERIES} engines of a point are shown" in said) == bool(more), name


DEEP = [chart_runs.cell("aio", 2, parameters={"load.depth": n}) for n in range(1, 41)]


def test_a_picture_that_leaves_points_out_says_so():
    for name, said in shown(chart_runs.run(DEEP)):
        is_all = name.endswith("scaling")  # which shows them all
        assert ("of 40 points are shown" in said) != is_all, name
        if name.endswith("percentiles"):
            assert "12 of 40 points are shown" in said


def test_many_cells_that_are_missing_are_counted():
    lost = [
        make_cell("aio", [], status="n/a", reason=f"reason {n}", parameters={"load.depth": n})
        for n in range(MAX_NOTES + 9)
    ]
    for name, said in shown(chart_runs.run([*DEEP[:1], *lost])):
        if name.endswith("percentiles"):
            assert "more such cells" in said


def test_a_run_in_which_nothing_was_measured_has_no_pictures():
    nothing = make_cell("aio", [], status="failed", reason="it hung")
    assert charts.pictures([chart_runs.run([nothing])]) == []


def test_an_unknown_scenario_is_one_sentence():
    with pytest.raises(ResultError, match=r"no scenario 'nowhere'.*'slow-device'"):
        charts.pictures([chart_runs.four(1)], scenario="nowhere")
