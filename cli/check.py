"""`iomodels check`: the gate. Against a baseline, or A against B, or against itself."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base import signals
from iomodels.base.exit_codes import Exit
from iomodels.measure.defaults import MAX_ROUNDS, MAX_SEED

from .arguments import completing
from .arguments.results import found
from .bench import DEFAULT_SUITE, default_output
from .shared.ending import Ending
from .shared.options import (
    JSON_OPTION,
    LEGEND_OPTION,
    METRIC_OPTION,
    THRESHOLD_OPTION,
    Time,
    engine_option,
    export_option,
    one_folder,
    set_option,
    settings_by_key,
)

if TYPE_CHECKING:
    from iomodels.check.baseline import Baseline
    from iomodels.check.pair_runs import PairedCell
    from iomodels.comparison.schema import Comparison

MAX_SELF_TEST_S = 600_000
DEFAULT_MINUTES = 3.0
"""Of a self-test: time for one suite of all its kinds."""


LEAST_PAIRS = 10
"""The fewest pairs whose exact p-value, 2 / 2^pairs at best, can reach `sign_flip.SUITE_ALPHA`."""


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
@engine_option(
    "A/B: engine to measure; repeat it, or separate engines with commas.",
    after="[default: as bench]",
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
    "of the first stage, at least 10. [default: 20]",
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
    help="Measure the false-alarm rate and the power of A/B on this machine.",
)
@click.option(
    "--minutes",
    type=Time("min", 0.001, MAX_SELF_TEST_S),
    metavar="TIME",
    help="--self-test: how long it may take, in minutes or with a unit. More time gives narrower "
    "intervals. [default: 3]",
)
@METRIC_OPTION
@THRESHOLD_OPTION
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="With --baseline: save the measurements as a result file, for example as next baseline.",
)
@click.option("--force", is_flag=True, help="Overwrite output files that exist.")
@LEGEND_OPTION
@export_option("verdicts")
@JSON_OPTION
def command(
    names: tuple[str, ...],
    baseline: tuple[str, ...],
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
    looks worse is measured again before it counts.

    Exit codes: 0 no regression, 1 a regression or a lost cell, 2 usage error, 3 times are not
    comparable (another machine or core) or nothing was measured, 4 inconclusive, 130 interrupted.
    """
    from iomodels.comparison.verdict import EXIT_CODES

    from .shared import exporting
    from .show import changes_table, console

    paired = bool(arm_a or arm_b)
    _one_way(baseline=bool(baseline), paired=paired, self_test=self_test)
    _not_with(
        {"-e": engines, "--seed": seed is not None} if not paired else {},
        "needs --a or --b",
    )
    _not_with({"-o": output, "--long": however_long} if not baseline else {}, "needs --baseline")
    _not_with({"--minutes": minutes} if not self_test else {}, "needs --self-test")
    by_key = settings_by_key(settings)
    if self_test:
        from .show import selftest

        _not_with(
            {
                **{"--export": exported, "-m": metrics, "SCENARIO": names},
                **{"-r": rounds, "-s": settings},
            },
            "cannot be used with --self-test",
        )
        return selftest.show(
            minutes=minutes or DEFAULT_MINUTES,
            threshold=threshold,
            as_json=as_json,
            explain=legend,
        )
    taken = [output] if output is not None else []
    exports = exporting.asked(exported, "verdicts", force=force, as_json=as_json, taken=taken)
    ending = Ending()
    if baseline:
        _files_only(names)
        how = _How(metrics, threshold, rounds, _folder(by_key), however_long, output, force)
        base = _loaded((*baseline, *names))
    else:
        if rounds is not None and rounds < LEAST_PAIRS:
            raise click.UsageError(
                f"an A/B needs at least {LEAST_PAIRS} pairs: use -r {LEAST_PAIRS} or more"
            )
        arms = _Arms(names, arm_a, arm_b, engines, by_key, metrics, threshold, rounds, seed)
        cells = arms.cells()
    with signals.held() as held:
        if baseline:
            comparison, number = _against_baseline(base, how, ending, as_json=as_json)
        else:
            comparison, number = _a_against_b(cells, arms)
        if as_json:
            exports += exporting.asked(["json=-"], "verdicts", force=force)
        if comparison is not None:
            exporting.write_files(exports, comparison, force=force, ending=ending)
        waiting = held.take()
        number = number or waiting
    if comparison is None:
        return ending.code(Exit.DONE, number)
    console_out = console.err() if exporting.on_standard_output(exports) else console.out()
    with ending.part():
        for part in changes_table.report(comparison, explain=legend):
            console_out.print(part)
    with ending.part():
        exporting.print_out(exports, comparison)
    return ending.code(EXIT_CODES[comparison.outcome], number)


