"""`iomodels check`: the gate. Against a baseline, or A against B, or against itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base import signals
from iomodels.base.exit_codes import Exit
from iomodels.measure.defaults import (
    BUDGET_S,
    MAX_BUDGET_S,
    MAX_ROUNDS,
    MAX_SEED,
    MIN_BUDGET_S,
)

from .arguments import completing
from .arguments.results import found
from .checking import arms as by_arms
from .checking import baseline as by_baseline
from .shared import kept
from .shared.ending import Ending
from .shared.folders import default_output
from .shared.options import (
    ALLOW_OPTION,
    BUDGET_OPTION,
    FORCE_OPTION,
    JSON_OPTION,
    LEGEND_OPTION,
    METRIC_OPTION,
    THRESHOLD_OPTION,
    UNDECIDED_OPTION,
    Time,
    allowed,
    engine_option,
    export_option,
    interpreter_option,
    set_option,
    settings_by_key,
)

if TYPE_CHECKING:
    from iomodels.comparison.schema import Undecided


@click.command()
@click.argument("names", nargs=-1, metavar="[SCENARIO]...", shell_complete=completing.SCENARIOS)
@click.option(
    "--baseline",
    multiple=True,
    metavar="FILE...",
    shell_complete=completing.RESULTS,
    help='A result file, a folder of them, or "latest" (the newest in results/); '
    "repeat it, or name more files after it. Its cells are measured again, with its seed and "
    "settings.",
)
@click.option(
    "--a",
    "arm_a",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=completing.ARM_SETTINGS,
    help="A/B: what arm A changes (repeatable): a scenario key, engine, env.NAME, prefix or "
    "python. An arm without options runs the scenario unchanged.",
)
@click.option(
    "--b",
    "arm_b",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=completing.ARM_SETTINGS,
    help="A/B: what arm B changes.",
)
@click.option(
    "--last",
    type=click.IntRange(1),
    metavar="N",
    help="With --baseline: use only the newest N runs. [default: all since the last known change]",
)
@click.option(
    "--record",
    is_flag=True,
    help="With --baseline FOLDER: add this run to the folder if the check passes.",
)
@engine_option(
    "A/B: engine to measure; repeat it, or separate engines with commas. With --baseline: check "
    "only its cells.",
    after="[default: as bench; with --baseline, all of its cells]",
)
@set_option(
    "A/B: change a scenario key in both arms (repeatable). With --baseline, only "
    "channel.folder, the folder of the data files."
)
@click.option(
    "-r",
    "--rounds",
    type=click.IntRange(1, MAX_ROUNDS),
    metavar="N",
    help="With --baseline: rounds of the first stage. [default: those of the baseline] A/B: pairs "
    "of the first look, at least 10. [default: 20]",
)
@click.option(
    "--long", "however_long", is_flag=True, help="With --baseline: allow more than an hour."
)
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), metavar="N", help="A/B: seed of all random choices."
)
@click.option(
    "--self-test",
    "self_test",
    is_flag=True,
    help="Measure the false-alarm rate and the power of A/B on this machine. More time (--budget) "
    "gives narrower intervals.",
)
@click.option(
    "--minutes",
    type=Time("min", MIN_BUDGET_S, MAX_BUDGET_S),
    metavar="TIME",
    hidden=True,
    help="--self-test: what --budget was called before, in minutes.",
)
@METRIC_OPTION
@THRESHOLD_OPTION
@UNDECIDED_OPTION
@BUDGET_OPTION
@ALLOW_OPTION
@interpreter_option("the baseline")
@click.option(
    "-o",
    "--output",
    metavar="RESULT",
    type=click.Path(path_type=Path),
    help="Keep the comparison in this file, for iomodels chart and report. [default: "
    "results/check-TIME.json; with --json, none]",
)
@FORCE_OPTION
@LEGEND_OPTION
@export_option("verdicts")
@JSON_OPTION
def command(
    names: tuple[str, ...],
    baseline: tuple[str, ...],
    last: int | None,
    record: bool,
    arm_a: tuple[str, ...],
    arm_b: tuple[str, ...],
    engines: tuple[str, ...],
    settings: tuple[str, ...],
    rounds: int | None,
    however_long: bool,
    seed: int | None,
    self_test: bool,
    minutes: float | None,
    metrics: tuple[str, ...],
    threshold: float,
    undecided: Undecided,
    budget: float | None,
    allow: tuple[str, ...],
    output: Path | None,
    force: bool,
    legend: bool,
    exported: tuple[str, ...],
    as_json: bool,
) -> int:
    """Check for regressions: against a baseline, or B against A.

    --baseline measures the cells of earlier results again. Several results from different times
    show how much the machine varies. --a and --b need no baseline: both arms are measured now, in
    pairs, which is the most sensitive way to compare two versions, settings or disks. A cell that
    looks worse is measured again before it counts. With --baseline, SCENARIO and --engine choose
    which of its cells are checked.

    Exit codes: 0 no regression, 1 a regression or a lost cell, 2 usage error, 3 times are not
    comparable (another machine or core) or nothing was measured, 4 inconclusive, 130 interrupted.
    """
    from iomodels.comparison.verdict import EXIT_CODES

    from .shared import exporting
    from .show import changes_table, console

    paired = bool(arm_a or arm_b)
    _one_way(baseline=bool(baseline), paired=paired, self_test=self_test)
    _not_with({"--seed": seed is not None} if not paired else {}, "needs --a or --b")
    of_baseline = {"--long": however_long, "--last": last, "--record": record, "--allow": allow}
    _not_with(of_baseline if not baseline else {}, "needs --baseline")
    _not_with({"--minutes": minutes} if not self_test else {}, "needs --self-test")
    by_key = settings_by_key(settings)
    if self_test:
        from .show import selftest

        _not_with(
            {
                **{"--export": exported, "-m": metrics, "SCENARIO": names},
                **{"-r": rounds, "-s": settings, "-e": engines, "-o": output},
            },
            "cannot be used with --self-test",
        )
        return selftest.show(
            budget_s=budget or 60 * (minutes or 0) or BUDGET_S,
            threshold=threshold,
            as_json=as_json,
            explain=legend,
        )
    path = default_output(["check"], datetime.now(UTC))
    keeping = None if as_json else kept.Kept(path, by_default=True)
    more_files, scenarios = by_baseline.told_apart(names) if baseline else ([], list(names))
    files = [*baseline, *more_files]
    inputs = found([Path(name) for name in files])
    if output is not None:
        keeping = kept.asked(output, force=force, inputs=inputs)
    taken = [output] if output is not None else []
    exports = exporting.asked(
        exported, "verdicts", force=force, as_json=as_json, taken=taken, inputs=inputs
    )
    ending = Ending()
    if baseline:
        how = by_baseline.How(
            metrics,
            threshold,
            rounds,
            by_baseline.folder(by_key),
            however_long,
            undecided,
            budget,
            allowed(allow),
        )
        recording = by_baseline.recorded(files, [*scenarios, *engines], rounds) if record else None
        base = by_baseline.loaded(files, inputs, scenarios, engines, last)
    else:
        from iomodels.statistics.screen_confirm import LEAST_PAIRS

        if rounds is not None and rounds < LEAST_PAIRS:
            raise click.UsageError(
                f"an A/B needs at least {LEAST_PAIRS} pairs: use -r {LEAST_PAIRS} or more"
            )
        arms = by_arms.Arms(
            names,
            arm_a,
            arm_b,
            engines,
            by_key,
            metrics,
            threshold,
            rounds,
            seed,
            undecided,
            budget,
        )
        cells = arms.cells()
    with signals.held() as held, exporting.reserved(exports, taken):
        if baseline:
            comparison, number = by_baseline.against_baseline(
                base, how, ending, path=path, recording=recording, as_json=as_json
            )
        else:
            comparison, number = by_arms.a_against_b(cells, arms, path)
        if as_json:
            exports += exporting.asked(["json=-"], "verdicts", force=force)
        if comparison is not None:
            exporting.write_files(exports, comparison, force=force, ending=ending)
            saved = kept.save(comparison, keeping, ending) if keeping is not None else None
        waiting = held.take()
        number = number or waiting
    if comparison is None:
        return ending.code(Exit.DONE, number)
    console_out = console.err() if exporting.on_standard_output(exports) else console.out()
    with ending.part():
        shown = comparison if baseline else by_arms.as_typed(comparison, arms)
        for part in changes_table.report(shown, explain=legend):
            console_out.print(part)
    if saved is not None:
        kept.say(comparison, saved)
    with ending.part():
        exporting.print_out(exports, comparison)
    if baseline and not as_json:
        by_baseline.say_how_to_recheck(comparison, how, files, settings, last)
    return ending.code(EXIT_CODES[comparison.outcome], number)


def _one_way(*, baseline: bool, paired: bool, self_test: bool) -> None:
    if baseline + paired + self_test > 1:
        raise click.UsageError("use one of --baseline, --a and --b, or --self-test")
    if not (baseline or paired or self_test):
        raise click.UsageError("check needs --baseline FILE, --a or --b KEY=VALUE, or --self-test")


def _not_with(options: Mapping[str, object], why: str) -> None:
    for name, given in options.items():
        if given:
            raise click.UsageError(f"{name} {why}")
