"""Two recorded runs, cell by cell: what changed, by how much, and how sure that is.

The statistics of a history are in `statistics/history.py`, verdicts in `verdict.py`; here
they meet the cells. `judge_runs` also serves the gate, which has several base runs and fresh
rounds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from iomodels.analysis.quantities import CPU
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.units import counted
from iomodels.comparison import (
    exact_counters,
    matching,
    metrics,
    unpaired_verdicts,
    verdict,
    wording,
)
from iomodels.comparison.machines import allowing, pythons
from iomodels.comparison.machines.pythons import other_python
from iomodels.comparison.matching import Key
from iomodels.comparison.schema import OF_ROUNDS, SCHEMA, Change, Comparison, Undecided
from iomodels.comparison.unjudged import load, modes
from iomodels.comparison.unpaired_verdicts import Judgement, NamedTiming, Timing
from iomodels.machine import noise
from iomodels.results.schema import Cell, Interval, Notice, Run
from iomodels.statistics import history
from iomodels.statistics.rounds import RELEVANT, Mode, median_interval

__all__ = ["Judgement", "compare", "judge_runs", "now_utc"]

COMPARE_ALPHA = 0.025
"""Family-wise, over all timings of one comparison: `compare` measures nothing again."""
BUSY_SPREAD = 0.20
"""The standard deviation between runs that is assumed where others' work was on the CPUs in most
trials (a log)."""
DEFAULT_THRESHOLD = RELEVANT


def compare(
    base: Run,
    new: Run,
    *,
    base_name: str,
    new_name: str,
    threshold: float = DEFAULT_THRESHOLD,
    metric_keys: Sequence[str] = (),
    undecided: Undecided = "pass",
    anyway: bool = False,
    allow: Sequence[str] = (),
) -> Comparison:
    """Compare two runs. `anyway` judges times although machine or tool differ; it still warns.
    `allow` names differences of the machines that are wanted (`allowing.ALLOWABLE`).

    Raises `UsageError` for an unknown metric.
    """
    why_not = matching.incomparable(base, new, allow)
    by = Judgement(
        threshold, tuple(metric_keys), COMPARE_ALPHA, assumed_spread=assumed_spread([base, new])
    )
    apart = matching.nothing_in_common(base, new, base_name, new_name)
    refusal = "" if anyway else _refusal(why_not)
    changes = [] if apart else judge_runs([base], new, by, refusal, allow)
    elsewhere = places_differ([base], new, allow)
    allowed, not_needed = allowed_differences([base], new, allow)
    comparable = not elsewhere and (anyway or not why_not)
    outcome = verdict.outcome(changes, undecided=undecided, comparable=comparable)
    if outcome == "inconclusive" and base.cells == new.cells:
        outcome = "passed"  # there is no noise between numbers that are the same
    one = Notice(
        "one-run",
        "one run on each side cannot show how much runs on this machine differ, so only a large "
        "change counts; an A/B (iomodels check --a … --b …) does not have this limit",
    )
    return Comparison(
        schema=SCHEMA,
        created_utc=now_utc(),
        base_name=base_name,
        new_name=new_name,
        base_tool=base.tool,
        new_tool=new.tool,
        threshold=threshold,
        outcome=outcome,
        changes=changes,
        differences=matching.differences(base, new),
        warnings=[
            *([apart] if apart else []),
            *why_not,
            *_same_run(base, new),
            *elsewhere,
            *places_unknown([base], new, allow),
            *matching.telling_differences(base, new, allow),
            *not_needed,
            *load.between([base], new).notices,
            *matching.settings_notices(base, new),
            *incomplete(base, base_name),
            *incomplete(new, new_name),
            *([] if apart else [one]),
        ],
        counters_unjudged=counters_unjudged([base], new),
        undecided=undecided,
        allowed=allowed,
        interval=OF_ROUNDS,
    )


def _same_run(base: Run, new: Run) -> list[Notice]:
    if (base.seed, base.created_utc) != (new.seed, new.created_utc):
        return []
    if base.cells != new.cells:
        return [
            Notice(
                "same-start",
                "both have the seed and the start time of one run, but different cells",
            )
        ]
    return [Notice("same-run", "both are the same run: there is nothing to compare")]


def assumed_spread(runs: Iterable[Run]) -> float:
    """What to assume of the spread between runs, by what their notices say of the machine."""
    busy = any(notice.code == noise.BUSY_THROUGHOUT for run in runs for notice in run.warnings)
    return BUSY_SPREAD if busy else history.ASSUMED_SPREAD


def now_utc() -> str:
    """The time of a comparison, as it is stored."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _refusal(why_not: Sequence[Notice]) -> str:
    return "; ".join(notice.message for notice in why_not)


