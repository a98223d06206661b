"""What the table of a point shows, in plain sentences; `sweeps.py` has those about a sweep.

Everything said here follows from intervals that the reader can check: engines are compared round by
round. Where an interval contains 1 no difference is claimed, *the same* is said only where the
whole interval lies within `RELEVANT`, and below `MIN_ROUNDS` paired rounds there is no verdict.

The first sentence answers what the point is about: how much was hidden (with computation), how many
requests were cancelled (with a deadline), else which engine is best and what it costs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

from iomodels.analysis import quantities
from iomodels.analysis.differences import (
    CPU,
    LATENCY,
    THROUGHPUT,
    WITHIN,
    ComparedQuantity,
    Verdict,
    change,
    described,
    few_rounds,
    measured,
    price,
    size,
    verdicts_between,
)
from iomodels.analysis.quantity_definition import Quantity, has_deadline, is_open_loop
from iomodels.base.units import capital, listed
from iomodels.results.schema import Cell
from iomodels.statistics.rounds import MIN_ROUNDS

BASE = "blocking"
"""What engines are compared with, where it was measured."""

MOST_LINES = 4
"""With more engines that need a sentence each, there is one for each quantity."""

LEVELS = (quantities.named("overlap"), quantities.named("cancelled_share"))
"""What a point is about if its cells have it: its value answers more than any ratio does."""

BEST = {LATENCY: "the lowest median latency", THROUGHPUT: "the highest throughput"}
"""Of the quantities that decide between engines."""
ABOUT = {"threads:handoff=none": "each thread starts its next request itself"}
"""What an engine is whose name does not say it, where it is the answer."""
WORSE = {LATENCY: "a higher median latency", THROUGHPUT: "a lower throughput"}


def below(cells: Sequence[Cell]) -> list[str]:
    """What stands below the table of one point: `sentences`, or `levels` alone where no cell has
    the rounds for a verdict, which a legend says once."""
    enough = any(len(cell.trials) >= MIN_ROUNDS for cell in cells)
    return sentences(cells) if enough else levels(cells)


def sentences(cells: Sequence[Cell]) -> list[str]:
    """Plain sentences about the cells of one scenario point. The first is the answer, or says why
    there is none; nothing where fewer than two engines were meant to be compared.

    Engines are compared with `baseline`. The harness (`null`) and other degenerate cells are left
    out: what differs there is not a model. Where a deadline cancels the slow requests no engines
    are compared, since only fast requests are left.
    """
    lines = levels(cells)
    base = baseline(cells)
    usable = [cell for cell in cells if _usable(cell) or (cell is base and _is_sound(cell))]
    copies = _copies(cells, base)
    if base is None or len(usable) < 2:
        return (lines or _no_answer(cells)) + copies
    if base not in usable:
        base = usable[0]
    by, deciding = _compared(base), _deciding(base)
    found = {
        cell.engine: verdicts_between(cell, base, by) or verdicts_between(cell, base, [deciding])
        for cell in usable
        if cell is not base
    }
    judged = {
        cell.engine
        for cell in usable
        if _has_verdict(verdicts_between(cell, base, [*by, deciding]))
    }
    known = {engine: verdicts for engine, verdicts in found.items() if engine in judged}
    unknown = {engine: verdicts for engine, verdicts in found.items() if engine not in known}
    opposite = _opposite([cell for cell in usable if cell.engine in known], base, [*by, deciding])
    rest = known
    if known and not lines:
        answer, answered = _best(usable, base, by, deciding, known)
        lines += answer
        rest = {engine: verdicts for engine, verdicts in known.items() if engine != answered}
    against = _against(rest, base.engine)
    if len(against) > MOST_LINES:
        against = by_quantity(known, f" against {base.engine}")
    return lines + against + copies + _too_few(unknown, base.engine) + opposite


def first(cells: Sequence[Cell]) -> str:
    """The answer of a point, or why there is none; "" where there is nothing to say."""
    return next(iter(sentences(cells)), "")


def _no_answer(cells: Sequence[Cell]) -> list[str]:
    """Why engines are not compared, if there were several of them."""
    meant = [cell for cell in cells if not cell.is_harness]
    measured = [cell for cell in meant if _is_sound(cell)]
    if len(meant) < 2 or not measured:
        return []
    if any(map(has_deadline, measured)):
        return ["No comparison: under a deadline only fast requests are left."]
    if len(measured) == 1:
        return [f"No comparison: only {measured[0].engine} was measured."]
    return ["No comparison of models: all engines do the same as blocking here."]


def levels(cells: Sequence[Cell]) -> list[str]:
    """The values of what the point is about (`LEVELS`), the best first: no comparison, so that it
    says something of few rounds, too."""
    lines = []
    for quantity in LEVELS:
        found = [(cell.engine, quantity.interval(cell)) for cell in cells if not cell.is_harness]
        known = [(engine, interval) for engine, interval in found if interval is not None]
        known.sort(key=lambda each: each[1].median, reverse=quantity.bigger_is_better)
        show = quantity.unit.show
        told = [
            f"{engine} {show(interval.median)} ({show(interval.low)} to {show(interval.high)})"
            for engine, interval in known
        ]
        if told:
            lines.append(f"{capital(quantity.axis_title)}: {', '.join(told)}.")
    return lines


def baseline(cells: Sequence[Cell]) -> Cell | None:
    """What a table's cells are compared with: `blocking`, or where it was not measured the first
    that was; None where there is nothing to compare."""
    measured = [cell for cell in cells if cell.trials and not cell.is_harness]
    if len(measured) < 2 or any(map(has_deadline, measured)):
        return None
    return next((cell for cell in measured if cell.engine == BASE), measured[0])


def is_degenerate(cell: Cell) -> bool:
    """Whether its engine did what blocking does, since its channel is always ready."""
    return (cell.note or "").startswith("degenerate")


def _usable(cell: Cell) -> bool:
    return _is_sound(cell) and not is_degenerate(cell) and not cell.is_harness


def _is_sound(cell: Cell) -> bool:
    return cell.status in ("ok", "partial") and bool(cell.trials)


def _compared(cell: Cell) -> list[ComparedQuantity]:
    """Throughput is more than the inverse of latency with several requests in flight, or with
    computation, which may overlap."""
    depth = cell.parameters.get("load.depth", 1)
    more = depth != 1 or bool(cell.parameters.get("load.compute"))
    return [LATENCY, CPU, THROUGHPUT] if more else [LATENCY, CPU]


def _deciding(cell: Cell) -> ComparedQuantity:
    return LATENCY if is_open_loop(cell.parameters) else THROUGHPUT


def _has_verdict(verdicts: Sequence[Verdict]) -> bool:
    return any(verdict.kind != "few" for verdict in verdicts)


# The answer: which engine, by how much, at what price


def _best(
    usable: Sequence[Cell],
    base: Cell,
    by: Sequence[ComparedQuantity],
    deciding: ComparedQuantity,
    known: dict[str, list[Verdict]],
) -> tuple[list[str], str]:
    """The sentence about the best engine, and which other one it has compared with the base."""
    compared = [cell for cell in usable if cell is base or cell.engine in known]
    ordered = sorted(
        compared,
        key=lambda cell: _relative(cell, base, deciding),
        reverse=deciding.quantity.bigger_is_better,
    )
    first, *others = ordered
    tied = [first, *(cell for cell in others if not _beats(first, cell, deciding))]
    if len(tied) > 1:
        return _tie(tied, compared, base, deciding), ""
    other = base if first is not base else others[0]
    (verdict,) = verdicts_between(first, other, [deciding])
    # Of one request at a time, latency is the inverse of throughput, and no news beside it.
    told = (deciding,) if THROUGHPUT in by else (deciding, LATENCY)
    costs = verdicts_between(first, other, [each for each in by if each not in told])
    about = f" ({ABOUT[first.engine]})" if first.engine in ABOUT else ""
    text = f"{first.engine}{about} has {BEST[deciding]}: {size(verdict, other.engine)}"
    if costs:
        text += f", with {price(costs)}"
    return [f"{text}."], first.engine if other is base else other.engine


def _level(cell: Cell, quantity: Quantity) -> float:
    values = [v for trial in cell.trials if math.isfinite(v := quantity.of_trial(trial))]
    worst = -math.inf if quantity.bigger_is_better else math.inf
    return median(values) if values else worst


def _relative(cell: Cell, base: Cell, by: ComparedQuantity) -> float:
    """The cell over the base, round by round as all verdicts: medians may be in another order."""
    if cell is base:
        return 1.0
    found = verdicts_between(cell, base, [by])
    worst = 0.0 if by.quantity.bigger_is_better else math.inf
    return found[0].ratio.interval.median if found else worst


def _beats(one: Cell, other: Cell, by: ComparedQuantity) -> bool:
    return any(
        verdict.kind == "differs"
        and (verdict.ratio.interval.median > 1) == by.quantity.bigger_is_better
        for verdict in verdicts_between(one, other, [by])
    )


def _differs(one: Cell, other: Cell, by: ComparedQuantity) -> bool:
    return any(verdict.kind == "differs" for verdict in verdicts_between(one, other, [by]))


def _tie(
    tied: Sequence[Cell], compared: Sequence[Cell], base: Cell, by: ComparedQuantity
) -> list[str]:
    """Which engines may be the best, and which others are not although no line below says so."""
    pairs = [(a, b) for number, a in enumerate(tied) for b in tied[:number]]
    kinds = {verdict.kind for a, b in pairs for verdict in verdicts_between(a, b, [by])}
    top = tied[0].engine
    why = (
        f"the same {WITHIN}"
        if kinds == {"same"}
        else f"no difference shown from {top}"
        if "differs" in kinds
        else "no difference shown between them"
    )
    names = [cell.engine for cell in compared if cell in tied]
    text = f"{capital(BEST[by].removeprefix('the '))}: {listed(names, 'or')} ({why})."
    behind = [cell.engine for cell in compared if cell not in tied and not _differs(cell, base, by)]
    if behind:
        verb = "has" if len(behind) == 1 else "have"
        text += f" {listed(behind)} {verb} {WORSE[by]} than {top}."
    return [text]


# Each engine against the base; engines with the same words share a line


def _against(found: dict[str, list[Verdict]], base: str) -> list[str]:
    groups: dict[str, list[str]] = {}
    for engine, verdicts in found.items():
        groups.setdefault(described(verdicts), []).append(engine)
    return [f"{listed(engines)} against {base}: {text}." for text, engines in groups.items()]


def by_quantity(found: Mapping[str, Sequence[Verdict]], against: str) -> list[str]:
    """The same of many engines: a sentence for each quantity, the engines in order of its value.

    `against` is what they are compared with, in words that follow the quantity. Of few rounds there
    are numbers with their ranges, and no verdict.
    """
    by_quantity: dict[ComparedQuantity, list[tuple[str, Verdict]]] = {}
    for engine, verdicts in found.items():
        for verdict in verdicts:
            by_quantity.setdefault(verdict.by, []).append((engine, verdict))
    lines = []
    for by, pairs in by_quantity.items():
        pairs.sort(
            key=lambda pair: pair[1].ratio.interval.median, reverse=by.quantity.bigger_is_better
        )
        parts = [f"{engine} {change(v)}" for engine, v in pairs if v.kind == "differs"]
        parts += [f"{engine} {measured(v)}" for engine, v in pairs if v.kind == "few"]
        told = [", ".join(parts)] if parts else []
        for kind, words in (("same", f"the same ({WITHIN})"), ("open", "no difference shown")):
            if names := [engine for engine, verdict in pairs if verdict.kind == kind]:
                told.append(f"{words}: {listed(names)}")
        if told:
            lines.append(f"{capital(by.noun)}{against}: {'; '.join(told)}.")
    return lines


def _copies(cells: Sequence[Cell], base: Cell | None) -> list[str]:
    """What engines need that do the same as blocking, where one needs another CPU time: the same
    transfer in the same order has its price in each interface. That is no difference of models."""
    copies = [cell for cell in cells if cell is not base and is_degenerate(cell)]
    if base is None or not _is_sound(base):
        return []
    found = {c.engine: verdicts_between(c, base, [CPU]) for c in copies if _is_sound(c)}
    if not any(verdict.kind == "differs" for verdicts in found.values() for verdict in verdicts):
        return []
    return by_quantity(found, f" against {base.engine}, of engines that do the same")


def _too_few(unknown: dict[str, list[Verdict]], base: str) -> list[str]:
    groups: dict[int, list[str]] = {}
    for engine, verdicts in unknown.items():
        rounds = max((verdict.ratio.rounds for verdict in verdicts), default=0)
        groups.setdefault(rounds, []).append(engine)
    return [
        f"{listed(engines)} against {base}: no verdict, {few_rounds(rounds)}."
        for rounds, engines in groups.items()
    ]


def _opposite(cells: Sequence[Cell], base: Cell, by: Sequence[ComparedQuantity]) -> list[str]:
    """Where a difference is shown round by round, and the medians in the table differ the other
    way round."""
    found: dict[str, list[str]] = {}
    for each in dict.fromkeys(by):
        for cell in cells:
            ratios = [v.ratio for v in verdicts_between(cell, base, [each]) if v.kind == "differs"]
            levels = _level(cell, each.quantity) - _level(base, each.quantity)
            if any((ratio.interval.median - 1) * levels < 0 for ratio in ratios):
                found.setdefault(each.noun, []).append(cell.engine)
    return [
        f"{capital(noun)} of {listed(engines)}: the two medians in the table differ the other way "
        "round; the comparison round by round counts."
        for noun, engines in found.items()
    ]
