"""`iomodels report`: a result file and its pictures on one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base.errors import NothingToDraw, OutputError, ResultError, UsageError
from iomodels.results.where import LATEST

from .arguments import completing
from .arguments.results import found, loaded
from .shared.folders import make_folder

if TYPE_CHECKING:
    from iomodels.advice.document import Advice
    from iomodels.charts import Picture
    from iomodels.comparison.schema import Comparison
    from iomodels.comparison.trends import History
    from iomodels.report.frame import Drawing
    from iomodels.results.schema import Run
    from iomodels.trace.schema import Trace


@click.command()
@click.argument(
    "result", shell_complete=completing.RESULTS, default=LATEST, type=click.Path(path_type=Path)
)
@click.argument("more", nargs=-1, metavar="", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The page. [default: the name of RESULT, with .html]",
)
@click.option(
    "--trace",
    "trace_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH...",
    shell_complete=completing.JSON_FILES,
    help="Add a picture of this file, or of each trace in this folder, from `iomodels trace -o` "
    "(repeatable, or name more files after it).",
)
@click.option(
    "--all", "every", is_flag=True, help="Every picture, not only the first of each scenario."
)
@click.option("--force", is_flag=True, help="Overwrite the page if it exists.")
def command(
    result: Path,
    more: tuple[Path, ...],
    output: Path | None,
    trace_files: tuple[Path, ...],
    every: bool,
    force: bool,
) -> None:
    """Write a result as one HTML page.

    RESULT is a file that `iomodels bench` wrote; without one, or with "latest", it is the newest in
    results/. The page has the findings, sortable tables, pictures, the machine, and the command to
    repeat the run; that of a comparison, which `iomodels check` keeps, has its changes, that of an
    answer of `iomodels advise` the answer and its candidates, and that of a folder the trend of
    each cell over its runs. It is a single file that needs no network.

    Exit codes: 0 written, 2 usage error, or a file that cannot be read or written, 3 an
    empty result.
    """
    from .shared.drawing import prepare_drawing

    prepare_drawing()
    from iomodels.advice.document import Advice
    from iomodels.base import files
    from iomodels.comparison.schema import Comparison
    from iomodels.comparison.trends import History
    from iomodels.report.page import page
    from iomodels.trace import schema as trace

    from .show import console

    if more and not trace_files:
        raise click.UsageError("a page is of one result: name one file, and traces after --trace")
    (result,) = found([result])
    content = loaded(result)
    kinds = {Comparison: "a comparison", History: "a folder", Advice: "an answer"}
    if (kind := kinds.get(type(content))) and trace_files:
        raise click.UsageError(f"{result} is {kind}: traces stand on the page of a result")
    output = output or result.with_suffix(".html")
    trace_files = tuple(_trace_files((*trace_files, *more)))
    traces = [trace.load(path) for path in trace_files]
    if output.exists() and any(output.samefile(path) for path in (result, *trace_files)):
        raise OutputError(f"{output} is an input: write the page to another file")
    make_folder(output.parent, "-o PATH")
    files.check_output(output, force=force)
    if isinstance(content, Comparison):
        html = _of_comparison(content)
    elif isinstance(content, Advice):
        html = _of_advice(content)
    elif isinstance(content, History):
        html = _of_history(content, result)
    else:
        html = page(content, _drawings(content, every=every), _flows(content, traces))
    files.write(html.encode(), output, force=force)
    console.err().print(console.safe(f"report: {output}"), soft_wrap=True)


def _trace_files(given: Sequence[Path]) -> Iterator[Path]:
    """The files themselves, and of a folder the traces in it, in the order of their names."""
    for path in given:
        if not path.is_dir():
            yield path
            continue
        found = sorted(path.glob("trace-*.json"))
        if not found:
            raise UsageError(
                f"there is no trace in {path}/: make one with iomodels trace -o {path}"
            )
        yield from found


def _of_comparison(comparison: Comparison) -> str:
    from iomodels import charts
    from iomodels.report.comparison_page import page

    drawn = {each.name: _drawing(each, each.subject) for each in charts.of_comparison(comparison)}
    trend = drawn.pop(charts.TREND, None)
    return page(comparison, list(drawn.values()), trend)


def _of_advice(advice: Advice) -> str:
    from iomodels import charts
    from iomodels.report.advice_page import page

    return page(advice, [_drawing(each, each.subject) for each in charts.of_advice(advice)])


def _of_history(history: History, folder: Path) -> str:
    from iomodels import charts
    from iomodels.base.names import text_of
    from iomodels.report.history_page import page

    pictures = charts.of_history(history)
    if not pictures:
        raise NothingToDraw(f"there is no trend in {folder}: it needs two runs of one machine")
    return page(history, text_of(folder.name), _drawing(pictures[0], pictures[0].subject))


def _drawings(run: Run, *, every: bool) -> list[Drawing]:
    from iomodels import charts

    from .show import console

    try:
        found = charts.pictures([run])
        first = [picture for picture in found if every or picture.rank < charts.FIRST]
        pictures = [*first, *charts.matrices(run)]
    except (NothingToDraw, ResultError) as error:
        # The tables stand for themselves, and say more of what was not measured.
        console.err().print(console.safe(f"no pictures: {error}"), soft_wrap=True)
        return []
    return [_drawing(picture, picture.subject) for picture in pictures]


def _flows(run: Run, traces: Sequence[Trace]) -> list[Drawing]:
    from iomodels.charts.flows.flow import flow
    from iomodels.report.page import other_origin

    pictures = [(flow(trace), other_origin(run, trace)) for trace in traces]
    return [_drawing(picture, picture.title, remark) for picture, remark in pictures]


def _drawing(picture: Picture, title: str, remark: str = "") -> Drawing:
    from iomodels.charts import render
    from iomodels.report.frame import Drawing

    return Drawing(
        scenario=picture.scenario,
        title=title,
        alt=picture.alt,
        svg=render(picture, "svg"),
        remark=remark,
        narrow_svg=render(picture.narrow, "svg"),
    )
