"""What a suite of claims ends with: the verdict on each claim, and the set's picture in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from iomodels.analysis.cells import rounds_of
from iomodels.analysis.claims import sets
from iomodels.analysis.claims.definition import MARKS_EXPLAINED, ClaimVerdict, Outcome
from iomodels.analysis.claims.sets import ClaimSet
from iomodels.analysis.quantities import CPU, LATENCY_P50, THROUGHPUT, named
from iomodels.engines.sources import DESCRIPTORS
from iomodels.results.schema import Cell, Run
from iomodels.statistics.rounds import MIN_ROUNDS, interval_kind

from ..console import safe

FIGURE_1 = "slow-device"
"""The scenario that measures all four models."""
STYLES: Mapping[Outcome, str] = {
    "holds": "green",
    "does not hold here": "red",
    "inconclusive": "yellow",
    "n/a": "dim",
}


def ending(run: Run, *, explain: bool = False) -> list[RenderableType]:
    """What follows the tables of a run: the claims that its suites test, each set with what stands
    below it (`BELOW`). Nothing for a run that was asked for no such suite."""
    parts: list[RenderableType] = []
    for claim_set in sets.asked_for(run):
        below = BELOW.get(claim_set.suite)
        parts += [*table(run, claim_set, explain=explain), *(below(run) if below else ())]
    return parts


def commands(run: Run, path: str) -> list[str]:
    """What more can be asked of the result at `path` (quoted for a shell), by its claims."""
    return [
        command.format(path=path)
        for claim_set in sets.asked_for(run)
        for command in COMMANDS.get(claim_set.suite, ())
    ]


def table(run: Run, claim_set: ClaimSet, *, explain: bool = False) -> list[RenderableType]:
    """The verdicts on all claims of a set, with the numbers that they follow from; to `explain`
    them, with the cells as well. Below it, how many of each there are."""
    found = sets.verdicts(run, claim_set.claims, every=True)
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    grid.add_column("", no_wrap=True)
    grid.add_column("here", width=12)
    rounds = rounds_of(run)
    grid.add_column(
        f"{claim_set.whose} claims, each number with its {interval_kind(rounds)}",
        ratio=1,
        overflow="fold",
    )
    for verdict in found:
        grid.add_row(
            verdict.claim.id,
            Text(verdict.outcome, style=STYLES[verdict.outcome]),
            _measured(verdict, explain=explain),
        )
    return [Text(""), grid, Text(""), Text(_in_all(found, claim_set, rounds, explain=explain))]


def _measured(verdict: ClaimVerdict, *, explain: bool) -> Text:
    lines = [safe(verdict.claim.says, "bold"), *(safe(line) for line in verdict.lines)]
    if explain:
        lines.append(safe(", ".join(verdict.cells), "dim"))
    return Text("\n").join(lines)


def _in_all(
    found: Sequence[ClaimVerdict], claim_set: ClaimSet, rounds: int, *, explain: bool
) -> str:
    """How many of each outcome there are, and what a reader must know of the table."""
    outcomes = Counter(verdict.outcome for verdict in found)
    told = ", ".join(
        f"{outcome} {outcomes[outcome]}"
        for outcome in STYLES
        if outcomes[outcome] or outcome != "n/a"
    )
    said = f"{claim_set.title_of(len(found))}: {told}."
    if 0 < rounds < MIN_ROUNDS:
        said += (
            f" Verdicts need at least {MIN_ROUNDS} rounds: `iomodels bench {claim_set.suite}` "
            f"({claim_set.takes}) gives them."
        )
    if any(len(verdict.numbers) > 1 for verdict in found):
        said += f" {MARKS_EXPLAINED}"
    if explain:
        said += (
            ' The column "here" is the verdict on this machine. In parentheses: the interval, and '
            "where the whole interval must be for the claim to hold. Below: the cells used."
        )
    return said


def figure_1(run: Run) -> list[RenderableType]:
    """The article's Figure 1: the four models by row and column, each with what was measured."""
    found = {cell.engine: cell for cell in run.cells if cell.scenario == FIGURE_1}
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    for heading in ("", "blocking", "non-blocking"):
        grid.add_column(heading)
    for synchronous, row in ((True, "synchronous"), (False, "asynchronous")):
        models = {
            d.blocking: Text("\n").join(_lines(d.name, found.get(d.name)))
            for d in DESCRIPTORS.values()
            if d.in_matrix and d.synchronous == synchronous
        }
        grid.add_row(row, models[True], models[False])
    return [Text(""), Text(f"Figure 1 of the article, as measured ({FIGURE_1}):"), grid]


def _lines(engine: str, cell: Cell | None) -> Iterator[Text]:
    yield Text(engine, style="bold")
    if cell is None or cell.summary is None:
        yield safe((cell and cell.reason) or "not measured")
        return
    for quantity in (THROUGHPUT, LATENCY_P50, CPU, named("calls_per_op")):
        interval = quantity.interval(cell)
        if interval is not None:
            yield Text(f"{quantity.title}: {quantity.unit.spoken(interval.median)}")
    yield Text("")


BELOW: Mapping[str, Callable[[Run], list[RenderableType]]] = {"article": figure_1}
"""By the suite: what stands below its verdicts."""
COMMANDS: Mapping[str, Sequence[str]] = {
    "article": (
        f"Figure 1: iomodels chart {{path}} --scenario {FIGURE_1} --matrix",
        "Figures 2 to 5: iomodels trace -o traces",
    ),
    "today": ("call by call: iomodels trace -e today -o traces-today",),
}
"""By the suite: the commands that draw what it is about."""
