"""The baseline of a check: its runs, and which of their rounds and cells can be compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from iomodels import __version__
from iomodels.analysis import assembled
from iomodels.base import names
from iomodels.base.errors import IomodelsError, NothingMeasured, ResultError, UsageError
from iomodels.base.units import counted
from iomodels.comparison import matching
from iomodels.comparison.document import is_comparison
from iomodels.comparison.matching import Key
from iomodels.comparison.runs import incomplete
from iomodels.comparison.unjudged import load
from iomodels.engines.sources import SOURCES
from iomodels.engines.spec import EngineSpec
from iomodels.engines.spec import parse as parse_engine
from iomodels.machine import environment
from iomodels.results.schema import ARM, Cell, Notice, Run, Tool
from iomodels.statistics.rounds import MIN_ROUNDS
from iomodels.trials.launch import core_hash
from iomodels.trials.planned import plugins
from iomodels.workload.point import Point, in_folder, point_from_parameters

ENOUGH_ROUNDS = MIN_ROUNDS + 1
MAX_NAMES = 5


@dataclass(frozen=True)
class Baseline:
    """One or several recorded runs, oldest first. `name` is for reports."""

    name: str
    runs: tuple[Run, ...]
    warnings: tuple[Notice, ...] = ()
    """Of files whose cells were not all measured to their end."""
    older: tuple[Run, ...] = ()
    """From before the known change, or before the newest so many: a trend shows them, and nothing
    is judged by them."""


def load_baseline(paths: Sequence[str | Path], *, last: int | None = None) -> Baseline:
    """Read result files, and those in folders (`*.json`, by name).

    A history starts at its newest run with a known change: older runs are not used. Of the others
    only the newest `last` are, where that is given.

    Raises `ResultError` for a file that is no sound result, or one arm of an A/B, and `UsageError`
    for an empty folder.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        files += _results_in(path) if path.is_dir() else [path]
    loaded = zip(map(_load, files), names.apart(files), strict=True)
    runs, copies = _each_once(sorted(loaded, key=_when))
    every = runs
    runs, older = _since_the_known_change(runs)
    runs = runs if last is None else runs[-last:]
    before = tuple(run for run, _ in every[: len(every) - len(runs)])
    more = f" and {len(runs) - 1} older" if len(runs) > 1 else ""
    warnings = [
        *older,
        *copies,
        *(notice for run, name in runs for notice in incomplete(run, name)),
    ]
    return Baseline(f"{runs[-1][1]}{more}", tuple(run for run, _ in runs), tuple(warnings), before)


def _results_in(folder: Path) -> list[Path]:
    """By name. An unreadable folder is not an empty one."""
    try:
        names_inside = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be read ({error.strerror}): check the permissions of the folder"
        ) from None
    found = (folder / name for name in names_inside if name.endswith(".json"))
    results = [path for path in found if not is_comparison(path)]  # of a check before
    if results:
        return results
    partial = next((name for name in names_inside if name.endswith(".json.partial")), None)
    if partial is not None:
        raise UsageError(
            f"no complete result (*.json) in {folder}: iomodels bench --resume {folder / partial} "
            "completes the interrupted one"
        )
    raise UsageError(f"no result (*.json) in {folder}: record one with iomodels bench -o")


def _load(path: Path) -> Run:
    run = assembled.load(path)
    if ARM in run.settings:
        raise ResultError(
            f"{path} is one arm of an A/B, which is no baseline: record one with iomodels bench"
        )
    return run


def _since_the_known_change(
    runs: list[tuple[Run, str]],
) -> tuple[list[tuple[Run, str]], list[Notice]]:
    """The runs from the newest known change on, and how many there are before it."""
    starts = [number for number, (run, _) in enumerate(runs) if run.known_change]
    if not starts or not starts[-1]:
        return runs, []
    run, name = runs[starts[-1]]
    older = f"{counted(starts[-1], 'older run')} {'is' if starts[-1] == 1 else 'are'} not used"
    message = f"{older}: the history starts again with {name} ({run.known_change})"
    return runs[starts[-1] :], [Notice("known-change", message)]


def _each_once(runs: Sequence[tuple[Run, str]]) -> tuple[list[tuple[Run, str]], list[Notice]]:
    """Without copies, which would pass for evidence that the machine never differs by itself."""
    first: dict[tuple[int, str], str] = {}
    kept, notices = [], []
    for run, name in runs:
        which = run.seed, run.created_utc
        if which in first:
            message = f"{name} is the same run as {first[which]}: it counts once"
            notices.append(Notice("copy", message))
            continue
        first[which] = name
        kept.append((run, name))
    return kept, notices


def _when(loaded: tuple[Run, str]) -> str:
    return loaded[0].created_utc


