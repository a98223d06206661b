"""A claim as data: what it says, which cells it needs, and which interval decides it.

It *holds* where the whole interval lies on its side, *does not hold here* where the whole interval
lies on the other, and otherwise this run is *inconclusive*. Where this machine cannot measure what
it needs, it is *n/a*, with the reason. Medians alone never decide anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from iomodels.base.toml import printable
from iomodels.base.units import format_count
from iomodels.results.schema import Cell, Interval, Parameter, Trial
from iomodels.statistics.rounds import MIN_ROUNDS, median_interval, paired_ratio
from iomodels.workload import scenario
from iomodels.workload.key import all_keys

Outcome = Literal["holds", "does not hold here", "inconclusive", "n/a"]
MARKS: Mapping[Outcome | None, str] = {
    "holds": "✓",
    "does not hold here": "✗",
    "inconclusive": "?",
    "n/a": "–",
    None: "·",
}
"""Of a number: on which side it is. None: it is beside the others, and decides nothing."""
MARKS_EXPLAINED = (
    "Before a number: ✓ on the side of the claim, ✗ on the other, ? neither is shown, – not "
    "measured, · decides nothing."
)
Value = Callable[[Trial], float]
Combined = Callable[..., float]
"""Of the values of one round, in the order of the places."""


@dataclass(frozen=True)
class Place:
    """One cell that a claim needs: a shipped scenario, an engine, and the parameters that single it
    out."""

    scenario: str
    engine: str
    parameters: Mapping[str, Parameter]

    def names(self, cell: Cell) -> bool:
        """Whether the cell is the one that is meant, if it was measured as it should be."""
        return (
            cell.scenario == self.scenario
            and cell.engine == self.engine
            and all(cell.parameters.get(key) == value for key, value in self.parameters.items())
        )

    @property
    def expected(self) -> Mapping[str, Parameter]:
        """All parameters of the cell: with others it is another workload, and another claim."""
        return _expected(self.scenario, tuple(self.parameters.items()))

    def differs(self, cell: Cell) -> str | None:
        """The first parameter in which the cell is not as it should be, in words.

        An older file may lack one that had no other value then.
        """
        for key, value in self.expected.items():
            found = cell.parameters.get(key, value)
            if found != value:
                return f"{key} = {_shown(key, found)} and not {_shown(key, value)}"
        return None

    @property
    def name(self) -> str:
        """The place in a few words."""
        varied = ", ".join(
            f"{key.partition('.')[2]} {_shown(key, value)}"
            for key, value in self.parameters.items()
        )
        return f"{self.scenario}/{self.engine}" + (f" ({varied})" if varied else "")


@cache
def _expected(name: str, chosen: tuple[tuple[str, Parameter], ...]) -> Mapping[str, Parameter]:
    """What all points of a shipped scenario share when these are chosen."""
    settings = {key: [all_keys()[key].show(value)] for key, value in chosen}
    first, *others = (point.parameters for point in scenario.points(scenario.load(name, settings)))
    return {key: v for key, v in first.items() if all(point.get(key) == v for point in others)}


def _shown(key: str, value: object) -> str:
    known = all_keys().get(key)
    return known.show(value) if known else printable(str(value))


@dataclass(frozen=True)
class ClaimQuantity:
    """What decides: a value of the first place's trials, its ratio to the second place's, or what
    `combined` makes of the values of all places, round by round."""

    words: str
    value: Value
    is_ratio: bool = False
    combined: Combined | None = None
    as_percent: bool = False

    def show(self, interval: Interval, holds: str, *, is_range: bool = False) -> str:
        """The number with its interval (of few rounds `is_range`), and where the claim `holds`; ""
        for a number that decides nothing."""
        scale, unit = (100, " %") if self.as_percent else (1, "")
        median, low, high = (
            f"{_shown_number(x * scale, as_percent=self.as_percent)}{unit}"
            for x in (interval.median, interval.low, interval.high)
        )
        said = [f"{'range ' if is_range else ''}{low} to {high}"] if low != high else []
        said += [f"holds {holds}"] if holds else []
        return f"{self.words} {median} ({'; '.join(said)})" if said else f"{self.words} {median}"

    def bound(self, value: float) -> str:
        """A bound of a test, in the same unit."""
        return f"{value:.0%}".replace("%", " %") if self.as_percent else f"{value:.3g}"


def _shown_number(value: float, *, as_percent: bool) -> str:
    """Three digits; a ratio has two decimals where the tables have them."""
    if abs(value) >= 1000:
        return format_count(value)
    return f"{value:.3g}" if as_percent or abs(value) >= 10 else f"{value:.2f}"


@dataclass(frozen=True)
class Condition:
    """Holds where the whole interval is above `least` and below `most`, of which one may be None.

    Without both it decides nothing: its number is shown beside the others.
    """

    quantity: ClaimQuantity
    places: tuple[Place, ...]
    least: float | None = None
    most: float | None = None

    @property
    def decides(self) -> bool:
        """Whether the claim depends on it."""
        return self.least is not None or self.most is not None

    @property
    def holds(self) -> str:
        """Where it holds, in words."""
        least, most = (
            None if x is None else self.quantity.bound(x) for x in (self.least, self.most)
        )
        if least and most:
            return f"from {least} to {most}"
        return f"above {least}" if least else f"below {most}" if most else ""

    def outcome(self, interval: Interval) -> Outcome:
        """What the interval says, by itself."""
        least = -math.inf if self.least is None else self.least
        most = math.inf if self.most is None else self.most
        if least < interval.low and interval.high < most:
            return "holds"
        fails = interval.high < least or interval.low > most
        return "does not hold here" if fails else "inconclusive"


@dataclass(frozen=True)
class Claim:
    """One claim, in our own words, with the conditions that must all hold."""

    id: str
    says: str
    explained: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class ClaimNumber:
    """A number of a claim in words, and what it says by itself; None where it decides nothing."""

    text: str
    outcome: Outcome | None

    def __str__(self) -> str:
        return f"{MARKS[self.outcome]} {self.text}"


@dataclass(frozen=True)
class ClaimVerdict:
    """What a run says of a claim; `numbers` are the deciding quantities, `cells` where from."""

    claim: Claim
    outcome: Outcome
    numbers: tuple[ClaimNumber, ...]
    cells: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The numbers in words. Where there are several, each has the mark of its own outcome."""
        return [number.text if len(self.numbers) == 1 else str(number) for number in self.numbers]


