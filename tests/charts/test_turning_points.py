"""The picture of a turning point: what it shows is what the document says."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from iomodels import charts
from iomodels.advice.document import Turning
from iomodels.charts.drawing.picture import render

from ..advice_samples import NOT_TURNING, TURNING, advice, around, point
from ..report.hostile import ATTACKS


def lines_of(figure):
    return {line.get_label(): line for ax in figure.axes for line in ax.get_lines()}


def texts_of(figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_each_engine_is_a_line_of_its_medians() -> None:
    (picture,) = charts.of_advice(advice())
    figure = picture.draw()
    lines = lines_of(figure)
    assert set(lines) == set(TURNING.measured)
    assert list(lines["epoll"].get_xdata()) == list(TURNING.values)
    assert list(lines["epoll"].get_ydata()) == [70e3, 70e3, 70e3, 70e3, 69e3, 66e3]
    assert list(lines["select"].get_xdata()) == [1, 8, 64, 128, 256], "not measured at the last"


def test_the_turning_point_is_marked_with_both_engines() -> None:
    (picture,) = charts.of_advice(advice())
    figure = picture.draw()
    (ax,) = figure.axes
    (band,) = [patch for patch in ax.patches if patch.get_label() == "turning"]
    assert (band.get_x(), band.get_x() + band.get_width()) == (64, 128)
    assert {"← select", "epoll →"} <= set(texts_of(figure))
    assert "The answer turns between descriptors 64 and 128" in picture.alt


def test_an_answer_that_is_possible_at_one_value_only_is_a_dot() -> None:
    lone = replace(
        TURNING,
        values=(1, 2, 256),
        best=("blocking", "epoll", "epoll"),
        measured={
            "epoll": (around(7e4), around(7e4), around(7e4)),
            "blocking": (around(8e4), None, None),
            "aio": (around(1e4), None, None),
        },
        low=1,
        high=2,
        below="blocking",
        above="epoll",
    )
    (picture,) = charts.of_advice(advice(point(turnings=(lone,))))
    figure = picture.draw()
    assert set(lines_of(figure)) == {"epoll", "blocking"}
    assert list(lines_of(figure)["blocking"].get_xdata()) == [1]
    assert "← blocking" in texts_of(figure), "not cut at the left edge"


def test_without_a_turning_nothing_is_marked() -> None:
    (picture,) = charts.of_advice(advice(point(turnings=(NOT_TURNING,))))
    figure = picture.draw()
    assert [patch.get_label() for patch in figure.axes[0].patches if patch.get_label()] == []
    assert not any("→" in text for text in texts_of(figure))
    assert "No turning point is shown between depth 1 and 256." in picture.alt


def test_what_has_nothing_to_show_is_not_drawn() -> None:
    lone = Turning("load.depth", (4,), ("epoll",), {"epoll": (around(7e4),)})
    assert charts.of_advice(advice(point(turnings=(lone,)), point(turnings=()))) == []


def test_one_turning_of_a_sweep_is_drawn_once_and_two_have_two_names() -> None:
    assert len(charts.of_advice(advice(point(), point()))) == 1
    both = charts.of_advice(advice(point(turnings=(TURNING, NOT_TURNING))))
    assert [picture.name for picture in both] == [
        "many-descriptors-turning",
        "many-descriptors-turning-2",
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_strangers_names_are_only_drawn(attack: str) -> None:
    hostile = Turning(
        key=attack,
        values=(1, 2),
        best=(attack, "x"),
        measured={attack: (around(1.0), around(2.0)), "x" * 9000: (around(1e-18), around(1e19))},
        low=1,
        high=2,
        below=attack,
        above="x" * 9000,
        reason=attack,
    )
    about = point(scenario=attack, title=attack, label=attack, turnings=(hostile,))
    (picture,) = charts.of_advice(advice(about, created_utc=attack))
    for one in (picture, picture.narrow):
        assert render(one, "svg").count(b"<script") == 0


def test_values_in_their_units() -> None:
    block = replace(TURNING, key="load.block", values=(512, 4096, 65536, 1 << 18, 1 << 19, 1 << 20))
    block = replace(block, low=65536, high=1 << 18)
    (picture,) = charts.of_advice(advice(point(turnings=(block,))))
    assert "between block 64 KiB and 256 KiB" in picture.alt
