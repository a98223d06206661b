"""A trial of each shipped scenario with each engine, watched: it comes back as what it was.

`python -m tests.observe.test_round_trip` renews the table in docs/observe.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from iomodels.trials.preparation import Preparation

from .reasons import REASONS, reason_for
from .round_trip import Cell, back, cells, prepared, watched
from .straces import needs_strace

PAGE = Path(__file__).parents[2] / "docs" / "observe.md"
TABLE = re.compile(r"(<!-- round trip: begin -->\n)(.*)(<!-- round trip: end -->)", re.DOTALL)

QUICK = {
    "slow-device": "blocking",
    "direct-read": "kaio",
    "sequential-read": "blocking",
    "log-append": "blocking",
    "random-write": "blocking",
    "pipe-stream": "blocking",
    "echo": "epoll",
    "server": "epoll",
    "many-descriptors": "poll",
    "aio-threads": "threads",
}
"""Each kind of channel, load and model once: what takes a second at most."""
EXPLAINED = 0.97
"""Of all cells. Times decide between a few models, and strace and other work disturb them."""

Outcome = dict[str, int | None]
"""Of a cell, each difference with its reason's number."""


@pytest.fixture(scope="module")
def preparation() -> Iterator[Preparation]:
    needs_strace()
    with prepared() as preparation:
        yield preparation


def outcome(cell: Cell, preparation: Preparation) -> Outcome:
    found = back(cell, watched(cell, preparation))
    return {what: reason_for(cell, what) for what in found.differences}


def quick_cells() -> list[Cell]:
    found = {}
    for cell in cells(list(QUICK)):
        if cell.engine.canonical == QUICK[cell.point.scenario]:
            found.setdefault(cell.point.scenario, cell)
    return list(found.values())


@pytest.mark.parametrize("cell", quick_cells(), ids=lambda cell: cell.name)
def test_a_trial_comes_back(cell: Cell, preparation: Preparation) -> None:
    assert outcome(cell, preparation) == {}


@pytest.mark.longest
@pytest.mark.timeout(1500)
def test_every_trial_comes_back_or_it_is_known_why_not(preparation: Preparation) -> None:
    all_cells = cells()
    unexplained = {}
    for cell in all_cells:
        found = [what for what, why in outcome(cell, preparation).items() if why is None]
        if found:
            unexplained[cell.name] = found
    print(unexplained)
    assert len(unexplained) <= (1 - EXPLAINED) * len(all_cells), unexplained


def test_the_documentation_has_the_table_and_all_reasons() -> None:
    embedded = TABLE.search(PAGE.read_text())
    assert embedded is not None
    for number, reason in enumerate(REASONS, start=1):
        assert f"{number}. {reason.sentence}" in embedded[2]
    for scenario in {cell.point.scenario for cell in cells()}:
        assert f"| {scenario}" in embedded[2]


def table(outcomes: list[tuple[Cell, Outcome]]) -> str:
    """In Markdown: of each point, the engines that came back, and what is otherwise with others."""
    rows: dict[str, tuple[list[str], list[str]]] = {}
    for cell, found in outcomes:
        label = f" ({cell.point.label})" if cell.point.label else ""
        same, other = rows.setdefault(cell.point.scenario + label, ([], []))
        engine = f"`{cell.engine.canonical}`"
        if found:
            numbers = sorted({str(why or "?") for why in found.values()})
            other.append(f"{engine}: {', '.join(found)} ({', '.join(numbers)})")
        else:
            same.append(engine)
    lines = ["| scenario | came back | otherwise (reason) |", "| --- | --- | --- |"]
    lines += [f"| {n} | {', '.join(a) or '–'} | {'; '.join(b)} |" for n, (a, b) in rows.items()]
    came = sum(not found for _, found in outcomes)
    summary = f"Of {len(outcomes)} cells, {came} came back as they were."
    reasons = [f"{number}. {each.sentence}" for number, each in enumerate(REASONS, start=1)]
    return "\n".join([summary, "", *lines, "", *reasons, ""])


def renew() -> None:
    """Measure all cells, and write the table into the page."""
    with prepared() as preparation:
        outcomes = []
        for cell in cells():
            outcomes.append((cell, outcome(cell, preparation)))
            print(cell.name, outcomes[-1][1] or "came back", flush=True)
    text = TABLE.sub(lambda found: found[1] + table(outcomes) + found[3], PAGE.read_text())
    PAGE.write_text(text)


if __name__ == "__main__":
    renew()
