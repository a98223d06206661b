"""All I/O models side by side with their numbers: what the application learns of, how it waits, and
who makes the transfer. Figure 1 (`matrix.py`) has the four that the article knew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from iomodels.analysis.quantities import CPU, LATENCY_P50, THROUGHPUT, named
from iomodels.base.errors import EngineError
from iomodels.base.units import listed
from iomodels.engines.kinds.models import NEWS, WAITING, WORKERS, Model, model_of
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import EngineSpec, parse

from .drawing.chart import Chart, spoken
from .drawing.scene import Scene, ScenePoint, Series
from .drawing.sheet import MARGIN_IN, sheet
from .drawing.style import (
    FAINT,
    FINE_PT,
    GROUND,
    HEADING_PT,
    INK,
    MARKER_PT,
    SMALL_PT,
    SOFT,
    shortened,
    text_colour,
)

NUMBERS = ((THROUGHPUT, LATENCY_P50), (CPU, named("threads")))
"""Those of an engine, line by line."""
SIDE_IN, TOP_IN = 0.92, 0.28
ENTRY_IN, LINE_IN, PAD_IN = 0.49, 0.125, 0.1
EMPTY_IN = 0.3
"""The height of a row without an engine."""
NAME_IN = 0.16
"""From the left of a field to its engines' names, after their markers."""
FEWEST_MODELS = 3

Field = tuple[float, float, float, float]
"""Left, bottom, width and height, in inches."""


def draw(scene: Scene) -> Figure:
    """Columns: who makes the transfer; rows: readiness or completion, sleeping or spinning. On a
    narrow picture the fields that have an engine stand below each other."""
    point = _point(scene)
    by_model = _by_model(point)
    fields = _below(scene, by_model) if scene.is_narrow else _side_by_side(scene, by_model)
    height = max(bottom + height for _, bottom, _, height in fields.values())
    top = 0.0 if scene.is_narrow else TOP_IN
    at = f" at {point.label}" if point.label else ""
    explanation = explained(scene)
    on = sheet(scene, f"{CHART.title(scene)}{at}", height + top, explained=explanation)
    ax = on.axes(MARGIN_IN, 0.0, scene.text_width_in, height + top)
    ax.set_xlim(0, scene.text_width_in)
    ax.set_ylim(0, height + top)
    ax.set_axis_off()
    if not scene.is_narrow:
        _headings(ax, fields)
    for model, field in fields.items():
        _field(ax, field, by_model.get(model, ()), _name(model) if scene.is_narrow else "")
    return on.figure


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    point = _point(scene)
    placed = [series for group in _by_model(point).values() for series in group]
    others = [series.label for series in point.cells if series not in placed]
    rounds = re.split("[;:]", scene.rounds_note)[0].rstrip(".")
    return [
        f"{rounds}. CPU/op and threads are those of the whole process, with the threads that the "
        "kernel adds to it.",
        f"Of a model that is not known here: {listed(others)}." if others else "",
    ]


# ------------------------------------------------------------------ what is shown


def _point(scene: Scene) -> ScenePoint:
    """The last where no more than one engine is missing: models differ most with many requests, of
    which one of them can have one."""
    most = max(len(point.series) for point in scene.points)
    return next(point for point in reversed(scene.points) if len(point.series) >= most - 1)


def _by_model(point: ScenePoint) -> Mapping[Model, Sequence[Series]]:
    found: dict[Model, list[Series]] = {}
    for series in point.cells:
        model = _model(series.cell.engine)
        if model is not None:
            found.setdefault(model, []).append(series)
    return found


def _model(engine: str) -> Model | None:
    """None for an engine of another version, or of a foreign file."""
    try:
        return model_of(parse(engine))
    except EngineError:
        return None


def _name(model: Model) -> str:
    return f"{model.news}, {model.waiting}; {model.worker}"


def _lines(series: Series) -> Iterator[str]:
    """The numbers of a cell, by their short names."""
    for line in NUMBERS:
        found = ((quantity, quantity.interval(series.cell)) for quantity in line)
        yield ", ".join(f"{q.column} {q.unit.show(i.median)}" for q, i in found if i)


# ------------------------------------------------------------------ where it stands


def _row_in(entries: int) -> float:
    return entries * ENTRY_IN + PAD_IN if entries else EMPTY_IN