def judge_claim(claim: Claim, cells: Sequence[Cell]) -> ClaimVerdict:
    """What these cells say of a claim; where one is missing, that it is."""
    numbers = [_number(condition, cells) for condition in claim.conditions]
    places = dict.fromkeys(
        place.name for condition in claim.conditions for place in condition.places
    )
    outcome = _together([number.outcome for number in numbers])
    different = {number.text: number for number in reversed(numbers)}  # the first of each
    return ClaimVerdict(claim, outcome, tuple(reversed(different.values())), tuple(places))


def _together(outcomes: Sequence[Outcome | None]) -> Outcome:
    """One condition that fails decides. Otherwise the claim is open: for good where one cannot be
    measured here, else for this run."""
    opens: tuple[Outcome, ...] = ("does not hold here", "n/a", "inconclusive")
    return next((outcome for outcome in opens if outcome in outcomes), "holds")


def _number(condition: Condition, cells: Sequence[Cell]) -> ClaimNumber:
    found = _measure(condition, cells)
    if isinstance(found, ClaimNumber):
        return found if condition.decides else ClaimNumber(found.text, None)
    interval, enough = found
    outcome = condition.outcome(interval) if enough else "inconclusive"
    text = condition.quantity.show(interval, condition.holds, is_range=not enough)
    return ClaimNumber(text, outcome if condition.decides else None)


def _measure(condition: Condition, cells: Sequence[Cell]) -> tuple[Interval, bool] | ClaimNumber:
    """The interval, and whether it is of enough rounds for a verdict; or why there is none."""
    trials: list[Sequence[Trial]] = []
    for place in condition.places:
        cell = find(place, cells)
        if cell is None:
            return ClaimNumber(f"{place.name} is not in this run", "inconclusive")
        if difference := place.differs(cell):
            return ClaimNumber(f"{place.name} was measured with {difference}", "inconclusive")
        if not cell.trials:
            outcome: Outcome = "n/a" if cell.status == "n/a" else "inconclusive"
            return ClaimNumber(f"{place.name} is {cell.status}: {cell.reason}", outcome)
        trials.append(cell.trials)
    for place, measured in zip(condition.places, trials, strict=True):
        if not all(math.isfinite(condition.quantity.value(trial)) for trial in measured):
            return ClaimNumber(f"{place.name} has no value of it", "inconclusive")
    if condition.quantity.combined is not None:
        together = _combined(condition.quantity.combined, condition.quantity.value, trials)
        return (median_interval(together), len(together) >= MIN_ROUNDS) if together else _NO_PAIR
    if not condition.quantity.is_ratio:
        values = [condition.quantity.value(trial) for trial in trials[0]]
        return median_interval(values), len(values) >= MIN_ROUNDS
    ratio = paired_ratio(trials[0], trials[1], condition.quantity.value)
    if ratio is None:
        return _NO_PAIR
    return ratio.interval, ratio.conclusive


_NO_PAIR = ClaimNumber(f"no pair of rounds, {MIN_ROUNDS} are needed", "inconclusive")


def _combined(combined: Combined, value: Value, trials: Sequence[Sequence[Trial]]) -> list[float]:
    """One number for each round that all places have."""
    by_round = [{trial.round: value(trial) for trial in each} for each in trials]
    rounds = sorted(set.intersection(*(set(each) for each in by_round)))
    return [combined(*(each[number] for each in by_round)) for number in rounds]


def find(place: Place, cells: Sequence[Cell]) -> Cell | None:
    """The cell of that place: the one that is as it should be, or else one that is called so."""
    named = [cell for cell in cells if place.names(cell)]
    sound = [cell for cell in named if place.differs(cell) is None]
    return next(iter([*sound, *named]), None)
