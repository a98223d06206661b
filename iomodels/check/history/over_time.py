"""A history as it is shown: each cell over the runs of one machine, whatever changed on it."""

from __future__ import annotations

from collections.abc import Sequence

from iomodels.check.history.baseline import Baseline
from iomodels.comparison.machines import differing
from iomodels.comparison.machines.allowing import ALLOWABLE
from iomodels.comparison.schema import HistoryRun
from iomodels.comparison.trends import History, trends
from iomodels.results.schema import Run

MOST_RUNS = 200
"""The newest so many are shown."""


def over_time(older: Sequence[Run], run: Run, metric_keys: Sequence[str] = ()) -> History:
    """The trends up to `run`, the newest, of the older runs of its machine, oldest first.

    A kernel, and whatever else may be allowed to differ, is what changes on a machine: a trend
    shows what it did. Another CPU or another measured core is another history. Raises `UsageError`
    for an unknown metric.
    """
    alike = [each for each in older if not differing.incomparable(each, run, tuple(ALLOWABLE))]
    shown = alike[-(MOST_RUNS - 1) :]
    runs = [
        HistoryRun(each.created_utc, str(each.environment.get("kernel") or ""), each.known_change)
        for each in (*shown, run)
    ]
    return History(runs, trends(shown, run, metric_keys))


def of_baseline(baseline: Baseline) -> History:
    """All its runs, where none is checked against them."""
    *older, newest = (*baseline.older, *baseline.runs)
    return over_time(older, newest)
