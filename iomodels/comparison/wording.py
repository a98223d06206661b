"""A change in plain words: what Markdown, JUnit and annotations say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from iomodels.base.units import counted, format_count
from iomodels.comparison.matching import NO_COMMON_CELL
from iomodels.comparison.metrics import COUNTER_PREFIX, METRICS, SUITE
from iomodels.comparison.schema import Change, Comparison
from iomodels.comparison.verdict import FAILING, never_passes
from iomodels.results.schema import Interval
from iomodels.statistics.rounds import MIN_ROUNDS

ORDER = (
    "vanished", "failed", "slower", "suspect", "inconclusive", "varies", "faster", "new", "same",
)  # fmt: skip
"""The words for verdicts (`verdict`), what a reader has to act on first."""

HEADLINES = {
    "passed": "Passed",
    "regression": "Regression",
    "inconclusive": "Inconclusive",
    "not comparable": "Not comparable",
}


SAME_RUN = "both are the same run"
INCOMPARABLE = (
    *(NO_COMMON_CELL, "machine", "tool-version", "core", "plug-in", "file-system", "python"),
)
"""The codes of the notices that say why times cannot be compared."""


def headline(comparison: Comparison) -> str:
    """`Regression: 2 slower, 37 same`; where something is open, it says why that passes or not."""
    found, why = counts(comparison) or "nothing to compare", why_passed(comparison)
    if why == SAME_RUN:
        return f"{HEADLINES[comparison.outcome]}: {why}"
    why = why or why_held(comparison)
    told = f"no loss shown, {found} ({why})" if why else found
    allowed = f"; {allowance(comparison)}" if comparison.allowed else ""
    return f"{HEADLINES[comparison.outcome]}: {told}{allowed}"


def allowance(comparison: Comparison) -> str:
    """`kernel 6.12 → 6.18 allowed`: the differences of the machines that did not count."""
    return f"{', '.join(comparison.allowed)} allowed" if comparison.allowed else ""


def why_passed(comparison: Comparison) -> str:
    """Why what is inconclusive lets it pass (`verdict.outcome`); empty where nothing is."""
    unknown = any(change.verdict == "inconclusive" for change in comparison.changes)
    if comparison.outcome != "passed" or not unknown:
        return ""
    if any(notice.code == "same-run" for notice in comparison.warnings):
        return SAME_RUN
    return "no cell looks worse by more than its limit"


def why_held(comparison: Comparison) -> str:
    """Why what is inconclusive does not pass, where that was asked for; else empty."""
    open_ones = [change for change in comparison.changes if change.verdict == "inconclusive"]
    if comparison.outcome != "inconclusive" or comparison.undecided != "fail" or not open_ones:
        return ""
    if any(map(never_passes, open_ones)):
        return ""
    return "--undecided fail: a loss is not excluded in every cell"


def why_incomparable(comparison: Comparison) -> str:
    """Why times were not compared; empty where that is not said."""
    return "; ".join(n.message for n in comparison.warnings if n.code in INCOMPARABLE)


def by_urgency(changes: list[Change]) -> list[Change]:
    """What a reader has to act on first; otherwise in their order."""
    return sorted(changes, key=lambda change: ORDER.index(verdict(change)))


def counts(comparison: Comparison) -> str:
    """`2 slower, 1 suspect, 37 same in 20 cells`: exact counters that are the same are no part of
    it, and where there is more than one verdict for a cell it says of how many cells these are.

    All cells together are no cell, and have a word only where they changed."""
    told = [change for change in comparison.changes if not is_dull(change)]
    own = [change for change in told if change.metric != SUITE.metric]
    found: Counter[str] = Counter(map(verdict, own))
    of_cells = ", ".join(f"{found[word]} {word}" for word in ORDER if found[word]) + _of_cells(own)
    together = [
        f"{SUITE.title} {verdict(change)}"
        for change in told
        if change.metric == SUITE.metric and verdict(change) not in ("same", "inconclusive")
    ]
    return ", ".join(filter(None, [of_cells, *together]))


def counters(comparison: Comparison) -> str:
    """`3 exact counters (calls per operation) are the same`, and how many are not judged."""
    same = sum(map(is_dull, comparison.changes))
    unjudged = comparison.counters_unjudged
    told = []
    if same:
        verb = "is" if same == 1 else "are"
        told.append(f"{counted(same, 'exact counter')} (calls per operation) {verb} the same")
    if unjudged:
        why = "it varies" if unjudged == 1 else "they vary"
        has = "has" if unjudged == 1 else "have"
        told.append(
            f"{counted(unjudged, 'counter')} not judged: {why} in the base, or {has} too few rounds"
        )
    return "; ".join(told)


def _of_cells(own: Sequence[Change]) -> str:
    """` in 2 cells`, where they have more verdicts than that."""
    cells = {(change.scenario, change.label, change.engine) for change in own}
    return f" in {counted(len(cells), 'cell')}" if len(cells) != len(own) else ""


def judged(comparison: Comparison) -> str:
    """`judged: throughput, calls per operation; not judged: latency p99 (see --metric)`."""
    seen = {change.metric for change in comparison.changes}
    yes = [metric.title for key, metric in METRICS.items() if key in seen]
    no = [metric.title for key, metric in METRICS.items() if key not in seen]
    if any(key.startswith(COUNTER_PREFIX) for key in seen):
        yes.append("calls per operation")
    told = [f"judged: {', '.join(yes)}"] if yes else []
    told += [f"not judged: {', '.join(no)} (see --metric)"] if no else []
    return "; ".join(told)


MOST_ANSWERS = 5


def answers(comparison: Comparison) -> list[str]:
    """What got worse or better, by how much, the worst first: a sentence each, and how many more
    there are."""
    order = [word for word in ORDER if word in (*FAILING, "faster")]
    found = [change for change in by_urgency(comparison.changes) if change.verdict in order]
    lines = [_answer(change) for change in found[:MOST_ANSWERS]]
    more = len(found) - len(lines)
    lines += [f"… and {more} more."] if more else []
    lines += _suspects(comparison)
    return lines + (_not_excluded(comparison) if comparison.outcome == "inconclusive" else [])


def _suspects(comparison: Comparison) -> list[str]:
    """A sentence for each cell that is not decided and looks like a loss, the largest first, and
    how many more there are."""
    found = [change for change in comparison.changes if change.suspect and change.ratio is not None]
    found.sort(key=lambda change: -_estimated_loss(change))
    lines = [f"{subject(change)}: {suspicion(change)}." for change in found[:MOST_ANSWERS]]
    more = len(found) - len(lines)
    return lines + ([f"… and {counted(more, 'more suspect')}."] if more else [])


def suspicion(change: Change) -> str:
    """`suspect: looks worse by 7 %, limit 5 %`; empty for what is none."""
    if not change.suspect or change.ratio is None:
        return ""
    limit = "" if change.limit is None else f", limit {share(change.limit)}"
    return f"suspect: looks worse by {share(_estimated_loss(change))}{limit}"


def _estimated_loss(change: Change) -> float:
    ratio = change.ratio.median if change.ratio else 1.0
    return 1 - ratio if change.bigger_is_better else ratio - 1


def _not_excluded(comparison: Comparison) -> list[str]:
    """The largest loss that an interval leaves open: what "inconclusive" may hide."""
    losses = [
        (_loss(change, change.ratio), change)
        for change in comparison.changes
        if change.verdict == "inconclusive"
        and change.judged
        and change.ratio is not None
        and change.rounds >= MIN_ROUNDS
    ]
    loss, change = max(losses, key=lambda each: each[0], default=(0.0, None))
    if change is None or loss <= 0:
        return []
    return [f"Not excluded: a loss of up to {share(loss)} ({subject(change)})."]


def _loss(change: Change, ratio: Interval) -> float:
    return 1 - ratio.low if change.bigger_is_better else ratio.high - 1


def _answer(change: Change) -> str:
    if change.verdict in ("vanished", "failed"):
        return f"{cell_name(change)}: {change.verdict}."
    better = change.verdict == "faster"
    if change.metric == SUITE.metric:
        text = f"{SUITE.title}: {'better' if better else 'worse'}"
    else:
        direction = "higher" if better == change.bigger_is_better else "lower"
        text = f"{cell_name(change)}: {title(change)} {direction}"
    return f"{text}, {by}." if (by := changed(change) or from_to(change)) else f"{text}."


def title(change: Change) -> str:
    """Its metric in words: `throughput`, `read calls per operation`."""
    if change.metric.startswith(COUNTER_PREFIX):
        return f"{change.metric.removeprefix(COUNTER_PREFIX)} calls per operation"
    metric = METRICS.get(change.metric)
    return metric.title if metric else SUITE.title


def from_to(change: Change) -> str:
    """Both sides: `62.1k → 54.7k ops/s`, the unit once; a side that has no value is left out."""
    before, after = (value(change, side) if side else "" for side in (change.base, change.new))
    number, space, unit = before.rpartition(" ")
    if space and after.endswith(f" {unit}"):
        before = number
    return f"{before} → {after}" if before and after else before or after


def subject(change: Change) -> str:
    """What it is about: `slow-device, depth 4, aio: throughput`, or all cells together."""
    if change.metric == SUITE.metric:
        return SUITE.title
    return f"{cell_name(change)}: {title(change)}"


def cell_name(change: Change) -> str:
    """`slow-device, depth 4, aio`."""
    parts = change.scenario, change.label, change.engine
    return ", ".join(dict.fromkeys(filter(None, parts)))  # all cells are "all cells" in both


def sentence(change: Change) -> str:
    """All there is to say of a change, on one line; text from a file is in it as it is."""
    parts = [f"{change.metric} {change.verdict}", suspicion(change), *_numbers(change)]
    if change.confirmed:
        parts.append("measured again")
    if change.reason:
        parts.append(change.reason)
    return "; ".join(filter(None, parts))


def _numbers(change: Change) -> list[str]:
    parts = []
    if change.ratio is not None:
        parts.append(f"{changed(change)} over {counted(change.rounds, 'round')}")
    if both := from_to(change):
        parts.append(both)
    if change.noise is not None:
        parts.append(f"noise {share(change.noise)}")
    if change.detectable is not None:
        parts.append(f"detectable from {detectable(change)}")
    return parts


def verdict(change: Change) -> str:
    """Its verdict in a word: what is inconclusive and looks like a loss is a `suspect`."""
    return "suspect" if change.suspect else change.verdict


def is_dull(change: Change) -> bool:
    """An exact counter that is the same: there are many, and one line says so of all."""
    return change.metric.startswith(COUNTER_PREFIX) and change.verdict == "same"


def by(change: Change) -> str:
    """By how much, without an interval."""
    return "" if change.ratio is None else signed(change.ratio.median)


def changed(change: Change) -> str:
    """By how much, with the interval if there are rounds enough for one."""
    if change.ratio is None:
        return ""
    few = change.rounds < MIN_ROUNDS
    return by(change) if few else f"{by(change)} ({interval(change.ratio)})"


def detectable(change: Change) -> str:
    """The smallest loss that was detectable: of a rate that is a share below 100 %."""
    ratio = change.detectable
    if ratio is None:
        return ""
    return share(ratio / (1 + ratio) if change.bigger_is_better else ratio)


def interval(ratio: Interval) -> str:
    """`+9.5 % to +13 %`."""
    return f"{signed(ratio.low)} to {signed(ratio.high)}"


def share(part: float) -> str:
    """`4.2 %` of 0.042."""
    return f"{part * 100:.2g} %" if part < 1 else f"{part * 100:.0f} %"


def value(change: Change, interval: Interval) -> str:
    """The median of one of its sides with its unit: `12.3k ops/s`, `104 µs`, `37 %`."""
    metric = METRICS.get(change.metric)
    if metric is None:  # calls, or all cells together
        return f"{format_count(interval.median)} {change.unit}".strip()
    shown = metric.unit.show(interval.median)
    return f"{shown} {metric.unit.name}" if metric.unit.suffix else shown


def signed(ratio: float) -> str:
    """`-12 %` of 0.88."""
    change = (ratio - 1) * 100
    if abs(change) >= 1e6:
        return "huge"
    return f"{change:+.2g} %" if abs(change) < 99.5 else f"{change:+.0f} %"
