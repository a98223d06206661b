"""`iomodels import`: a job file of fio, or a log of strace, as scenarios."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base.errors import NothingSeen

from .arguments import completing
from .shared.folders import check_scenario_output, make_folder, what_next
from .shared.options import JSON_OPTION, budget_option

if TYPE_CHECKING:
    from .importing.imported import Imported


@click.command()
@click.argument("file", metavar="FILE", shell_complete=completing.IMPORTABLE)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Write the scenarios to this file. [default: standard output; with --json, none]",
)
@click.option(
    "--partly",
    is_flag=True,
    help="Write also jobs of which a scenario can say only a part, with notes on what differs.",
)
@click.option(
    "--crosscheck",
    is_flag=True,
    help="Run the jobs with fio and with iomodels, in turns, and show both; write no scenario.",
)
@budget_option("With --crosscheck: longest time to measure", "1m, or the least that it takes")
@JSON_OPTION
@click.option("--force", is_flag=True, help="Overwrite the output if it exists.")
def command(
    file: str,
    output: Path | None,
    partly: bool,
    crosscheck: bool,
    budget: float | None,
    as_json: bool,
    force: bool,
) -> None:
    """Make scenarios of a fio job file, or of a log of strace.

    FILE is one of the two, told apart by what it contains; "-" is standard input. Of a job file
    each job becomes a scenario, and every option is translated, harmless, or refused with the
    reason: the table on standard error has all of them. A job that asks for what a scenario cannot
    say is not written, unless --partly. docs/import.md lists what becomes of each option.

    A log is one that `strace -f -ttt -T -y -o FILE COMMAND` wrote: each kind of work in it becomes
    a scenario, as with `iomodels observe`.

    With --crosscheck, fio (which must be installed) and iomodels measure each job of a job file in
    turns, each on a file of its own in a temporary folder in /var/tmp, never on the paths of the
    job. What differs by more than both intervals is explained, where a reason is found.

    Exit codes: 0 written, 2 usage error, or a file that cannot be read, with the line, 3 no job of
    it can be written, or no I/O is in it, 5 the output not written.
    """
    from .importing.source import opened

    if budget is not None and not crosscheck:
        raise click.UsageError("--budget is for --crosscheck")
    if crosscheck:
        if output is not None:
            raise click.UsageError("--crosscheck writes no scenario: leave out -o")
        from .importing import crosschecking

        with opened(file) as source:
            crosschecking.run(source, partly=partly, budget_s=budget, as_json=as_json)
        return
    if output is not None:
        make_folder(output.parent, "-o FILE.toml")
        check_scenario_output(output, force=force)
    with opened(file) as source:
        if source.format == "log":
            if partly:
                raise click.UsageError("--partly is for job files, and FILE is a log of strace")
            from .importing.log import of_log

            found = of_log(source)
        else:
            from .importing.jobs import of_job_file

            found = of_job_file(source, partly=partly)
    _show(found, as_json=as_json)
    if not found.scenarios:
        raise NothingSeen(found.why_nothing)
    _write(found, output, as_json=as_json, force=force)


def _show(found: Imported, *, as_json: bool) -> None:
    from .show import console

    if as_json:
        click.echo(json.dumps(found.data, indent=2))
        return
    for part in found.shown:
        console.err().print(part)


def _write(found: Imported, output: Path | None, *, as_json: bool, force: bool) -> None:
    from iomodels.base import files
    from iomodels.workload.writing import as_file

    from .show import console

    text = as_file(found.scenarios, found.title, found.notes)
    if output is not None:
        files.write(text.encode(), output, force=force)
        said = what_next(output)
    else:
        if not as_json:
            click.echo(text, nl=False)
        said = ("to measure it, write it to a file: -o mine.toml",)
    for line in [] if as_json else said:
        console.messages().print(console.safe(line), soft_wrap=True)
