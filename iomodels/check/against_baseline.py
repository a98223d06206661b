"""The gate: measure a baseline's cells now, and say what became of them.

First all cells, by the baseline's own seed and settings. What then looks worse is a suspect, and is
measured again on fresh rounds: only those decide. On another machine, or with another core, times
say nothing of a change; exact counters still do, and a short run is enough for them.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from iomodels import __version__
from iomodels.base.errors import IomodelsError, NothingMeasured, ResultError, UsageError
from iomodels.compare import matching, metrics, verdict
from iomodels.compare.matching import Key
from iomodels.compare.metrics import COUNTER_PREFIX
from iomodels.compare.runs import (
    DEFAULT_THRESHOLD,
    Judgement,
    assumed_spread,
    counters_unjudged,
    incomplete,
    judge_runs,
    now_utc,
    places_differ,
    places_unknown,
)
from iomodels.compare.schema import OF_ROUNDS, OF_RUNS, SCHEMA, Change, Comparison
from iomodels.engines import spec as engines
from iomodels.engines.spec import EngineSpec
from iomodels.machine import environment
from iomodels.measure import plan as planning
from iomodels.measure.plan import Plan
from iomodels.measure.run import Listener, bench_plan, core_hash, has_measurements
from iomodels.results import read
from iomodels.results.schema import Cell, Notice, Parameter, Run, Tool
from iomodels.statistics import rank_sum, sign_flip
from iomodels.statistics.rounds import MIN_ROUNDS
from iomodels.workload.channels import all_keys
from iomodels.workload.point import NOT_STORED, Point, point_from_parameters, settle

FRESH_ROUNDS, LEAST_FRESH_ROUNDS = 20, 7
BUDGET_S = 170.0
"""First look and confirmation together stay below three minutes, unless what is left by the first
look is too little for as many fresh rounds as a verdict takes."""
MAX_NAMES = 5
LONG_S = 3600.0
"""A baseline that asks for more must be confirmed by the user: it may be a stranger's."""
COUNTER_ROUNDS, COUNTER_DURATION_S = 2, 0.1
"""What exact counters need: a round would do, and the second shows that they are constant."""
_LIMITS = {"rounds": (1, 1000), "duration_s": (0.001, 3600), "warmup_s": (0, 3600)}
"""As on the command line: a baseline may be a stranger's file."""


@dataclass(frozen=True)
class Baseline:
    """One or several recorded runs, oldest first. `name` is for reports."""

    name: str
    runs: tuple[Run, ...]
    warnings: tuple[Notice, ...] = ()
    """Of files whose cells were not all measured to their end."""


@dataclass(frozen=True)
class Checked:
    """What a check comes to: the verdicts, and the run that they are about."""

    comparison: Comparison
    run: Run
    output: Path | None
    """Where the run was kept, if it was."""


