"""`iomodels trace`: record a few requests and show what happened, in text and as Figures 2 to 5."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base.errors import NothingMeasured
from iomodels.base.exit_codes import Exit

from .arguments import completing
from .shared.ending import Ending
from .shared.folders import make_folder
from .shared.options import engine_option, set_option, settings_by_key

if TYPE_CHECKING:
    from iomodels.charts.drawing.picture import Format
    from iomodels.measure.recording import Recording
    from iomodels.trace.schema import Trace

SCENARIO = "slow-device"
MAX_REQUESTS = 1000
ABOUT_RECORDING = ("names", "engines", "scenario", "settings", "requests")


@click.command()
@click.argument(
    "names",
    nargs=-1,
    metavar="[ENGINE|SCENARIO]...",
    shell_complete=completing.ENGINES_AND_SCENARIOS,
)
@engine_option("Engine to record, the same as an ENGINE argument (repeatable).")
@click.option(
    "--scenario",
    metavar="SCENARIO",
    shell_complete=completing.SCENARIOS,
    default=SCENARIO,
    help=f"A shipped name, or a path to a TOML file. [default: {SCENARIO}]",
)
@set_option(
    "Change a scenario key, as in load.compute=50us (repeatable).",
    metavar="KEY=VALUE",
)
@click.option(
    "-n",
    "--requests",
    type=click.IntRange(1, MAX_REQUESTS),
    metavar="N",
    help="Number of requests to record. The median one is shown; if requests overlap, all are. "
    "[default: 4, or as many as are in flight]",
)
@click.option(
    "--read",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    shell_complete=completing.JSON_FILES,
    help="Show this trace file; record nothing (repeatable).",
)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a picture and trace-ENGINE.json for each engine to this folder.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["png", "svg", "pdf"]),
    default="png",
    help="File format of the pictures. [default: png]",
)
@click.option(
    "--perfetto",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write Chrome trace events, for ui.perfetto.dev.",
)
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.pass_context
def command(
    context: click.Context,
    names: tuple[str, ...],
    engines: tuple[str, ...],
    scenario: str,
    settings: tuple[str, ...],
    requests: int | None,
    files: tuple[Path, ...],
    folder: Path | None,
    format_: Format,
    perfetto: Path | None,
    force: bool,
) -> int:
    """Record a few requests and draw them, call by call.

    ENGINE is a name with its options, such as aio:notify=callback. SCENARIO is the same as
    --scenario: a shipped name, or a path that ends in .toml. Without an ENGINE, the engines that
    the scenario names are recorded, else those of the article's Figures 2 to 5: blocking,
    nonblocking, select and aio:notify=signal. A note says what disturbed a recording.

    Exit codes: 0 all recorded, 1 a recording failed, 2 usage error, 3 nothing recorded.
    """
    from .shared.drawing import prepare_drawing

    if folder is not None:
        prepare_drawing()
    from iomodels.measure.recording import engines_of, record
    from iomodels.trace import schema as trace
    from iomodels.trials.pythons.named import labelled

    ending = Ending()
    by_key = settings_by_key(settings)
    if files and any(_was_given(context, name) for name in ABOUT_RECORDING):
        raise click.UsageError(
            "--read shows a recorded trace: do not use it with ENGINE, SCENARIO, --set or "
            "--requests"
        )
    if files:
        traces = [trace.load(file) for file in files]
        _check_outputs([t.engine for t in traces], folder, format_, perfetto, force)
        _give_out(traces, folder, format_, perfetto, force, ending)
        return ending.code(Exit.DONE)
    by_name = _scenarios_among(names)
    if len(by_name) > 1 or (by_name and _was_given(context, "scenario")):
        both = [*by_name, *([scenario] if _was_given(context, "scenario") else [])]
        raise click.UsageError(
            f"a trace needs one scenario, not {' and '.join(both)}: leave one out"
        )
    scenario = by_name[0] if by_name else scenario
    engines = (*labelled(name for name in names if name not in by_name), *engines)
    asked = [spec.canonical for spec in engines_of(engines, scenario, by_key)]
    _check_outputs(asked, folder, format_, perfetto, force)
    recordings = record(engines, scenario, by_key, requests=requests)
    traces = [recording.trace for recording in recordings if recording.trace is not None]
    if not traces:
        reasons = dict.fromkeys(
            f"{recording.engine}: {recording.reason}" for recording in recordings
        )
        raise NothingMeasured(f"nothing was recorded: {'; '.join(reasons)}")
    _complain(recordings)
    _give_out(traces, folder, format_, perfetto, force, ending)
    failed = any(recording.failed for recording in recordings)
    return ending.code(Exit.FAILED if failed else Exit.DONE)


def _scenarios_among(names: Sequence[str]) -> list[str]:
    """The arguments that name a scenario, and not engines. (No suite is traced, and some have the
    name of a group of engines.)"""
    from iomodels.engines.kinds.groups import GROUPS
    from iomodels.workload.scenario import shipped, suites

    known = {*shipped(), *suites()} - set(GROUPS)
    return [name for name in dict.fromkeys(names) if name in known or name.endswith(".toml")]


def _was_given(context: click.Context, name: str) -> bool:
    from click.core import ParameterSource

    return context.get_parameter_source(name) is not ParameterSource.DEFAULT


def _complain(recordings: Sequence[Recording]) -> None:
    from .show import console

    messages = console.messages()
    for recording in recordings:
        if recording.reason is not None:
            what = "failed" if recording.failed else "n/a"
            text = f"{recording.engine}: {what}: {recording.reason}"
            messages.print(console.safe(text), soft_wrap=True)


# Outputs


def _data_file(folder: Path, engine: str) -> Path:
    from iomodels.base.files import slug

    return folder / f"trace-{slug(engine)}.json"


def _check_outputs(
    engines: Sequence[str], folder: Path | None, format_: Format, perfetto: Path | None, force: bool
) -> None:
    """Before anything is recorded: every file can be written."""
    from iomodels.base.files import check_output

    paths = [perfetto] if perfetto is not None else []
    if folder is not None:
        make_folder(folder, "-o DIR")
        for engine in engines:
            data = _data_file(folder, engine)
            paths += [data, data.with_suffix(f".{format_}")]
    if len(set(paths)) < len(paths):
        raise click.UsageError("two output files have the same name: use different folders")
    for path in paths:
        check_output(path, force=force)


def _give_out(
    traces: Sequence[Trace],
    folder: Path | None,
    format_: Format,
    perfetto: Path | None,
    force: bool,
    ending: Ending,
) -> None:
    from iomodels.base.files import write
    from iomodels.exports.perfetto import perfetto as chrome_events

    from .show import console
    from .show.flow_text import flow_text

    out = console.out()
    with ending.part():  # whoever does not read it has the files all the same
        for trace in traces:
            for line in flow_text(trace, out.width):
                out.print(console.safe(line), soft_wrap=True)
    if folder is not None:
        for trace in traces:
            _write(trace, folder, format_, force)
    if perfetto is not None:
        write(chrome_events(traces), perfetto, force=force)
        _written(perfetto)


def _write(trace: Trace, folder: Path, format_: Format, force: bool) -> None:
    from iomodels.base.files import write
    from iomodels.charts.drawing.picture import render
    from iomodels.charts.flows.flow import flow
    from iomodels.trace.schema import encode

    data = _data_file(folder, trace.engine)
    picture = data.with_suffix(f".{format_}")
    write(encode(trace), data, force=force)
    write(render(flow(trace), format_), picture, force=force)
    _written(data)
    _written(picture)


def _written(path: Path) -> None:
    from .show import console

    console.err().print(console.safe(f"written: {path}"), soft_wrap=True)