def _comparable(
    baseline: Baseline, allow: Sequence[str] = ()
) -> tuple[list[Run], list[Notice], set[Key]]:
    """The base runs of this machine and tool; why not, for those that are not; and the cells that
    only those have, where there are others. Of another machine are not those that differ from this
    one only in what `allow` names. Busy runs do not count where there are quiet ones."""
    here = msgspec.structs.replace(
        baseline.runs[-1],
        tool=Tool(__version__, core_hash()),
        plugins=plugins(SOURCES.named),
        environment=environment.describe(),
        cells=[],
    )
    reasons = [matching.incomparable(run, here, allow) for run in baseline.runs]
    usable = [run for run, reason in zip(baseline.runs, reasons, strict=True) if not reason]
    if not usable:
        return [], reasons[-1], set()
    usable, busy = load.quiet(usable)
    left_out = [run for run, reason in zip(baseline.runs, reasons, strict=True) if reason]
    if not left_out:
        return usable, busy, set()
    why = "; ".join(notice.message for notice in next(filter(None, reversed(reasons))))
    message = f"{len(left_out)} of the baseline's runs are from another machine or version ({why})"
    only_there = _measured(left_out) - _measured(usable)
    if only_there:
        message += f"; only they have {_names(only_there)}, which is not checked: record it again"
    return usable, [Notice("left-out", message), *busy], only_there


def _measured(runs: Sequence[Run]) -> set[Key]:
    """The cells that any of the runs has measured."""
    cells = (item for run in runs for item in matching.cells_by_key(run).items())
    return {key for key, cell in cells if cell.trials}


def only_older(baseline: Baseline) -> list[Notice]:
    """A notice of the cells that only runs have which are not used: those are not checked. A cell
    that is n/a in a run that is used was asked for there, and is known to be gone."""
    gone = {
        key
        for run in baseline.runs
        for key, cell in matching.cells_by_key(run).items()
        if cell.status == "n/a"
    }
    lacking = _measured(baseline.older) - _measured(baseline.runs) - gone
    if not lacking:
        return []
    message = (
        f"only runs that are not used have {_names(lacking)}, which is not checked: record it "
        "again (bench --append), or take those runs out of the baseline"
    )
    return [Notice("only-older", message)]


def _rounds(bases: Sequence[Run], key: Key) -> int:
    """The base's rounds of a cell."""
    cells = [matching.cells_by_key(run) for run in bases]
    return sum(len(each[key].trials) for each in cells if key in each)


def comparable_rounds(bases: Sequence[Run], key: Key, here: Run, allow: Sequence[str] = ()) -> int:
    """Those that its times can be compared with here."""
    on_files = dict(key[1]).get("channel.kind") == "file"
    return _rounds(
        [b for b in bases if not on_files or not matching.other_file_system(b, here, allow)], key
    )


def few_rounds(bases: Sequence[Run], cells: Mapping[Key, object]) -> list[Notice]:
    """A notice of the cells that have too few rounds in the base for any verdict."""
    few = [key for key in cells if _rounds(bases, key) < MIN_ROUNDS]
    if not few:
        return []
    message = (
        f"the baseline has fewer than {MIN_ROUNDS} rounds of {_names(few)}: their times are "
        f"inconclusive; record it with more rounds (bench -r {ENOUGH_ROUNDS})"
    )
    return [Notice("few-rounds", message)]


def _names(keys: Collection[Key]) -> str:
    """The first few cells by name, and how many more."""
    label = matching.labels({key: _as_cell(key) for key in keys})
    names = sorted(" · ".join(p for p in (k[0], label[k], k[2]) if p) for k in keys)
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


@dataclass(frozen=True)
class _Lost:
    """The base runs' cells that are not measured again: a notice for each."""

    unknown: dict[Key, Notice]
    """They cannot be asked for any more."""
    never: list[Notice]
    """No base run has measured them."""


def _cells(
    bases: Sequence[Run], folder: str | None
) -> tuple[dict[Key, tuple[Point, EngineSpec]], _Lost]:
    """The cells that any run has measured, on files in `folder`; and the others."""
    measured = _measured(bases)
    every: dict[Key, Cell] = {}
    for run in reversed(bases):  # in the order of the newest, then what only older ones have
        every = {**every, **{k: c for k, c in matching.cells_by_key(run).items() if k not in every}}
    cells: dict[Key, tuple[Point, EngineSpec]] = {}
    lost = _Lost({}, [])
    for key, cell in every.items():
        if key not in measured:
            if cell.status == "failed":
                message = f"{cell.scenario}, {cell.engine}: failed in every baseline run"
                lost.never.append(Notice("never-measured", f"{message}: {cell.reason}"))
            continue
        try:
            point = in_folder(point_from_parameters(cell.scenario, cell.parameters), folder)
            cells[key] = point, parse_engine(cell.engine)
        except IomodelsError as error:
            lost.unknown[key] = Notice("unknown-cell", f"a cell cannot be measured: {error}")
    if not cells:
        raise NothingMeasured("the baseline has no cell that can be measured: record another")
    names = matching.labels({key: _as_cell(key) for key in cells})
    labelled = {key: (replace(p, label=names[key]), spec) for key, (p, spec) in cells.items()}
    return labelled, lost


def _as_cell(key: Key) -> Cell:
    return Cell(key[0], dict(key[1]), key[2], "ok")


def unlike(bases: Sequence[Run]) -> list[Notice]:
    """A notice where the base runs had trials of other lengths than those that are made now."""
    notices = [n for run in bases[:-1] for n in matching.settings_notices(run, bases[-1])]
    return list(dict.fromkeys(notices))
