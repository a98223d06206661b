"""What all pictures share: what is said around them, colours, and room for every text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import combinations, pairwise, product

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from iomodels import charts
from iomodels.base.errors import EngineError
from iomodels.charts.drawing import scales, style
from iomodels.charts.drawing.scene import MARGIN_IN, WIDTH_IN, scenes
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import parse

from .. import chart_runs
from ..chart_runs import artists, cells, drawn, hostile_run, texts
from ..factory import make_cell
from .places import extents, shared

SPREAD = {"latency_ns": [800 * 10 ** (n % 6) for n in range(600)]}
RUNS = {
    "four": chart_runs.four(),
    "one round": chart_runs.four(rounds=1),
    "one window": chart_runs.windowed(1),
    "one": chart_runs.run([chart_runs.cell("aio")]),
    "two": chart_runs.run([chart_runs.cell(e) for e in ("aio:notify=signal", "blocking")]),
    "swept": chart_runs.swept(),
    "twelve": chart_runs.twelve(),
    "twelve swept": chart_runs.twelve_swept(),
    "today": chart_runs.today(),
    "long points": chart_runs.long_points(),
    "windowed": chart_runs.windowed(),
    "overlapping": chart_runs.overlapping(),
    "spread": chart_runs.run(
        [make_cell("aio", [chart_runs.trial("aio", n, **SPREAD) for n in range(7)])]
    ),
    "hostile": hostile_run(),
}
OVERLAID = "two of twelve"


SEVERAL = ("four", "swept", "overlapping", OVERLAID)
"""Which several rules are about."""


def laid_out(which, narrow=False):
    """All pictures of that run, each with its figure, where every text is at its place."""
    return kept(which, narrow) if which in SEVERAL else newly_laid_out(which, narrow)


def newly_laid_out(which: str, narrow: bool) -> list[tuple[charts.Picture, Figure]]:
    runs = [RUNS["twelve"]] * 2 if which == OVERLAID else [RUNS[which]]
    found = [*charts.pictures(runs, names=["base", "new"][: len(runs)]), *charts.matrices(runs[0])]
    with style.context():
        figures = [(picture.draw_narrow if narrow else picture.draw)() for picture in found]
        for figure in figures:
            figure.draw_without_rendering()
    return list(zip(found, figures, strict=True))


kept = cache(newly_laid_out)


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """The figures, when these tests are over: each takes some MB."""
    yield
    kept.cache_clear()


@pytest.mark.parametrize("which", ["four", "swept", "overlapping"])
def test_every_picture_stands_alone(which):
    run = RUNS[which]
    for picture, figure in laid_out(which):
        shown = " ".join(texts(figure))
        (scene,) = scenes([run])
        assert picture.title == f"{picture.subject}: {scene.data}"
        for said in (
            scene.part or run.questions[picture.scenario],
            scene.title,
            picture.subject,
            picture.scenario,
            "iomodels 0.1.0",
            "Test CPU",
            "Linux 6.1.0",
            "7 rounds",
        ):
            assert said in shown, (picture.name, said)


def test_every_picture_names_what_is_missing_and_why():
    """All but the matrix, which is of one point."""
    for picture, figure in laid_out("swept")[:-1]:
        shown = " ".join(texts(figure))
        assert "n/a: blocking supports one request in flight; this point needs 16" in shown
        assert "failed: hung: no answer for 10.5 s" in shown
        assert "failed: hung" in picture.alt
    for _, figure in laid_out("swept", narrow=True)[:-1]:
        shown = " ".join(texts(figure))
        assert "failed: hung: no answer for 10.5 s after 3 operations, so it was killed" in shown


@pytest.mark.parametrize("which", ["four", "one round", "swept", "overlapping", "one window"])
def test_the_description_says_what_stands_below_the_picture(which):
    (scene,) = scenes([RUNS[which]])
    figures = {picture.name: figure for picture, figure in laid_out(which)}
    drawn_charts = [chart for chart in charts.CHARTS if chart.suits(scene)]
    for chart in (*drawn_charts, charts.four_models.CHART):
        figure = figures.get(f"{scene.name}-{chart.name}") or chart.draw(scene)
        described, shown = chart.describe(scene), " ".join(texts(figure))
        assert ("bars" in described) == ("bars" in shown), chart.name
        for sentence in filter(None, chart.explain(scene)):
            assert sentence in described
            assert sentence in shown


def test_a_long_description_loses_numbers_and_not_what_is_missing():
    """Two hundred points, and one cell of the last that failed."""
    cells = [chart_runs.cell("aio", 2, parameters={"load.depth": n}) for n in range(1, 201)]
    lost = make_cell(
        "select", [], status="failed", reason="it hung", parameters={"load.depth": 200}
    )
    for picture in charts.pictures([chart_runs.run([*cells, lost])]):
        assert "select: failed: it hung" in picture.alt
        assert re.search(r"\. The table has the numbers of \d+ more points\.$", picture.alt), (
            picture.alt
        )
        assert 1200 < len(picture.alt) <= 1500


def test_two_runs_are_overlaid_under_their_names():
    runs = chart_runs.four(), chart_runs.four(rounds=3, scale=1.2)
    figure = drawn("by-engine", *runs, names=["base", "new"])
    for run, name in zip(runs, ("base", "new"), strict=True):
        for cell in cells(run):
            (marker,) = artists(figure, f"{cell.engine} ({name})|median")
            assert list(marker.get_xdata()) == [cell.summary.throughput_ops.median]
    shown = texts(figure)
    assert any(text.startswith("base: iomodels") for text in shown)
    assert any(text.startswith("new: iomodels") for text in shown)


TWICE = ("two", "twelve", "twelve swept", "today")
"""Runs whose pictures are those of another one with more, or fewer, in them."""
ELSEWHERE = ("one round", "one window")
"""Runs that other rules are about."""


@pytest.mark.parametrize(
    ("which", "narrow"),
    [
        *(pytest.param(name, False, marks=pytest.mark.longest) for name in TWICE),
        *((name, False) for name in (*RUNS, OVERLAID) if name not in (*TWICE, *ELSEWHERE)),
        *((name, True) for name in ("swept", "today", OVERLAID)),
        pytest.param("four", True, marks=pytest.mark.longest),
    ],
)
def test_every_text_is_on_the_page_and_none_is_on_another(which, narrow):
    for picture, figure in laid_out(which, narrow):
        with style.context():
            # An annotation's own extent includes its leader.
            boxes = extents(visible_texts(figure))
        for text, x0, y0, x1, y1 in boxes:
            inside = x0 > 0 < y0 and x1 < figure.bbox.x1 and y1 < figure.bbox.y1
            assert inside, (picture.name, text)
        for one, other in combinations(boxes, 2):
            across, up = shared(one, other)
            assert across < 2 or up < 3, (picture.name, one, other)


def visible_texts(figure):
    """All that is drawn: matplotlib keeps ticks beyond the limits, and of axes that are off."""
    axes = [(ax.axison, axis) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    ticks = {tick for _, axis in axes for tick in axis.get_major_ticks()}
    labels = {label for tick in ticks for label in (tick.label1, tick.label2)}
    shown = {tick.label1 for is_on, axis in axes if is_on for tick in axis._update_ticks()}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and (text not in labels or text in shown)
    ]


def test_a_text_within_the_axes_hides_the_grid_and_no_line():
    figure = drawn("cpu-latency", chart_runs.four())
    named = [text for text in figure.axes[0].texts if text.get_text() in chart_runs.CALLS]
    assert len(named) == 4
    for text in named:
        assert text.get_bbox_patch().get_facecolor() == (1, 1, 1, 1)
        assert 0.5 < text.get_zorder() < min(line.get_zorder() for line in figure.axes[0].lines)


def test_the_harness_is_no_engine():
    for _, figure in laid_out("four"):
        assert not [text for text in texts(figure) if "null" in text]


@pytest.mark.parametrize("which", ["four", "swept", "overlapping"])
def test_axes_say_their_unit(which):
    for picture, figure in laid_out(which):
        for ax in figure.axes:
            for axis in (ax.xaxis, ax.yaxis):
                title = axis.get_label_text().removesuffix(", log")
                unit = title.endswith(")") or title in ("", "round", "depth")
                assert unit, (picture.name, title)


@pytest.mark.parametrize(
    "which",
    [
        *("four", "swept", "spread", OVERLAID),
        *(pytest.param(name, marks=pytest.mark.longest) for name in ("twelve", "twelve swept")),
    ],
)
def test_a_logarithmic_axis_says_so_and_has_ticks_to_read_it_by(which):
    for picture, figure in laid_out(which):
        for ax in figure.axes:
            for axis in (ax.xaxis, ax.yaxis):
                title = axis.get_label_text()
                if not title or title.startswith("percentile"):  # whose ticks say it
                    continue
                assert title.endswith(", log") == (axis.get_scale() == "log"), picture.name
                low, high = axis.get_view_interval()
                shown = [tick for tick in axis.get_majorticklocs() if low <= tick <= high]
                if title.startswith("latency"):
                    assert len(shown) >= 2, (picture.name, title, shown)


@pytest.mark.parametrize("ratio", [1.2, 2, 5, 15, 100, 1e4, 1e9])
@pytest.mark.parametrize("low", [1, 1.3, 4.7, 8.2])
@pytest.mark.parametrize("apart", [0.04, 0.15, 0.3])
def test_ticks_of_a_logarithmic_axis(low, ratio, apart):
    ticks = scales.log_ticks(low, low * ratio, apart)
    assert len(ticks) >= (2 if ratio >= 5 else 0)
    assert low <= min(ticks, default=low) <= max(ticks, default=low) <= low * ratio
    for a, b in pairwise(ticks):
        assert math.log(b / a) / math.log(ratio) >= apart
    if 15 <= ratio <= 100 and apart < 0.3:
        assert len(ticks) >= 3


# The style


def variants(engine):
    """All that can be written of an engine without numbers, in canonical form."""
    options = [option for option in DESCRIPTORS[engine].options if option.choices]
    found = {engine}
    for values in product(*(option.choices for option in options)):
        given = zip(options, values, strict=True)
        chosen = [f"{option.name}={value}" for option, value in given if value != option.default]
        with suppress(EngineError):  # some mean nothing together
            found.add(parse(f"{engine}:{','.join(chosen)}").canonical)
    return sorted(found)


def test_an_engine_looks_the_same_alone_and_in_company():
    """As it is drawn: its line's colour and dashes, its marker."""
    together = drawn("percentiles", chart_runs.twelve())
    for engine in chart_runs.TWELVE:
        alone = drawn("percentiles", chart_runs.run([chart_runs.cell(engine)]))
        for part, look in (
            ("line", lambda line: (line.get_color(), line._unscaled_dash_pattern)),
            ("marks", lambda marks: (marks.get_marker(), marks.get_markeredgecolor())),
        ):
            (a,), (b,) = (artists(figure, f"{engine}|{part}") for figure in (alone, together))
            assert look(a) == look(b)


