"""What `compare` and `check` show: every change with what it rests on, and the outcome."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from iomodels.base.units import counted
from iomodels.comparison.machines.allowing import NOT_NEEDED
from iomodels.comparison.metrics import COUNTER_PREFIX, METRICS, SUITE
from iomodels.comparison.schema import Change, Comparison
from iomodels.comparison.verdict import counts
from iomodels.comparison.wording import (
    HEADLINES,
    SAME_RUN,
    allowance,
    answers,
    judged,
    of_cells,
    seen,
    share,
    why_passed,
)
from iomodels.results.schema import Notice
from iomodels.statistics.rounds import MIN_ROUNDS

from .console import engine_name, safe, terms

STYLES = {
    "slower": "red",
    "failed": "red",
    "vanished": "red",
    "faster": "green",
    "new": "cyan",
    "varies": "cyan",
    "inconclusive": "yellow",
    "same": "",
}
OUTCOME_STYLES = {"passed": "bold green", "regression": "bold red"}
TITLES = {key: metric.column for key, metric in METRICS.items()} | {SUITE.key: "median"}
SHORT_LEGEND = "Intervals: {interval}. --legend explains the columns."
LEGEND = {
    "change": "new divided by base, as a difference in per cent",
    "interval": "of the change: {interval}",
    "n": "pairs, or rounds on the side with fewer",
    "noise": "relative standard deviation of one round, or of one pair",
    "detectable": (
        "the smallest loss that is found with 80 % power: in an A/B by the whole procedure or, if "
        "measured again, by the new pairs"
    ),
    "verdict": (
        "same: the interval excludes a change beyond the threshold; slower or faster: a change "
        "beyond it is shown; inconclusive: neither; varies: it jumps between several levels by "
        "itself, and is not judged"
    ),
}


def report(comparison: Comparison, *, explain: bool = False) -> list[RenderableType]:
    """Everything there is to say about a comparison. The legend is short, unless it is to `explain`
    every column."""
    shown: list[RenderableType] = []
    for heading, changes in _grouped(comparison.changes).items():
        rows = [change for change in changes if not _is_dull(change)]
        if rows:
            shown += [Text(""), safe(heading, "bold"), _table(rows), *_reasons(rows)]
    counted = _counters(comparison)
    if counted:
        shown += [Text(""), Text(counted)]
    return [
        *shown,
        *_surroundings(comparison),
        Text(""),
        _outcome(comparison),
        *map(safe, answers(comparison)),
        *_legend(shown, comparison, explain=explain),
    ]


def _counters(comparison: Comparison) -> str:
    same = sum(_is_dull(change) for change in comparison.changes)
    unjudged = comparison.counters_unjudged
    told = []
    if same:
        noun, verb = ("counter", "is") if same == 1 else ("counters", "are")
        told.append(f"{same} exact {noun} (calls per operation) {verb} the same")
    if unjudged:
        why = "it varies" if unjudged == 1 else "they vary"
        has = "has" if unjudged == 1 else "have"
        told.append(
            f"{counted(unjudged, 'counter')} not judged: {why} in the base, or {has} too few rounds"
        )
    return "; ".join(told)


def _grouped(changes: Iterable[Change]) -> dict[str, list[Change]]:
    groups: dict[str, list[Change]] = {}
    for change in changes:
        heading = ", ".join(part for part in (change.scenario, change.label) if part)
        groups.setdefault(heading, []).append(change)
    return groups


def _is_dull(change: Change) -> bool:
    return change.metric.startswith(COUNTER_PREFIX) and change.verdict == "same"


def _table(rows: Sequence[Change]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("engine", overflow="fold", ratio=1)
    table.add_column("metric", no_wrap=True)
    for name in ("change", "interval", "n", "noise", "detect-\nable"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for change in rows:
        table.add_row(
            Text(engine_name(change.engine)),
            safe(_metric(change)),
            *_numbers(change),
            Text(change.verdict, style=STYLES[change.verdict]),
        )
    return table


def _metric(change: Change) -> str:
    if change.metric.startswith(COUNTER_PREFIX):
        return f"{change.metric.removeprefix(COUNTER_PREFIX)[:14]}/op"
    return TITLES.get(change.metric, change.metric[:10])


def _numbers(change: Change) -> tuple[str, ...]:
    rounds = str(change.rounds) if change.rounds else ""
    if change.ratio is None:
        if change.base is None or change.new is None:
            return "", "", rounds, "", ""
        return "", f"{change.base.median:.3g} → {change.new.median:.3g}", rounds, "", ""
    low, high = _percent(change.ratio.low), _percent(change.ratio.high)
    return (
        f"{_percent(change.ratio.median)} %",
        f"{low}…{high} %" if change.rounds >= MIN_ROUNDS else "",
        rounds,
        "" if change.noise is None else share(change.noise),
        seen(change),
    )


def _percent(ratio: float) -> str:
    """Two digits, a sign, and never an exponent: `-9.5`, `+12`, `+1.3M`."""
    change = (ratio - 1) * 100
    if not math.isfinite(change) or abs(change) >= 1e6:
        return "huge"
    return f"{change:+.1f}" if abs(change) < 9.95 else f"{change:+.0f}"


def _reasons(rows: Sequence[Change]) -> list[RenderableType]:
    """Why a verdict is what it is; engines with the same reason share a line."""
    engines: dict[str, list[str]] = {}
    for change in rows:
        if change.confirmed:
            engines.setdefault("Measured again; the verdict uses only the new rounds", []).append(
                change.engine
            )
        if change.reason:
            engines.setdefault(change.reason, []).append(change.engine)
    return [
        safe(f"{', '.join(dict.fromkeys(names))}: {reason}", "dim")
        for reason, names in engines.items()
    ]


def _surroundings(comparison: Comparison) -> list[RenderableType]:
    shown: list[RenderableType] = [Text("")]
    shown += [
        safe(f"environment: {d.name}: {_fact(d.base)} → {_fact(d.new)}", "dim")
        for d in comparison.differences
    ]
    shown += [_notice(notice) for notice in comparison.warnings]
    return shown if len(shown) > 1 else []


def _notice(notice: Notice) -> RenderableType:
    if notice.code == NOT_NEEDED:
        return safe(f"environment: {notice.message}", "dim")
    return safe(f"warning: {notice.message}", "yellow")


def _fact(value: object) -> str:
    return "unknown" if value is None else str(value)


def _outcome(comparison: Comparison) -> Text:
    found = ", ".join(f"{n} {verdict}" for verdict, n in counts(_timings(comparison)).items())
    found += of_cells(_timings(comparison))
    why = why_passed(comparison)
    told = why if why == SAME_RUN else f"no loss shown, {found}" if why else found
    why = "" if why == SAME_RUN else why
    return Text.assemble(
        (HEADLINES[comparison.outcome], OUTCOME_STYLES.get(comparison.outcome, "bold yellow")),
        safe(
            f": {told or 'nothing to compare'} "
            f"({f'{why}; ' if why else ''}{comparison.new_name} against {comparison.base_name}; "
            f"threshold {share(comparison.threshold)}"
            f"{f'; {allowance(comparison)}' if comparison.allowed else ''})."
        ),
        "\n" if comparison.changes else "",
        safe(f"{_capital(judged(comparison))}." if comparison.changes else ""),
    )


def _timings(comparison: Comparison) -> list[Change]:
    return [change for change in comparison.changes if not _is_dull(change)]


def _legend(
    shown: Sequence[RenderableType], comparison: Comparison, *, explain: bool
) -> list[RenderableType]:
    if not any(isinstance(part, Table) for part in shown):
        return []
    if not explain:
        return [Text(""), safe(SHORT_LEGEND.format(interval=comparison.interval), "dim")]
    interval = comparison.interval
    meanings = {term: meaning.format(interval=interval) for term, meaning in LEGEND.items()}
    return [Text(""), terms(meanings)]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
