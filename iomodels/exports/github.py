"""GitHub Actions: a step summary (Markdown, appended), and annotations (commands to the runner).

Annotations as in "Workflow commands for GitHub Actions": a line `::error title=…::…`, in which per
cent, CR and LF are escaped, in the title colon and comma too. GitHub shows ten of a kind per step
and drops the others without a word.
"""

from __future__ import annotations

from iomodels.base.escape import visible
from iomodels.comparison.schema import Change, Comparison
from iomodels.comparison.verdict import FAILING
from iomodels.comparison.wording import (
    HEADLINES,
    by_urgency,
    cell_name,
    counts,
    sentence,
    verdict,
    why_incomparable,
)
from iomodels.exports import markdown

MAX_ANNOTATIONS = 10


def summary(comparison: Comparison) -> str:
    """For the end of `$GITHUB_STEP_SUMMARY`, which every step of a job may have written to."""
    return f"\n{markdown.of_comparison(comparison)}\n"


def commands(comparison: Comparison) -> str:
    """Annotations: errors for what fails the gate or holds it up, then warnings for what is open.

    Where there are too many, the last says how many more.
    """
    told = [c for c in by_urgency(comparison.changes) if c.verdict in (*FAILING, "inconclusive")]
    lines = [_annotation(change) for change in told]
    if comparison.outcome == "not comparable":
        said = [part for part in (counts(comparison), why_incomparable(comparison)) if part]
        lines.insert(0, _command("error", HEADLINES[comparison.outcome], "; ".join(said)))
    if len(lines) > MAX_ANNOTATIONS:
        more = len(lines) - MAX_ANNOTATIONS + 1
        rest = _command("warning", "iomodels", f"and {more} more: see the step summary")
        lines = [*lines[: MAX_ANNOTATIONS - 1], rest]
    return "".join(f"{line}\n" for line in lines)


def data(value: str) -> str:
    """The message of a command, escaped."""
    return visible(value).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def title(value: str) -> str:
    """A property of a command, escaped."""
    return data(value).replace(":", "%3A").replace(",", "%2C")


def _annotation(change: Change) -> str:
    level = "error" if change.verdict in FAILING or change.suspect else "warning"
    return _command(level, f"{verdict(change)}: {cell_name(change)}", sentence(change))


def _command(level: str, name: str, message: str) -> str:
    return f"::{level} title={title(name)}::{data(message)}"
