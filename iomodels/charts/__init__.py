"""Pictures of results: one module per picture, each pure (result in, figure out).

`pictures` finds those that suit a run, `matrix` is the article's Figure 1 with measured numbers,
and `picture.render` makes files of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from matplotlib.figure import Figure

from iomodels.advice.document import Advice
from iomodels.base.files import slug
from iomodels.charts import (
    by_engine,
    calls,
    cancelling,
    changes,
    cpu_latency,
    models,
    over_time,
    overlap,
    percentiles,
    rounds,
    scaling,
    trend,
    turning_points,
)
from iomodels.charts import matrix as four_models
from iomodels.charts.drawing.chart import Chart, ComparisonChart
from iomodels.charts.drawing.picture import FORMATS, Format, Picture, render
from iomodels.charts.drawing.scene import NARROW_IN, WIDTH_IN, Scene, scenes
from iomodels.charts.drawing.style import context, safe
from iomodels.comparison import wording
from iomodels.comparison.schema import Comparison
from iomodels.comparison.trends import History
from iomodels.results.schema import Run

__all__ = [
    "CHARTS",
    "COMPARISON_CHARTS",
    "FIRST",
    "FORMATS",
    "TREND",
    "Format",
    "Picture",
    "matrices",
    "matrix",
    "of_advice",
    "of_comparison",
    "of_history",
    "pictures",
    "render",
]

CHARTS: tuple[Chart, ...] = (
    cancelling.CHART,
    overlap.CHART,
    scaling.CHART,
    by_engine.CHART,
    models.CHART,
    cpu_latency.CHART,
    percentiles.CHART,
    calls.CHART,
    rounds.CHART,
    over_time.CHART,
)
"""Every kind of picture. Of those that suit a scenario, the first ones answer its question: what
few scenarios have at all is what these are about."""
FIRST = 4
"""How many of them that are."""


COMPARISON_CHARTS: tuple[ComparisonChart, ...] = (changes.CHART, trend.CHART)
"""Every kind of picture of a comparison, in the order in which they stand on its page."""


TREND = trend.CHART.name
"""That of a comparison with a history, which has a place of its own on the page."""


def pictures(
    runs: Sequence[Run], *, scenario: str | None = None, names: Sequence[str] = ()
) -> list[Picture]:
    """All pictures that suit these runs, of one scenario or of all; several runs are overlaid.

    `names` tell the runs apart where there are several. Those with a `rank` below `FIRST` answer
    their scenario's question. Raises `ResultError` for a scenario that is in none of the runs, and
    for more than can be drawn.
    """
    taken: set[str] = set()
    return [
        replace(_picture(chart, scene, taken), rank=rank)
        for scene in scenes(runs, scenario=scenario, names=names)
        for rank, chart in enumerate(chart for chart in CHARTS if chart.has_a_place(scene))
    ]


def matrix(run: Run, scenario: str) -> Picture:
    """The article's Figure 1: four quadrants, each with its engine's flow and its numbers here.

    Raises `ResultError` for a scenario that the run does not have.
    """
    (scene,) = scenes([run], scenario=scenario)
    return _picture(four_models.CHART, scene, set())


def matrices(run: Run) -> list[Picture]:
    """`matrix` for each scenario in which three of the four models were measured, or more: with
    half of it empty it is drawn for those who name the scenario."""
    taken: set[str] = set()
    suitable = [
        scene
        for scene in scenes([run])
        if four_models.CHART.has_a_place(scene) and four_models.most_quadrants(scene) > 2
    ]
    return [_picture(four_models.CHART, scene, taken) for scene in suitable]


def of_comparison(comparison: Comparison) -> list[Picture]:
    """All pictures that suit a comparison; empty where it has nothing to show."""
    return [
        Picture(
            name=chart.name,
            scenario="",
            title=f"{chart.subject}: {safe(wording.headline(comparison))}",
            alt=chart.describe(comparison),
            draw=partial(_styled_comparison, chart, comparison, WIDTH_IN),
            draw_narrow=partial(_styled_comparison, chart, comparison, NARROW_IN),
            subject=chart.subject,
        )
        for chart in COMPARISON_CHARTS
        if chart.suits(comparison)
    ]


def of_history(history: History) -> list[Picture]:
    """The picture of the runs of a folder; empty for one run, and where nothing was measured."""
    if not trend.has_several(history):
        return []

    def draw(width_in: float) -> Figure:
        with context():
            return trend.draw_history(history, width_in)

    return [
        Picture(
            name=trend.CHART.name,
            scenario="",
            title=f"{trend.SUBJECT}: {trend.span(history.runs)}",
            alt=trend.describe(history),
            draw=partial(draw, WIDTH_IN),
            draw_narrow=partial(draw, NARROW_IN),
            subject=trend.SUBJECT,
        )
    ]


def of_advice(advice: Advice) -> list[Picture]:
    """A picture for each turning point that was looked for; empty where none was."""
    taken: set[str] = set()

    def draw(of: turning_points.ShownTurning, width_in: float) -> Figure:
        with context():
            return turning_points.draw(of, width_in)

    return [
        Picture(
            name=_unique(slug(f"{slug(of.point.scenario)[:50]}-{turning_points.NAME}"), taken),
            scenario=of.point.scenario,
            title=f"{of.title}: {of.data}",
            alt=turning_points.describe(of),
            draw=partial(draw, of, WIDTH_IN),
            draw_narrow=partial(draw, of, NARROW_IN),
            subject=of.title,
        )
        for of in turning_points.shown(advice)
    ]


def _styled_comparison(chart: ComparisonChart, comparison: Comparison, width_in: float) -> Figure:
    with context():
        return chart.draw(comparison, width_in)


def _picture(chart: Chart, scene: Scene, taken: set[str]) -> Picture:
    return Picture(
        name=_unique(slug(f"{slug(scene.name)[:50]}-{chart.name}"), taken),
        scenario=scene.scenario,
        title=f"{chart.title(scene)}: {scene.data}",
        alt=chart.describe(scene),
        draw=partial(_styled, chart.draw, scene),
        draw_narrow=partial(_styled, chart.draw, replace(scene, width_in=NARROW_IN)),
        subject=chart.title(scene),
    )


def _styled(draw: Callable[[Scene], Figure], scene: Scene) -> Figure:
    with context():
        return draw(scene)


def _unique(name: str, taken: set[str]) -> str:
    """`name`, numbered if another scenario's slug is the same."""
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}-{number}"
    taken.add(unique)
    return unique