def judge_runs(
    bases: Sequence[Run], new: Run, by: Judgement, refusal: str = "", allow: Collection[str] = ()
) -> list[Change]:
    """All changes from the base runs to the new one: timings, exact counters, and lost cells.

    `refusal` says why timings must not be judged; they are then shown, and inconclusive. `allow`
    names the differences of the machines that do not count.
    """
    base_cells = [matching.cells_by_key(run) for run in bases]
    new_cells = matching.cells_by_key(new)
    # In the order of the base, then what is new.
    everything: dict[Key, Cell] = {}
    for cells in (new_cells, *base_cells):
        everything = cells | everything
    label = matching.labels(everything)
    timed: list[Timing | modes.Jumping] = []
    others: list[Change] = []
    loads: dict[Key, load.Loads] = {}
    elsewhere = [matching.other_file_system(run, new, allow) for run in bases]
    for key, one in everything.items():
        on_files = dict(key[1]).get("channel.kind") == "file"
        having = [
            (cells[key], (reason if on_files else "") or other_python(run, new, key[2], allow))
            for run, cells, reason in zip(bases, base_cells, elsewhere, strict=True)
            if key in cells and cells[key].trials
        ]
        # Runs on this file system and by this Python, if there are any; otherwise all, and times
        # are refused.
        base = [cell for cell, other in having if not other] or [cell for cell, _ in having]
        other_place = having[-1][1] if having and all(other for _, other in having) else ""
        new_ones = [cells[key] for cells in (new_cells, by.fresh) if key in cells]
        name = NamedTiming(key, label[key], one)
        tried = any(key in cells and cells[key].status == "failed" for cells in base_cells)
        lost = _lost(name, base, new_ones, failed_before=tried)
        if lost is not None:
            others.append(lost)
        elif base and new_ones:
            again = key in by.fresh
            by_run = [
                cells.get(key) if any(cells.get(key) is cell for cell in base) else None
                for cells in base_cells
            ]
            used = [run for run, cell in zip(bases, by_run, strict=True) if cell]
            loads[key] = load.between(used, new)
            why = refusal or other_place
            timed += _timings(name, by_run, new_ones, by, why, confirmed=again)
            others += _counter_changes(name, base, new_ones)
    return [*load.weighed(modes.judge(timed, by), loads), *others]


def _lost(
    name: NamedTiming, base: Sequence[Cell], new: Sequence[Cell], *, failed_before: bool
) -> Change | None:
    """What became of a cell that only one side has measured; None where both have.

    A cell of which one round died is lost too, however many other rounds it has. `new` is the
    cell as the new run has it, and as it was measured again.
    """
    metric = metrics.of_cell(name.cell.parameters, ())[0]
    if new and new[0].trials and not base:
        return replace(name.change(metric), verdict="new", new=_interval(metric, new))
    if not base and (failed_before or not any(cell.status == "failed" for cell in new)):
        # It was not measured then either: n/a or failed on both sides is no change.
        return None
    gone = replace(name.change(metric), base=_interval(metric, base), new=_interval(metric, new))
    if not new:
        return replace(gone, verdict="vanished", reason="the new run does not have this cell")
    dead = [cell for cell in new if cell.status in ("failed", "n/a") or not cell.trials]
    if not dead:
        return None
    reason = f"{dead[0].status}: {dead[0].reason or 'nothing was measured'}"
    return replace(gone, verdict="failed", reason=reason, confirmed=len(new) > 1)


def _timings(
    name: NamedTiming,
    base: Sequence[Cell | None],
    new: Sequence[Cell],
    by: Judgement,
    refusal: str,
    *,
    confirmed: bool,
) -> Iterator[Timing | modes.Jumping]:
    """By the cell's own metrics and, where one of them jumps between levels, by CPU per operation,
    unless that jumps, too. `new` is the cell as the new run has it, and as measured again."""

    def timing(metric: Quantity) -> Timing:
        return _timing(name, metric, base, new[-1], refusal, confirmed=confirmed)

    def levels(one: Timing) -> list[Mode]:
        everything = [trial for cell in new for trial in cell.trials]
        return modes.levels_of(one, unpaired_verdicts.Rounds.of(one.metric, everything).logs)

    timings = [timing(metric) for metric in metrics.of_cell(name.cell.parameters, by.metric_keys)]
    found = [levels(one) for one in timings]
    steady = [one for one, several in zip(timings, found, strict=True) if not several]
    if any(found) and not steady:
        cpu = timing(CPU)
        if cpu.measured and not levels(cpu):
            steady = [cpu]
    instead = [one.metric.title for one in steady]
    for one, several in zip(timings, found, strict=True):
        yield modes.Jumping(one, several, instead) if several else one
    yield from (one for one in steady if one not in timings)


