"""The trend of a history: every run where it was, each change where it is, and said in words."""

from __future__ import annotations

import random
import re
from itertools import combinations

import pytest
from matplotlib.figure import Figure

from iomodels import charts
from iomodels.charts import trend
from iomodels.charts.drawing.scene import NARROW_IN, WIDTH_IN
from iomodels.charts.drawing.style import BETTER, WORSE
from iomodels.comparison.schema import SCHEMA, Comparison, HistoryRun, Trend
from iomodels.comparison.trends import changed_at
from iomodels.results.schema import Interval, Tool

from .. import chart_runs
from ..chart_runs import artists, texts
from .places import extents, shared


def runs_of(*medians: float | None) -> list[Interval | None]:
    return [None if m is None else Interval(m, 0.98 * m, 1.02 * m) for m in medians]


def trend_of(*medians: float | None, engine: str = "aio", **others: object) -> Trend:
    runs = runs_of(*medians)
    fields: dict[str, object] = {
        "metric": "throughput_ops",
        "unit": "ops/s",
        "bigger_is_better": True,
        "changed_at": changed_at(runs),
    }
    return Trend("echo", {}, "depth 4", engine, runs=runs, **(fields | others))  # type: ignore[arg-type]


def history(count: int, **known: str) -> list[HistoryRun]:
    return [
        HistoryRun(
            f"2026-{1 + n // 28 % 12:02}-{1 + n % 28:02}T08:00:00Z", "6.1", known.get(f"at{n}", "")
        )
        for n in range(count)
    ]


def compared(*found: Trend, runs: list[HistoryRun] | None = None) -> Comparison:
    tool = Tool("1.0", "abc")
    runs = history(len(found[0].runs)) if runs is None else runs
    fields = (SCHEMA, "2026-11-27T10:00:00Z", "base", "now", tool, tool, 0.05, "passed", [], [], [])
    return Comparison(*fields, history=runs, trends=list(found))


def picture(comparison: Comparison) -> charts.Picture:
    (found,) = (p for p in charts.of_comparison(comparison) if p.name == "trend")
    return found


def drawn(comparison: Comparison) -> Figure:
    return picture(comparison).draw()


QUIET = [100.0, 101, 99, 100, 100.5, 99.5, 100, 101, 99, 100]
LOST = [*QUIET[:6], 80, 80.5, 79.5, 80]


def test_every_run_is_at_its_place_with_its_interval() -> None:
    medians = [*QUIET[:3], None, *QUIET[4:]]
    figure = drawn(compared(trend_of(*medians)))
    (line,) = artists(figure, "runs")
    assert list(line.get_xdata()) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert list(line.get_ydata()) == [m for m in medians if m is not None]
    (bars,) = artists(figure, "intervals")
    assert len(bars.get_segments()) == 9
    (checked,) = artists(figure, "checked")
    assert (list(checked.get_xdata()), list(checked.get_ydata())) == ([9], [100.0])


def test_a_change_is_drawn_between_its_runs_with_the_levels_beside_it_and_dated() -> None:
    figure = drawn(compared(trend_of(*LOST)))
    (line,) = artists(figure, "change")
    assert set(line.get_xdata()) == {5.5}
    levels = [set(level.get_ydata()) for level in artists(figure, "level")]
    assert levels == [{100.0}, {80.0}]
    assert any("−20 % since 2026-01-07" in text for text in texts(figure))


@pytest.mark.parametrize(
    ("bigger", "medians", "colour", "marker"),
    [
        (True, LOST, WORSE, "v"),
        (False, LOST, BETTER, "v"),
        (True, [1 / m for m in LOST], BETTER, "^"),
        (False, [1 / m for m in LOST], WORSE, "^"),
    ],
)
def test_the_triangle_says_where_it_went_and_the_colour_whether_that_is_good(
    bigger: bool, medians: list[float], colour: str, marker: str
) -> None:
    metric = "throughput_ops" if bigger else "latency_p50_ns"
    figure = drawn(compared(trend_of(*medians, bigger_is_better=bigger, metric=metric)))
    (step,) = artists(figure, "step")
    assert (step.get_color(), step.get_marker()) == (colour, marker)


def test_what_was_known_to_change_has_a_letter_and_its_words() -> None:
    runs = history(10, at3="new disk", at6="new kernel")
    figure = drawn(compared(trend_of(*LOST), trend_of(*QUIET), runs=runs))
    assert len(artists(figure, "known a")) == len(artists(figure, "known b")) == 2
    said = texts(figure)
    assert "a: 2026-01-04 (new disk)." in said
    assert any("since 2026-01-07 (b)" in text for text in said)


def test_another_kernel_is_a_known_change() -> None:
    runs = [HistoryRun(run.created_utc, "6.1" if n < 6 else "6.2") for n, run in
            enumerate(history(10))]  # fmt: skip
    assert "a: 2026-01-07 (Linux 6.1 to 6.2)." in texts(drawn(compared(trend_of(*LOST), runs=runs)))


def test_a_drift_is_one_sloping_line() -> None:
    medians = [100.0 * 0.97**n * (1 + 0.001 * (n % 3)) for n in range(12)]
    figure = drawn(compared(trend_of(*medians)))
    (line,) = artists(figure, "drift")
    assert list(line.get_xdata()) == [0, 11]
    assert list(line.get_ydata()) == pytest.approx([100, 100 * 0.97**11], rel=0.01)
    assert not artists(figure, "level")
    assert any("throughput drifts, −28 %" in text for text in texts(figure))


