"""The claims that a run tests, as its page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from iomodels.analysis.cells import title
from iomodels.analysis.claims import sets
from iomodels.analysis.claims.definition import MARKS, MARKS_EXPLAINED, ClaimVerdict
from iomodels.results.schema import Run


@dataclass(frozen=True)
class ShownClaims:
    """One set of claims, as far as the run tests them."""

    title: str
    verdicts: tuple[ShownClaim, ...]

    @property
    def legend(self) -> str:
        """What the marks before the numbers mean; "" where there are none."""
        return (
            MARKS_EXPLAINED if any(len(item.verdict.numbers) > 1 for item in self.verdicts) else ""
        )


@dataclass(frozen=True)
class ShownClaim:
    """A claim with its verdict."""

    verdict: ClaimVerdict
    cells: str

    @property
    def outcome(self) -> str:
        """With its mark."""
        return f"{MARKS[self.verdict.outcome]} {self.verdict.outcome}"


def claims_of(run: Run) -> list[ShownClaims]:
    """The claims whose cells are all in the run, by set."""
    found = [(each.title, sets.verdicts(run, each.claims)) for each in sets.SETS]
    return [
        ShownClaims(
            heading,
            tuple(
                ShownClaim(verdict, "; ".join(_place(cell, run) for cell in verdict.cells))
                for verdict in verdicts
            ),
        )
        for heading, verdicts in found
        if verdicts
    ]


def _place(cell: str, run: Run) -> str:
    """`A slow device: blocking` for `slow-device/blocking`, as a claim names its cells."""
    scenario, _, rest = cell.partition("/")
    return f"{title(scenario, run)}: {rest}" if rest else cell
