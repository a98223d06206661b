"""The answer in words: a few lines for each point, which follow from the document and from nothing
else.

What is between backquotes is an engine, or a command as it is typed: a terminal prints it in bold,
the page as code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from iomodels.advice import limits
from iomodels.advice.document import Advice, Candidate, Gain, Goal, PointAdvice, Turning
from iomodels.analysis import cells
from iomodels.analysis.quantities import named
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.units import counted, listed

GOALS: Mapping[Goal, str] = {
    "throughput": "throughput",
    "latency": "latency",
    "cpu": "CPU per operation",
}
COSTS = ("cpu_share", "cpu_ns_per_op", "threads", "memory_bytes")
"""By key: what using an engine costs."""
MANY = 4
"""Engines that a line lists."""
FACTOR_FROM = 2.0
"""From this ratio on a change is said as a factor."""


@dataclass(frozen=True)
class AnswerLine:
    """One line of an answer: what it is about in one word, and the sentence."""

    label: str
    text: str


def heading(point: PointAdvice) -> str:
    """`tcp-server: depth 16`, or the name alone."""
    return f"{point.scenario}: {point.label}" if point.label else point.scenario


def lines(point: PointAdvice, caveats: Sequence[str] | None = None) -> list[AnswerLine]:
    """All that is said of a point: what to use, the gain, the cost, what is as good and simpler,
    where the answer turns, and what would make it wrong: its `caveats`, unless they are given."""
    wrong = lines_of_caveats(point.caveats if caveats is None else caveats)
    if point.use is None:
        said = [AnswerLine("use", f"inconclusive: {point.why_none}")]
        if point.as_good:
            said.append(
                AnswerLine("as good", f"within noise of each other: {_engines(point.as_good)}")
            )
        return said + _beyond(point) + wrong
    return [
        AnswerLine("use", f"`{point.use}`"),
        AnswerLine("gain", gain(point)),
        AnswerLine("cost", cost(point)),
        AnswerLine("as good", as_good(point)),
        *_beyond(point),
        *(AnswerLine("turns", turning) for turning in turns(point)),
        *wrong,
    ]


def gain(point: PointAdvice) -> str:
    """What the engine to use gains over the one in use today, or over the simplest."""
    today = next((c for c in point.candidates if c.engine == point.today), None)
    if point.today is not None and point.today == point.use:
        return "none needed: it is what you use now, and nothing is shown to be better"
    lost = ""
    if today is not None and not today.rounds:
        lost = f"`{today.engine}`, in use now, was not measured ({today.reason}); "
    if point.gain is None:
        simplest = min((c for c in point.candidates if c.rounds), key=lambda c: c.complexity)
        if simplest.engine == point.use and (lost or point.today is None):
            return f"{lost}none needed: it is the simplest, and nothing is shown to be better"
        return f"{lost}not known: too few rounds were measured of both"
    over = point.gain.over
    whose = "which you use now" if over == point.today else "the simplest that can"
    quantity = named(point.quantity)
    change, interval = changed(point.gain, quantity)
    if point.gain.is_shown:
        return f"{lost}{change} ({interval}) than `{over}`, {whose}"
    stays = ", and which can stay" if over == point.today and over in point.as_good else ""
    return f"{lost}none is shown over `{over}`, {whose}{stays}: {change} ({interval})"


def changed(gain: Gain, quantity: Quantity) -> tuple[str, str]:
    """`42 % more throughput` and `38 to 47 %`; of twice as much and more `throughput higher by a
    factor of 2.8` and `2.6 to 3.1`."""
    ratio, noun = gain.ratio, quantity.title
    better = ratio.median >= 1
    if max(ratio.median, 1 / ratio.median) >= FACTOR_FROM:
        ends = (ratio.low, ratio.high) if better else (1 / ratio.high, 1 / ratio.low)
        middle = ratio.median if better else 1 / ratio.median
        up = better == quantity.bigger_is_better
        by = f"{noun} {'higher' if up else 'lower'} by a factor of {_factor(middle)}"
        return by, f"{_factor(ends[0])} to {_factor(ends[1])}"
    if quantity.bigger_is_better:
        changes = [value - 1 for value in (ratio.median, ratio.low, ratio.high)]
        words = ("more", "less")
    else:  # of a latency what is told is how much less it is
        changes = [1 - 1 / value for value in (ratio.median, ratio.low, ratio.high)]
        words = ("lower", "higher")
    sign = 1 if better else -1
    middle, *rest = (sign * change for change in changes)
    low, high = sorted(rest)
    return (
        f"{_percent(abs(middle))} {words[0] if better else words[1]} {noun}",
        f"{_signed(low, high)} to {_percent(high)}",
    )


def cost(point: PointAdvice) -> str:
    """What it takes, each beside that of the engine in use today."""
    by_name = {candidate.engine: candidate for candidate in point.candidates}
    own = by_name[point.use] if point.use else None
    assert own is not None
    other = by_name.get(point.today or (point.gain.over if point.gain else ""))
    if other is not None and (other.engine == own.engine or not other.values):
        other = None
    parts = list(_costs(own, other))
    if not parts:
        return "not known"
    return "; ".join(parts) + (f" (in parentheses: `{other.engine}`)" if other else "")


def _costs(own: Candidate, other: Candidate | None) -> Iterator[str]:
    for key in COSTS:
        try:
            quantity = named(key)
        except KeyError:
            continue
        mine, theirs = own.values.get(key), other.values.get(key) if other else None
        if mine is None:
            continue
        text = f"{quantity.title} {quantity.unit.show(mine.median)}"
        yield f"{text} ({quantity.unit.show(theirs.median)})" if theirs else text


def as_good(point: PointAdvice) -> str:
    """What comes within noise of the best, and which of these is the simplest."""
    others = [engine for engine in point.as_good if engine != point.use]
    if not others:
        return "nothing else comes within noise of it"
    verb = "comes" if len(others) == 1 else "come"
    order = {candidate.engine: candidate.complexity for candidate in point.candidates}
    assert point.use is not None
    simpler = all(order[point.use] <= order[other] for other in others)
    rest = f"; `{point.use}` is the simplest of them" if simpler else ""
    return f"{_engines(others)} {verb} within noise of it{rest}"


def turns(point: PointAdvice) -> list[str]:
    """Where the answer turns, one sentence for each key that was looked at."""
    said = [turning(each) + _simpler_elsewhere(each, point) for each in point.turnings]
    return said or ["not looked for"]


def _simpler_elsewhere(found: Turning, point: PointAdvice) -> str:
    """`; at 1 `select` is as good and simpler`: a tie turns nothing, but is good to know."""
    order = {candidate.engine: candidate.complexity for candidate in point.candidates}
    own = order.get(point.use or "", 0)
    at: dict[str, list[str]] = {}
    for value, best in zip(found.values, found.best, strict=True):
        if best is not None and found.low is None and order.get(best, own) < own:
            at.setdefault(best, []).append(cells.show(found.key, value))
    told = [f"at {listed(values[:MANY])} `{engine}`" for engine, values in at.items()]
    return f"; {listed(told)} is as good and simpler" if told else ""


def turning(found: Turning) -> str:
    """`between depth 32 and 64: below it `epoll`, above it `io_uring``."""
    name = cells.in_words(found.key)
    low, high = (cells.show(found.key, value) for value in (found.values[0], found.values[-1]))
    if found.low is None or found.high is None:
        if len(found.values) < 2:
            return f"not known: only {name} {low} was measured. What would help: a larger --budget"
        return f"not shown between {name} {low} and {high}"
    reason = f" ({found.reason})" if found.reason else ""
    return (
        f"between {name} {cells.show(found.key, found.low)} and "
        f"{cells.show(found.key, found.high)}: below it `{found.below}`, above it "
        f"`{found.above}`{reason}"
    )


def turning_sentence(found: Turning) -> str:
    """The same as a sentence."""
    said = turning(found)
    if found.low is not None:
        return f"The answer turns {said}."
    if said.startswith("not shown"):
        return f"No turning point is shown{said.removeprefix('not shown')}."
    return f"The turning point is {said}."


def _beyond(point: PointAdvice) -> list[AnswerLine]:
    """What was left out for the limits that were given."""
    by_limit: dict[str, list[str]] = {}
    for candidate in point.candidates:
        for limit in candidate.beyond:
            by_limit.setdefault(limits.in_words(limit), []).append(candidate.engine)
    said = [f"{_engines(engines)} ({limit})" for limit, engines in by_limit.items()]
    return [AnswerLine("beyond", f"left out for a limit: {'; '.join(said)}")] if said else []


def lines_of_caveats(caveats: Sequence[str]) -> list[AnswerLine]:
    """What would make it wrong."""
    return [AnswerLine("wrong if", " ".join(caveats))] if caveats else []


def common_caveats(advice: Advice) -> tuple[str, ...]:
    """Those that hold for all of several points, which are said once."""
    if len(advice.points) < 2:
        return ()
    first, *others = (point.caveats for point in advice.points)
    return tuple(each for each in first if all(each in other for other in others))


def summary(advice: Advice) -> str:
    """Of several points: whether the answer is one for all; "" for one point."""
    if len(advice.points) < 2:
        return ""
    answers = [point.use for point in advice.points]
    known = list(dict.fromkeys(answer for answer in answers if answer is not None))
    everywhere = counted(len(answers), "point")
    if len(known) == 1 and None not in answers:
        return f"`{known[0]}` is the answer at all {everywhere}"
    if not known:
        return f"inconclusive at all {everywhere}"
    parts = [f"`{engine}` at {answers.count(engine)}" for engine in known]
    parts += [f"inconclusive at {answers.count(None)}"] if None in answers else []
    return f"of {everywhere}: {', '.join(parts)}"


def asked(advice: Advice) -> str:
    """`for throughput, with latency p99 at most 1 ms`."""
    given = [limits.in_words(limit) for limit in advice.limits]
    return f"for {GOALS[advice.goal]}" + (f", with {listed(given)}" if given else "")


def took(advice: Advice) -> str:
    """`measured in 38 s; all candidates over all rounds would have taken 130 s`."""
    if not advice.measured_s:
        return "judged by a result: nothing was measured for it"
    told = f"measured in {_seconds(advice.measured_s)}"
    if advice.full_s > advice.measured_s:
        told += f"; all candidates over all rounds would have taken {_seconds(advice.full_s)}"
    return told


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _engines(engines: Sequence[str]) -> str:
    shown = [f"`{engine}`" for engine in engines[:MANY]]
    more = len(engines) - len(shown)
    return listed([*shown, *([f"{more} more"] if more else [])])


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %" if abs(share) < 0.0995 else f"{share * 100:.0f} %"


def _signed(low: float, high: float) -> str:
    """The lower end of an interval; its sign counts only where the upper one has another."""
    text = _percent(abs(low)).removesuffix(" %")
    return f"−{text}" if low < 0 < high else text


def _factor(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"