def test_what_differs_a_little_looks_so_and_a_disturbed_run_is_inside() -> None:
    low, high = trend.limits(trend_of(*QUIET))
    assert low < 91
    assert high > 109
    low, _ = trend.limits(trend_of(*QUIET, 20.0))
    assert low < 20


def test_the_checked_run_lacks_a_cell() -> None:
    figure = drawn(compared(trend_of(*QUIET[:-1], None)))
    assert not artists(figure, "checked")
    assert "throughput: not in the last run" in texts(figure)


def test_of_more_cells_than_have_room_the_changed_ones_are_shown_and_that_is_said() -> None:
    found = [trend_of(*QUIET, engine=f"e{n}") for n in range(40)] + [trend_of(*LOST)]
    figure = drawn(compared(*found))
    assert len(figure.axes) == trend.MAX_PANELS
    assert artists(figure, "change")
    assert f"{trend.MAX_PANELS} of 41 trends are shown, changed ones first." in texts(figure)


@pytest.mark.parametrize(
    ("cells", "runs"),
    [
        *((1, 2), (2, 3), (11, 200), (30, 5)),
        *(pytest.param(*each, marks=pytest.mark.longest) for each in ((1, 200), (11, 20))),
    ],
)
@pytest.mark.parametrize("width", [WIDTH_IN, NARROW_IN], ids=["wide", "narrow"])
def test_no_text_leaves_the_page_and_none_lies_on_another(
    cells: int, runs: int, width: float
) -> None:
    found = [
        trend_of(*(QUIET * 20)[: runs - 1 if n == 3 else runs], *[None] * (n == 3))
        if n % 2
        else trend_of(*[100.0] * (runs // 2), *[80.0] * (runs - runs // 2), engine="io_uring")
        for n in range(cells)
    ]
    shown = compared(*found, runs=history(runs, at1="a word or two"))
    figure = (picture(shown) if width == WIDTH_IN else picture(shown).narrow).draw()
    assert figure.get_figwidth() == width
    check_texts(figure)


def check_texts(figure: Figure) -> None:
    """Texts are inside of the figure; headings of panels are apart from each other."""
    told = [*figure.texts]
    for ax in figure.axes:
        low, high = ax.get_ylim()
        told += [*ax.texts, *ax.get_xticklabels()]
        told += [t for t in ax.get_yticklabels() if low <= t.get_position()[1] <= high]
    boxes = extents(told)
    for text, x0, y0, x1, y1 in boxes:
        assert -1 <= x0 <= x1 <= figure.bbox.width + 1, text
        assert -1 <= y0 <= y1 <= figure.bbox.height + 1, text
    words = [box for box in boxes if not re.fullmatch("[a-z]", box[0])]
    for one, other in combinations(words, 2):
        assert min(shared(one, other)) < 3, (one, other)


def test_the_words_for_those_who_cannot_see_it_have_the_changes() -> None:
    found = picture(compared(trend_of(*LOST), trend_of(*QUIET, engine="poll")))
    assert "echo, depth 4, aio: throughput −20 % since 2026-01-07." in found.alt
    assert "1 trend without a change." in found.alt


def test_one_run_has_no_trend() -> None:
    assert not [p for p in charts.of_comparison(compared(trend_of(5.0))) if p.name == "trend"]


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    bad = chart_runs.HOSTILE
    runs = [HistoryRun(bad, bad, bad) for _ in range(10)]
    one = trend_of(*LOST, engine=bad, metric=bad, unit=bad)
    found = picture(compared(one, runs=runs))
    for data in (charts.render(found, "svg"), charts.render(found.narrow, "svg")):
        assert b"<script>" not in data
    assert "\x1b" not in found.alt


def test_whatever_numbers_a_file_has_there_is_a_picture_of_them() -> None:
    """From none to the largest that are read, with changes anywhere."""
    rng = random.Random(1)
    numbers = (0.0, 2.0**-63, 1.0, 3.0, 1e15, 2.0**63)
    for _ in range(12):
        pool = rng.sample(numbers, rng.randint(1, 3))
        runs: list[Interval | None] = [None]
        for _ in range(rng.randint(2, 8)):
            low, middle, high = sorted(rng.choice(pool) for _ in range(3))
            runs.append(Interval(middle, low, high))
        changed = [rng.randrange(len(runs)) for _ in range(rng.randint(0, 3))]
        one = Trend(
            "echo", {}, "", "aio", rng.choice(["throughput_ops", "?"]), "?", True, runs, changed
        )
        assert picture(compared(one)).alt
        drawn(compared(one)).draw_without_rendering()


def test_dates_are_as_short_as_their_places() -> None:
    def of(*texts: str) -> list[str]:
        return trend.dates([HistoryRun(text) for text in texts])

    assert of("2026-11-20T09:15:00Z", "2026-11-20T10:00:00Z") == ["09:15", "10:00"]
    assert of("2026-11-20T09:15:00Z", "2026-11-21T10:00:00Z") == ["11-20", "11-21"]
    assert of("2025-11-20T09:15:00Z", "2026-11-21T10:00:00Z") == ["2025-11", "2026-11"]