def test_an_engine_without_options_has_its_hue():
    for engine, hue in style.HUES.items():
        assert style.look(engine).colour == hue


def test_the_variants_of_aio_differ_in_colour_and_dashes():
    engines = variants("aio")
    assert len(engines) == 10
    looks = [style.look(engine) for engine in engines]
    assert len({(look.colour, look.dashes) for look in looks}) == len(engines)
    assert len({look.marker for look in looks}) == len(engines)


def test_numbers_of_threads_are_kept_apart():
    with_threads = [
        f"{engine}{',' if ':' in engine else ':'}threads={n}"
        for engine in variants("aio")
        for n in (1, 2, 3, 4, 6, 8, 16, 32)
    ]
    looks = {style.look(engine) for engine in (*variants("aio"), *with_threads)}
    assert len(looks) == 10 + len(with_threads)
    of_aio = [style.look(f"aio:threads={n}") for n in (1, 2, 4, 8, 16, 32)]
    assert len({(look.colour, look.dashes) for look in [style.look("aio"), *of_aio]}) == 7


def test_twelve_engines_are_told_apart():
    assert len({style.look(engine) for engine in chart_runs.TWELVE}) == len(chart_runs.TWELVE)


def test_names_in_a_colour_are_readable_on_white():
    for engine in chart_runs.TWELVE:
        colour = style.text_colour(style.look(engine).colour)
        assert 1.05 / (style._luminance(colour) + 0.05) >= 4.5


