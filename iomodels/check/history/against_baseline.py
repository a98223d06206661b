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

from iomodels.base.errors import ResultError, UsageError
from iomodels.check.history.baseline import (
    FRESH_ROUNDS,
    LEAST_FRESH_ROUNDS,
    Baseline,
    _cells,
    _comparable,
    _rounds,
    comparable_rounds,
    few_rounds,
    history_runs,
    of_the_baseline,
    unlike,
)
from iomodels.comparison import matching, metrics, verdict
from iomodels.comparison.matching import Key
from iomodels.comparison.metrics import COUNTER_PREFIX
from iomodels.comparison.runs import (
    DEFAULT_THRESHOLD,
    Judgement,
    allowed_differences,
    assumed_spread,
    counters_unjudged,
    judge_runs,
    now_utc,
    places_differ,
    places_unknown,
)
from iomodels.comparison.schema import OF_ROUNDS, OF_RUNS, SCHEMA, Change, Comparison, Undecided
from iomodels.engines.spec import EngineSpec
from iomodels.machine import environment
from iomodels.measure import places
from iomodels.measure.defaults import LIMITS
from iomodels.measure.listening import RunListener
from iomodels.measure.plan import Plan, of_pairs, setting
from iomodels.measure.run import bench_plan
from iomodels.results.schema import Notice, Run
from iomodels.statistics import rank_sum, sign_flip
from iomodels.statistics.rounds import MIN_ROUNDS
from iomodels.workload.point import Point

BUDGET_S = 170.0
"""First look and confirmation together stay below three minutes, unless what is left by the first
look is too little for as many fresh rounds as a verdict takes."""
LONG_S = 3600.0
"""A baseline that takes more must be confirmed by the user: it may be a stranger's."""
COUNTER_ROUNDS, COUNTER_DURATION_S = 2, 0.1
"""What exact counters need: a round would do, and the second shows that they are constant."""


@dataclass(frozen=True)
class Checked:
    """What a check comes to: the verdicts, and the run that they are about."""

    comparison: Comparison
    run: Run


def check(
    baseline: Baseline,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    metric_keys: Sequence[str] = (),
    rounds: int | None = None,
    folder: str | None = None,
    however_long: bool = False,
    keep: Path | None = None,
    undecided: Undecided = "pass",
    budget_s: float | None = None,
    allow: Sequence[str] = (),
    listener: RunListener | None = None,
) -> Checked:
    """Measure the baseline's cells and judge them. The trials are kept in KEEP.partial as they end,
    until the caller removes it.

    The cells are those of any of its runs, each judged against the runs that have it; seed and
    settings are the newest run's.

    `rounds` replaces the baseline's own number, `folder` is where files are made (a baseline
    never says where). `allow` names the differences of the machine that may be
    (`allowing.ALLOWABLE`): runs that differ in nothing else count. Cells that fail now are a
    regression, even if all do. Raises `OutputError` and `RunInterrupted` as `run.bench` does,
    `NothingMeasured` where no cell can be asked for, `ResultError` for settings beyond the limits,
    and `UsageError` for an unknown metric, or for more than an hour of measuring unless
    `however_long`.
    """
    started_s = time.monotonic()
    for key in metric_keys:
        metrics.named(key)
    comparable, why_not, unchecked = _comparable(baseline, allow)
    bases = comparable or list(baseline.runs)
    newest = bases[-1]
    cells, lost = _cells(bases, folder)
    plan = _plan(newest, list(cells.values()), rounds, timed=bool(comparable))
    if plan.estimate_s > LONG_S and not however_long:
        raise UsageError(
            f"this baseline takes about {plan.estimate_s / 3600:.1f} hours to measure: use fewer "
            "rounds (-r), or allow it with --long"
        )
    few = few_rounds(bases, cells) if comparable else []
    folder_of_files = places.described(point for point, _ in cells.values())
    here = msgspec.structs.replace(newest, environment=environment.describe(folder_of_files))
    _tell(listener, [*few, *places_differ(bases, here, allow)])
    run = bench_plan(
        plan, output=keep, trials_only=True, listener=listener, nothing_is_a_result=True
    )
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
    changes = judge_runs(bases, run, by, refusal, allow)
    judged = {k for k in cells if comparable_rounds(bases, k, run, allow) >= MIN_ROUNDS}
    suspects = [] if refusal else _suspects(changes, judged, cells, threshold)
    if suspects:
        left_s = (BUDGET_S - (time.monotonic() - started_s)) / max(1.0, slowness)
        least = _least_fresh_rounds(changes, bases, suspects)
        again = _confirm([cells[key] for key in suspects], plan, least, left_s, listener)
        spread = assumed_spread([*bases, run, again])
        fresh = matching.cells_by_key(again)
        by = replace(by, fresh=fresh, assumed_spread=spread)
        changes = judge_runs(bases, run, by, allow=allow)
    elsewhere = places_differ(bases, run, allow)
    allowed, not_needed = allowed_differences(bases, run, allow)
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
            undecided=undecided,
            comparable=not refusal and not elsewhere,
            finished=not unchecked,
        ),
        changes=changes,
        differences=matching.differences(newest, run),
        warnings=[
            *why_not,
            *few,
            *elsewhere,
            *places_unknown(bases, run, allow),
            *matching.telling_differences(newest, run, allow),
            *not_needed,
            *lost.unknown.values(),
            *lost.never,
            *baseline.warnings,
            *unlike(bases),
            *of_the_baseline(bases),
            *run.warnings,
        ],
        counters_unjudged=counters_unjudged(bases, run),
        undecided=undecided,
        allowed=allowed,
        history=history_runs(bases, run),
        interval=OF_RUNS if len(bases) > 1 else OF_ROUNDS,
    )
    return Checked(comparison, run)


def _tell(listener: RunListener | None, notices: Sequence[Notice]) -> None:
    """Before anything is measured."""
    if listener is not None:
        for notice in notices:
            listener.notice(notice)


# What to measure


def _plan(
    base: Run, cells: Sequence[tuple[Point, EngineSpec]], rounds: int | None, *, timed: bool
) -> Plan:
    try:
        settings = {name: setting(base, name) for name in LIMITS}
    except ResultError as error:
        raise ResultError(f"the baseline's {error}: record another baseline") from None
    if rounds is not None:
        settings["rounds"] = rounds
    if not timed:
        settings["rounds"] = COUNTER_ROUNDS
        settings["duration_s"] = min(settings["duration_s"], COUNTER_DURATION_S)
    return of_pairs(
        cells,
        rounds=int(settings["rounds"]),
        duration_s=settings["duration_s"],
        warmup_s=settings["warmup_s"],
        seed=base.seed,
    )


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
        if change.verdict in ("slower", "inconclusive") and worse > limit:
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
    listener: RunListener | None,
) -> Run:
    """Fresh rounds of the suspects: as many as fit into what is left of the budget, and at
    least so many that there can be a verdict."""

    def plan(rounds: int) -> Plan:
        return of_pairs(
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
