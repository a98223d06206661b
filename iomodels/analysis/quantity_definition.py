"""What a quantity is: its names, its unit, its value in a round and in a cell, and its limits.

`quantities.py` is the table of them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

from iomodels.base.units import format_count, format_duration, format_per_operation, format_size
from iomodels.results.schema import Cell, Interval, Parameter, Summary, Trial
from iomodels.statistics.rounds import median_interval

SOFT_HYPHEN: Final = "\N{SOFT HYPHEN}"
PERCENTILES: Mapping[str, float] = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}


# ------------------------------------------------------------------ units


@dataclass(frozen=True)
class Unit:
    """What a quantity is counted in.

    `name` stands in files; `show` writes a number for people; `suffix` follows it where no heading
    says what is counted; `range` says on an axis what its ends mean.
    """

    name: str
    show: Callable[[float], str]
    suffix: str = ""
    range: str = ""
    kind: Literal["count", "duration", "share"] = "count"
    ends: tuple[float, float] | None = None
    """What can be at the least and at the most; noise may measure a little beyond."""

    def short(self, value: float) -> str:
        """The same without the space, for a narrow table: `104µs`."""
        return self.show(value).replace(" ", "")

    def spoken(self, value: float) -> str:
        """In running text: `12.3k operations/s`."""
        return f"{self.show(value)} {self.suffix}".rstrip()


def format_share(share: float) -> str:
    """`3.2 %`, `62 %`: a place after the point below 10 %."""
    percent = share * 100
    return f"{percent:.1f} %" if percent < 9.95 else f"{percent:.0f} %"


RATE = Unit("ops/s", format_count, suffix="operations/s")
BYTES = Unit("B/s", lambda value: f"{format_size(value)}/s")
DURATION = Unit("ns", format_duration, kind="duration")
SIZE = Unit("bytes", format_size)
SHARE = Unit("ratio", format_share, kind="share")
TENTHS = Unit("ratio", lambda share: f"{share * 100:.1f} %", kind="share")
HIDDEN = Unit("ratio", lambda share: f"{share:.2f}", range="0 none, 1 all", ends=(0.0, 1.0))
SPEED_UP = Unit("ratio", lambda times: f"{times:.2f}", range="1 none, 2 most", ends=(1.0, 2.0))
THREADS = Unit("threads", format_count)
CALLS_PER_OP = Unit("calls", format_per_operation)


# ------------------------------------------------------------------ what a cell is about


def has_deadline(cell: Cell) -> bool:
    """Whether slow requests are cancelled: latency and throughput are of the quick ones then."""
    return bool(cell.parameters.get("load.deadline"))


def is_open_loop(parameters: Mapping[str, Parameter]) -> bool:
    """There all engines have the throughput that was asked for, and latency tells them apart."""
    return parameters.get("load.arrivals", "closed") != "closed"


def always(_: Cell) -> bool:
    """No limit."""
    return True


def without_deadline(cell: Cell) -> bool:
    """A latency is not shown under a deadline: who cancels well has only quick requests left."""
    return not has_deadline(cell)


def without_computation(cell: Cell) -> bool:
    """With computation a result may wait for the application, and not for the model."""
    return without_deadline(cell) and not cell.parameters.get("load.compute")


# ------------------------------------------------------------------ the type


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """One thing that is measured and shown.

    `of_trial` is its value in one round, NaN where it has none. `of_summary` finds median and
    interval over the rounds in the cell's summary; without it they are taken from the rounds.
    """

    key: str
    """As in the result file: `latency_ns.p50` is the percentile of a histogram."""
    title: str
    """The long name, in a sentence and in files that name quantities for people."""
    unit: Unit
    bigger_is_better: bool
    of_trial: Callable[[Trial], float]
    of_summary: Callable[[Summary], Interval | None] | None = None
    heading: str = ""
    """The short name, for a column. A soft hyphen is where it may be broken. Without it the
    quantity has no column in the tables."""
    meaning: str = ""
    """What the heading means, for a legend."""
    importance: int = 0
    """Of a column: where there is no room for all, the least important are left out."""
    applies: Callable[[Cell], bool] = always
    """Whether it means something for a cell; where not, it is not shown."""
    fewest_operations: int = 0
    """Of fewer per trial it is not shown: a percentile q of fewer than 1/(1 - q) is only their
    slowest."""
    zero_is_none: bool = False
    """Whether the tables leave a 0 out."""
    is_counted: bool = False
    """Whether it counts calls: those of engines in Python are not counted."""
    is_exported: bool = True
    """Whether files for other programs carry it; they have each call by itself."""
    is_headline: bool = False
    """Whether dashboards follow it."""
    has_ratios: bool = True
    """Whether one value over another says something. Of what may be 0 by noise it says nothing."""
    is_gated: bool = False
    """Whether the gate can be asked to judge it."""

    @property
    def column(self) -> str:
        """The short name, unbroken."""
        return self.heading.replace(SOFT_HYPHEN, "")

    @property
    def explained(self) -> str:
        """The heading's meaning, with the operations that it takes."""
        few = self.fewest_operations
        return f"{self.meaning} (shown from {few} operations per trial on)" if few else self.meaning

    @property
    def axis_title(self) -> str:
        """The long name, with what the numbers themselves do not show."""
        more = self.unit.suffix or self.unit.range
        return f"{self.title} ({more})" if more else self.title

    @property
    def metric(self) -> str:
        """What the gate calls it: `latency_p50_ns` is `latency_ns.p50`."""
        name, _, percentile = self.key.partition(".")
        if percentile not in PERCENTILES:
            return self.key
        return f"{name.removesuffix('_ns')}_{percentile}_ns"

    def interval(self, cell: Cell) -> Interval | None:
        """Median and interval over the cell's rounds; None where it has none, or must not be
        shown."""
        if not self.applies(cell) or self.has_too_few(cell.trials) or self.is_uncounted(cell):
            return None
        found = self._measured(cell)
        return found if found is not None and _is_finite(found) else None

    def has_too_few(self, trials: Sequence[Trial]) -> bool:
        """Whether these were measured, but have fewer operations each than it takes.

        Of a cell without trials the number is not known, and its summary is believed.
        """
        return has_too_few(trials, self.fewest_operations)

    @property
    def why_untold(self) -> str:
        """Why a measured cell may have no value; "" where each has one."""
        if self.is_counted:
            return "calls of engines in Python are not counted"
        few = self.fewest_operations
        return "too few operations per trial for this percentile" if few else ""

    def is_uncounted(self, cell: Cell) -> bool:
        """Whether it counts calls, and nobody counted those of the cell."""
        return self.is_counted and cell.summary is not None and not cell.summary.counts_calls

    def _measured(self, cell: Cell) -> Interval | None:
        if self.of_summary is not None:
            return self.of_summary(cell.summary) if cell.summary else None
        values = [value for t in cell.trials if math.isfinite(value := self.of_trial(t))]
        return median_interval(values) if values else None


def fewest_operations(q: float) -> int:
    """How many operations a trial must have for its percentile `q` (0 to 1) to be shown.

    Of fewer than 1/(1 - q) it is only their slowest. The median is shown of any number.
    """
    return round(1 / (1 - q)) if q > 0.5 else 0


def has_too_few(trials: Sequence[Trial], fewest: int) -> bool:
    """Whether these have fewer operations each than that, as a rule (the median of them)."""
    if not fewest or not trials:
        return False
    return median(trial.operations for trial in trials) < fewest


def _is_finite(interval: Interval) -> bool:
    return all(math.isfinite(x) for x in (interval.median, interval.low, interval.high))