def load_baseline(paths: Sequence[str | Path]) -> Baseline:
    """Read result files, and those in folders (`*.json`, by name).

    Raises `ResultError` for a file that is no sound result, and `UsageError` for an empty folder.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        inside = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not inside:
            raise UsageError(f"no result (*.json) in {path}: record one with iomodels bench -o")
        files += inside
    runs, copies = _each_once(sorted(((read.load(f), f.name) for f in files), key=_when))
    more = f" and {len(runs) - 1} older" if len(runs) > 1 else ""
    warnings = [*copies, *(notice for run, name in runs for notice in incomplete(run, name))]
    return Baseline(f"{runs[-1][1]}{more}", tuple(run for run, _ in runs), tuple(warnings))


def _each_once(runs: Sequence[tuple[Run, str]]) -> tuple[list[tuple[Run, str]], list[Notice]]:
    """Without copies, which would pass for evidence that the machine never differs by itself."""
    first: dict[tuple[int, str], str] = {}
    kept, notices = [], []
    for run, name in runs:
        which = run.seed, run.created_utc
        if which in first:
            message = f"{name} is the same run as {first[which]}: it counts once"
            notices.append(Notice("same-run", message))
            continue
        first[which] = name
        kept.append((run, name))
    return kept, notices


def _when(loaded: tuple[Run, str]) -> str:
    return loaded[0].created_utc


def check(
    baseline: Baseline,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    metric_keys: Sequence[str] = (),
    rounds: int | None = None,
    folder: str | None = None,
    however_long: bool = False,
    output: str | Path | None = None,
    force: bool = False,
    listener: Listener | None = None,
) -> Checked:
    """Measure the baseline's cells and judge them. `output` keeps the run: the next baseline,
    where times are comparable at all.

    The cells are those of any of its runs, each judged against the runs that have it; seed and
    settings are the newest run's.

    `rounds` stands for the baseline's own number, `folder` is where files are made (a baseline
    never says where). Cells that fail now are a regression, even if all do. Raises `OutputError`
    and `Interrupted` as `run.bench` does, `NothingMeasured` where no cell can be asked for,
    `ResultError` for settings beyond the limits, and `UsageError` for an unknown metric, or for
    more than an hour of measuring unless `however_long`.
    """
    started_s = time.monotonic()
    for key in metric_keys:
        metrics.named(key)
    comparable, why_not, unchecked = _comparable(baseline)
    bases = comparable or list(baseline.runs)
    newest = bases[-1]
    cells, lost = _cells(bases, folder)
    plan = _plan(newest, list(cells.values()), rounds, timed=bool(comparable))
    if plan.estimate_s > LONG_S and not however_long:
        raise UsageError(
            f"this baseline asks for about {plan.estimate_s / 3600:.1f} hours of measuring: give "
            "fewer rounds (-r), or say that it may take so long (--long)"
        )
    kept = Path(output) if output is not None and comparable else None
    not_kept = _not_kept(Path(output)) if output is not None and not comparable else []
    few = _few_rounds(bases, cells) if comparable else []
    here = msgspec.structs.replace(newest, environment=_environment(cells))
    _tell(listener, [*not_kept, *few, *places_differ(bases, here)])
    run = bench_plan(plan, output=kept, force=force, listener=listener, nothing_is_a_result=True)
    slowness = (time.monotonic() - started_s) / max(plan.estimate_s, 1.0)
    refusal = "" if comparable else "; ".join(notice.message for notice in why_not)
    by = Judgement(
        threshold,
        tuple(metric_keys),
        sign_flip.CONFIRM_ALPHA,
        assumed_spread=assumed_spread([*bases, run]),
        measured_again=True,
        remedy=verdict.REMEDY_OF_BASELINE,
    )
    changes = judge_runs(bases, run, by, refusal)
    judged = {key for key in cells if _comparable_rounds(bases, key, run) >= MIN_ROUNDS}
    suspects = [] if refusal else _suspects(changes, judged, cells, threshold)
    if suspects:
        left_s = (BUDGET_S - (time.monotonic() - started_s)) / max(1.0, slowness)
        least = _least_fresh_rounds(changes, bases, suspects)
        again = _confirm([cells[key] for key in suspects], plan, least, left_s, listener)
        spread = assumed_spread([*bases, run, again])
        fresh = matching.cells_by_key(again)
        changes = judge_runs(bases, run, replace(by, fresh=fresh, assumed_spread=spread))
    elsewhere = places_differ(bases, run)
    comparison = Comparison(
        schema=SCHEMA,
        created_utc=now_utc(),
        base_name=baseline.name,
        new_name="now",
        base_tool=newest.tool,
        new_tool=run.tool,
        threshold=threshold,
        outcome=verdict.outcome(
            changes,
            threshold=threshold,
            comparable=not refusal and not elsewhere,
            finished=not unchecked,
        ),
        changes=changes,
        differences=matching.differences(newest, run),
        warnings=[
            *why_not,
            *not_kept,
            *few,
            *elsewhere,
            *places_unknown(bases, run),
            *matching.telling_differences(newest, run),
            *lost.unknown.values(),
            *lost.never,
            *baseline.warnings,
            *_unlike(bases),
            *_of_the_baseline(bases),
            *run.warnings,
        ],
        counters_unjudged=counters_unjudged(bases, run),
        interval=OF_RUNS if len(bases) > 1 else OF_ROUNDS,
    )
    return Checked(comparison, run, kept if has_measurements(run) else None)


def _tell(listener: Listener | None, notices: Sequence[Notice]) -> None:
    """Before anything is measured."""
    if listener is not None:
        for notice in notices:
            listener.notice(notice)


# What to measure


def _comparable(baseline: Baseline) -> tuple[list[Run], list[Notice], set[Key]]:
    """The base runs of this machine and tool; why not, for those that are not; and the cells that
    only those have, where there are others."""
    here = msgspec.structs.replace(
        baseline.runs[-1],
        tool=Tool(__version__, core_hash()),
        environment=environment.describe(),
        cells=[],
    )
    reasons = [matching.incomparable(run, here) for run in baseline.runs]
    usable = [run for run, reason in zip(baseline.runs, reasons, strict=True) if not reason]
    if not usable:
        return [], reasons[-1], set()
    left_out = [run for run, reason in zip(baseline.runs, reasons, strict=True) if reason]
    if not left_out:
        return usable, [], set()
    message = f"{len(left_out)} of the baseline's runs are of another machine or version"
    only_there = _measured(left_out) - _measured(usable)
    if only_there:
        message += f"; only they have {_names(only_there)}: not checked, record them again"
    return usable, [Notice("left-out", message)], only_there


def _measured(runs: Sequence[Run]) -> set[Key]:
    """The cells that any of the runs has measured."""
    cells = (item for run in runs for item in matching.cells_by_key(run).items())
    return {key for key, cell in cells if cell.trials}


def _rounds(bases: Sequence[Run], key: Key) -> int:
    """The base's rounds of a cell."""
    cells = [matching.cells_by_key(run) for run in bases]
    return sum(len(each[key].trials) for each in cells if key in each)