def _timing(
    name: NamedTiming,
    metric: Quantity,
    base: Sequence[Cell | None],
    new: Cell,
    refusal: str,
    *,
    confirmed: bool,
) -> Timing:
    before = [unpaired_verdicts.Rounds.of(metric, cell.trials if cell else ()) for cell in base]
    after = unpaired_verdicts.Rounds.of(metric, new.trials)
    whole = not any(rounds.missing for rounds in before)
    known = any(rounds.logs for rounds in before)
    having = [cell for cell in base if cell]
    since = history.since_last_change([rounds.logs for rounds in before])
    return Timing(
        name,
        metric,
        since.runs,
        after.logs,
        confirmed,
        refusal=refusal
        or metrics.too_few_operations(metric, new.trials, *(cell.trials for cell in having)),
        lost=_without_value(after) if whole or (known and not after.logs) else "",
        doubt=_doubt(having, new) or _without_value(after, *before),
        note=_changed(metric, since),
    )


def _changed(metric: Quantity, since: history.Since) -> str:
    """What is said where not all base runs count."""
    if not since.step:
        return ""
    runs = counted(sum(map(bool, since.runs)), "base run")
    step = wording.signed(math.exp(since.step))
    return f"its {metric.title} changed by {step} for good, {runs} ago: only those count"


def _without_value(*sides: unpaired_verdicts.Rounds) -> str:
    missing = sum(rounds.missing for rounds in sides)
    total = sum(rounds.missing + len(rounds.logs) for rounds in sides)
    return f"{missing} of {total} rounds have no value" if missing else ""


def _doubt(base: Sequence[Cell], new: Cell) -> str:
    """Why this cell must not be called the same, whatever its rounds say; empty for no reason."""
    for side, cells in (("base", base), ("new", [new])):
        for cell in cells:
            if cell.status != "ok":
                return f"{side} {cell.status}: {cell.reason or 'not all rounds were measured'}"
    return ""


def allowed_differences(
    bases: Sequence[Run], new: Run, allow: Sequence[str]
) -> tuple[list[str], list[Notice]]:
    """What was allowed and does differ, as a headline has it, and a notice of what does not."""
    return allowing.differing(bases, new, allow, on_files=_on_files(new))


def places_differ(bases: Sequence[Run], new: Run, allow: Collection[str] = ()) -> list[Notice]:
    """A notice where there are cells on files, and no base run of theirs on this file system; and
    where there are cells by a Python, and no base run of theirs by the same."""
    by_others = pythons.differ(bases, new, allow)
    if not _on_files(new):
        return by_others
    reasons = [matching.other_file_system(run, new, allow) for run in bases]
    if not reasons or not all(reasons):
        return by_others
    remedy = (
        "measure in the same folder (--set channel.folder=…), record another baseline or, if file "
        f"systems are what you compare, use --allow {allowing.FILE_SYSTEM}"
    )
    return [Notice("file-system", f"{reasons[-1]}: {remedy}"), *by_others]


def places_unknown(bases: Sequence[Run], new: Run, allow: Collection[str] = ()) -> list[Notice]:
    """A warning where there are cells on files, and no device tells their file systems apart."""
    asked = bases if _on_files(new) else ()
    reasons = [matching.unknown_file_system(run, new, allow) for run in asked]
    return [Notice("file-system-unknown", reason) for reason in dict.fromkeys(reasons) if reason]


def _on_files(run: Run) -> bool:
    return any(cell.trials and cell.parameters.get("channel.kind") == "file" for cell in run.cells)


def counters_unjudged(bases: Sequence[Run], new: Run) -> int:
    """How many counters of the new run's cells nothing can be said of."""
    base_cells = [matching.cells_by_key(run) for run in bases]
    return sum(
        exact_counters.unjudged(
            [t for cells in base_cells if key in cells for t in cells[key].trials], cell.trials
        )
        for key, cell in matching.cells_by_key(new).items()
        if cell.trials and any(key in cells and cells[key].trials for cells in base_cells)
    )


def incomplete(run: Run, name: str) -> list[Notice]:
    """A notice where not all of the run's cells were measured to their end."""
    found = []
    cells = matching.cells_by_key(run).values()
    for status, what in (("partial", "are incomplete"), ("failed", "failed")):
        count = sum(cell.status == status for cell in cells)
        if count:
            found.append(Notice(status, f"{name}: {count} of {len(cells)} cells {what}"))
    return found


def _counter_changes(name: NamedTiming, base: Sequence[Cell], new: Sequence[Cell]) -> list[Change]:
    before, after = ([trial for cell in side for trial in cell.trials] for side in (base, new))
    return [
        counted.on(name.change(counted.metric)) for counted in exact_counters.compare(before, after)
    ]


def _interval(metric: Quantity, cells: Sequence[Cell]) -> Interval | None:
    values = [float(metric.of_trial(trial)) for cell in cells for trial in cell.trials]
    finite = [value for value in values if math.isfinite(value)]
    return median_interval(finite) if finite else None
