"""Where texts are in a figure, and how far two of them lie on each other."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.text import Text
from matplotlib.transforms import Bbox

Box = tuple[str, float, float, float, float]
"""A text, its left, bottom, right and top, in pixels. (A Bbox looks each up in an array.)"""


def extents(texts: Iterable[Text]) -> list[Box]:
    """Those of the texts that say something."""
    return [
        (text.get_text(), *map(float, extent(text).extents)) for text in texts if text.get_text()
    ]


def extent(text: Text) -> Bbox:
    """That of the text alone. An annotation's own one includes its leader, and places the text."""
    text.get_window_extent()
    return Text.get_window_extent(text)


def shared(one: Box, other: Box) -> tuple[float, float]:
    """How many pixels they share across and up; negative is how far they are apart."""
    _, x0, y0, x1, y1 = one
    _, left, bottom, right, top = other
    return min(x1, right) - max(x0, left), min(y1, top) - max(y0, bottom)
