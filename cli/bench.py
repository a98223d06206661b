"""`iomodels bench`: read the options, measure, keep the result, show the table."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base import exit_codes, files, signals
from iomodels.base.exit_codes import Exit
from iomodels.measure.defaults import (
    BUDGET_S,
    MAX_ROUNDS,
    MAX_SECONDS,
    QUICK_DURATION_S,
    QUICK_ROUNDS,
    QUICK_WARMUP_S,
    ROUNDS,
    WARMUP_S,
)

from .arguments import completing
from .shared.ending import Ending, naming
from .shared.folders import default_folder, default_output, free_name
from .shared.options import (
    DURATION_OPTION,
    FORCE_OPTION,
    JSON_OPTION,
    LEGEND_OPTION,
    Share,
    Time,
    budget_option,
    engine_option,
    export_option,
    interpreter_option,
    metric_option,
    one_folder,
    seed_option,
    set_option,
    settings_by_key,
)

if TYPE_CHECKING:
    from rich.console import Console

    from iomodels.measure.earlier import Earlier
    from iomodels.results.schema import Notice, Run

DEFAULT_SUITE = "default"


@click.command()
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...", shell_complete=completing.SCENARIOS)
@engine_option(
    "Engine to measure; repeat it, or separate engines with commas.",
    after="[default: those of the scenario, else article]",
)
@set_option(
    "Change a scenario key, as in load.depth=4 (repeatable). Several values make a sweep. "
    "`iomodels scenarios --keys` lists the keys."
)
@click.option(
    "-r",
    "--rounds",
    type=click.IntRange(1, MAX_ROUNDS),
    metavar="N",
    help=f"Number of rounds; verdicts need at least 6. [default: {ROUNDS}]",
)
@DURATION_OPTION
@click.option(
    "--warmup",
    type=Time("s", 0, MAX_SECONDS),
    metavar="TIME",
    help=f"Warm-up before the measured time, in the same units. [default: {WARMUP_S}]",
)
@click.option(
    "--precision",
    type=Share(),
    metavar="SHARE",
    help="Give more rounds to the cells that need them, until the interval of each is within this "
    "share of its median. [default: no further rounds]",
)
@budget_option("With --precision: longest time to measure")
@metric_option("With --precision: metric whose interval counts")
@click.option(
    "--quick",
    is_flag=True,
    help=f"{QUICK_ROUNDS} rounds of {QUICK_DURATION_S} s with {QUICK_WARMUP_S} s of warm-up, for a "
    "first look, without verdicts.",
)
@seed_option("result")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Result file. [default: results/NAME-TIME.json; with --json, none]",
)
@click.option(
    "--append",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Add the result to a history, the folder of a baseline (check --baseline FOLDER): a small "
    "file, named by the time. The folder is made if it is missing.",
)
@click.option(
    "--change",
    metavar="TEXT",
    help="With --append: what is known to have changed since the last run, as in 'kernel 6.18'. "
    "The history starts again with this run.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="PATH",
    shell_complete=completing.PARTIAL_RESULTS,
    help="Continue the interrupted run of this result or PATH.partial: measure what is missing, in "
    "the same order and with the same settings.",
)
@interpreter_option("the result of --resume, or in a scenario's file")
@FORCE_OPTION
@LEGEND_OPTION
@export_option("measurements")
@JSON_OPTION
def command(
    scenarios: tuple[str, ...],
    engines: tuple[str, ...],
    settings: tuple[str, ...],
    rounds: int | None,
    duration: float | None,
    warmup: float | None,
    precision: float | None,
    budget: float | None,
    metrics: tuple[str, ...],
    quick: bool,
    seed: int | None,
    output: Path | None,
    append: Path | None,
    change: str | None,
    resume: Path | None,
    force: bool,
    legend: bool,
    exported: tuple[str, ...],
    as_json: bool,
) -> int:
    """Run scenarios with the engines and show what each costs.

    SCENARIO is a shipped scenario or suite (`iomodels scenarios` lists them), or the path of a TOML
    file. [default: the suite "default", which takes about a minute]

    Exit codes: 0 all measured, 1 a cell failed, 2 usage error, 3 nothing measured, 5 an output not
    written, 130 interrupted (the measurements so far are saved).
    """
    from iomodels.analysis.cells import has_measurements
    from iomodels.base.units import counted
    from iomodels.measure.precision import NOT_PRECISE
    from iomodels.measure.run import RunInterrupted, RunNotSaved, bench_plan
    from iomodels.measure.run import bench as run_bench
    from iomodels.results.locks import TakenError
    from iomodels.statistics.rounds import MIN_ROUNDS

    from .shared import appending as history
    from .shared import exporting
    from .show import console, progress

    chosen = scenarios or (DEFAULT_SUITE,)
    by_key = settings_by_key(settings)
    appending = history.asked(append, change)
    trials_only = appending is not None and output is None
    messages = console.messages()
    earlier = None
    if resume is not None:
        own = (
            scenarios,
            _not_plugins(engines),
            rounds,
            duration,
            warmup,
            quick,
            seed,
            output,
            precision,
        )
        earlier = _earlier(resume, by_key, others=any(own) or seed == 0)
        output = earlier.output
    _check_precision(precision, budget, metrics)
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    preface = ""
    if quick and rounds < MIN_ROUNDS and precision is None:
        preface = f"quick: {counted(rounds, 'short round')}, for a first look, without verdicts"
    by_default = output is None
    if output is None and (trials_only or not as_json):
        output = default_output(chosen, datetime.now(UTC))

    def measure(output: Path | None) -> Run:
        if earlier is not None:
            return bench_plan(
                earlier.plan,
                output=output,
                force=True,
                listener=listener,
                earlier=earlier,
                trials_only=trials_only,
            )
        return run_bench(
            chosen,
            engines=engines,
            settings=by_key,
            rounds=rounds,
            duration_s=QUICK_DURATION_S if quick and duration is None else duration,
            warmup_s=_or(warmup, QUICK_WARMUP_S if quick else WARMUP_S),
            seed=seed,
            precision=precision,
            budget_s=_or(budget, BUDGET_S),
            metrics=metrics,
            output=output,
            force=force,
            trials_only=trials_only,
            listener=listener,
        )

    taken = [output] if output is not None else []
    exports = exporting.asked(exported, "measurements", force=force, as_json=as_json, taken=taken)
    shown_on = console.err() if exporting.on_standard_output(exports) else console.out()
    ending = Ending()
    with (
        signals.held() as held,
        exporting.reserved(exports, [] if by_default else taken),
        default_folder(output),
        appending.prepared() if appending else nullcontext(),
    ):
        with progress.display(messages, preface, table_below=not as_json) as listener:
            number, not_saved = None, None
            try:
                while True:
                    try:
                        run = measure(output)
                        break
                    except TakenError:
                        if output is None or not by_default:
                            raise
                        output = free_name(output)  # another run of this second has that name
            except RunInterrupted as interruption:
                run, number = interruption.run, interruption.number
                not_saved = interruption.not_saved
            except RunNotSaved as failure:
                run, not_saved = failure.run, failure
        if not has_measurements(run):
            messages.print("interrupted before anything was measured: there is no result")
            return exit_codes.of_signal(number or signal.SIGINT)
        if not_saved is not None:
            ending.failures.append(not_saved)
        added = appending.add(run, ending) if appending and number is None else None
        if trials_only and output is not None and added is not None:
            files.partial_path(output).unlink(missing_ok=True)
        exporting.write_files(exports, run, force=force, ending=ending)
        waiting = held.take()
        number = number or waiting
    # Everything is written by now, so that whatever fails from here on takes only what is shown.
    saved = (added if trials_only else output) if not_saved is None else None
    with naming(saved):
        with ending.part():
            if as_json:
                _write_json(run)
            else:
                _show(run, shown_on, listener.before, explain=legend)
        if number is not None:
            complete = all(cell.status != "partial" for cell in run.cells) and all(
                notice.code != NOT_PRECISE for notice in run.warnings
            )
            what = "all was measured before" if complete else "this is what was measured until then"
            messages.print(f"{signals.words(number)}: {what}")
        if saved is not None:
            for line in _where(saved, run):
                messages.print(console.safe(line), soft_wrap=True)
        if appending is not None:
            for line in history.where(added, appending, output):
                messages.print(console.safe(line), soft_wrap=True)
        with ending.part():
            exporting.print_out(exports, run, as_json=as_json)
    failed = any(cell.status == "failed" for cell in run.cells)
    return ending.code(Exit.FAILED if failed else Exit.DONE, number)


def _check_precision(precision: float | None, budget: float | None, metrics: Sequence[str]) -> None:
    for option, given in (("--budget", budget is not None), ("--metric", bool(metrics))):
        if given and precision is None:
            raise click.UsageError(
                f"{option} belongs to --precision: add --precision 2%, or leave {option} out "
                "(the number of rounds is -r)"
            )


def _not_plugins(engines: Sequence[str]) -> list[str]:
    """Without the plug-ins, which a run that goes on needs named: a result never loads one."""
    from iomodels.engines.sources import SOURCES
    from iomodels.engines.spec import parse_list

    return [spec.name for spec in parse_list(engines) if SOURCES[spec.name].origin is None]


def _earlier(path: Path, settings: Mapping[str, Sequence[str]], *, others: bool) -> Earlier:
    from iomodels.measure.earlier import earlier

    if others or settings.keys() - {"channel.folder"}:
        raise click.UsageError(
            "--resume continues a run as it was: give nothing else but --set channel.folder, "
            "--interpreter, --append, --export, --json, and -e for plug-ins"
        )
    return earlier(path, folder=one_folder(settings))


def _where(output: Path, run: Run) -> list[str]:
    """The result's path, and the commands that show it."""
    from .show.ending import verdicts

    path = shlex.quote(str(output))
    return [
        f"result: {output}",
        f"pictures: iomodels chart {path}",
        f"page: iomodels report {path}",
        *verdicts.commands(run, path),
    ]


def _write_json(run: Run) -> None:
    from iomodels.results.save import encode

    sys.stdout.buffer.write(encode(run))
    sys.stdout.buffer.flush()


def _show(run: Run, output: Console, said: Sequence[Notice], *, explain: bool) -> None:
    """The run's tables, with its warnings except those that have been `said`."""
    from .show import table
    from .show.ending import twins, verdicts

    for part in table.report(run, width=output.width, said=said, explain=explain):
        output.print(part)
    for part in (*twins.table(run), *verdicts.ending(run, explain=explain)):
        output.print(part)


def _or(given: float | None, default: float) -> float:
    return default if given is None else given
