"""`iomodels advise`: measure the candidates for a workload, and answer which to use."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base import files, signals
from iomodels.base.exit_codes import Exit
from iomodels.measure.defaults import (
    BUDGET_S,
    DURATION_S,
    WARMUP_S,
)

from .advising import asking
from .arguments import completing
from .shared.ending import Ending, naming
from .shared.folders import default_folder, default_output, spare_inputs
from .shared.options import (
    DURATION_OPTION,
    FORCE_OPTION,
    JSON_OPTION,
    budget_option,
    engine_option,
    export_option,
    seed_option,
    set_option,
    settings_by_key,
)

if TYPE_CHECKING:
    from iomodels.advice.document import Advice


@click.command()
@click.argument(
    "inputs",
    nargs=-1,
    required=True,
    metavar="SCENARIO|RESULT...",
    shell_complete=completing.SCENARIOS,
)
@click.option(
    "--for",
    "goal",
    type=click.Choice(["throughput", "latency", "cpu"]),
    default="throughput",
    help="What is wanted: throughput (in an open loop, median latency), median latency, or little "
    "CPU per operation. [default: throughput]",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    help="Use no engine that exceeds this (repeatable): cpu=1 (CPUs kept busy), p50=200us, "
    "p99=1ms, memory=8MiB.",
)
@click.option(
    "--today",
    metavar="ENGINE",
    shell_complete=completing.ENGINES,
    help="What you use now: the gain is over this. [default: what the scenario's file says, else "
    "the simplest engine]",
)
@click.option(
    "--python",
    is_flag=True,
    help="The candidates are Python's own models, measured in Python. (It takes no path; -e "
    "python:asyncio:python=PATH names an interpreter.)",
)
@click.option(
    "--turn",
    metavar="KEY",
    help="Look for the turning point over this key: load.depth, load.descriptors or load.block. "
    "[default: what suits the scenario; of one with a sweep, its own values]",
)
@engine_option(
    "Candidate; repeat it, or separate engines with commas.",
    after="[default: all, also with the options that may matter]",
)
@set_option("Change a scenario key, as in load.depth=4 (repeatable). Several values make a sweep.")
@DURATION_OPTION
@budget_option("Longest time to measure, over all points")
@seed_option("answer")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File of the answer, for iomodels chart and report. [default: results/advice-TIME.json; "
    "with --json, none]",
)
@FORCE_OPTION
@export_option("answers")
@JSON_OPTION
def command(
    inputs: tuple[str, ...],
    goal: str,
    limits: tuple[str, ...],
    today: str | None,
    python: bool,
    turn: str | None,
    engines: tuple[str, ...],
    settings: tuple[str, ...],
    duration: float | None,
    budget: float | None,
    seed: int | None,
    output: Path | None,
    force: bool,
    exported: tuple[str, ...],
    as_json: bool,
) -> int:
    """Measure the candidates for a workload, and say which to use.

    SCENARIO is a shipped scenario or suite, or the path of a TOML file, as `iomodels observe` and
    `iomodels import` write them. RESULT is a file of `iomodels bench`: it is judged as it is, and
    nothing is measured.

    The answer is an engine, what it gains over the one that you use now, what it costs, which
    simpler one is as good, where the answer changes, and what would make it wrong. Where the rounds
    do not decide which engine it is, the answer is "inconclusive", and says what would help.

    Exit codes: 0 answered, 2 usage error, 3 nothing measured, 4 inconclusive at one point or more,
    5 an output not written, 130 interrupted (the answer is from what was measured until then).
    """
    from iomodels.advice import stored
    from iomodels.contest import answering

    from .advising import answer
    from .shared import exporting
    from .show import console

    asked = asking.read(
        inputs,
        goal=goal,
        limits=limits,
        today=today,
        python=python,
        turn=turn,
        engines=engines,
        measuring={
            "--turn": turn,
            "-s": settings,
            "-d": duration,
            "--budget": budget,
            "--seed": seed,
        },
    )
    exports = exporting.asked(
        exported,
        "answers",
        force=force,
        as_json=as_json,
        taken=[output] if output is not None else [],
        inputs=asked.files,
    )
    if output is not None:
        spare_inputs(output, asked.files)
        files.check_output(output, force=force)
    elif not as_json:
        output = default_output(["advice"], datetime.now(UTC))
    ending = Ending()
    advice: Advice | None = None
    number = None
    shown_on = console.err() if exporting.on_standard_output(exports) else console.out()
    with signals.held() as held, exporting.reserved(exports), default_folder(output):
        try:
            with held.let_through():
                advice = _advice(asked, settings_by_key(settings), duration, budget, seed)
        except answering.AdviceInterrupted as interruption:
            advice, number = interruption.advice, interruption.number
        saved = None
        if advice is not None and output is not None:
            with ending.part():
                stored.save(advice, output, force=force)
                saved = output
        if advice is not None:
            exporting.write_files(exports, advice, force=force, ending=ending)
        number = number or held.take()
    messages = console.messages()
    if advice is None:
        messages.print("interrupted before the candidates were compared: there is no answer")
        return ending.code(Exit.NOTHING, number)
    with naming(saved):
        with ending.part():
            if as_json:
                sys.stdout.write(stored.text(advice))
                sys.stdout.flush()
            else:
                answer.show(advice, shown_on)
        if number is not None:
            messages.print(f"{signals.words(number)}: the answer is from what was measured before")
        if saved is not None:
            for line in answer.where(saved, advice):
                messages.print(console.safe(line), soft_wrap=True)
        with ending.part():
            exporting.print_out(exports, advice, as_json=as_json)
    inconclusive = any(point.use is None for point in advice.points)
    return ending.code(Exit.INCONCLUSIVE if inconclusive else Exit.DONE, number)


def _advice(
    asked: asking.AskedFor,
    settings: Mapping[str, Sequence[str]],
    duration: float | None,
    budget: float | None,
    seed: int | None,
) -> Advice:
    from iomodels.contest import answering
    from iomodels.workload.scenario import resolve, usual_duration_s

    from .show import console, progress

    if asked.run is not None:
        return answering.of_run(asked.run, asked.question)
    scenarios = resolve(asked.names, settings)
    with progress.display(console.messages(), table_below=False) as listener:
        return answering.advise(
            scenarios,
            asked.question,
            engines=asked.engines,
            budget_s=BUDGET_S if budget is None else budget,
            duration_s=usual_duration_s(asked.names, DURATION_S) if duration is None else duration,
            warmup_s=WARMUP_S,
            seed=seed,
            listener=listener,
        )
