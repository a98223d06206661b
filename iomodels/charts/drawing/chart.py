"""What every kind of picture provides; one module each, listed in `iomodels.charts.CHARTS` or, of
a comparison, in `iomodels.charts.COMPARISON_CHARTS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from iomodels.analysis.quantity_definition import Quantity, has_deadline
from iomodels.base.units import counted
from iomodels.comparison.schema import Comparison

from .scene import Scene, Series

MAX_ALT = 1500
_REST = " The table has the numbers of {}."


@dataclass(frozen=True)
class Chart:
    """A kind of picture. `suits` says whether a scene has what it shows; `draw` is pure.

    `explain` are the sentences below the picture, before the scene's own notes ("" for none);
    `value` is one cell's entry in the text for screen readers, "" for none.
    """

    name: str
    subject: str
    suits: Callable[[Scene], bool]
    draw: Callable[[Scene], Figure]
    explain: Callable[[Scene], list[str]]
    value: Callable[[Series], str]
    times: bool = True
    """Whether it shows throughput or latency. Under a deadline they are those of the quick requests
    alone, and an engine that cancels well looks better for it; then there is no such picture."""
    detail: Callable[[Scene], str] = lambda _: ""
    """What of the scene the subject ends with."""

    figure: Callable[[Scene], str] = lambda _: ""
    """What it is titled instead where it is one of the article's figures; "" elsewhere."""

    def title(self, scene: Scene) -> str:
        """The subject of this scene's picture."""
        return self.figure(scene) or f"{self.subject} {self.detail(scene)}".rstrip()

    def has_a_place(self, scene: Scene) -> bool:
        """Whether the scene has what it shows, and that means something."""
        return self.suits(scene) and not (self.times and _has_deadline(scene))

    def describe(self, scene: Scene) -> str:
        """The picture in words, with its main numbers last: of a text too long, whole points are
        left out at its end."""
        notes = (f"{note}." for note in (*scene.missing, *scene.remarks))
        explained = filter(None, self.explain(scene))
        text = " ".join([f"{self.title(scene)}. {scene.data}.", *notes, *explained])
        points: list[str] = []
        for point in scene.points:
            values = [f"{s.label} {self.value(s)}" for s in point.series if self.value(s)]
            if values:
                points.append(f" {point.label + ': ' if point.label else ''}{'; '.join(values)}.")
        for number, said in enumerate(points):
            if len(text) + len(said) > MAX_ALT - len(_REST) - 16:
                text += _REST.format(counted(len(points) - number, "more point"))
                break
            text += said
        return text if len(text) <= MAX_ALT else text[: MAX_ALT - 1] + "…"


@dataclass(frozen=True)
class ComparisonChart:
    """A kind of picture of a comparison. `suits` says whether there is what it shows; `draw` is
    pure, and takes the width in inches (`scene.WIDTH_IN` or `NARROW_IN`).

    `values` are its main numbers in words, a sentence for each thing that it shows, the most
    important first.
    """

    name: str
    subject: str
    suits: Callable[[Comparison], bool]
    draw: Callable[[Comparison, float], Figure]
    explain: Callable[[Comparison], list[str]]
    values: Callable[[Comparison], list[str]]

    def describe(self, comparison: Comparison) -> str:
        """The picture in words."""
        return in_words([f"{self.subject}.", *self.explain(comparison), *self.values(comparison)])


def in_words(sentences: Sequence[str]) -> str:
    """The text for those who cannot see a picture: where it is too long, sentences are left out at
    its end."""
    said, text = list(filter(None, sentences)), ""
    for number, sentence in enumerate(said):
        if len(text) + len(sentence) > MAX_ALT - len(_REST) - 16:
            text += _REST.format(counted(len(said) - number, "more row"))
            break
        text += f" {sentence}"
    return text.strip()


def measured(scene: Scene) -> bool:
    """Whether anything was measured at all."""
    return any(point.series for point in scene.points)


def spoken(series: Series, *quantities: Quantity) -> str:
    """A cell's medians of these quantities in words, without those that it has not."""
    found = ((quantity, quantity.interval(series.cell)) for quantity in quantities)
    told = (f"{q.title} {q.unit.spoken(interval.median)}" for q, interval in found if interval)
    return ", ".join(told)


def _has_deadline(scene: Scene) -> bool:
    return any(has_deadline(series.cell) for point in scene.points for series in point.series)
