"""The article's claims and what a run says of each, as a table."""

from __future__ import annotations

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from iomodels.analysis.claims import verdicts
from iomodels.results.schema import Run

from .console import safe

STYLES = {"holds": "green", "does not hold here": "red", "inconclusive": "yellow"}


def table(run: Run) -> list[RenderableType]:
    """The verdicts on all twelve claims, with the numbers and the cells that they follow from."""
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    grid.add_column("", no_wrap=True)
    grid.add_column("the article's claim", ratio=4)
    grid.add_column("here", ratio=2)
    grid.add_column("measured, with its interval", ratio=5, overflow="fold")
    for verdict in verdicts(run, every=True):
        grid.add_row(
            verdict.claim.id,
            safe(verdict.claim.says),
            Text(verdict.outcome, style=STYLES[verdict.outcome]),
            Text.assemble(
                safe("; ".join(verdict.numbers)),
                "\n",
                safe(", ".join(verdict.cells), "dim"),
            ),
        )
    return [Text(""), grid]
