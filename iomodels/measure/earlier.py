"""A run that did not end, to be continued: what it measured, and the plan that it followed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from iomodels import __version__
from iomodels.analysis.assembled import load
from iomodels.analysis.cells import grouped, label
from iomodels.base.errors import IomodelsError, ResultError, UsageError
from iomodels.base.files import partial_path
from iomodels.base.toml import printable
from iomodels.engines.sources import SOURCES
from iomodels.engines.spec import parse as parse_engine
from iomodels.machine import environment
from iomodels.measure import places
from iomodels.measure.defaults import LIMITS
from iomodels.measure.plan import Plan, of_pairs, setting
from iomodels.measure.precision import NOT_PRECISE, precision_of
from iomodels.results.schema import ARM, FINGERPRINT, Cell, Notice, Plugin, Run
from iomodels.trials.launch import core_hash
from iomodels.trials.planned import plugins
from iomodels.trials.pythons import named as pythons
from iomodels.workload.point import in_folder, point_from_parameters

_OF_FILES = ("file_system", "file_system_device")
_MOST_SHOWN = 5


@dataclass(frozen=True)
class Earlier:
    """`run` has the cells of `plan`, in its order, with the trials that are there already; `plan`
    has the others.

    `output` is where the result goes. `notice` says in the result that it has two parts. `spent_s`
    is about how long those trials took: so much less is left of a budget.
    """

    run: Run
    plan: Plan
    output: Path
    notice: Notice
    spent_s: float


def earlier(path: str | os.PathLike[str], *, folder: str | None = None) -> Earlier:
    """What `bench --resume PATH` continues: PATH, or its PATH.partial where there is one.

    `folder` is where files are made, which no result says. Raises `ResultError` for a file that
    cannot be continued: on another machine, by another version, or of which nothing is missing.
    """
    path = Path(path)
    if path.suffix != ".partial" and partial_path(path).exists():
        path = partial_path(path)
    is_partial = path.suffix == ".partial"
    output = path.with_suffix("") if is_partial else path
    run = load(path)
    if ARM in run.settings:
        raise ResultError(
            f"{path} is one arm of an interrupted A/B, which cannot be continued: start the check "
            "again"
        )
    if is_partial and output.exists():
        _check_same(run, output)
    plan = _plan(run, path, folder)
    _check_here(run, plan, path)
    _check_pythons(run, plan, path)
    cells = [_without_computation(cell) for cell in run.cells]
    kept = sum(len(cell.trials) for cell in cells)
    there = [{trial.round for trial in cell.trials} for cell in cells]
    missing = [
        trial
        for trial in plan.trials
        if cells[trial.cell.index].status == "partial"
        and trial.round not in there[trial.cell.index]
    ]
    takes_s = {trial.cell.index: trial.takes_s for trial in plan.trials}
    spent_s = sum(takes_s.get(index, 0.0) * len(rounds) for index, rounds in enumerate(there))
    goes_on = any(c.status == "partial" for c in cells) or _is_wide(run, plan, spent_s)
    if not (is_partial or goes_on):
        raise ResultError(f"{path} is complete: there is nothing to continue")
    plan = replace(plan, trials=tuple(missing))
    message = (
        f"this run was interrupted and continued: {kept} of its trials were measured before that, "
        "and the machine may have changed in between"
    )
    return Earlier(
        structs.replace(run, cells=cells), plan, output, Notice("continued", message), spent_s
    )


def _check_same(run: Run, output: Path) -> None:
    saved = load(output)
    if (saved.seed, saved.created_utc) != (run.seed, run.created_utc):
        raise UsageError(f"{output} is another run's result: move it away, and continue then")


def _is_wide(run: Run, plan: Plan, spent_s: float) -> bool:
    """Whether it was interrupted in its further rounds."""
    wide = any(notice.code == NOT_PRECISE for notice in run.warnings)
    longest_s = max((trial.takes_s for trial in plan.trials), default=0.0)
    return wide and plan.longest_s > spent_s + longest_s


def _without_computation(cell: Cell) -> Cell:
    """Computation is calibrated anew, so that its trials would not do the same amount of work."""
    if cell.status != "partial" or not cell.parameters.get("load.compute"):
        return cell
    return structs.replace(cell, trials=[])


def _plan(run: Run, path: Path, folder: str | None) -> Plan:
    labels = {
        id(cell): label(point)
        for points in grouped(run.cells).values()
        for point in points
        for cell in point.cells
    }
    try:
        pairs = [
            (
                replace(
                    in_folder(point_from_parameters(cell.scenario, cell.parameters), folder),
                    label=labels[id(cell)],
                ),
                parse_engine(cell.engine),
            )
            for cell in run.cells
        ]
    except IomodelsError as error:
        unnamed = {name: each for name, each in run.plugins.items() if name not in SOURCES}
        why = _unnamed(unnamed) if unnamed else str(error)
        raise ResultError(f"{path} cannot be continued: {why}") from None
    try:
        settings = {name: setting(run, name) for name in LIMITS}
        precision = precision_of(run)
    except ResultError as error:
        raise ResultError(f"{path} cannot be continued: its {error}") from None
    plan = of_pairs(
        pairs,
        rounds=int(settings["rounds"]),
        duration_s=settings["duration_s"],
        warmup_s=settings["warmup_s"],
        seed=run.seed,
    )
    return replace(plan, precision=precision)


def _check_pythons(run: Run, plan: Plan, path: Path) -> None:
    """Of what is missing: the same interpreters as before, which no file can name."""
    goes_on = [
        planned.engine
        for planned, cell in zip(plan.cells, run.cells, strict=True)
        if cell.status == "partial"
    ]
    unknown = pythons.unnamed(goes_on)
    if unknown:
        raise ResultError(f"{path} cannot be continued: {pythons.not_named(unknown)}")
    for version, now in pythons.taking_part(goes_on).items():
        before = run.pythons.get(version)
        if before is not None and not before.is_like(now):
            raise ResultError(
                f"{path} cannot be continued, since another Python would measure: it was "
                f"{before.in_words}, and is {now.in_words}: measure all of it again"
            )


def _unnamed(plugins: Mapping[str, Plugin]) -> str:
    first = list(plugins.items())[:_MOST_SHOWN]  # a file may have any number
    told = [f"{printable(name)} of {printable(each.in_words)}" for name, each in first]
    more = ["…"] if len(plugins) > len(first) else []
    return (
        f"it has engines of other packages ({', '.join(told + more)}), and a result never loads "
        f"any: name them as well (-e {','.join([printable(name) for name, _ in first] + more)})"
    )


def _check_here(run: Run, plan: Plan, path: Path) -> None:
    """Trials of two machines or versions are no one run."""
    now = environment.describe(places.described(cell.point for cell in plan.cells))
    on_files = any(cell.point.channel.kind == "file" for cell in plan.cells)
    names: Sequence[str] = (*FINGERPRINT, *(_OF_FILES if on_files else ()))
    differ = [
        f"{name} was {run.environment.get(name)}, and is {now.get(name)}"
        for name in names
        if run.environment.get(name) != now.get(name)
    ]
    if run.tool.version != __version__:
        differ.append(f"iomodels was {run.tool.version}, and is {__version__}")
    if run.tool.core_hash != core_hash():
        differ.append("the measured core is another one")
    here = plugins(run.plugins)
    differ += [
        f"the plug-in {name} was {run.plugins[name].in_words}, and is {now.in_words}"
        for name, now in here.items()
        if now.sha256 != run.plugins[name].sha256
    ]
    if differ:
        raise ResultError(
            f"{path} cannot be continued here, since its other trials would not be comparable: "
            f"{'; '.join(differ)}: measure all of it again"
        )
