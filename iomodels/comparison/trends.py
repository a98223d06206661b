"""Each cell over the runs of a history: its value in each run, and where its level changed.

A trend is no verdict. A verdict holds the false alarms of a whole suite; of the trends, which are
looked at one by one, one in fifty shows a change that is none (`statistics/change_points.py`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, median

from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.units import counted
from iomodels.comparison import matching, metrics, wording
from iomodels.comparison.schema import HistoryRun, Trend
from iomodels.results.schema import Cell, Interval, Run
from iomodels.statistics import change_points
from iomodels.statistics.rounds import median_interval

MINUS = "\N{MINUS SIGN}"
_ERRORS_IN_INTERVAL = 2 * NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class History:
    """Runs of one machine, oldest first, and the trends over them."""

    runs: list[HistoryRun]
    trends: list[Trend]


# ------------------------------------------------------------------ trends of runs


def trends(bases: Sequence[Run], run: Run, metric_keys: Sequence[str] = ()) -> list[Trend]:
    """Every cell of the newest two runs, in the metrics that it is judged by, over all the runs.

    `bases` are oldest first, and `run` is the newest: that which was checked, if one was. A cell
    that no run measured has no trend. Raises `UsageError` for an unknown metric.
    """
    by_run = [matching.cells_by_key(one) for one in (*bases, run)]
    newest = by_run[-1] | {k: c for k, c in (by_run[-2:][0]).items() if k not in by_run[-1]}
    label = matching.labels(newest)
    found = []
    for key, cell in newest.items():
        scenario, parameters, engine = key
        for metric in metrics.of_cell(cell.parameters, tuple(metric_keys)):
            runs = [_interval(metric, cells.get(key)) for cells in by_run]
            if any(runs):
                trend = Trend(
                    scenario=scenario,
                    parameters=dict(sorted(parameters)),
                    label=label[key],
                    engine=engine,
                    metric=metric.metric,
                    unit=metric.unit.name,
                    bigger_is_better=metric.bigger_is_better,
                    runs=runs,
                    changed_at=changed_at(runs),
                )
                found.append(trend)
    return found


def _interval(metric: Quantity, cell: Cell | None) -> Interval | None:
    """Of a cell's rounds; None where none has a value, or too few operations to have one."""
    if cell is None or metric.has_too_few(cell.trials):
        return None
    values = [float(metric.of_trial(trial)) for trial in cell.trials]
    finite = [value for value in values if math.isfinite(value)]
    return median_interval(finite) if finite else None


def changed_at(runs: Sequence[Interval | None]) -> list[int]:
    """The indices at which a new level begins; runs without a value are passed over."""
    known = [index for index, interval in enumerate(runs) if interval is not None]
    values, errors, _ = _series(runs)
    return [known[at] for at in change_points.change_points(values, errors)]


def _series(runs: Sequence[Interval | None]) -> tuple[list[float], list[float], bool]:
    """The values of those that have one, their errors, and whether these are logarithms, which
    quantities that can be 0 do not have."""
    known = [interval for interval in runs if interval is not None]
    logs = all(interval.low > 0 for interval in known)
    values = [[_scaled(v, logs=logs) for v in (i.low, i.median, i.high)] for i in known]
    errors = [(high - low) / _ERRORS_IN_INTERVAL for low, _, high in values]
    return [middle for _, middle, _ in values], errors, logs


def _scaled(value: float, *, logs: bool) -> float:
    return math.log(value) if logs else value


# ------------------------------------------------------------------ what they say


@dataclass(frozen=True)
class Level:
    """The runs `first` to `end - 1`, between two changes, and the median of their values."""

    first: int
    end: int
    value: float


def levels(trend: Trend) -> list[Level]:
    """The levels of a trend, oldest first: one where it never changed, none without a value."""
    found = []
    for first, end in pairwise([0, *trend.changed_at, len(trend.runs)]):
        values = [interval.median for interval in trend.runs[first:end] if interval is not None]
        if values:
            found.append(Level(first, end, median(values)))
    return found


