"""The time of an A/B: what its pairs take, reckoned at first and then measured, and what is left.

A longest time is kept by beginning no round of pairs that might not end within it. Only a pair that
takes much longer than those before it, as when the machine is suspended, can end later.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from iomodels.base.errors import UsageError
from iomodels.base.units import counted
from iomodels.check import pair_runs
from iomodels.check.pair_plan import PairedCell
from iomodels.check.pair_runs import Pair, PairListener
from iomodels.measure.defaults import BUDGET_S
from iomodels.results.schema import Notice
from iomodels.statistics import screen_confirm

TIMES_THE_FIRST = 4
"""Where the first pairs take longer than a share of `defaults.BUDGET_S` the longest time is so many
times theirs, unless it is given: cells that look changed need as much again, noisy ones too."""
USUALLY = 1.5
"""What a comparison in which little looks changed takes, over its first pairs."""
SLACK = 1.25
"""A round is begun where that much of the time that it is reckoned to take is left."""


def longest_s(cells: Sequence[PairedCell], first_s: float, budget_s: float | None) -> float:
    """The longest time of a comparison whose first pairs take about `first_s`: `budget_s`, or one
    that suits them.

    Raises `UsageError` where `budget_s` is too short for the fewest pairs that can show anything.
    """
    if budget_s is None:
        return max(BUDGET_S, TIMES_THE_FIRST * first_s)
    least = screen_confirm.LEAST_PAIRS
    least_s = pair_runs.estimate_s(cells, least)
    if budget_s < SLACK * least_s:
        runnable = sum(cell.na_reason is None for cell in cells)
        raise UsageError(
            f"{counted(runnable, 'cell')} × {least} pairs take about {least_s:.0f} s, and what "
            f"looks changed is measured again: use {as_option(3 * least_s)} or more, or name fewer "
            "scenarios or engines"
        )
    return budget_s


def as_option(seconds: float) -> str:
    """`--budget 5m`; where that is not even, more."""
    if seconds < 120:
        return f"--budget {math.ceil(seconds - 0.001)}s"
    return f"--budget {math.ceil((seconds - 0.001) / 60)}m"


class PairClock:
    """Listens to the pairs, to know what they take, and passes everything on."""

    def __init__(
        self,
        budget_s: float,
        listener: PairListener | None,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        """`now_s` is a clock that never goes back, by default the system's."""
        self.budget_s = budget_s
        self.cut_short = False
        """Whether a batch ended before all of its pairs were measured."""
        self._listener = listener
        self._now_s = now_s or time.monotonic
        self._end_s = self._now_s() + budget_s
        self._began_s = 0.0
        self._took_s: dict[int, list[float]] = {}
        """The times of a cell's pairs, by its index."""
        self._reckoned_s = 0.0
        """What all those pairs were reckoned to take before."""

    def left_s(self) -> float:
        """Until the longest time is over."""
        return self._end_s - self._now_s()

    def takes_s(self, cells: Sequence[PairedCell], pairs: int) -> float:
        """About what so many pairs of these cells take."""
        return pairs * math.fsum(self._pair_s(cell) for cell in cells)

    def another_round(self, cells: Sequence[PairedCell]) -> bool:
        """Whether a pair of each of these cells may be begun."""
        fits = SLACK * self.takes_s(cells, 1) <= self.left_s()
        self.cut_short |= not fits
        return fits

    def _pair_s(self, cell: PairedCell) -> float:
        took_s = self._took_s.get(cell.index)
        if took_s:
            return math.fsum(took_s) / len(took_s)
        slowness = self._all_s() / self._reckoned_s if self._reckoned_s else 1.0
        return pair_runs.estimate_s([cell], 1) * slowness

    def _all_s(self) -> float:
        return math.fsum(math.fsum(times) for times in self._took_s.values())

    def notice(self, notice: Notice) -> None:
        if self._listener is not None:
            self._listener.notice(notice)

    def pair_started(self, cell: PairedCell, number: int) -> None:
        self._began_s = self._now_s()
        if self._listener is not None:
            self._listener.pair_started(cell, number)

    def pair_ended(self, cell: PairedCell, pair: Pair) -> None:
        self._took_s.setdefault(cell.index, []).append(self._now_s() - self._began_s)
        self._reckoned_s += pair_runs.estimate_s([cell], 1)
        if self._listener is not None:
            self._listener.pair_ended(cell, pair)
