"""Pictures of results: one module per picture, each pure (result in, figure out).

`pictures` finds those that suit a run, `matrix` is the article's Figure 1 with measured numbers,
and `picture.render` makes files of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from iomodels.charts.picture import FORMATS, Format, Picture, render
from iomodels.results import Run

__all__ = ["FORMATS", "Format", "Picture", "matrix", "pictures", "render"]


def pictures(
    runs: Sequence[Run], *, scenario: str | None = None, names: Sequence[str] = ()
) -> list[Picture]:
    """All pictures that suit these runs, of one scenario or of all; several runs are overlaid.

    `names` tell the runs apart where there are several. Raises `ResultError` for a scenario that
    is in none of them, and for more than a picture can hold.
    """
    return []


def matrix(run: Run, scenario: str) -> Picture:
    """The article's Figure 1: four quadrants, each with its engine's flow and its numbers here.

    Raises `ResultError` for a scenario that the run does not have.
    """
    raise NotImplementedError
