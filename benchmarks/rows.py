"""The rows of the table: pairs in alternating order, their ratios, and whether a target is met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from iomodels.results.schema import Interval
from iomodels.statistics.rounds import median_interval

Side = Callable[[], float]
Pairs = list[tuple[float, float]]
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Target:
    """A limit on the value that the row is about, from above (`at_most`) or from below."""

    limit: float
    at_most: bool

    def text(self, unit: str) -> str:
        """For example `≤ 1.3` or `≤ 60 ms`."""
        return f"{'≤' if self.at_most else '≥'} {self.limit:g} {unit}".rstrip()

    def verdict(self, value: Interval) -> str:
        """`yes` or `no` by the median; with a `?` where the interval contains the limit."""
        met = value.median <= self.limit if self.at_most else value.median >= self.limit
        doubt = value.low <= self.limit <= value.high and value.low < value.high
        return ("yes" if met else "no") + ("?" if doubt else "")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `value` is what the target is about: the ratio of iomodels to the other side (`unit` is then
    empty), or iomodels's own number. `reason` is set where there is nothing to show, and says why.
    """

    name: str
    against: str = ""
    ours: float | None = None
    theirs: float | None = None
    sides_unit: str = ""
    value: Interval | None = None
    unit: str = ""
    pairs: int = 0
    target: Target | None = None
    reason: str | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is met; empty where there is none, or no value."""
        return self.target.verdict(self.value) if self.target and self.value else ""

    def plain(self) -> dict[str, Any]:
        """The row as data for JSON."""
        value = self.value
        interval = value and {"median": value.median, "low": value.low, "high": value.high}
        target = self.target and asdict(self.target)
        return {**asdict(self), "value": interval, "target": target, "verdict": self.verdict}


def interleave(ours: Callable[[], T], theirs: Callable[[], U], count: int) -> list[tuple[T, U]]:
    """A B, B A, A B, …: what a machine's drift does to one side it does to the other.

    A pair is (ours, theirs), whichever ran first.
    """
    pairs: list[tuple[T, U]] = []
    for number in range(count):
        if number % 2:
            second, first = theirs(), ours()
        else:
            first, second = ours(), theirs()
        pairs.append((first, second))
    return pairs


def ratio_row(name: str, against: str, pairs: Pairs, unit: str, target: Target | None) -> Row:
    """A row about the ratio of ours to theirs, taken pair by pair."""
    return Row(
        name,
        against,
        ours=_median([ours for ours, _ in pairs]),
        theirs=_median([theirs for _, theirs in pairs]),
        sides_unit=unit,
        value=median_interval([ours / theirs for ours, theirs in pairs]),
        pairs=len(pairs),
        target=target,
    )


def difference_row(name: str, against: str, pairs: Pairs, unit: str, target: Target | None) -> Row:
    """A row about ours minus theirs, taken pair by pair."""
    return Row(
        name,
        against,
        ours=_median([ours for ours, _ in pairs]),
        theirs=_median([theirs for _, theirs in pairs]),
        sides_unit=unit,
        value=median_interval([ours - theirs for ours, theirs in pairs]),
        unit=unit,
        pairs=len(pairs),
        target=target,
    )


def value_row(name: str, against: str, pairs: Pairs, unit: str, target: Target) -> Row:
    """A row about our own number, with the other side's beside it."""
    value = median_interval([ours for ours, _ in pairs])
    return Row(
        name,
        against,
        ours=value.median,
        theirs=_median([theirs for _, theirs in pairs]),
        sides_unit=unit,
        value=value,
        unit=unit,
        pairs=len(pairs),
        target=target,
    )


def _median(values: list[float]) -> float:
    return median_interval(values).median
