"""`iomodels chart`: read results, draw what suits them, write a file for each picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base.errors import NothingToDraw
from iomodels.base.exit_codes import Exit
from iomodels.results.where import LATEST

from .arguments import completing
from .arguments.results import found, loaded
from .shared.ending import Ending
from .shared.folders import make_folder

if TYPE_CHECKING:
    from iomodels.advice.document import Advice
    from iomodels.charts import Format, Picture
    from iomodels.comparison.trends import History


@click.command()
@click.argument(
    "results",
    nargs=-1,
    metavar="[RESULT]...",
    shell_complete=completing.RESULTS,
    type=click.Path(path_type=Path),
)
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for the pictures; created if necessary. [default: the name of RESULT, without "
    ".json]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["png", "svg", "pdf"]),
    default="png",
    show_default=True,
    help="File format of the pictures. A PNG is 1080 pixels wide; the text of an SVG uses the font "
    "DejaVu Sans.",
)
@click.option(
    "--scenario",
    metavar="NAME",
    shell_complete=completing.SCENARIO_NAMES,
    help="Draw only this scenario.",
)
@click.option(
    "--matrix", is_flag=True, help="Draw the four models as a matrix (the article's Figure 1)."
)
@click.option(
    "--all", "every", is_flag=True, help="Draw all pictures, not only the most important ones."
)
@click.option("--force", is_flag=True, help="Overwrite pictures that exist.")
def command(
    results: tuple[Path, ...],
    folder: Path | None,
    format_: Format,
    scenario: str | None,
    matrix: bool,
    every: bool,
    force: bool,
) -> int:
    """Draw charts of results.

    RESULT is a file that `iomodels bench` wrote, a comparison that `iomodels check` kept, or an
    answer of `iomodels advise`; without one, or with "latest", it is the newest result in results/.
    Several are overlaid. Each scenario gets at most four pictures, those that answer its question;
    --all draws the others too. Of a folder, which is a history, it draws the trend of each cell
    over its runs. Each picture is a file in DIR; the file names go to standard output.

    Exit codes: 0 all drawn, 2 usage error, or a file that cannot be read or written, 3 nothing to
    draw.
    """
    from iomodels.base import files

    from .shared.drawing import prepare_drawing

    prepare_drawing()
    from .show import console
    from .show.rendering import rendered

    if matrix and len(results) > 1:
        raise click.UsageError("--matrix draws one result: name one file")
    chosen = found(results or [Path(LATEST)])
    pictures = _pictures(chosen, scenario, matrix=matrix)
    if not pictures:
        raise NothingToDraw(
            f"there is nothing to draw{_where(scenario)}: "
            + (
                "fewer than three of the four models were measured (without a deadline): name a "
                "scenario with --scenario to draw it anyway"
                if matrix
                else "no cell was measured"
            )
        )
    from iomodels.charts import FIRST

    first = [picture for picture in pictures if every or picture.rank < FIRST]
    further = len(pictures) - len(first)
    folder = folder or _default_folder(chosen)
    make_folder(folder, "-o DIR")
    paths = [folder / f"{picture.name}.{format_}" for picture in first]
    for path in paths:
        files.check_output(path, force=force)
    output = console.out()
    ending = Ending()
    for data, path in zip(rendered(first, format_), paths, strict=True):
        files.write(data, path, force=force)
        with ending.part():  # without its name a picture is there all the same
            output.print(console.safe(str(path)), soft_wrap=True)
    if further:
        console.err().print(f"{further} more pictures with --all", soft_wrap=True)
    return ending.code(Exit.DONE)


def _pictures(results: Sequence[Path], scenario: str | None, *, matrix: bool) -> list[Picture]:
    from iomodels import charts
    from iomodels.advice.document import Advice
    from iomodels.analysis.assembled import PARTIAL_FILE
    from iomodels.charts.drawing.origin import run_names
    from iomodels.comparison.schema import Comparison
    from iomodels.comparison.trends import History

    from .shared.drawing import note_lacking_letters
    from .show import console

    contents = [loaded(path) for path in results]
    note_lacking_letters(contents)
    whole = Comparison | History | Advice
    runs = [content for content in contents if not isinstance(content, whole)]
    for notice in (notice for run in runs for notice in run.warnings):
        if notice.code == PARTIAL_FILE:  # a picture alone does not say it
            console.err().print(console.safe(f"warning: {notice.message}"), soft_wrap=True)
    others = [content for content in contents if isinstance(content, whole)]
    if others:
        if len(contents) > 1 or scenario is not None or matrix:
            raise click.UsageError(
                "a comparison, a folder or an answer is drawn alone and as a whole: name one, "
                "without --scenario and --matrix"
            )
        (other,) = others
        if isinstance(other, Comparison):
            return charts.of_comparison(other)
        if isinstance(other, Advice):
            return _of_advice(other, results[0])
        return _of_history(other, results[0])
    if not matrix:
        names = run_names(runs, results)
        return charts.pictures(runs, scenario=scenario, names=names)
    if scenario is None:
        return charts.matrices(runs[0])
    return [charts.matrix(runs[0], scenario)]


def _of_history(history: History, folder: Path) -> list[Picture]:
    from iomodels import charts

    if not (pictures := charts.of_history(history)):
        raise NothingToDraw(f"there is no trend in {folder}: it needs two runs of one machine")
    return pictures


def _of_advice(advice: Advice, path: Path) -> list[Picture]:
    from iomodels import charts

    if not (pictures := charts.of_advice(advice)):
        raise NothingToDraw(
            f"there is no turning point in {path}: `iomodels advise --turn load.depth` looks for "
            "one, with a --budget that is large enough"
        )
    return pictures


def _default_folder(results: Sequence[Path]) -> Path:
    """Beside the first result, with the names of all of them."""
    names = [path.name.removesuffix(".partial").removesuffix(".json") for path in results]
    folder = results[0].with_name("-".join(dict.fromkeys(names))[:100])
    # A result without a suffix has the name itself.
    return folder.with_name(f"{folder.name}-pictures") if folder in results else folder


def _where(scenario: str | None) -> str:
    return f" of scenario '{scenario}'" if scenario else ""
