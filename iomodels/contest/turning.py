"""Where the answer turns: the value of one parameter at which another engine has to be used.

Pure: who measures is given as a function. The parameter takes a *grid* of values, each about twice
the one before. The answer at the point itself is known. The search looks at both ends of the grid,
and where the answer does not stand there, halves the steps between (bisection: on a grid of powers
of two, the middle is the geometric one). So it needs 2 + log2(steps) small contests a side at the
most, and its result is two neighbours on the grid.

An answer turns only where a contest *carries* that it is beaten, and a second one on fresh rounds
carries the same. A tie turns nothing. So engines that are alike turn in less than 1 % of searches
(`tests/contest/test_turning.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from iomodels.advice.document import Turning
from iomodels.results.schema import Interval


@dataclass(frozen=True)
class Standing:
    """What a small contest at one value showed.

    `as_good` are those that nothing is shown to beat, the simplest first: never empty.
    `measured` has the goal of each engine, `unable` why an engine cannot run there, `beaten` by
    whom it is shown to be beaten, and `beyond` the limit that it is shown to exceed.
    """

    as_good: tuple[str, ...]
    measured: Mapping[str, Interval]
    unable: Mapping[str, str] = field(default_factory=dict)
    beaten: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    beyond: Mapping[str, str] = field(default_factory=dict)


Judge = Callable[[int], Standing | None]
"""A contest at a value, on fresh rounds each time. None: nothing could be measured there, or the
budget is spent."""


@dataclass
class _Search:
    """What is known of each value, by the grid's index."""

    grid: Sequence[int]
    judge: Judge
    answer: str
    known: dict[int, Standing]

    def at(self, index: int) -> Standing | None:
        """Measured once. Where the answer is beaten, measured again: it has to be beaten twice, and
        by the same engine. What is only too noisy to be beaten itself takes no place."""
        if index not in self.known:
            found = self.judge(self.grid[index])
            if found is None:
                return None
            if self.is_beaten_in(found) and self.answer not in found.unable:
                again = self.judge(self.grid[index])
                if again is None:
                    return None
                # Where the two do not agree, neither carries anything: it is a tie.
                both = (found, again)
                better = tuple(e for e in found.as_good if all(map(self._is_ahead(e), both)))
                if not better:
                    better = (self.answer, *found.as_good)
                found = replace(again, as_good=better)
            self.known[index] = found
        return self.known[index]

    def is_beaten_in(self, standing: Standing) -> bool:
        return self.answer not in standing.as_good

    def _is_ahead(self, engine: str) -> Callable[[Standing], bool]:
        """Whether it beats the answer in a standing, or the answer exceeds a limit there, and
        nothing beats it."""
        return lambda one: (
            engine in one.as_good
            and (self.answer in one.beyond or engine in one.beaten.get(self.answer, ()))
        )


def grid(at: int, low: int, high: int) -> list[int]:
    """The values from `low` to `high`: powers of two, and `at` in place of those near it."""
    values, value = [], 1
    while value <= high:
        if value >= low and not at / 2 < value < at * 2:
            values.append(value)
        value *= 2
    return sorted({*values, at})


def find(key: str, grid: Sequence[int], at: int, here: Standing, judge: Judge) -> Turning:
    """Where the answer at `at`, the first of `here.as_good`, no longer stands.

    Of a turning on either side it is the nearer one, by steps of the grid. What was measured on the
    way is in the result.
    """
    start = grid.index(at)
    search = _Search(grid, judge, here.as_good[0], {start: here})
    sides = [_side(search, start, len(grid) - 1), _side(search, start, 0)]
    found = [side for side in sides if side is not None]
    stands, falls = min(found, key=lambda side: abs(side[1] - start), default=(start, start))
    values = sorted(search.known)
    turning = Turning(
        key=key,
        values=tuple(grid[index] for index in values),
        best=tuple(search.known[index].as_good[0] for index in values),
        measured={
            engine: tuple(search.known[index].measured.get(engine) for index in values)
            for engine in _engines(search.known[index] for index in values)
        },
    )
    if stands == falls:
        return turning
    other = search.known[falls]
    low, high = sorted((stands, falls))
    answers = (search.answer, other.as_good[0])
    below, above = answers if stands < falls else answers[::-1]
    return Turning(
        key=turning.key,
        values=turning.values,
        best=turning.best,
        measured=turning.measured,
        low=grid[low],
        high=grid[high],
        below=below,
        above=above,
        reason=other.unable.get(search.answer) or other.beyond.get(search.answer),
    )


def _side(search: _Search, start: int, end: int) -> tuple[int, int] | None:
    """The neighbours between which the answer falls on this side, the one where it stands first;
    None where it stands at the end. Out of budget, they are no neighbours."""
    if start == end:
        return None
    last = search.at(end)
    if last is None or not search.is_beaten_in(last):
        return None
    stands, falls = start, end
    while abs(falls - stands) > 1:
        middle = (stands + falls) // 2
        found = search.at(middle)
        if found is None:
            break
        if search.is_beaten_in(found):
            falls = middle
        else:
            stands = middle
    return stands, falls


def _engines(standings: Iterable[Standing]) -> list[str]:
    return list(dict.fromkeys(engine for standing in standings for engine in standing.measured))
