"""What a table means, in one or two plain sentences.

Everything said here follows from intervals that the reader can check: each engine against one
base engine, round by round. Where the interval of a ratio contains 1 no difference is claimed,
and below `MIN_ROUNDS` paired rounds there is no verdict at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from iomodels.analysis import quantities
from iomodels.analysis.quantity_definition import Quantity, has_deadline
from iomodels.results.schema import Cell
from iomodels.statistics.rounds import MIN_ROUNDS, Ratio, paired_ratio

BASE = "blocking"
"""What engines are compared with, where it was measured."""

NEWS = math.log(1.01)
"""Effects below 1 % are no news, however sure: a histogram bucket is 0.8 % wide."""

_FRACTIONS = {
    2: "half",
    3: "a third",
    4: "a quarter",
    5: "a fifth",
    6: "a sixth",
    7: "a seventh",
    8: "an eighth",
    9: "a ninth",
    10: "a tenth",
}
_SINGULAR = {"answer": "answers", "burn": "burns", "use": "uses", "do": "does", "take": "takes"}

Kind = Literal["differs", "near", "noise", "few"]


@dataclass(frozen=True)
class Phrase:
    """A difference in words: the verb without its ending, the rest with the base engine's name
    and, for all but the first phrase of a sentence, the rest with a pronoun in its place."""

    verb: str
    first: str
    later: str


@dataclass(frozen=True)
class ComparedQuantity:
    """A quantity that sentences compare engines by, and the `noun` for it there. `words` puts a
    ratio (engine over base) in words."""

    noun: str
    quantity: Quantity
    words: Callable[[float, str], Phrase]


@dataclass(frozen=True)
class PointVerdict:
    """What the ratio of one engine to the base says of one quantity."""

    quantity: ComparedQuantity
    kind: Kind
    ratio: Ratio


def sentences(cells: Sequence[Cell]) -> list[str]:
    """Plain sentences about the cells of one scenario point; none where there is no comparison.

    Compared with `blocking`, or where that has no trials with the first engine that has some. The
    harness (`null`) and degenerate cells are left out: what differs there is not a model. Nothing
    is said where a deadline cancels the slow requests: who cancels well has only quick ones left.
    """
    usable = [cell for cell in cells if _usable(cell)]
    if len(usable) < 2 or any(map(has_deadline, usable)):
        return []
    base = next((cell for cell in usable if cell.engine == BASE), usable[0])
    by = [LATENCY, CPU, THROUGHPUT] if _tells_more(base) else [LATENCY, CPU]
    verdicts = {
        cell.engine: _verdicts(cell, base, by) for cell in usable if cell.engine != base.engine
    }
    told = {engine: found for engine, found in verdicts.items() if _has_verdict(found)}
    untold = {engine: found for engine, found in verdicts.items() if engine not in told}
    clauses = [
        *_difference_clauses(told, base.engine, by),
        *_noise_clauses(told, usable, base, by),
    ]
    lines = ["; ".join(clauses) + "."] if clauses else []
    return lines + _too_few(untold, base.engine)


def baseline(cells: Sequence[Cell]) -> Cell | None:
    """What a table's cells are compared with: `blocking`, or where it was not measured the first
    that was; None where there is nothing to compare."""
    measured = [cell for cell in cells if cell.trials]
    if len(measured) < 2 or any(map(has_deadline, measured)):
        return None
    return next((cell for cell in measured if cell.engine == BASE), measured[0])


def is_degenerate(cell: Cell) -> bool:
    """Whether its engine did what blocking does, since its channel is always ready."""
    return (cell.note or "").startswith("degenerate")


def _usable(cell: Cell) -> bool:
    measured = cell.status in ("ok", "partial") and bool(cell.trials)
    return measured and not is_degenerate(cell) and not cell.is_harness


def _tells_more(cell: Cell) -> bool:
    """Whether throughput is more than the inverse of latency: with several requests in flight, or
    with computation, which may hide behind the waiting."""
    depth = cell.parameters.get("load.depth", 1)
    return depth != 1 or bool(cell.parameters.get("load.compute"))


def _verdicts(cell: Cell, base: Cell, by: Sequence[ComparedQuantity]) -> list[PointVerdict]:
    """A quantity without one pair of rounds (none measured, or zero) has no verdict."""
    ratios = [(q, paired_ratio(cell.trials, base.trials, q.quantity.of_trial)) for q in by]
    return [PointVerdict(q, _kind(ratio), ratio) for q, ratio in ratios if ratio is not None]


def _kind(ratio: Ratio) -> Kind:
    if not ratio.conclusive:
        return "few"
    if not ratio.excludes_one:
        return "noise"
    return "differs" if abs(math.log(ratio.interval.median)) >= NEWS else "near"


def _has_verdict(verdicts: Sequence[PointVerdict]) -> bool:
    return any(verdict.kind != "few" for verdict in verdicts)


# Clauses: engines with the same words share one


def _difference_clauses(
    told: dict[str, list[PointVerdict]], base: str, by: Sequence[ComparedQuantity]
) -> list[str]:
    groups: dict[str, list[str]] = {}
    for engine, verdicts in told.items():
        if not _all_noise(verdicts, by):
            groups.setdefault(_predicate(verdicts, base, plural=False), []).append(engine)
    clauses = []
    for singular, engines in groups.items():
        plural = len(engines) > 1
        text = _predicate(told[engines[0]], base, plural=True) if plural else singular
        clauses.append(f"{_listed(engines)} {text}")
    return clauses


def _predicate(verdicts: Sequence[PointVerdict], base: str, *, plural: bool) -> str:
    """What is said of an engine: its differences first, then what is the same, then the unknown."""
    phrases = [
        verdict.quantity.words(verdict.ratio.interval.median, base)
        for verdict in verdicts
        if verdict.kind == "differs"
    ]
    same = _sameness(verdicts, base, named=not phrases)
    if phrases:
        parts = [
            f"{phrase.verb if plural else _SINGULAR[phrase.verb]} "
            f"{phrase.later if number else phrase.first}"
            for number, phrase in enumerate(phrases)
        ]
        text = _listed(parts) + (f", with {same}" if same else "")
    else:
        text = f"{'are' if plural else 'is'} {same}"
    few = [verdict for verdict in verdicts if verdict.kind == "few"]
    return text + "".join(f" ({v.quantity.noun}: {_few_rounds(v.ratio.rounds)})" for v in few)


def _sameness(verdicts: Sequence[PointVerdict], base: str, *, named: bool) -> str:
    """ "latency within noise" after a difference, else "within noise of BASE in latency"."""
    groups: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.kind == "near":
            groups.setdefault(f"within {_bound(verdict.ratio)} %", []).append(verdict.quantity.noun)
        elif verdict.kind == "noise":
            groups.setdefault("within noise", []).append(verdict.quantity.noun)
    if not named:
        return _listed([f"{_listed(names)} {how}" for how, names in groups.items()])
    return _listed([f"{how} of {base} in {_listed(names)}" for how, names in groups.items()])


def _bound(ratio: Ratio) -> int:
    """The whole per cent that hold all of the interval, not only its median."""
    farthest = max(abs(ratio.interval.low - 1), abs(ratio.interval.high - 1))
    return max(1, math.ceil(min(farthest, 10.0) * 100))


def _noise_clauses(
    told: dict[str, list[PointVerdict]],
    cells: Sequence[Cell],
    base: Cell,
    by: Sequence[ComparedQuantity],
) -> list[str]:
    same = [engine for engine, verdicts in told.items() if _all_noise(verdicts, by)]
    if not same:
        return []
    if len(same) == 1:
        return [f"{same[0]} is within noise of {base.engine}"]
    group = [cell for cell in cells if cell.engine in same]
    pairs = [(a, b) for number, a in enumerate(group) for b in group[:number]]
    # That two engines cannot be told from a third does not mean that they cannot be told apart.
    if all(_all_noise(_verdicts(a, b, by), by) for a, b in pairs):
        return [f"{_listed([base.engine, *same])} are within noise of each other"]
    return [f"{_listed(same)} are each within noise of {base.engine}"]


def _all_noise(verdicts: Sequence[PointVerdict], by: Sequence[ComparedQuantity]) -> bool:
    """Whether every quantity was compared and none differs: one that is unknown is not the same."""
    return len(verdicts) == len(by) and all(v.kind == "noise" for v in verdicts)


def _too_few(untold: dict[str, list[PointVerdict]], base: str) -> list[str]:
    groups: dict[int, list[str]] = {}
    for engine, verdicts in untold.items():
        rounds = max((verdict.ratio.rounds for verdict in verdicts), default=0)
        groups.setdefault(rounds, []).append(engine)
    return [
        f"No verdict on {_listed(engines)} against {base}: {_few_rounds(rounds)}."
        for rounds, engines in groups.items()
    ]


def _few_rounds(rounds: int) -> str:
    if rounds == 0:
        return f"no paired rounds, {MIN_ROUNDS} are needed"
    if rounds == 1:
        return f"1 paired round is too few, {MIN_ROUNDS} are needed"
    return f"{rounds} paired rounds are too few, {MIN_ROUNDS} are needed"


# Ratios in words: per cent up to a factor of two, then "2.3 times" or "a third of"


def _latency_words(ratio: float, base: str) -> Phrase:
    if times := _times(ratio):
        return Phrase("take", f"{times} as long as {base}", f"{times} as long")
    if part := _part(ratio):
        return Phrase("answer", f"in {part} of {base}'s time", f"in {part} of its time")
    change = f"{_percent(ratio)} % {'later' if ratio > 1 else 'sooner'}"
    return Phrase("answer", f"{change} than {base}", change)


def _cpu_words(ratio: float, base: str) -> Phrase:
    verb = "burn" if ratio > 1 else "use"
    if times := _times(ratio):
        return Phrase(verb, f"{times} {base}'s CPU", f"{times} its CPU")
    if part := _part(ratio):
        return Phrase(verb, f"{part} of {base}'s CPU", f"{part} of its CPU")
    change = f"{_percent(ratio)} % {'more' if ratio > 1 else 'less'} CPU"
    return Phrase(verb, f"{change} than {base}", change)


def _throughput_words(ratio: float, base: str) -> Phrase:
    if share := _times(ratio) or _part(ratio):
        change = f"{share} as many operations per second"
        return Phrase("do", f"{change} as {base}", change)
    change = f"{_percent(ratio)} % {'more' if ratio > 1 else 'fewer'} operations per second"
    return Phrase("do", f"{change} than {base}", change)


def _percent(ratio: float) -> int:
    return round(abs(ratio - 1) * 100)


def _times(ratio: float) -> str | None:
    """ "7 times" or "2.3 times", from a factor of two on."""
    if _percent(ratio) < 100 or ratio < 1:
        return None
    return "over 10000 times" if ratio > 10_000 else f"{float(f'{ratio:.2g}'):g} times"


def _part(ratio: float) -> str | None:
    """ "a third" or "43 %", from a half down."""
    if _percent(ratio) < 50 or ratio > 1:
        return None
    inverse = 1 / ratio
    nearest = round(inverse)
    if nearest in _FRACTIONS and abs(inverse / nearest - 1) <= 0.05:
        return _FRACTIONS[nearest]
    return f"{float(f'{ratio * 100:.2g}'):g} %" if ratio >= 0.001 else "less than 0.1 %"


def _listed(items: Sequence[str]) -> str:
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


LATENCY = ComparedQuantity("latency", quantities.LATENCY_P50, _latency_words)
CPU = ComparedQuantity("CPU", quantities.CPU, _cpu_words)
THROUGHPUT = ComparedQuantity("throughput", quantities.THROUGHPUT, _throughput_words)
