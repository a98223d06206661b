"""The sets of claims: each is tested by a suite and explained on a page, and shown by both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iomodels.analysis.claims import article, python, today
from iomodels.analysis.claims.definition import Claim, ClaimVerdict, find, judge_claim
from iomodels.results.schema import Run


@dataclass(frozen=True)
class ClaimSet:
    """Claims that belong together."""

    suite: str
    """The shipped suite that measures what they need."""
    takes: str
    """How long it takes."""
    whose: str
    """As it stands before "claims" and "claim"."""
    page: str
    """The file in `docs/` that explains them."""
    module: str
    """The module beside this one that has them."""
    claims: tuple[Claim, ...]

    @property
    def title(self) -> str:
        """What they are called, as a heading."""
        return f"{self.whose[:1].upper()}{self.whose[1:]} claims"

    def title_of(self, count: int) -> str:
        """The same with their number: `The article's 12 claims`."""
        return self.title.removesuffix("claims") + f"{count} claims"


SETS: tuple[ClaimSet, ...] = (
    ClaimSet(
        suite="article",
        takes="about a minute and a half",
        whose="the article's",
        page="claims.md",
        module="article.py",
        claims=article.CLAIMS,
    ),
    ClaimSet(
        suite="today",
        takes="about two minutes and a half",
        whose="today's",
        page="claims-today.md",
        module="today.py",
        claims=today.CLAIMS,
    ),
    ClaimSet(
        suite="python",
        takes="about two minutes",
        whose="Python's",
        page="claims-python.md",
        module="python.py",
        claims=python.CLAIMS,
    ),
)


def asked_for(run: Run) -> list[ClaimSet]:
    """The sets whose suites the run was asked to measure."""
    names = {Path(scenario).stem for scenario in run.asked.scenarios} if run.asked else set()
    return [each for each in SETS if each.suite in names]


def verdicts(run: Run, claims: Sequence[Claim], *, every: bool = False) -> list[ClaimVerdict]:
    """A verdict for each claim whose cells are all in the run, measured or not; no other claims.

    With `every`, on all: where a cell is missing, the verdict says which.
    """
    return [
        judge_claim(claim, run.cells)
        for claim in claims
        if every
        or all(
            find(place, run.cells) for condition in claim.conditions for place in condition.places
        )
    ]


def reference_page(claim_set: ClaimSet) -> str:
    """The page that explains each claim, in Markdown."""
    several = any(not each.decides for claim in claim_set.claims for each in claim.conditions)
    beside = " A number without a condition is shown beside the others and decides nothing."
    lines = [
        f"# {claim_set.title}, and how each is tested",
        "",
        f"`iomodels bench {claim_set.suite}` measures what these claims need, and prints a verdict "
        "for each. A claim *holds* if the whole 95 % interval is on the side of the claim, and "
        "*does not hold here* if the whole interval is on the other side. Otherwise it is "
        "*inconclusive*. Where a claim has several conditions, all of them must hold. It is *n/a* "
        f"if this machine cannot measure what it needs.{beside if several else ''} (Generated from "
        f"`iomodels/analysis/claims/{claim_set.module}`.)",
    ]
    for claim in claim_set.claims:
        lines += ["", f"## {claim.id}: {claim.says}", "", claim.explained, ""]
        for condition in claim.conditions:
            where = ", ".join(place.name for place in condition.places)
            what = condition.quantity.words.rstrip(":")
            holds = f": {condition.holds}" if condition.decides else ""
            lines.append(f"- {what}{holds}. Cells: {where}.")
    return "\n".join(lines) + "\n"
