"""`iomodels import`: a job file of fio, or a log of strace, as scenarios."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base.exit_codes import Exit

from .arguments import completing
from .shared.folders import make_folder
from .shared.options import JSON_OPTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iomodels.fio.importing import ImportedJobs
    from iomodels.workload.writing import WrittenScenario

    from .importing.source import Source


@click.command()
@click.argument("file", metavar="FILE", shell_complete=completing.IMPORTABLE)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write the scenarios to this file. [default: standard output]",
)
@click.option(
    "--partly",
    is_flag=True,
    help="Write also jobs of which a scenario can say only a part, with notes on what differs.",
)
@JSON_OPTION
@click.option("--force", is_flag=True, help="Overwrite the output if it exists.")
def command(file: str, output: Path | None, partly: bool, as_json: bool, force: bool) -> int:
    """Make scenarios of a fio job file, or of a log of strace.

    FILE is one of the two, told apart by what it contains; "-" is standard input. Of a job file
    each job becomes a scenario, and every option is translated, harmless, or refused with the
    reason: the table on standard error has all of them. A job that asks for what a scenario cannot
    say is not written, unless --partly. docs/import.md lists what becomes of each option.

    Exit codes: 0 written, 2 a file that cannot be read, with the line, 3 no job of it could be
    written.
    """
    from .importing.source import opened

    if output is not None:
        from iomodels.base import files

        make_folder(output.parent, "-o PATH")
        files.check_output(output, force=force)
    with opened(file) as source:
        if source.format == "log":
            return _import_log(source)
        found = _import_jobs(source, partly=partly, as_json=as_json)
    return _write(found.scenarios, found.notes, output, as_json=as_json, force=force)


def _import_jobs(source: Source, *, partly: bool, as_json: bool) -> ImportedJobs:
    from iomodels.fio.importing import import_jobs
    from iomodels.fio.reading import MAX_BYTES

    from .importing import fates
    from .show import console

    found = import_jobs(
        source.read(MAX_BYTES),
        source.where,
        folder=source.folder,
        partly=partly,
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
    )
    if as_json:
        click.echo(json.dumps(fates.as_data(found), indent=2))
    else:
        for part in fates.shown(found):
            console.err().print(part)
    return found


def _import_log(source: Source) -> int:
    raise click.UsageError(f"{source.where} is a log of strace")


def _write(
    scenarios: Sequence[WrittenScenario],
    notes: Sequence[str],
    output: Path | None,
    *,
    as_json: bool,
    force: bool,
) -> int:
    from iomodels.base import files
    from iomodels.workload.writing import as_file

    from .show import console

    if not scenarios:
        return Exit.NOTHING
    text = as_file(scenarios, "The jobs of a job file", notes)
    if output is None:
        if not as_json:
            click.echo(text, nl=False)
        next_step = "save it with -o mine.toml, then: iomodels bench mine.toml"
    else:
        files.write(text.encode(), output, force=force)
        name = shlex.quote(str(output))
        next_step = f"{output}: iomodels bench {name}, iomodels advise {name}"
    if not as_json:
        console.messages().print(console.safe(next_step, "dim"))
    return Exit.DONE