def _folder(settings: Mapping[str, Sequence[str]]) -> str | None:
    """The one thing that a baseline leaves open: it never says where files are."""
    others = [key for key in settings if key != "channel.folder"]
    if others:
        raise click.UsageError(
            f"--set {others[0]} needs --a or --b: with --baseline only channel.folder can be "
            "set; the other settings are those of the baseline"
        )
    return one_folder(settings)


def _files_only(names: Sequence[str]) -> None:
    """What follows `--baseline FILE` are more files, as a shell makes them of `baseline/*.json`."""
    from iomodels.workload.scenario import shipped, suites

    scenarios = {*shipped(), *suites()}
    for name in names:
        if Path(name).suffix == ".toml" or (name in scenarios and not Path(name).exists()):
            raise click.UsageError(
                "with --baseline, name no scenario: the baseline contains the cells to measure"
            )


def _one_way(*, baseline: bool, paired: bool, self_test: bool) -> None:
    if baseline + paired + self_test > 1:
        raise click.UsageError("use one of --baseline, --a and --b, or --self-test")
    if not (baseline or paired or self_test):
        raise click.UsageError("check needs --baseline FILE, --a or --b KEY=VALUE, or --self-test")


def _not_with(options: Mapping[str, object], why: str) -> None:
    for name, given in options.items():
        if given:
            raise click.UsageError(f"{name} {why}")


@dataclass(frozen=True)
class _How:
    """How to check against a baseline, as `against_baseline.check` takes it."""

    metric_keys: Sequence[str]
    threshold: float
    rounds: int | None
    folder: str | None
    however_long: bool
    output: Path | None
    force: bool


def _loaded(paths: Sequence[str]) -> Baseline:
    from iomodels.check.baseline import load_baseline

    return load_baseline(found([Path(path) for path in paths]))


def _against_baseline(
    base: Baseline, how: _How, ending: Ending, *, as_json: bool
) -> tuple[Comparison | None, int | None]:
    """What it came to, and the signal that interrupted it: then nothing was judged, what there was
    is saved, and it is said where."""
    from iomodels.check import against_baseline
    from iomodels.measure.run import RunInterrupted

    from .show import console, progress

    messages = console.err()
    comparison, number = None, None
    try:
        with progress.display(messages, table_below=not as_json) as listener:
            checked = against_baseline.check(base, **vars(how), listener=listener)
        comparison, kept, not_saved = checked.comparison, checked.output, checked.not_saved
    except RunInterrupted as interruption:
        number, not_saved = interruption.number, interruption.not_saved
        messages.print(f"{signals.words(number)}: nothing was judged")
        kept = how.output if how.output is not None and how.output.exists() else None
    if not_saved is not None:
        ending.failures.append(not_saved)
    elif kept is not None:
        messages.print(console.safe(f"result: {kept}"), soft_wrap=True)
    return comparison, number


@dataclass(frozen=True)
class _Arms:
    """An A/B as it was asked for."""

    names: Sequence[str]
    a: Sequence[str]
    b: Sequence[str]
    engines: Sequence[str]
    settings: Mapping[str, Sequence[str]]
    metrics: Sequence[str]
    threshold: float
    rounds: int | None
    seed: int | None

    def cells(self) -> list[PairedCell]:
        from iomodels.check import pair_runs
        from iomodels.engines.spec import parse_list as parse_engines

        a, b = (pair_runs.parse_arm(texts) for texts in (self.a, self.b))
        specs = parse_engines(self.engines)
        cells = pair_runs.plan_cells(self.names or (DEFAULT_SUITE,), specs, self.settings, a, b)
        pair_runs.check_folders(cells)
        return cells


def _a_against_b(cells: Sequence[PairedCell], arms: _Arms) -> tuple[Comparison, int | None]:
    """What it came to, and the signal that interrupted it."""
    from iomodels.check import a_against_b, pair_runs
    from iomodels.check.kept_pairs import KeptPairs

    from .show import console, pair_progress

    messages = console.err()
    a, b = (pair_runs.parse_arm(texts) for texts in (arms.a, arms.b))
    seed = secrets.randbits(32) if arms.seed is None else arms.seed
    path = default_output(["check"], datetime.now(UTC))
    try:
        with (
            pair_progress.display(messages, seed) as listener,
            KeptPairs(listener, cells, path, seed) as keeping,
        ):
            comparison = a_against_b.compare_arms(
                cells,
                base_name=f"A ({a.name})",
                new_name=f"B ({b.name})",
                seed=seed,
                threshold=arms.threshold,
                metric_keys=arms.metrics,
                first_pairs=arms.rounds,
                listener=keeping,
            )
            keeping.discard()
    except a_against_b.ComparisonInterrupted as interruption:
        number = interruption.number
        messages.print(f"{signals.words(number)}: this is what was measured until then")
        for kept in keeping.paths:
            messages.print(console.safe(f"kept: {kept}"), soft_wrap=True)
        return interruption.comparison, number
    return comparison, None
