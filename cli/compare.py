"""`iomodels compare`: two recorded results, cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.results.where import LATEST

from .arguments import completing
from .arguments.results import found
from .shared.ending import Ending
from .shared.options import (
    ALLOW_OPTION,
    FORCE_OPTION,
    JSON_OPTION,
    LEGEND_OPTION,
    METRIC_OPTION,
    THRESHOLD_OPTION,
    UNDECIDED_OPTION,
    allowed,
    export_option,
)

if TYPE_CHECKING:
    from iomodels.comparison.schema import Undecided

FORMATS = ("table", "markdown", "json", "csv")


@click.command()
@click.argument("base", shell_complete=completing.RESULTS, type=click.Path(path_type=Path))
@click.argument(
    "new", shell_complete=completing.RESULTS, default=LATEST, type=click.Path(path_type=Path)
)
@METRIC_OPTION
@THRESHOLD_OPTION
@UNDECIDED_OPTION
@ALLOW_OPTION
@click.option(
    "--anyway",
    is_flag=True,
    help="Judge times even if the machine, the version or the core differ. A warning remains.",
)
@click.option(
    "--format",
    "shown_as",
    type=click.Choice(FORMATS),
    default="table",
    help="Format of standard output. [default: table]",
)
@click.option(
    "-o",
    "--output",
    metavar="RESULT",
    type=click.Path(path_type=Path),
    help="Keep the comparison in this file, for iomodels chart and report.",
)
@FORCE_OPTION
@LEGEND_OPTION
@export_option("verdicts")
@JSON_OPTION
def command(
    base: Path,
    new: Path,
    metrics: tuple[str, ...],
    threshold: float,
    undecided: Undecided,
    allow: tuple[str, ...],
    anyway: bool,
    shown_as: str,
    output: Path | None,
    force: bool,
    legend: bool,
    exported: tuple[str, ...],
    as_json: bool,
) -> int:
    """Compare two results and show what changed.

    BASE and NEW are files that `iomodels bench` wrote. "latest" is the newest in results/, and
    the default of NEW.

    Each change is shown with its interval, its number of rounds, the noise of its cell and the
    smallest detectable change. Nothing is measured; `iomodels check` measures.

    Exit codes: 0 no regression, 1 a regression or a lost cell, 2 usage error, 3 times are not
    comparable (another machine or version, or no cell in common), 4 inconclusive.
    """
    from iomodels.analysis.assembled import load
    from iomodels.base import names
    from iomodels.comparison.runs import compare
    from iomodels.comparison.verdict import EXIT_CODES

    from .shared import exporting, kept
    from .show import changes_table, console

    if as_json and shown_as not in ("table", "json"):
        raise click.UsageError(
            f"--json and --format {shown_as} contradict each other: use one of them"
        )
    shown_as = "json" if as_json else shown_as
    own = [] if shown_as == "table" else [f"{shown_as}=-"]
    base, new = found([base, new])
    keeping = None if output is None else kept.asked(output, force=force, inputs=(base, new))
    taken = [output] if output is not None else []
    exports = exporting.asked(
        [*own, *exported], "verdicts", force=force, taken=taken, inputs=(base, new)
    )
    base_name, new_name = names.apart([base, new])
    comparison = compare(
        load(base),
        load(new),
        base_name=base_name,
        new_name=new_name,
        threshold=threshold,
        metric_keys=metrics,
        undecided=undecided,
        anyway=anyway,
        allow=allowed(allow),
    )
    ending = Ending()
    exporting.write_files(exports, comparison, force=force, ending=ending)
    saved = kept.save(comparison, keeping, ending) if keeping is not None else None
    with ending.part():
        if not exporting.on_standard_output(exports):
            console_out = console.out()
            for part in changes_table.report(comparison, explain=legend):
                console_out.print(part)
    if saved is not None:
        kept.say(comparison, saved)
    with ending.part():
        exporting.print_out(exports, comparison)
    return ending.code(EXIT_CODES[comparison.outcome])
