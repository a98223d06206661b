"""The picture of all models: every engine in its field, with its numbers."""

from __future__ import annotations

import pytest
from matplotlib.patches import Rectangle

from iomodels import charts
from iomodels.analysis.quantities import CPU, LATENCY_P50, THROUGHPUT, named
from iomodels.charts import models
from iomodels.charts.drawing.scene import scenes
from iomodels.engines.kinds.models import model_of
from iomodels.engines.spec import parse

from .. import chart_runs
from ..chart_runs import drawn, texts

TODAY = chart_runs.today()
KNOWN = [engine for engine in chart_runs.TODAY if engine != "sockets-of-tomorrow"]


def names_of(run):
    return [picture.name for picture in charts.pictures([run])]


def place_of(figure, text):
    """The field in which a text stands, as the heading of its column and of its row say."""
    (ax,) = figure.axes
    at = {t.get_text(): t.get_position() for t in ax.texts}
    boxes = [patch.get_bbox() for patch in ax.patches if isinstance(patch, Rectangle)]
    (box,) = [box for box in boxes if box.contains(*at[text])]
    inside = [t for t, (x, _) in at.items() if box.x0 < x < box.x1]
    beside = [t for t, (_, y) in at.items() if box.y0 < y < box.y1]
    (column,) = {"Caller", "Kernel", "Helper threads"} & set(inside)
    (row,) = [t for t in beside if t.startswith(("readiness,", "completion,"))]
    return (*row.split(",\n"), column.lower())


@pytest.mark.parametrize("engine", KNOWN)
def test_an_engine_stands_in_the_field_of_its_model(engine):
    model = model_of(parse(engine))
    figure = drawn("models", TODAY)
    assert place_of(figure, engine) == (model.news, model.waiting, model.worker)


@pytest.mark.parametrize("narrow", [False, True])
def test_it_has_the_numbers_of_the_quantities(narrow):
    picture = next(p for p in charts.pictures([TODAY]) if p.name.endswith("-models"))
    shown = texts((picture.draw_narrow if narrow else picture.draw)())
    for cell in TODAY.cells:
        if cell.parameters["load.depth"] != 16 or cell.engine not in KNOWN[1:]:
            continue
        for line in ((THROUGHPUT, LATENCY_P50), (CPU, named("threads"))):
            found = [(q.column, q.unit.show(q.interval(cell).median)) for q in line]
            assert ", ".join(f"{column} {value}" for column, value in found) in shown
    assert "n/a" in shown


def test_what_is_not_known_here_stands_below():
    assert "Of a model that is not known here: sockets-of-tomorrow." in texts(
        drawn("models", TODAY)
    )


def test_it_is_drawn_where_figure_1_has_no_place_for_something():
    for run in (chart_runs.four(), chart_runs.swept(), chart_runs.overlapping()):
        assert not [name for name in names_of(run) if name.endswith("-models")]
    assert "slow-devices-models" in names_of(TODAY)
    two = chart_runs.run([chart_runs.cell(e) for e in ("select", "io_uring")])
    assert "slow-device-models" not in names_of(two), "two engines are compared by their numbers"


def test_of_a_sweep_it_is_the_last_point_that_lacks_no_more_than_one():
    (scene,) = scenes([TODAY])
    assert models.CHART.draw(scene).texts[0].get_text() == "All models as measured at depth 16"