@dataclass(frozen=True)
class Drift:
    """The way from the first run that has a value to the last, where no one run changed it."""

    first: int
    last: int
    start: float
    end: float

    @property
    def by(self) -> str:
        """`−12 %`."""
        return _by(self.end / self.start if self.start > 0 else None)


def drift(trend: Trend) -> Drift | None:
    """None where the values have levels."""
    if trend.changed_at:
        return None
    values, errors, logs = _series(trend.runs)
    line = change_points.drift(values, errors)
    if line is None:
        return None
    known = [at for at, interval in enumerate(trend.runs) if interval is not None]
    ends = line.start, line.start + line.by * (len(known) - 1)
    start, end = (math.exp(end) for end in ends) if logs else ends
    return Drift(known[0], known[-1], start, end)


@dataclass(frozen=True)
class LevelChange:
    """A change of level: the run that it begins with, and by how much (1.1 is ten per cent more;
    None from a level of 0)."""

    at: int
    ratio: float | None
    is_loss: bool

    @property
    def by(self) -> str:
        """`+12 %`."""
        return _by(self.ratio)


def _by(ratio: float | None) -> str:
    if ratio is None:
        return "from 0"
    return f"{'+' if ratio >= 1 else MINUS}{wording.share(abs(ratio - 1))}"


def level_changes(trend: Trend) -> list[LevelChange]:
    """The changes of level, oldest first."""
    return [
        LevelChange(
            now.first,
            now.value / before.value if before.value > 0 else None,
            is_loss=(now.value < before.value) == trend.bigger_is_better,
        )
        for before, now in pairwise(levels(trend))
    ]


def sentences(history: Sequence[HistoryRun], found: Sequence[Trend]) -> list[str]:
    """One for each trend that changed or drifts, and before these one for each change that several
    have at once."""
    changed = [trend for trend in found if trend.changed_at]
    together = Counter(at for trend in changed for at in trend.changed_at)
    return [
        *(
            f"{count} of {counted(len(found), 'trend')} changed at once, "
            f"since {since(history, at)}."
            for at, count in sorted(together.items())
            if count > 1
        ),
        *(sentence(history, trend) for trend in found if trend.changed_at or drift(trend)),
    ]


def sentence(history: Sequence[HistoryRun], trend: Trend) -> str:
    """`slow-device, depth 4, aio: throughput −12 % since 2026-11-20 (Linux 6.12 to 6.18).`

    A drift is from its first run to its last, and a trend without either is `no change`.
    """
    told = [f"{one.by} since {since(history, one.at)}" for one in level_changes(trend)]
    way = drift(trend)
    if way is not None:
        ends = f"from {when(history, way.first)} to {when(history, way.last)}"
        told = [f"drifts, {way.by} {ends}"]
    return f"{name(trend)}: {title(trend)} {', then '.join(told) or 'no change'}."


def name(trend: Trend) -> str:
    """`slow-device, depth 4, aio`."""
    return ", ".join(part for part in (trend.scenario, trend.label, trend.engine) if part)


def title(trend: Trend) -> str:
    """What the metric is called."""
    known = metrics.METRICS.get(trend.metric)
    return known.title if known else trend.metric


def since(history: Sequence[HistoryRun], at: int) -> str:
    """The run with which something changed, by its date, and what else is known to have changed."""
    why = known_change(history, at)
    return f"{when(history, at)} ({why})" if why else when(history, at)


def known_change(history: Sequence[HistoryRun], at: int) -> str:
    """What is known to have changed with a run: as its recorder wrote it, and another kernel."""
    run, before = history[at], history[max(0, at - 1)]
    kernels = f"Linux {before.kernel} to {run.kernel}" if before.kernel != run.kernel else ""
    return "; ".join(part for part in (run.known_change, kernels) if part)


def when(history: Sequence[HistoryRun], at: int) -> str:
    """A run's date, with the time where another run is of the same day."""
    text = history[at].created_utc
    alone = sum(run.created_utc[:10] == text[:10] for run in history) == 1
    return text[:10] if alone else text[:16].replace("T", " ")