def _comparable_rounds(bases: Sequence[Run], key: Key, here: Run) -> int:
    """Those that its times can be compared with here."""
    on_files = dict(key[1]).get("channel.kind") == "file"
    return _rounds(
        [b for b in bases if not on_files or not matching.other_file_system(b, here)], key
    )


def _few_rounds(bases: Sequence[Run], cells: Mapping[Key, object]) -> list[Notice]:
    """A notice of the cells that have too few rounds in the base for any verdict."""
    few = [key for key in cells if _rounds(bases, key) < MIN_ROUNDS]
    if not few:
        return []
    message = (
        f"the baseline has fewer than {MIN_ROUNDS} rounds of {_names(few)}: their times cannot be "
        f"judged; record it with more (bench -r {LEAST_FRESH_ROUNDS})"
    )
    return [Notice("few-rounds", message)]


def _environment(cells: Mapping[Key, tuple[Point, EngineSpec]]) -> dict[str, Parameter | None]:
    """This machine's, with the file system of the first cell that works on files."""
    for point, _ in cells.values():
        if point.channel.kind == "file":
            return environment.describe(Path(point.channel.folder))
    return environment.describe()


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
                message = f"{cell.scenario}, {cell.engine}: failed in all of the baseline"
                lost.never.append(Notice("never-measured", f"{message}: {cell.reason}"))
            continue
        try:
            point = _in_folder(point_from_parameters(cell.scenario, cell.parameters), folder)
            cells[key] = point, engines.parse(cell.engine)
        except IomodelsError as error:
            lost.unknown[key] = Notice("unknown-cell", f"a cell cannot be measured: {error}")
    if not cells:
        raise NothingMeasured("the baseline has no cell that could be measured: record another")
    names = matching.labels({key: _as_cell(key) for key in cells})
    labelled = {key: (replace(p, label=names[key]), spec) for key, (p, spec) in cells.items()}
    return labelled, lost


def _in_folder(point: Point, folder: str | None) -> Point:
    """The point with its file in `folder`. A baseline names none, so it comes from the user."""
    if folder is None or point.channel.kind != "file":
        return point
    flat = {**point.parameters, NOT_STORED: all_keys()[NOT_STORED].from_text(folder)}
    return settle(
        point.scenario,
        {
            name: all_keys()[name].read(value, canonical=name != NOT_STORED)
            for name, value in flat.items()
        },
        "--set",
        point.label,
    )


def _as_cell(key: Key) -> Cell:
    return Cell(key[0], dict(key[1]), key[2], "ok")