def _side_by_side(
    scene: Scene, by_model: Mapping[Model, Sequence[Series]]
) -> Mapping[Model, Field]:
    """All of them, the first row on top."""
    width = (scene.text_width_in - SIDE_IN) / len(WORKERS)
    fields: dict[Model, Field] = {}
    bottom = 0.0
    for news in reversed(NEWS):
        for waiting in reversed(WAITING):
            row = [Model(news, waiting, worker) for worker in WORKERS]
            height = _row_in(max(len(by_model.get(model, ())) for model in row))
            for column, model in enumerate(row):
                fields[model] = (SIDE_IN + column * width, bottom, width, height)
            bottom += height
    return fields


def _below(scene: Scene, by_model: Mapping[Model, Sequence[Series]]) -> Mapping[Model, Field]:
    """Those with engines, each with room for its name."""
    fields: dict[Model, Field] = {}
    bottom = 0.0
    order = [Model(n, w, worker) for n in NEWS for w in WAITING for worker in WORKERS]
    for model in reversed([model for model in order if model in by_model]):
        height = TOP_IN + _row_in(len(by_model[model]))
        fields[model] = (0.0, bottom, scene.text_width_in, height)
        bottom += height
    return fields


def _headings(ax: Axes, fields: Mapping[Model, Field]) -> None:
    style: dict[str, Any] = {"va": "center", "fontsize": HEADING_PT, "weight": "bold"}
    top = max(bottom + height for _, bottom, _, height in fields.values())
    for worker in WORKERS:
        left, _, width, _ = fields[Model(NEWS[0], WAITING[0], worker)]
        ax.text(left + width / 2, top + TOP_IN / 2, worker.capitalize(), ha="center", **style)
    for news in NEWS:
        for waiting in WAITING:
            _, bottom, _, height = fields[Model(news, waiting, WORKERS[0])]
            ax.text(
                *(0.0, bottom + height / 2, f"{news},\n{waiting}"),
                **style | {"fontsize": SMALL_PT},
            )


def _field(ax: Axes, field: Field, engines: Sequence[Series], name: str) -> None:
    """`name` is that of the model, where no heading says it."""
    left, bottom, width, height = field
    box = Rectangle(
        (left + 0.03, bottom + 0.03),
        *(width - 0.06, height - 0.06),
        facecolor=GROUND if engines else "#f5f5f5",
        edgecolor=FAINT,
        linewidth=1.2,
    )
    ax.add_patch(box)
    top = bottom + height - PAD_IN / 2
    if name:
        style: dict[str, Any] = {"va": "center", "fontsize": SMALL_PT, "weight": "bold"}
        ax.text(left + 0.1, top - TOP_IN / 2, name, color=INK, **style)
        top -= TOP_IN
    for number, series in enumerate(engines):
        _engine(ax, left + 0.1, top - number * ENTRY_IN, width - 0.2, series)


def _engine(ax: Axes, left: float, top: float, room: float, series: Series) -> None:
    """Its marker, its name, and two lines of numbers."""
    colour = text_colour(series.look.colour) if series.measured else SOFT
    first = top - LINE_IN * 0.95
    name = shortened(series.label, SMALL_PT, room - NAME_IN, "bold")
    if series.measured:
        ax.plot([left + MARKER_PT / 144], [first], linestyle="none", **series.look.point)
    ax.text(
        *(left + NAME_IN, first, name),
        fontsize=SMALL_PT,
        weight="bold",
        color=colour,
        va="center",
    )
    said = _lines(series) if series.measured else [series.cell.status]
    for number, line in enumerate(said, 1):
        text = shortened(line, FINE_PT, room - NAME_IN)
        at = left + NAME_IN, first - number * LINE_IN - 0.01
        ax.text(*at, text, fontsize=FINE_PT, color=INK if series.measured else SOFT, va="center")


# ------------------------------------------------------------------ the picture


def _suits(scene: Scene) -> bool:
    """Where something was measured that Figure 1 has no place for, and several models were."""
    if not scene.points:
        return False
    models = {_model(series.cell.engine) for series in _point(scene).series} - {None}
    of_article = {model_of(EngineSpec(d.name)) for d in DESCRIPTORS.values() if d.in_matrix}
    return len(models) >= FEWEST_MODELS and bool(models - of_article)


def _spoken(series: Series) -> str:
    return spoken(series, *(quantity for line in NUMBERS for quantity in line))


CHART = Chart("models", "All models as measured", _suits, draw, explained, _spoken)
