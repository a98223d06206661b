"""`iomodels report`: a result file and its pictures on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.errors import NothingToDraw, OutputError, ResultError

if TYPE_CHECKING:
    from iomodels.report import Drawing
    from iomodels.results import Run


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The page. [default: RESULT with .html in place of its ending]",
)
@click.option("--force", is_flag=True, help="Overwrite the page if it exists.")
def command(result: Path, output: Path | None, force: bool) -> None:
    """Put a result on one HTML page: findings, tables, pictures, how to measure it again.

    RESULT is a file that `iomodels bench` wrote. The page is one file that needs no network: it
    can be mailed, printed, or opened on a phone.

    Exits with 0 when the page was written, 2 for a file that cannot be read or written, 3 for a
    result without anything in it.
    """
    from iomodels import storage
    from iomodels.report import page

    from . import console

    output = output or result.with_suffix(".html")
    run = storage.load(result)
    if output.exists() and output.samefile(result):
        raise OutputError(f"{output} is the result itself: name another file for the page")
    storage.check_output(output, force=force)
    html = page(run, _drawings(run))
    storage.write(html.encode(), output, force=force)
    console.err().print(console.safe(f"report: {output}"), soft_wrap=True)


def _drawings(run: Run) -> list[Drawing]:
    from iomodels import charts
    from iomodels.report import Drawing

    from . import console

    try:
        pictures = [*charts.matrices(run), *charts.pictures([run])]
    except (NothingToDraw, ResultError) as error:
        # The tables stand for themselves, and say more of what was not measured.
        console.err().print(console.safe(f"without pictures: {error}"), soft_wrap=True)
        return []
    return [
        Drawing(
            scenario=picture.scenario,
            title=picture.alt.partition(". ")[0],
            alt=picture.alt,
            svg=charts.render(picture, "svg"),
        )
        for picture in pictures
    ]
