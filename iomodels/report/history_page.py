"""One page about the runs of a folder, as HTML that needs nothing else: how each cell went on."""

from __future__ import annotations

from typing import Any

from iomodels.comparison import trends
from iomodels.comparison.trends import History
from iomodels.report import frame
from iomodels.report.frame import Drawing
from iomodels.report.svg import Inliner


def page(history: History, name: str, trend: Drawing) -> str:
    """The whole page, as HTML. `name` is the folder's, and `trend` the picture.

    Raises `ValueError` for a drawing that is not an SVG as our charts make them.
    """
    inliner = Inliner()
    days = [frame.when(run.created_utc) for run in history.runs]
    context: dict[str, Any] = {
        "history": history,
        "title": f"History: {name}",
        "first": days[0],
        "last": days[-1],
        "trend": frame.figure(trend, inliner),
        "sentences": trends.sentences(history.runs, history.trends),
        "runs": [
            (day, run.kernel, run.known_change)
            for day, run in reversed(list(zip(days, history.runs, strict=True)))
        ],
    }
    return frame.render("history.html.j2", context, inliner.css())