def test_the_ground_is_white_and_opaque():
    for picture in charts.pictures([chart_runs.four()]):
        assert to_hex(picture.draw().get_facecolor(), keep_alpha=True) == "#ffffffff"


def test_a_users_own_settings_change_nothing():
    picture = charts.pictures([chart_runs.four()])[0]
    before = charts.render(picture, "png")
    with matplotlib.rc_context({"xtick.direction": "in", "axes.titlepad": 30, "font.size": 40}):
        assert charts.render(picture, "png") == before


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_a_text_is_as_wide_as_it_is_measured(weight):
    with style.context():
        figure = Figure(figsize=(9, 1), dpi=100)
        for text in ("What does the waiting cost?", "aio signal handler", "n/a: 1 000 · 99.99 %"):
            drawn_text = figure.text(0, 0.5, text, fontsize=8, weight=weight)
            width = drawn_text.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width
            assert style.width_in(text, 8, weight) * 100 == pytest.approx(width, rel=0.03)


def bold(figure):
    titles = [title for ax in figure.axes for title in (ax.title, ax._left_title)]
    shown = [*figure.texts, *titles, *(text for ax in figure.axes for text in ax.texts)]
    return [t for t in shown if t.get_text() and t.get_weight() == "bold"]


def test_bold_texts_are_measured_in_bold():
    """A question and points of nothing but the widest letter: each ends before the margin."""
    wide = "m" * 300
    cells = [chart_runs.cell("aio", 2, parameters={wide: value}) for value in (1, 2)]
    run = chart_runs.run(cells, questions={cells[0].scenario: wide})
    for picture in charts.pictures([run]):
        with style.context():
            figure = picture.draw()
            figure.draw_without_rendering()
            for text in bold(figure):
                right = text.get_window_extent().x1 / figure.dpi
                assert right <= WIDTH_IN - MARGIN_IN + 0.01, (picture.name, text.get_text())
