"""How the ratio of two cells in one quantity is called: the one place that puts a ratio in words.

- it is *the same* where the whole interval lies within `rounds.RELEVANT`;
- it *differs* where the interval leaves out 1 and the median is news (`NEWS`);
- else it is *open*: no difference is shown, and none is ruled out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from iomodels.analysis import quantities
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.units import counted, listed
from iomodels.results.schema import Cell
from iomodels.statistics.rounds import MIN_ROUNDS, RELEVANT, Ratio, paired_ratio

NEWS: Final = math.log(1.01)
"""Effects below 1 % are no news, however sure: a histogram bucket is 0.8 % wide."""

WITHIN: Final = f"within {RELEVANT * 100:.0f} %"

Kind = Literal["differs", "same", "open", "few"]


@dataclass(frozen=True)
class ComparedQuantity:
    """A quantity that sentences compare cells by, and what it is called there."""

    noun: str
    quantity: Quantity


LATENCY: Final = ComparedQuantity("median latency", quantities.LATENCY_P50)
CPU: Final = ComparedQuantity("CPU per operation", quantities.CPU)
THROUGHPUT: Final = ComparedQuantity("throughput", quantities.THROUGHPUT)
BYTES: Final = ComparedQuantity("bytes per second", quantities.named("throughput_bytes"))


@dataclass(frozen=True)
class Verdict:
    """What the ratio of one cell to another says of one quantity."""

    by: ComparedQuantity
    kind: Kind
    ratio: Ratio


def verdicts_between(cell: Cell, base: Cell, by: Sequence[ComparedQuantity]) -> list[Verdict]:
    """Of `cell` over `base`. A quantity without one pair of rounds (none measured, or zero) has no
    verdict."""
    ratios = [(q, paired_ratio(cell.trials, base.trials, q.quantity.of_trial)) for q in by]
    return [Verdict(q, kind_of(ratio), ratio) for q, ratio in ratios if ratio is not None]


def kind_of(ratio: Ratio) -> Kind:
    """What is shown, by the interval alone."""
    if not ratio.conclusive:
        return "few"
    if ratio.within_relevant:
        return "same"
    is_news = abs(math.log(ratio.interval.median)) >= NEWS
    return "differs" if ratio.excludes_one and is_news else "open"


# Words


def described(verdicts: Sequence[Verdict]) -> str:
    """All of them in one phrase: what differs, then what is the same, then what is not shown."""
    return ", ".join(_parts(verdicts))


def price(verdicts: Sequence[Verdict]) -> str:
    """The same after "with"; nothing where nothing is known."""
    return listed(_parts(verdicts))


def _parts(verdicts: Sequence[Verdict]) -> list[str]:
    parts = [difference(v) for v in verdicts if v.kind == "differs"]
    if same := [v.by.noun for v in verdicts if v.kind == "same"]:
        parts.append(f"the same {listed(same)} ({WITHIN})")
    if unknown := [f"{v.by.noun} {times(v)}" for v in verdicts if v.kind == "open"]:
        parts.append(f"no difference shown in {listed(unknown, 'or')}")
    few = [v for v in verdicts if v.kind == "few"]
    return parts + [_measured(v, beside=len(few) < len(verdicts)) for v in few]


def _measured(verdict: Verdict, *, beside: bool) -> str:
    """A number and its range, and no word that would be a verdict. `beside` intervals it says which
    of them is a range."""
    return measured(verdict, f"the {verdict.by.noun}", beside=beside)


def measured(verdict: Verdict, noun: str = "", *, beside: bool = False) -> str:
    """`3.00 times the median latency (2.87 to 3.12)`."""
    interval = verdict.ratio.interval
    low, middle, high = (factor(v) for v in (interval.low, interval.median, interval.high))
    rounds = f", the range of {counted(verdict.ratio.rounds, 'round')}" if beside else ""
    return f"{middle} times {noun}".rstrip() + f" ({low} to {high}{rounds})"


def difference(verdict: Verdict) -> str:
    """`median latency 65 % higher`, `2.91 times the CPU per operation`, `throughput 50 % lower`."""
    ratio, noun = verdict.ratio.interval.median, verdict.by.noun
    return f"{_times(ratio)} the {noun}" if _doubles(ratio) else f"{noun} {_percent(ratio)}"


def change(verdict: Verdict) -> str:
    """The same without the noun: `65 % higher`, `2.91 times`."""
    ratio = verdict.ratio.interval.median
    return _times(ratio) if _doubles(ratio) else _percent(ratio)


def size(verdict: Verdict, other: str) -> str:
    """By how much, with its interval: `15 % higher than blocking (1.07 to 1.20 times)`."""
    ratio = verdict.ratio.interval.median
    if _doubles(ratio):
        return f"{_times(ratio)} that of {other} {times(verdict)}"
    return f"{_percent(ratio)} than {other} {times(verdict)}"


def times(verdict: Verdict) -> str:
    """`(0.89 to 3.34 times)`."""
    ends = (verdict.ratio.interval.low, verdict.ratio.interval.high)
    shown = [factor(value) for value in ends]
    if verdict.kind == "differs":
        shown = list(map(beside_one, shown, ends))
    low, high = shown
    return f"({low} to {high} times)"


def factor(value: float) -> str:
    """Two decimals, or three digits of what is larger: `0.89`, `12.3`."""
    if value >= 10_000:
        return "over 10000"
    if value >= 10:
        return f"{float(f'{value:.3g}'):g}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def beside_one(text: str, value: float) -> str:
    """`text`, or as many digits of `value` as show that it is not 1."""
    digits = 3
    while text.rstrip("0").rstrip(".") == "1" and value != 1.0:
        digits += 1
        text = f"{value:.{digits}g}"
    return text


def few_rounds(rounds: int) -> str:
    """Why there is no verdict."""
    return f"{counted(rounds, 'paired round')}, {MIN_ROUNDS} are needed"


# A factor from two on, and a difference in per cent below: the one rule.


def _doubles(ratio: float) -> bool:
    return ratio >= 1.995


def _times(ratio: float) -> str:
    return f"{factor(ratio)} times"


def _percent(ratio: float) -> str:
    """`93 % higher`, `99.9 % lower`."""
    if ratio < 0.0005:
        return "over 99.9 % lower"
    share = abs(ratio - 1) * 100
    digits = 1 if share >= 99 and ratio < 1 else 0
    return f"{share:.{digits}f} % {'higher' if ratio > 1 else 'lower'}"
