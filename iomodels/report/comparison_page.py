"""One page about one comparison, as HTML that needs nothing else: what a failed gate shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from iomodels.comparison import trends, wording
from iomodels.comparison.schema import Change, Comparison, Verdict
from iomodels.comparison.verdict import FAILING
from iomodels.report import frame
from iomodels.report.frame import Drawing
from iomodels.report.svg import Inliner
from iomodels.report.tables import Entry
from iomodels.results.schema import Interval
from iomodels.statistics.rounds import MIN_ROUNDS

MAX_ROWS = 1000
MAX_LINES = 1000
"""The most entries that one list of the page has."""
COLUMNS = ("change", "base", "new", "limit", "rounds", "noise", "detectable")
CLASSES: dict[Verdict, str] = dict.fromkeys(FAILING, "bad") | {
    "faster": "good",
    "inconclusive": "open",
}


@dataclass(frozen=True)
class ChangeRow:
    """One change: what it is about, its verdict, and a field for each of `COLUMNS`."""

    subject: str
    remark: str
    verdict: str
    css: str
    """The class of its verdict."""
    entries: tuple[Entry, ...]


def page(
    comparison: Comparison, drawings: Sequence[Drawing] = (), trend: Drawing | None = None
) -> str:
    """The whole page, as HTML. `trend` is the picture of its history.

    Raises `ValueError` for a drawing that is not an SVG as our charts make them.
    """
    inliner = Inliner()
    changes = [c for c in wording.by_urgency(comparison.changes) if not wording.is_dull(c)]
    context: dict[str, Any] = {
        "comparison": comparison,
        "headline": wording.headline(comparison),
        "outcome": comparison.outcome,
        "when": frame.when(comparison.created_utc),
        "answers": wording.answers(comparison),
        "threshold": wording.share(comparison.threshold),
        "counters": wording.counters(comparison),
        "judged": wording.judged(comparison),
        "columns": COLUMNS,
        "rows": [_row(change) for change in changes[:MAX_ROWS]],
        "more_rows": max(0, len(changes) - MAX_ROWS),
        "has_limits": any(change.limit is not None for change in changes),
        "figures": [frame.figure(drawing, inliner) for drawing in drawings],
        "trend": frame.figure(trend, inliner) if trend else None,
        "trend_sentences": trends.sentences(comparison.history, comparison.trends)[:MAX_LINES],
        "differences": [
            (frame.in_words(d.name), frame.shown(d.name, d.base), frame.shown(d.name, d.new))
            for d in comparison.differences[:MAX_LINES]
        ],
        "warnings": [
            (frame.in_words(notice.code), notice.message)
            for notice in comparison.warnings[:MAX_LINES]
        ],
    }
    return frame.render("comparison.html.j2", context, inliner.css())


def _row(change: Change) -> ChangeRow:
    told = ["measured again"] if change.confirmed else []
    told += [change.reason] if change.reason else []
    return ChangeRow(
        subject=wording.subject(change),
        remark="; ".join(told),
        verdict=wording.verdict(change),
        css=CLASSES.get(change.verdict, "quiet"),
        entries=(
            _changed(change),
            _side(change, change.base),
            _side(change, change.new),
            _share(change.limit),
            Entry(str(change.rounds), sort=change.rounds) if change.rounds else Entry(""),
            _share(change.noise),
            Entry(wording.detectable(change), sort=change.detectable),
        ),
    )


def _changed(change: Change) -> Entry:
    if change.ratio is None:
        return Entry("")
    few = change.rounds < MIN_ROUNDS
    detail = "" if few else wording.interval(change.ratio)
    return Entry(wording.by(change), detail, change.ratio.median)


def _side(change: Change, side: Interval | None) -> Entry:
    return Entry(wording.value(change, side), sort=side.median) if side else Entry("")


def _share(part: float | None) -> Entry:
    return Entry("") if part is None else Entry(wording.share(part), sort=part)
