"""The claims that a run tests, as its page shows them."""

from __future__ import annotations

from collections.abc import Sequence
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
    """The claims whose cells are all in the run, by set; those that it was asked for first."""
    asked = sets.asked_for(run)
    in_order = sorted(sets.SETS, key=lambda each: each not in asked)
    found = [(each.title, sets.verdicts(run, each.claims)) for each in in_order]
    return [
        ShownClaims(
            heading, tuple(ShownClaim(verdict, _places(verdict.cells, run)) for verdict in verdicts)
        )
        for heading, verdicts in found
        if verdicts
    ]


def _places(cells: Sequence[str], run: Run) -> str:
    """`A slow device: nonblocking, blocking` for the cells of a claim, as it names them."""
    by_scenario: dict[str, list[str]] = {}
    for cell in cells:
        scenario, _, rest = cell.partition("/")
        by_scenario.setdefault(title(scenario, run), []).append(rest)
    return "; ".join(f"{name}: {', '.join(rest)}" for name, rest in by_scenario.items())
