"""What `compare` and `check` show: every change with what it rests on, and the outcome."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from iomodels.base.units import capital, format_count
from iomodels.comparison import wording
from iomodels.comparison.machines.allowing import NOT_NEEDED
from iomodels.comparison.metrics import COUNTER_PREFIX, METRICS, SUITE
from iomodels.comparison.schema import Change, Comparison
from iomodels.results.schema import Interval, Notice
from iomodels.statistics.rounds import MIN_ROUNDS

from .console import engine_name, safe, terms

STYLES = {
    "slower": "red",
    "failed": "red",
    "vanished": "red",
    "faster": "green",
    "new": "cyan",
    "suspect": "bold yellow",
    "varies": "cyan",
    "inconclusive": "yellow",
    "same": "",
}
OUTCOME_STYLES = {"passed": "bold green", "regression": "bold red"}
TITLES = {key: metric.column for key, metric in METRICS.items()} | {SUITE.key: "median"}
NUMBERS = ("base", "new", "change", "interval", "n", "detectable")
HEADINGS = {"detectable": "detect-\nable"}
LEAST_NEEDED = ("detectable", "n", "interval")
"""Of `NUMBERS`, what is left out first."""
MOST_ENGINE = 24
"""Characters of a line of an engine's name; of a longer one the rest comes below."""
SHORT_LEGEND = "Intervals: {interval}. --legend explains the columns."
LEGEND = {
    "base": "the median of the base; the metric's column has its unit",
    "new": "that of the new side",
    "change": (
        "new divided by base, as a difference in per cent; against several base runs, by the level "
        "of each run, and without what all cells did alike"
    ),
    "interval": "of the change, in per cent: {interval}",
    "n": "pairs, or rounds on the side with fewer",
    "detectable": (
        "the smallest loss that is found with 80 % power: in an A/B by the whole procedure or, if "
        "measured again, by the new pairs"
    ),
    "verdict": (
        "same: the interval excludes a change beyond the threshold; slower or faster: a change "
        "beyond it is shown; suspect: none is shown, and the estimate is a loss beyond the limit "
        "(the threshold or, where this machine differs more than that by itself, what that "
        "explains); inconclusive: neither; varies: it jumps between several levels by "
        "itself, and is not judged"
    ),
}


def report(comparison: Comparison, *, explain: bool = False) -> list[RenderableType]:
    """Everything there is to say about a comparison. The legend is short, unless it is to `explain`
    every column."""
    shown: list[RenderableType] = []
    for heading, changes in _grouped(comparison.changes).items():
        rows = [change for change in changes if not wording.is_dull(change)]
        if rows:
            shown += [Text(""), safe(heading, "bold"), ChangesTable(rows), *_reasons(rows)]
    if counters := wording.counters(comparison):
        shown += [Text(""), Text(counters)]
    return [
        *shown,
        *_surroundings(comparison),
        Text(""),
        _outcome(comparison),
        *map(safe, wording.answers(comparison)),
        *_legend(shown, comparison, explain=explain),
    ]


def _grouped(changes: Iterable[Change]) -> dict[str, list[Change]]:
    groups: dict[str, list[Change]] = {}
    for change in changes:
        heading = ", ".join(part for part in (change.scenario, change.label) if part)
        groups.setdefault(heading, []).append(change)
    return groups


@dataclass(frozen=True)
class ChangesTable:
    """The rows of one point. Where there is no room for all columns, the least needed are left
    out, so that an engine's name stays whole."""

    rows: Sequence[Change]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for count in range(len(LEAST_NEEDED) + 1):
            table = _table(self.rows, LEAST_NEEDED[:count])
            needed = Measurement.get(console, options.update(max_width=1000), table).minimum
            if needed <= options.max_width:
                break
        yield table


def _table(rows: Sequence[Change], without: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    names = [engine_name(change.engine) for change in rows]
    longest = max(len(line) for name in names for line in name.split("\n"))
    least = max(len("engine"), min(longest, MOST_ENGINE))
    table.add_column("engine", overflow="fold", ratio=1, min_width=least)
    table.add_column("metric", no_wrap=True)
    chosen = [name for name in NUMBERS if name not in without]
    for name in chosen:
        table.add_column(HEADINGS.get(name, name), justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for name, change in zip(names, rows, strict=True):
        numbers = _numbers(change)
        table.add_row(
            Text(name),
            _metric(change),
            *(numbers.get(column, "") for column in chosen),
            Text(word := wording.verdict(change), style=STYLES[word]),
        )
    return table


def _metric(change: Change) -> Text:
    if change.metric.startswith(COUNTER_PREFIX):
        name = change.metric.removeprefix(COUNTER_PREFIX)[:14]
        return safe(name).append("/op" if len(name) < 10 else "\n/op")
    return safe(TITLES.get(change.metric, change.metric[:10]))


def _side(change: Change, side: Interval | None) -> str:
    """Its median without the unit, which the metric's column has."""
    if side is None:
        return ""
    metric = METRICS.get(change.metric)
    return format_count(side.median) if metric is None else metric.unit.short(side.median)


def _numbers(change: Change) -> dict[str, str]:
    """What there is of `NUMBERS`."""
    found = {"base": _side(change, change.base), "new": _side(change, change.new)}
    found["n"] = str(change.rounds) if change.rounds else ""
    if change.ratio is None:
        return found
    low, high = _percent(change.ratio.low), _percent(change.ratio.high)
    return found | {
        "change": f"{_percent(change.ratio.median)} %",
        "interval": f"{low}…{high}" if change.rounds >= MIN_ROUNDS else "",
        "detectable": wording.detectable(change),
    }


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
    return safe(notice.in_words, "yellow" if notice.is_warning else "")


def _fact(value: object) -> str:
    return "unknown" if value is None else str(value)


def _outcome(comparison: Comparison) -> Text:
    head, _, told = wording.headline(comparison).partition(":")
    threshold = wording.share(comparison.threshold)
    names = f"{comparison.new_name} against {comparison.base_name}"
    return Text.assemble(
        (head, OUTCOME_STYLES.get(comparison.outcome, "bold yellow")),
        safe(f":{told}."),
        "\n",
        safe(f"Compared: {names}; threshold {threshold}."),
        "\n" if comparison.changes else "",
        safe(f"{capital(wording.judged(comparison))}." if comparison.changes else ""),
    )


def _legend(
    shown: Sequence[RenderableType], comparison: Comparison, *, explain: bool
) -> list[RenderableType]:
    if not any(isinstance(part, ChangesTable) for part in shown):
        return []
    if not explain:
        return [Text(""), safe(SHORT_LEGEND.format(interval=comparison.interval), "dim")]
    interval = comparison.interval
    meanings = {term: meaning.format(interval=interval) for term, meaning in LEGEND.items()}
    return [Text(""), terms(meanings)]