def _plan(
    base: Run, cells: Sequence[tuple[Point, EngineSpec]], rounds: int | None, *, timed: bool
) -> Plan:
    settings = {name: _setting(base, name) for name in _LIMITS}
    if rounds is not None:
        settings["rounds"] = rounds
    if not timed:
        settings["rounds"] = COUNTER_ROUNDS
        settings["duration_s"] = min(settings["duration_s"], COUNTER_DURATION_S)
    return planning.of_pairs(
        cells,
        rounds=int(settings["rounds"]),
        duration_s=settings["duration_s"],
        warmup_s=settings["warmup_s"],
        seed=base.seed,
    )


def _setting(base: Run, name: str) -> float:
    low, high = _LIMITS[name]
    value = base.settings.get(name)
    if not isinstance(value, int | float) or not low <= value <= high:
        raise ResultError(
            f"the baseline's setting {name} is {value!r}, and must be a number from {low} to "
            f"{high}: record another baseline"
        )
    return float(value)


# Confirmation


def _suspects(
    changes: Sequence[Change],
    judged: Collection[Key],
    cells: Mapping[Key, object],
    threshold: float,
) -> list[Key]:
    """The cells of which any timing looks worse by more than a screen lets pass; of those `judged`:
    where there is no verdict whatever is measured, nothing is measured again."""
    limit = 1 + sign_flip.screen_change(threshold)
    found: dict[Key, None] = {}
    for change in changes:
        if change.ratio is None or change.metric.startswith(COUNTER_PREFIX):
            continue
        ratio = change.ratio.median
        worse = 1 / ratio if change.bigger_is_better else ratio
        if change.verdict in ("slower", "cannot tell") and worse > limit:
            found[change.scenario, frozenset(change.parameters.items()), change.engine] = None
    return [key for key in cells if key in found and key in judged]


def _least_fresh_rounds(
    changes: Sequence[Change], bases: Sequence[Run], suspects: Sequence[Key]
) -> int:
    """So many that the largest loss of any suspect could be confirmed: the more timings there are,
    the smaller a p-value must be, and few rounds have none so small."""
    timed = sum(c.ratio is not None and not c.metric.startswith(COUNTER_PREFIX) for c in changes)
    alpha = sign_flip.CONFIRM_ALPHA / max(1, timed)
    needed = [rank_sum.rounds_needed(_rounds(bases, key), alpha) for key in suspects]
    return max(LEAST_FRESH_ROUNDS, *needed)


def _confirm(
    cells: Sequence[tuple[Point, EngineSpec]],
    first: Plan,
    least: int,
    left_s: float,
    listener: Listener | None,
) -> Run:
    """Fresh rounds of the suspects: as many as fit into what is left of the budget, and at
    least so many that there can be a verdict."""

    def plan(rounds: int) -> Plan:
        return planning.of_pairs(
            cells,
            rounds=rounds,
            duration_s=first.duration_s,
            warmup_s=first.warmup_s,
            seed=first.seed + 1,
        )

    fitting = int(left_s / plan(1).estimate_s)
    rounds = max(least, min(FRESH_ROUNDS, fitting))
    if listener is not None:
        many = f"{len(cells)} cells look worse: measuring them again"
        one = "1 cell looks worse: measuring it again"
        listener.notice(Notice("confirming", one if len(cells) == 1 else many))
    return bench_plan(plan(rounds), listener=listener, nothing_is_a_result=True)


def _unlike(bases: Sequence[Run]) -> list[Notice]:
    """A notice where the base runs had trials of other lengths than those that are made now."""
    notices = [n for run in bases[:-1] for n in matching.settings_notices(run, bases[-1])]
    return list(dict.fromkeys(notices))


def _not_kept(output: Path) -> list[Notice]:
    message = (
        f"{output.name} is not written: times are not comparable with this baseline, so only "
        "counters are checked, in rounds too few and too short for the next baseline: record that "
        "with iomodels bench -o"
    )
    return [Notice("not-kept", message)]


def _of_the_baseline(bases: Sequence[Run]) -> list[Notice]:
    if len(bases) > 1:
        return []
    return [
        Notice(
            "one-baseline",
            "one baseline run cannot show how this machine differs from one hour to the next, so "
            "only a change far beyond the usual counts: record some at other times",
        )
    ]
